"""Splits what a window cost: from device-hours by node and holder to lines of money that add up to what there was.

A node's capacity is what its holders held, and the rest, which nobody held. Where holders held more than there was (two replicas of
kube-state-metrics that disagree on a pod's phase count it twice), what they held is cut, from the least telling category on, and that is
said where it is more than a hundredth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from auditor.cost.facts import Facts
from auditor.cost.model import Basis, CostLine, Costs, Coverage, PriceUse
from auditor.cost.prices import Currency, Price, Prices, Subject
from auditor.finding import Confidence
from auditor.lazy import LazyMapping
from auditor.live import Node
from auditor.usage import Activity, Category, Held, NodeHours, Usage, coverage

__all__ = ["confidence_of", "costs_of", "rates_of"]

_ZERO = Fraction(0)
# Of what ran, the part with measurements from which on idle and active are what they seem (COST model, levels of confidence).
_SURE, _LIKELY = Fraction(95, 100), Fraction(60, 100)
# What is cut first where more was held than there was.
_CUT = (Category.STARTING, Category.TERMINATING, Category.CRASHLOOP, Category.UNKNOWN, Category.IDLE, Category.ACTIVE)


class _Who(NamedTuple):
    """Whose hours they are; empty for what nobody held."""

    namespace: str = ""
    kind: str = ""
    name: str = ""
    team: str = ""
    role: str = ""


class _Key(NamedTuple):
    """What tells lines apart."""

    category: Category
    detail: str
    who: _Who
    pool: str
    model: str
    capacity_type: str
    cash: bool
    confidence: Confidence
    basis: str
    priced: bool


@dataclass(slots=True)
class _Sum:
    hours: Fraction = _ZERO
    money: Fraction = _ZERO
    used: Fraction = _ZERO


def costs_of(usage: Usage, facts: Facts, prices: Prices, currency: Currency, *, now: bool = False) -> Costs:
    """What the devices cost, without what to do about it.

    Args:
        usage: what they did.
        facts: what is known of the cluster.
        prices: what they cost.
        currency: in which money will be shown.
        now: the usage is one look.
    """
    splitter = _Splitter(usage, facts, prices, now=now)
    lines = tuple(splitter.lines())
    share = usage.coverage if usage.exporters else None
    basis = Basis.NOW if now else Basis.USAGE if usage.exporters else Basis.ALLOCATION
    return Costs(
        basis=basis,
        start=usage.start,
        end=usage.end,
        lines=lines,
        actions=(),
        prices=tuple(splitter.prices_used()),
        timeline=usage.timeline,
        coverage=Coverage(share, usage.measured, usage.exporters, usage.orphans, usage.asked, usage.waited),
        currency=currency,
        notes=tuple(sorted({*usage.notes, *splitter.notes, *prices.problems})),
        missing=usage.missing,
    )


def rates_of(usage: Usage, facts: Facts, prices: Prices) -> Mapping[str, Fraction]:
    """What an hour of a device costs on the nodes that have or had some, in USD, as far as that is known.

    A node is priced when it is asked for: of thousands, few are.
    """
    splitter = _Splitter(usage, facts, prices, now=False)

    def rate(node: str) -> Fraction | None:
        price = splitter.price(node)
        return price.device_hour if price is not None else None

    names = {one.node for one in usage.held} | {name for name, node in facts.nodes.items() if node.accelerated}
    return LazyMapping(dict.fromkeys(sorted(names)), rate)


def confidence_of(activity: Activity) -> Confidence:
    """How sure idle and active hours are: by the part of what ran that was measured."""
    share = coverage([activity]) or _ZERO
    return Confidence.HIGH if share >= _SURE else Confidence.MEDIUM if share >= _LIKELY else Confidence.LOW


class _Splitter:
    def __init__(self, usage: Usage, facts: Facts, prices: Prices, *, now: bool) -> None:
        self.usage, self.facts, self.prices, self.now = usage, facts, prices, now
        self.notes: set[str] = set()
        if not now and any(node.offers for node in facts.nodes.values()):
            self.notes.add(
                "what DRA drivers offer is not in kube-state-metrics, and so not in this window; without --prometheus it is counted"
            )
        self.day = usage.end.date()
        self._prices: dict[str, Price | None] = {}
        self._hours: dict[str, Fraction] = {}
        self._sums: dict[_Key, _Sum] = {}
        self._who: dict[tuple[str, str, str], _Who] = {}

    # -- prices -------------------------------------------------------------------------------------------------------------------------

    def _node(self, name: str) -> Node | None:
        return self.facts.nodes.get(name)

    def price(self, name: str) -> Price | None:
        """What a node costs; None where nothing knows it."""
        if name not in self._prices:
            node = self._node(name)
            subject = Subject.of_node(node) if node is not None else Subject(node=name)
            self._prices[name] = self.prices.of(subject, self.day, metered=self.usage.metered)
        return self._prices[name]

    def prices_used(self) -> Iterator[PriceUse]:
        """The prices, the most used first."""
        found: dict[tuple[str, Price | None], Fraction] = {}
        for name, hours in self._hours.items():
            key = (self._named(name), self.price(name))
            found[key] = found.get(key, _ZERO) + hours
        for (what, price), hours in sorted(found.items(), key=lambda entry: (-entry[1], entry[0][0])):
            if price is None:
                yield PriceUse(what, "", None, "no price", "", None, None, hours, cash=True)
            else:
                yield PriceUse(
                    what, price.model or "", price.device_hour, price.basis, price.source, price.date, price.confidence, hours, price.cash,
                    price.notes,
                )  # fmt: skip

    def _named(self, name: str) -> str:
        """What was priced, so that nodes of one sort are one."""
        node, price = self._node(name), self.price(name)
        if node is None:
            return "a node that nothing is known of"
        subject = Subject.of_node(node)
        what = (subject.instance_type or node.product or "unknown type", subject.region, price.capacity_type if price else "")
        return ", ".join(filter(None, what))

    # -- lines --------------------------------------------------------------------------------------------------------------------------

    def lines(self) -> Iterator[CostLine]:
        """The lines, sorted."""
        held: dict[str, list[Held]] = {}
        for one in self.usage.held:
            held.setdefault(one.node, []).append(one)
        for hours in self.usage.nodes:
            self._add_node(hours, held.pop(hours.node, []))
        for name, several in held.items():  # held on a node whose capacity has no sample
            total = sum((one.activity.total for one in several), _ZERO)
            self.notes.add(f"{name} has pods that hold devices, and no capacity in kube-state-metrics: what they held is taken for it")
            self._add_node(NodeHours(name, total, total, total), several)
        for key, sums in sorted(self._sums.items(), key=lambda entry: entry[0]):
            yield self._line(key, sums)

    def _line(self, key: _Key, sums: _Sum) -> CostLine:
        return CostLine(
            category=key.category,
            detail=key.detail,
            **key.who._asdict(),
            pool=key.pool,
            model=key.model,
            capacity_type=key.capacity_type,
            hours=sums.hours,
            money=sums.money if key.priced else None,
            used=sums.used,
            cash=key.cash,
            confidence=key.confidence,
            basis=key.basis,
        )

    def _add_node(self, hours: NodeHours, held: list[Held]) -> None:
        self._hours[hours.node] = self._hours.get(hours.node, _ZERO) + hours.capacity
        taken = sum((one.activity.total for one in held), _ZERO)
        excess = max(taken - hours.capacity, _ZERO)
        if excess > hours.capacity / 100:
            self.notes.add(f"{hours.node}: pods held {_percent(taken, hours.capacity)} of what there is; the excess is left out")
        cut = _cuts(held, excess)
        for one in held:
            self._add_held(one, cut)
        for detail, amount in self._free(hours, max(hours.capacity - taken, _ZERO)):
            sure = Confidence.MEDIUM if self.now else Confidence.HIGH
            self._add(hours.node, Category.UNALLOCATED, detail, _Who(), amount, sure)

    def _free(self, hours: NodeHours, free: Fraction) -> Iterator[tuple[str, Fraction]]:
        """What nobody held, by what kept it from being held."""
        node = self._node(hours.node)
        cut = node is not None and ("mig" in node.sharing or "partitions" in node.sharing)
        for detail, amount in (
            ("not partitioned" if cut else "unhealthy", hours.capacity - hours.units),
            ("unhealthy", hours.units - hours.allocatable),
            ("cordoned", hours.cordoned),
            ("empty node", hours.empty),
            ("stranded", hours.stranded),
        ):
            part = min(free, max(amount, _ZERO))
            if part:
                yield detail, part
                free -= part
        if free:
            yield "free", free

    def _add_held(self, one: Held, cut: dict[Category, Fraction]) -> None:
        holder, activity = one.holder, one.activity
        who = self._owner(one)
        allocated = Confidence.MEDIUM if self.now else Confidence.HIGH
        measured = confidence_of(activity)
        if holder.guessed:
            allocated, measured = Confidence.LOW, Confidence.LOW
        for category in _CUT:
            hours = activity.of(category) * (1 - cut.get(category, _ZERO))
            sure = measured if category in (Category.IDLE, Category.ACTIVE) else allocated
            if category is Category.IDLE and self.usage.memory:
                warm = hours * activity.warm / activity.idle if activity.idle else _ZERO
                self._add(one.node, category, "warm", who, warm, sure)
                self._add(one.node, category, "cold", who, hours - warm, sure)
            else:
                used = min(activity.used, hours) if category is Category.ACTIVE else _ZERO
                self._add(one.node, category, "", who, hours, sure, used)

    def _owner(self, one: Held) -> _Who:
        holder = one.holder
        key = (holder.namespace, holder.kind, holder.name)
        if key not in self._who:
            self._who[key] = _Who(*key, self.facts.team_of(holder), self.facts.role_of(holder))
        return self._who[key]

    def _add(
        self, name: str, category: Category, detail: str, who: _Who, hours: Fraction, sure: Confidence, used: Fraction = _ZERO
    ) -> None:  # fmt: skip
        if not hours:
            return
        node, price = self._node(name), self.price(name)
        model = (price.model if price else "") or (node.product if node else "")
        key = _Key(
            category, detail, who, node.pool if node else "", model, price.capacity_type if price else "", price.cash if price else True,
            min(sure, price.confidence) if price else sure, price.basis if price else "no price", price is not None,
        )  # fmt: skip
        sums = self._sums.setdefault(key, _Sum())
        sums.hours += hours
        sums.used += used
        if price:
            sums.money += hours * price.device_hour


def _cuts(held: list[Held], excess: Fraction) -> dict[Category, Fraction]:
    """The part of each category to leave out, so that no more is held than there is."""
    found: dict[Category, Fraction] = {}
    for category in _CUT:
        there = sum((one.activity.of(category) for one in held), _ZERO)
        part = min(excess, there)
        if part:
            found[category] = part / there
            excess -= part
    return found


def _percent(part: Fraction, whole: Fraction) -> str:
    return f"{float(part / whole * 100):.0f} %" if whole else "more"
