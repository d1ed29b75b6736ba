"""What to do about it: the most expensive waste first, each with what it saves in a month and what shows it.

Savings are what the waste of the window comes to in a month of 730 hours, if it goes on like that. None is counted twice: a holder has one
action for what idles, and one for each state in which its devices wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from auditor.cost.facts import Facts
from auditor.cost.model import HOURS_OF_A_MONTH, Action, Amount, Basis, CostLine, Costs
from auditor.finding import Confidence
from auditor.live import Node
from auditor.usage import Category, Holder, Idling, Usage

__all__ = ["advised"]

_ZERO = Fraction(0)
_MOSTLY = Fraction(1, 2)  # idle for this part of what ran: worth an action of its own
_WAITED = Fraction(1, 4)  # device-hours in which nothing could work, in the whole window: 15 minutes
_BLIND = Fraction(1, 10)  # of what ran, without measurements: worth saying what to do
_NAMED = 5

# What to do about idle devices, by the role of the workload.
_IDLE_REMEDY = {
    "notebook": "stop it when nobody works in it, and let the controller cull idle notebooks",
    "serving": "scale it to zero when nobody asks (KEDA, Knative), run fewer replicas, or share a device (MIG, time-slicing)",
    "training": "look whether it hangs or waits for input, and stop it when it is done",
    "batch": "look whether it waits for input, and stop it when it is done",
}
_WAITING = {
    Category.STARTING: (
        "fix-start",
        "starts for too long and holds",
        "see what it waits for (`kubectl describe pod`): its image, a volume, an init container",
    ),
    Category.TERMINATING: (
        "delete-stuck",
        "should be gone and still holds",
        "see what keeps it: a finalizer, a volume, a long grace period",
    ),
    Category.CRASHLOOP: (
        "fix-crash",
        "crashes again and again and holds",
        "mend or delete it (`kubectl logs --previous` shows why it ends)",
    ),
}
_UNUSED = {
    "empty node": ("scale-down", "no pod asks for a device", "let the autoscaler remove them, or scale the pool down"),
    "unhealthy": ("repair", "devices are there and cannot be had", "drain and repair or replace the nodes"),
    "cordoned": ("drain", "nodes are cordoned", "drain and delete them, or put them back to work"),
    "not partitioned": ("partition", "devices are cut up and a part belongs to no instance", "choose a MIG layout that uses all of them"),
}


@dataclass(slots=True)
class _Group:
    """Lines of one holder or pool, by category and detail."""

    lines: list[CostLine] = field(default_factory=list)

    def of(self, *categories: Category, detail: str = "") -> Amount:
        chosen = [line for line in self.lines if line.category in categories and detail in ("", line.detail)]
        return sum((line.amount for line in chosen), Amount())

    @property
    def cash(self) -> bool:
        return any(line.cash for line in self.lines)

    def confidence(self, *categories: Category) -> Confidence:
        return min((line.confidence for line in self.lines if line.category in categories), default=Confidence.LOW)


def advised(costs: Costs, usage: Usage, facts: Facts) -> Costs:
    """The same costs with what to do about them."""
    adviser = _Adviser(costs, usage, facts)
    actions = [*adviser.holders(), *adviser.pools(), *adviser.packing(), *adviser.measuring()]
    ordered = sorted(actions, key=lambda action: (-(action.month or _ZERO), -action.amount.hours, action.target, action.kind))
    return replace(costs, actions=tuple(ordered))


class _Adviser:
    def __init__(self, costs: Costs, usage: Usage, facts: Facts) -> None:
        self.costs, self.usage, self.facts = costs, usage, facts
        self.by_holder: dict[tuple[str, str, str], _Group] = {}
        self.by_pool: dict[str, _Group] = {}
        for line in costs.lines:
            if line.name:
                self.by_holder.setdefault((line.namespace, line.kind, line.name), _Group()).lines.append(line)
            else:
                self.by_pool.setdefault(line.pool, _Group()).lines.append(line)

    def _month(self, amount: Amount) -> Fraction | None:
        return self.costs.per_month(amount.money) if amount.priced else None

    # -- holders ------------------------------------------------------------------------------------------------------------------------

    def holders(self) -> Iterator[Action]:
        """What workloads hold and do not use."""
        for key, group in self.by_holder.items():
            holder = Holder(*key)
            if self.facts.document_of(holder) is None:
                continue  # it is gone, and holds nothing any more
            idle = self._idle(holder, group)
            if idle:
                yield idle
            for category, (kind, what, remedy) in _WAITING.items():
                amount = group.of(category)
                if amount.hours >= _WAITED and (category is not Category.STARTING or self._slow(group, amount)):
                    yield self._of_holder(kind, holder, group, amount, f"{what} {_devices(amount, self.costs)}", remedy, (category,))

    def _slow(self, group: _Group, amount: Amount) -> bool:
        """Starting takes a good part of what is held; a few minutes of each of many pods are no fault."""
        held = group.of(*(category for category in Category if category is not Category.UNALLOCATED))
        return self.costs.basis is Basis.NOW or amount.hours * 10 >= held.hours

    def _idle(self, holder: Holder, group: _Group) -> Action | None:
        idle, ran = group.of(Category.IDLE), group.of(Category.IDLE, Category.ACTIVE, Category.UNKNOWN)
        if not idle.hours:
            return None
        lately = self.usage.idling.get(holder)
        categories = (Category.IDLE,)
        evidence = [f"idle in {_number(idle.hours)} of {_number(ran.hours)} device-hours ({_percent(idle.hours, ran.hours)})"]
        if idle.hours >= ran.hours * _MOSTLY:
            remedy = _IDLE_REMEDY.get(group.lines[0].role, "stop it, or give its devices back until it has work")
            warm = group.of(Category.IDLE, detail="warm")
            if warm.hours * 2 > idle.hours:
                evidence.append("a model or a context stays in the devices' memory")
            evidence += _lately(lately)
            return self._of_holder("stop-idle", holder, group, idle, "idles most of the time", remedy, categories, evidence)
        if lately and 0 < lately.unused < lately.observed:
            share = Fraction(lately.unused, lately.observed)
            part = Amount(ran.hours * share, ran.money * share, ran.unpriced * share)
            part = part if part.hours <= idle.hours else idle
            what = f"never used {lately.unused} of its {lately.observed} devices"
            evidence.append(f"{lately.unused} of {lately.observed} devices were not used at any time in the window")
            return self._of_holder(
                "fewer-devices", holder, group, part, what, "ask for as many as it uses, or let it use them all", categories, evidence
            )
        return None

    def _of_holder(
        self, kind: str, holder: Holder, group: _Group, amount: Amount, what: str, remedy: str, categories: tuple[Category, ...],
        evidence: Iterable[str] = (),
    ) -> Action:  # fmt: skip
        first = group.lines[0]
        query = self.usage.queries.get("idle" if Category.IDLE in categories else "held", "")
        if not group.cash:
            remedy = f"{remedy}; the capacity is paid for anyway, so this frees it for others"
        said = tuple(evidence) or (f"{_number(amount.hours)} device-hours in the window",)
        return Action(
            kind, f"{holder} {what}", remedy, holder.namespace, first.team, str(holder), amount, self._month(amount), group.cash,
            group.confidence(*categories), said, query.replace("$namespace", holder.namespace),
        )  # fmt: skip

    # -- nodes --------------------------------------------------------------------------------------------------------------------------

    def pools(self) -> Iterator[Action]:
        """What nobody holds, by node pool."""
        for pool, group in self.by_pool.items():
            for detail, (kind, what, remedy) in _UNUSED.items():
                amount = group.of(Category.UNALLOCATED, detail=detail)
                if not amount.hours:
                    continue
                names = [node.name for node in self._nodes_of(pool) if _shows(node, detail)]
                if detail == "empty node" and not names:
                    continue  # they were empty, and are not any more
                where = f"pool {pool}" if pool else "nodes without a pool"
                cash = any(line.cash for line in group.lines if line.detail == detail)
                evidence = [f"{_number(amount.hours)} device-hours in the window"]
                if names:
                    evidence.append(f"now: {_some(names)}")
                if not cash:
                    remedy = f"{remedy}; this capacity is reserved or owned: an unused commitment, no cash"
                yield Action(
                    kind, f"{where}: {what}", remedy, "", "", f"NodePool/{pool}" if pool else "Node", amount, self._month(amount), cash,
                    group.confidence(Category.UNALLOCATED), tuple(evidence),
                )  # fmt: skip

    def _nodes_of(self, pool: str) -> list[Node]:
        return [node for name, node in sorted(self.facts.nodes.items()) if node.pool == pool and name not in self.facts.gone]

    def packing(self) -> Iterator[Action]:
        """Nodes that would be empty if what is held were put together: a bound, for nodes of one sort."""
        sorts: dict[tuple[str, str], list[Node]] = {}
        for name, node in sorted(self.facts.nodes.items()):
            if name not in self.facts.gone and node.accelerated and not node.cordoned and not node.shared and _held(node):
                sorts.setdefault((node.pool, node.instance_type), []).append(node)
        for (pool, instance_type), nodes in sorts.items():
            each = nodes[0].physical_devices
            free = sum(devices.free for node in nodes for devices in node.devices)
            spare = free // each if each else 0
            line = next((one for one in self.by_pool.get(pool, _Group()).lines if one.detail == "free" and one.money is not None), None)
            if not spare or line is None or line.money is None:
                continue
            hourly = line.money / line.hours
            amount = Amount(spare * each * self.costs.hours, spare * each * self.costs.hours * hourly)
            yield Action(
                "consolidate", f"pool {pool or instance_type or 'without a name'}: {free} devices are free on {len(nodes)} nodes",
                "let the autoscaler consolidate, or pack pods with the scheduler's MostAllocated strategy: up to "
                f"{spare} {'node' if spare == 1 else 'nodes'} could go",
                "", "", f"NodePool/{pool}" if pool else "Node", amount, hourly * spare * each * HOURS_OF_A_MONTH, line.cash, Confidence.LOW,
                (f"{free} free devices, {each} on a node; CPU, memory and the sizes of pods may need more nodes",),
            )  # fmt: skip

    # -- measurements -------------------------------------------------------------------------------------------------------------------

    def measuring(self) -> Iterator[Action]:
        """What nobody can judge, because nothing measures it."""
        unknown = self.costs.total(Category.UNKNOWN)
        ran = self.costs.total(Category.UNKNOWN, Category.IDLE, Category.ACTIVE)
        if not unknown.hours or unknown.hours < ran.hours * _BLIND:
            return
        if self.costs.missing:
            remedy = "mend what keeps Prometheus from answering, and ask again"
        elif self.costs.basis is Basis.NOW:
            remedy = "give a Prometheus that scrapes the devices' exporter (--prometheus URL)"
        else:
            remedy = "let an exporter run on every node with devices, and Prometheus scrape it"
        yield Action(
            "measure", f"nothing says whether {_percent(unknown.hours, ran.hours)} of what runs is used", remedy, "", "", "", unknown, None,
            True, Confidence.HIGH, (f"{_number(unknown.hours)} of {_number(ran.hours)} device-hours without measurements",),
        )  # fmt: skip


def _shows(node: Node, detail: str) -> bool:
    """Whether a node is now what a detail says."""
    return {
        "empty node": node.accelerated and not _held(node),
        "cordoned": node.cordoned,
        "unhealthy": any(devices.allocatable < devices.capacity for devices in node.devices),
    }.get(detail, False)


def _held(node: Node) -> bool:
    return any(pod.devices for pod in node.pods)


def _lately(lately: Idling | None) -> Iterator[str]:
    if lately is None or not lately.devices:
        return
    if lately.idle_day == lately.devices:
        yield f"none of its {lately.devices} devices was used in the last 24 hours of the window"
    elif lately.idle_hour == lately.devices:
        yield f"none of its {lately.devices} devices was used in the last hour of the window"
    else:
        yield f"{lately.idle_hour} of its {lately.devices} devices were not used in the last hour of the window"


def _devices(amount: Amount, costs: Costs) -> str:
    if costs.basis is Basis.NOW:
        return f"{_number(amount.hours)} device{'s' if amount.hours != 1 else ''}"
    return "devices"


def _number(value: Fraction) -> str:
    return f"{float(value):,.1f}".removesuffix(".0")


def _percent(part: Fraction, whole: Fraction) -> str:
    return f"{float(part / whole * 100):.0f} %" if whole else "0 %"


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
