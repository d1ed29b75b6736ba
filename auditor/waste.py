"""What faults cost: device-hours that went for nothing as measured, or an hour of what is held, or free, now.

Hours are those of physical devices, as everywhere where money is meant: four pods that share a device hold a quarter of it each. What the
units of a node are of its devices is known of nodes in view only; of pods on others, the cost is not known. Nothing here is said of files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

from auditor.finding import Cost, CostBasis
from auditor.live import LivePod, Node
from auditor.snapshot import Snapshot
from auditor.usage import Activity, Held
from auditor.workload import Container, Workload

__all__ = ["empty_cost", "free_cost", "held_cost", "idle_cost", "unused_cost", "waiting_cost"]

_ZERO, _ONE = Fraction(0), Fraction(1)
_Part = tuple[str, Fraction]


# -- measured -----------------------------------------------------------------------------------------------------------------------------


def idle_cost(workload: Workload, snapshot: Snapshot) -> Cost | None:
    """What the devices of a workload cost in the window while they were idle; None where they never were."""
    return _measured(workload, snapshot, lambda activity: activity.idle)


def unused_cost(workload: Workload, share: Fraction, snapshot: Snapshot) -> Cost | None:
    """What those of its devices cost that it never used: this share of what ran, and no more than what was idle."""
    part, idle = _measured(workload, snapshot, lambda activity: activity.running * share), idle_cost(workload, snapshot)
    return idle if part is None or idle is None or idle.hours < part.hours else part


def _measured(workload: Workload, snapshot: Snapshot, hours: Callable[[Activity], Fraction]) -> Cost | None:
    if snapshot.usage is None:
        return None
    ref = workload.ref
    held = snapshot.derived(_by_holder).get((ref.namespace, ref.kind, ref.name), ())
    parts = ((one.node, hours(one.activity)) for one in held)
    return _cost(parts, snapshot, CostBasis.MEASURED, snapshot.usage.hours)


def _by_holder(snapshot: Snapshot) -> Mapping[tuple[str, str, str], list[Held]]:
    found: dict[tuple[str, str, str], list[Held]] = {}
    for one in snapshot.usage.held if snapshot.usage else ():
        found.setdefault((one.holder.namespace, one.holder.kind, one.holder.name), []).append(one)
    return found


# -- now ----------------------------------------------------------------------------------------------------------------------------------


def held_cost(pods: Iterable[LivePod], snapshot: Snapshot) -> Cost | None:
    """What pods hold now."""
    return _held(((pod.node, pod.devices) for pod in pods if pod.placed), snapshot)


def waiting_cost(container: Container, snapshot: Snapshot) -> Cost | None:
    """What a container holds now in all pods of its workload, where it runs the same command.

    Devices of claims are a container's own only where no other one may use them.
    """
    if snapshot.listing is None:
        return None
    held: list[tuple[str, Mapping[str, int]]] = []
    for pod in container.template.workload.pods:
        if not pod.placed or not pod.devices:
            continue
        containers = pod.template().containers
        same = next((one for one in containers if one.name == container.name and one.command_line == container.command_line), None)
        if same is not None:
            claimed = pod.claimed if same.claims and not any(one.claims for one in containers if one is not same) else {}
            held.append((pod.node, {**{request.key: request.count or 0 for request in same.accelerators}, **claimed}))
    return _held(held, snapshot)


def free_cost(node: Node, key: str, count: int, snapshot: Snapshot) -> Cost | None:
    """What so many units of a resource cost that nobody can use."""
    return _now([(node.name, _devices(node, {key: count}, snapshot))], snapshot)


def empty_cost(node: Node, snapshot: Snapshot) -> Cost | None:
    """What all devices of a node cost: it is paid for as a whole."""
    known = snapshot.physical.get(node.name)
    return _now([(node.name, known.devices if known else Fraction(node.physical_devices))], snapshot)


def _held(held: Iterable[tuple[str, Mapping[str, int]]], snapshot: Snapshot) -> Cost | None:
    nodes, parts = snapshot.derived(_by_name), []
    for name, units in held:
        if name not in nodes:
            return None
        parts.append((name, _devices(nodes[name], units, snapshot)))
    return _now(parts, snapshot)


def _by_name(snapshot: Snapshot) -> Mapping[str, Node]:
    return {node.name: node for node in snapshot.nodes}


def _devices(node: Node, units: Mapping[str, int], snapshot: Snapshot) -> Fraction:
    """What units are of physical devices: as the price book knows the machine, else as the node's labels say."""
    known = snapshot.physical.get(node.name)
    weights = known.weights if known else node.weights
    return sum((weights.get(key, _ONE) * count for key, count in units.items()), _ZERO)


def _now(parts: Iterable[_Part], snapshot: Snapshot) -> Cost | None:
    return _cost(parts, snapshot, CostBasis.NOW, _ONE)


def _cost(parts: Iterable[_Part], snapshot: Snapshot, basis: CostBasis, window: Fraction) -> Cost | None:
    """The sum of hours on nodes; None where there are none."""
    there = [(node, hours) for node, hours in parts if hours]
    rates = snapshot.rates
    priced = all(node in rates for node, _ in there)
    usd = sum((hours * rates[node] for node, hours in there), _ZERO) if priced else None
    return Cost(sum((hours for _, hours in there), _ZERO), usd, basis, window) if there else None
