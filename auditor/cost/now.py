"""One look at a cluster: who holds which devices, as an hour of it, if it stays like this.

Whether held devices are used is not to be seen from the API server: what runs is *unknown*.
"""

from __future__ import annotations

import dataclasses
import datetime
from fractions import Fraction

from auditor.cost.facts import Facts
from auditor.live import LivePod, Node
from auditor.snapshot import Snapshot
from auditor.stranding import stranded
from auditor.usage import GRACE_SECONDS, STUCK, Activity, Held, Holder, NodeHours, Usage

__all__ = ["look"]

_GRACE = datetime.timedelta(seconds=GRACE_SECONDS)


def look(snapshot: Snapshot, facts: Facts) -> Usage:
    """The cluster as it is, as an hour that begins at the look.

    Args:
        snapshot: a live cluster.
        facts: what is known of it.
    """
    assert snapshot.listing is not None
    taken = snapshot.listing.taken
    nodes, sums = [], dict[tuple[Holder, str], Activity]()
    for node in snapshot.nodes:
        if not node.accelerated:
            continue
        physical = facts.behind(node)
        units = min(sum((physical.weight(one.key) * one.capacity for one in node.devices), Fraction(0)), physical.devices)
        allocatable = min(sum((physical.weight(one.key) * one.allocatable for one in node.devices), Fraction(0)), units)
        held = Fraction(0)
        for pod in node.pods:
            amount = sum((physical.weight(key) * count for key, count in pod.devices.items()), Fraction(0))
            if amount:
                held += amount
                done = sums.setdefault((Holder(pod.root.namespace, pod.root.kind, pod.root.name), node.name), Activity())
                done.add(_activity(pod, amount, taken))
        unusable = stranded(node, snapshot) if snapshot.sees_all_pods else ()
        lost = sum((physical.weight(one.key) * one.free for one in unusable), Fraction(0))
        nodes.append(dataclasses.replace(_hours(node, physical.devices, units, allocatable, held), stranded=lost))
    return Usage(
        start=taken,
        end=taken + datetime.timedelta(hours=1),
        step=3600,
        nodes=tuple(nodes),
        held=tuple(Held(holder, node, activity) for (holder, node), activity in sorted(sums.items(), key=lambda entry: entry[0])),
    )


def _hours(node: Node, devices: Fraction, units: Fraction, allocatable: Fraction, held: Fraction) -> NodeHours:
    return NodeHours(
        node.name,
        capacity=devices,
        units=units,
        allocatable=allocatable,
        cordoned=devices if node.cordoned else Fraction(0),
        empty=Fraction(0) if held else devices,
    )


def _activity(pod: LivePod, amount: Fraction, taken: datetime.datetime) -> Activity:
    if pod.phase == "Pending":
        return Activity(starting=amount)
    if pod.deleted is not None and taken - pod.deleted > _GRACE:
        return Activity(terminating=amount)
    if any(container.state == "waiting" and container.reason in STUCK for container in pod.containers):
        return Activity(crashloop=amount)
    return Activity(unknown=amount)
