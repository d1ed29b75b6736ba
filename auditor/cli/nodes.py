"""``mlaudit cluster --nodes``: which accelerators there are, who holds them, which are free, and who waits for some."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import tabulate

from auditor.accelerators import DeviceTable
from auditor.cli import options
from auditor.cli.outputs import Output, write_all
from auditor.document import ObjectRef
from auditor.errors import UsageError
from auditor.live import Devices, LivePod, Node
from auditor.snapshot import Snapshot
from auditor.source.cluster import Live

__all__ = ["print_nodes"]

_COLUMNS = ("NODE", "ACCELERATOR", "TAKEN", "FREE", "HELD BY")
_PENDING = ("WAITING", "PODS", "WANTS", "WHY")
_FIXED = 21  # columns of the two numbers and of the gaps
_GAPS = 14  # likewise in the other table
_ASIDE = re.compile(r"[,.]? (no new claims to deallocate|preemption:).*", re.DOTALL)  # what the scheduler adds to every reason
_PIECE = re.compile(r"[^ /-]+[ /-]*|[ /-]+")
_HOLDERS = 4  # so many are named for each node without --verbose


def print_nodes(found: Live, given: dict[str, Any], device_table: DeviceTable) -> int:
    """Print the nodes of a cluster, and return the exit code: 3 where nodes or pods could not be listed."""
    documents, listing = found
    snapshot = Snapshot(documents, listing=listing, device_table=device_table)

    def render(one: Output) -> str:
        if one.format == "json":
            return json.dumps(_fields(snapshot), indent=1, ensure_ascii=False) + "\n"
        view = options.view(given, one.file)
        return "\n".join(_table(snapshot, view.width, verbose=view.verbose)) + "\n"

    for one in given["outputs"]:
        if one.format not in ("table", "json"):
            raise UsageError(f"--nodes has no format {one.format}", "it is printed as table or json")
    write_all(given["outputs"], render)
    partial = not (listing.complete_for("Node") and listing.complete_for("Pod"))
    return 3 if partial and not given["allow_partial"] else 0


# -- for people -----------------------------------------------------------------------------------------------------------------------


def _table(snapshot: Snapshot, width: int, *, verbose: bool) -> Iterator[str]:
    accelerated = [node for node in snapshot.nodes if node.accelerated]
    room = width - _FIXED
    cells = [
        (_folded(_where(node), 2 * room // 5) if first else "", _folded(_what(node, one), room // 3), one, held)
        for node in accelerated
        for first, one, held in _devices(node, verbose=verbose)
    ]
    if cells:
        rest = room - max(map(_broad, (cell[0] for cell in cells))) - max(map(_broad, (cell[1] for cell in cells)))
        rows = [(where, what, f"{one.allocated}/{one.allocatable}", str(one.free), _folded(held, rest)) for where, what, one, held in cells]
        yield tabulate.tabulate(rows, _COLUMNS, tablefmt="plain", disable_numparse=True)
        yield ""
    pending = _waiting(snapshot)
    if pending:
        third = width // 3
        rows_of = [(_folded(_name(ref), third), str(len(pods)), _folded(_counts(pods), width // 4), _why(pods)) for ref, pods in pending]
        rest = width - _GAPS - max(_broad(row[0]) for row in rows_of) - max(_broad(row[2]) for row in rows_of)
        waiting = [(*row[:3], _folded(row[3], rest)) for row in rows_of]
        yield tabulate.tabulate(waiting, _PENDING, tablefmt="plain", disable_numparse=True)
        yield ""
    yield from _closing(snapshot, accelerated, pending)


def _broad(cell: str) -> int:
    return max(map(len, cell.split("\n")))


def _folded(text: str, width: int) -> str:
    """Lines in a width, broken where names have joints; a piece that is longer still is broken anywhere."""
    lines: list[str] = []
    for whole in _printable(text).split("\n"):
        line = ""
        for piece in _PIECE.findall(whole):
            if line and len(line) + len(piece.rstrip()) > width:
                lines.append(line)
                line = ""
            line += piece
            while len(line) > width:
                lines.append(line[:width])
                line = line[width:]
        lines.append(line)
    return "\n".join(line.rstrip() for line in lines)


def _where(node: Node) -> str:
    """The node's name, and below it what tells it from others."""
    facts = [node.pool, node.zone, "spot" if node.spot else "", "cordoned" if node.cordoned else "", "" if node.ready else "not ready"]
    facts += [f"taint {taint.key}" for taint in node.taints if taint.hard and not taint.condition]
    return "\n".join((node.name, *filter(None, facts)))


def _what(node: Node, devices: Devices) -> str:
    lines = [devices.key]
    if node.product:
        lines.append(node.product.removeprefix("NVIDIA-"))
    if node.sharing:
        lines.append(f"{node.sharing}: {node.physical_devices} devices")
    if devices.allocatable < devices.capacity:
        lines.append(f"{devices.capacity - devices.allocatable} unhealthy")
    return "\n".join(lines)


def _devices(node: Node, *, verbose: bool) -> Iterator[tuple[bool, Devices, str]]:
    for index, devices in enumerate(node.devices):
        held = Counter[ObjectRef]()
        for pod in node.pods:
            if pod.devices.get(devices.key):
                held[pod.root] += pod.devices[devices.key]
        ordered = sorted(held.items(), key=lambda entry: (-entry[1], entry[0]))
        shown = ordered if verbose else ordered[:_HOLDERS]
        lines = [f"{count} {_name(ref)}" for ref, count in shown]
        if len(shown) < len(ordered):
            lines.append(f"and {len(ordered) - len(shown)} more (--verbose)")
        yield index == 0, devices, "\n".join(lines)


def _closing(snapshot: Snapshot, accelerated: list[Node], pending: list[tuple[ObjectRef, list[LivePod]]]) -> Iterator[str]:
    units = [devices for node in accelerated for devices in node.devices]
    taken, there = sum(one.allocated for one in units), sum(one.allocatable for one in units)
    free = sum(one.free for one in units)
    others = len(snapshot.nodes) - len(accelerated)
    waiting = sum(len(pods) for _, pods in pending)
    yield f"{_number(len(accelerated), 'node')} with accelerators: {taken} of {there} taken, {free} free"
    if waiting:
        yield f"{_number(waiting, 'pod')} waiting for accelerators"
    if others:
        yield f"{_number(others, 'node')} without accelerators"
    listing = snapshot.listing
    if listing and not snapshot.sees_all_pods:
        why = f"only namespace {listing.namespace} was read" if listing.namespace else "not all pods could be listed"
        yield f"more may be taken than is shown: {why}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _waiting(snapshot: Snapshot) -> list[tuple[ObjectRef, list[LivePod]]]:
    """Pods without a node that want accelerators, by the object that a person edits."""
    found: dict[ObjectRef, list[LivePod]] = {}
    for pod in snapshot.pods:
        if pod.waiting_for_node and pod.devices:
            found.setdefault(pod.root, []).append(pod)
    return sorted(found.items())


def _why(pods: Iterable[LivePod]) -> str:
    """What the scheduler says of most of them."""
    reasons = Counter(pod.unschedulable or "the scheduler has not said yet" for pod in pods)
    return _ASIDE.sub("", reasons.most_common(1)[0][0])


def _counts(pods: Iterable[LivePod]) -> str:
    total = Counter[str]()
    for pod in pods:
        total.update(pod.devices)
    return ", ".join(f"{count} {key}" for key, count in sorted(total.items()))


def _name(ref: ObjectRef) -> str:
    return "/".join(filter(None, (ref.namespace, ref.kind, ref.name)))


def _printable(text: str) -> str:
    """Names come from a cluster that others write to: nothing of them may steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)


# -- for programs ---------------------------------------------------------------------------------------------------------------------


def _fields(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "version": 1,
        "complete": snapshot.sees_all_pods,
        "nodes": [
            {
                "name": node.name,
                "pool": node.pool,
                "zone": node.zone,
                "instance_type": node.instance_type,
                "spot": node.spot,
                "ready": node.ready,
                "cordoned": node.cordoned,
                "taints": [str(taint) for taint in node.taints],
                "product": node.product,
                "sharing": node.sharing,
                "physical_devices": node.physical_devices,
                "devices": [
                    {
                        "key": one.key,
                        "capacity": one.capacity,
                        "allocatable": one.allocatable,
                        "allocated": one.allocated,
                        "free": one.free,
                    }
                    for one in node.devices
                ],
                "pods": [_pod(pod) for pod in node.pods if pod.devices],
            }
            for node in snapshot.nodes
        ],
        "pending": [{**_pod(pod), "reason": pod.unschedulable} for _, pods in _waiting(snapshot) for pod in pods],
    }


def _pod(pod: LivePod) -> dict[str, Any]:
    root = pod.root
    return {
        "namespace": pod.ref.namespace,
        "name": pod.ref.name,
        "phase": pod.phase,
        "root": {"kind": root.kind, "name": root.name, "group": root.group},
        "accelerators": dict(pod.devices),
    }
