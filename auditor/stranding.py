"""Free accelerators that nobody can use: their node has no CPU or memory left for a pod that would, or they are cut in sizes nobody wants.

What is compared with is the smallest pod that waits for such a device and could stand on the node if it were empty; where none waits, the
median of those in the cluster that could.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from auditor.accelerators import device
from auditor.live import LivePod, Node
from auditor.live.scheduling import Needs, can_ever_fit, needs_of
from auditor.snapshot import Snapshot

__all__ = ["Stranded", "Wants", "stranded"]

_HOST = ("cpu", "memory")


@dataclass(slots=True)
class Wants:
    """Pods that want the same of a node.

    Attributes:
        needs: what they want.
        count: how many of the device.
        waiting: those without a node.
        placed: how many have one.
    """

    needs: Needs
    count: int
    waiting: list[LivePod] = field(default_factory=list)
    placed: int = 0

    def amount(self, key: str) -> Fraction:
        """What they request of a resource."""
        return dict(self.needs.requests).get(key, Fraction(0))


@dataclass(frozen=True, slots=True)
class Stranded:
    """Free accelerators of a node that nobody can use.

    Attributes:
        key: the resource.
        free: how many.
        want: the pods that could use them, if the node had more left of what is short.
        short: ``cpu``, ``memory`` or both.
        others: instead of these, what pods wait for while nobody asks for partitions of this size.
    """

    key: str
    free: int
    want: Wants | None = None
    short: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def stranded(node: Node, snapshot: Snapshot) -> Iterator[Stranded]:
    """Such accelerators of a node; it says nothing unless the pods of all namespaces are in view (`Snapshot.sees_all_pods`)."""
    if not node.ready or node.cordoned or node.deleted:
        return
    for devices in node.devices:
        if not devices.free or devices.key not in node.allocatable:
            continue
        if node.shared and devices.allocated:
            continue  # which of the devices behind the free shares is idle cannot be seen
        everybody = snapshot.derived(_wants)
        want = _usual([wants for wants in everybody.get(devices.key, ()) if can_ever_fit(wants.needs, [node])])
        if want is None:
            if others := _wanted_instead(devices.key, everybody):
                yield Stranded(devices.key, devices.free, others=others)
            continue
        short = tuple(key for key in _HOST if want.amount(key) > node.spare(key))
        if short and want.count <= devices.free:
            yield Stranded(devices.key, devices.free, want, short)


def _wants(snapshot: Snapshot) -> Mapping[str, list[Wants]]:
    """By device, what pods want that have it or wait for it: thousands of pods want the same few things."""
    found: dict[str, dict[Needs, Wants]] = {}
    for pod in snapshot.pods:
        if not pod.finished and pod.accelerators:
            needs = replace(needs_of(pod.template()), node_name="")  # where it stands is not what it asks for
            for key, count in pod.accelerators.items():
                wants = found.setdefault(key, {}).setdefault(needs, Wants(needs, count))
                if pod.waiting_for_node:
                    wants.waiting.append(pod)
                else:
                    wants.placed += 1
    return {key: sorted(several.values(), key=_size) for key, several in found.items()}


def _size(wants: Wants) -> tuple[Fraction, Fraction, int, str]:
    return wants.amount("cpu"), wants.amount("memory"), wants.count, str(wants.needs)


def _usual(ordered: list[Wants]) -> Wants | None:
    """The smallest that waits, else the median of those that have a node."""
    for wants in ordered:
        if wants.waiting:
            return wants
    half = sum(wants.placed for wants in ordered) / 2
    for wants in ordered:
        half -= wants.placed
        if half <= 0:
            return wants
    return None


def _wanted_instead(key: str, everybody: Mapping[str, list[Wants]]) -> tuple[str, ...]:
    """What pods wait for, where this is a partition that nobody asks for and those are others of the same maker."""
    known = device(key)
    if known is None or not known.partition or key in everybody:
        return ()
    waited = sorted(other for other, several in everybody.items() if any(wants.waiting for wants in several))
    return tuple(other for other in waited if (found := device(other)) is not None and found.partition and found.vendor == known.vendor)
