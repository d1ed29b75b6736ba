"""What manifests could cost, as values that reports show: an upper bound for what runs as it is written, never waste.

Money is in US dollars and exact, as in `auditor.cost.model`. What is not known is None, never 0.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from auditor.cost.model import HOURS_OF_A_MONTH, rounded
from auditor.document import ObjectRef
from auditor.finding import Confidence

if TYPE_CHECKING:
    from auditor.cost.prices import Currency

__all__ = ["Change", "ChangeLine", "DevicePrice", "How", "Money", "Potential", "PotentialLine", "PotentialPart", "Span", "Term", "TermKind"]


@dataclass(frozen=True, slots=True)
class Span:
    """A range of amounts.

    Attributes:
        low: at the lower end.
        high: at the upper end; None where nothing bounds it.
    """

    low: Fraction = Fraction(0)
    high: Fraction | None = Fraction(0)

    @classmethod
    def of(cls, value: Fraction | int) -> Span:
        """One known amount."""
        return cls(Fraction(value), Fraction(value))

    @property
    def fixed(self) -> bool:
        """It is one known amount."""
        return self.low == self.high

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, None if self.high is None or other.high is None else self.high + other.high)

    def __sub__(self, other: Span) -> Span:
        """The difference at the lower and at the upper end, of which the second may be the smaller one."""
        return Span(self.low - other.low, None if self.high is None or other.high is None else self.high - other.high)

    def __mul__(self, other: Span) -> Span:
        return Span(self.low * other.low, None if self.high is None or other.high is None else self.high * other.high)

    def times(self, factor: Fraction | int) -> Span:
        """Both ends times a factor; nothing of what is unbounded is still nothing."""
        return self * Span.of(factor) if factor else Span()


@dataclass(frozen=True, slots=True)
class Money:
    """An amount as it is shown, in the currency that is shown.

    Attributes:
        low: at the lower end.
        high: at the upper end; None where nothing bounds it.
    """

    low: Decimal
    high: Decimal | None

    @property
    def fixed(self) -> bool:
        """It is one amount."""
        return self.low == self.high


class TermKind(StrEnum):
    """How long a workload runs."""

    ALWAYS = "always"  # until somebody stops it
    RUN = "run"  # once, to its end
    SCHEDULE = "schedule"  # again and again, each time to its end


@dataclass(frozen=True, slots=True)
class Term:
    """How long a workload may run.

    Attributes:
        kind: of running.
        hours: of one run at most; None where nothing bounds it, or that is not known.
        runs: how many runs a month has; None where there is no schedule, or it cannot be read.
        overlapping: runs may overlap, so that they take more than a month in a month.
        suspended: it does not run now.
    """

    kind: TermKind = TermKind.ALWAYS
    hours: Fraction | None = None
    runs: Fraction | None = None
    overlapping: bool = False
    suspended: bool = False

    @property
    def month(self) -> Fraction | None:
        """Hours of a month that it may run; None where that is not known."""
        if self.suspended:
            return Fraction(0)
        if self.kind is TermKind.ALWAYS:
            return Fraction(HOURS_OF_A_MONTH)
        runs = Fraction(1) if self.kind is TermKind.RUN else self.runs
        if self.hours is None or runs is None:
            return None
        whole = self.hours * runs
        return whole if self.overlapping else min(whole, Fraction(HOURS_OF_A_MONTH))


@dataclass(frozen=True, slots=True)
class DevicePrice:
    """What a device of a workload costs.

    Attributes:
        what: what was priced: ``p5.48xlarge, us-east-1, on-demand``.
        hour: US dollars for a device and hour; a range where nodes of several sorts would do.
        basis, source, date, confidence: where it is from; see `auditor.cost.prices.Price`.
        cash: stopping it would save money that is paid out.
        notes: what else to know about it.
    """

    what: str
    hour: Span
    basis: str
    source: str
    date: datetime.date | None
    confidence: Confidence
    cash: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PotentialPart:
    """The pods of one sort of a workload, as far as they hold devices of one sort.

    Attributes:
        component: what the operator calls the pods; empty where there is one sort.
        device: resource name, or the DeviceClass of a claim.
        model: canonical name; empty where unknown.
        units: what one pod asks for, as the scheduler counts it; None where unknown.
        share: devices behind one unit: a seventh for a partition of that size; None where unknown.
        pods: how many.
        price: of a device; None where unknown.
    """

    component: str
    device: str
    model: str
    units: int | None
    share: Fraction | None
    pods: Span
    price: DevicePrice | None

    @property
    def devices(self) -> Span | None:
        """Physical devices of all the pods."""
        return None if self.units is None or self.share is None else self.pods.times(self.units * self.share)

    @property
    def hour(self) -> Span | None:
        """US dollars for an hour; None where it has no price."""
        return None if self.devices is None or self.price is None else self.devices * self.price.hour


@dataclass(frozen=True, slots=True)
class PotentialLine:
    """What one workload could cost.

    Attributes:
        ref, file, line: which.
        role: what it is there for.
        team: who owns it; empty where nothing says.
        parts: its pods.
        term: how long it may run.
        per: ``node`` or ``pod`` where it is not known how many there are: amounts are then of one; else empty.
        scaler: the object that moves the number of pods; empty where none in view does.
        notes: what to know about it, in sentences.
    """

    ref: ObjectRef
    file: str
    line: int
    role: str
    team: str
    parts: tuple[PotentialPart, ...]
    term: Term
    per: str = ""
    scaler: str = ""
    notes: tuple[str, ...] = ()

    @property
    def devices(self) -> Span | None:
        """Physical devices; None where a part of them is not known."""
        return _sum(part.devices for part in self.parts)

    @property
    def priced(self) -> bool:
        """All of it has a price."""
        return all(part.hour is not None for part in self.parts)

    @property
    def hour(self) -> Span | None:
        """US dollars for an hour in which it runs, of what has a price; None where nothing has."""
        return _sum(part.hour for part in self.parts if part.hour is not None)

    @property
    def run(self) -> Span | None:
        """US dollars for one run to its end; None where it has none, or it is not known when."""
        return None if self.hour is None or self.term.hours is None else self.hour.times(self.term.hours)

    @property
    def month(self) -> Span | None:
        """US dollars for a month; None where there is no price, or nothing bounds how long it runs."""
        return None if self.hour is None or self.term.month is None else self.hour.times(self.term.month)

    @property
    def endless(self) -> bool:
        """It is meant to end, and nothing says when."""
        return self.term.month is None

    @property
    def counted(self) -> Span | None:
        """What it adds to the total; None where it cannot be added, be it because it is of one node."""
        return None if self.per else self.month

    @property
    def confidence(self) -> Confidence | None:
        """In the prices; None where there is none."""
        return min((part.price.confidence for part in self.parts if part.price is not None), default=None)


class How(StrEnum):
    """What happened to a workload between two versions."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """What a change does to one workload.

    Attributes:
        how: what happened.
        before, after: what it could cost; None where it is not there.
    """

    how: How
    before: PotentialLine | None
    after: PotentialLine | None

    @property
    def line(self) -> PotentialLine:
        """The workload as it is now; as it was, where it is gone."""
        line = self.after or self.before
        if line is None:
            raise ValueError("a change of nothing")
        return line

    @property
    def month(self) -> Span | None:
        """US dollars more in a month; None where one of the two amounts is not known."""
        before = self.before.counted if self.before else Span()
        after = self.after.counted if self.after else Span()
        return None if before is None or after is None else after - before

    @property
    def devices(self) -> Span | None:
        """Devices more; None where one of the two numbers is not known."""
        before = self.before.devices if self.before else Span()
        after = self.after.devices if self.after else Span()
        return None if before is None or after is None else after - before


@dataclass(frozen=True, slots=True)
class Change:
    """The difference to another version of the same paths.

    Attributes:
        base: the revision as given.
        commit: what it was compared with: where the branches parted.
        lines: workloads whose amounts differ, the largest increase first.
        notes: what could not be compared, in sentences.
    """

    base: str
    commit: str
    lines: tuple[ChangeLine, ...]
    notes: tuple[str, ...] = ()

    @property
    def month(self) -> Span:
        """US dollars more in a month, of all that is known."""
        return sum((line.month for line in self.lines if line.month is not None), Span())

    @property
    def unknown(self) -> int:
        """Workloads whose difference is not known."""
        return sum(line.month is None or not line.line.priced for line in self.lines)


@dataclass(frozen=True, slots=True)
class Potential:
    """What everything in view could cost.

    Attributes:
        lines: accelerated workloads, the most expensive first.
        on: the day of the prices.
        region: what was assumed where a manifest does not say; empty for nothing.
        currency: in which money is shown.
        templates: accelerated objects that make no pods by themselves, and are not in the lines.
        change: the difference to another version; None where none was asked for.
    """

    lines: tuple[PotentialLine, ...]
    on: datetime.date
    region: str
    currency: Currency
    templates: int = 0
    change: Change | None = None

    @property
    def month(self) -> Span:
        """US dollars for a month, of all that can be added up."""
        return sum((line.counted for line in self.lines if line.counted is not None), Span())

    @property
    def unpriced(self) -> tuple[PotentialLine, ...]:
        """Those that have no price, or only in part."""
        return tuple(line for line in self.lines if not line.priced)

    @property
    def endless(self) -> tuple[PotentialLine, ...]:
        """Those that are meant to end while nothing says when; they are not in the total."""
        return tuple(line for line in self.lines if line.endless)

    @property
    def endless_hour(self) -> Span:
        """US dollars for an hour of those together."""
        return sum((line.hour for line in self.endless if line.hour is not None), Span())

    @property
    def uncounted(self) -> tuple[PotentialLine, ...]:
        """Those of which it is not known how many pods there are; they are not in the total."""
        return tuple(line for line in self.lines if line.per)

    def compared(self, change: Change) -> Potential:
        """The same with the difference to another version."""
        return replace(self, change=change)

    def shown(self, money: Fraction) -> Fraction:
        """US dollars in the currency that is shown."""
        return money * self.currency.per_usd

    def money(self, span: Span, places: int = 2) -> Money:
        """An amount as it is shown; it may be negative."""
        return Money(_shown(self.shown(span.low), places), None if span.high is None else _shown(self.shown(span.high), places))

    @property
    def months(self) -> tuple[Money | None, ...]:
        """What each of the lines adds to the total, as it is shown; None for what adds nothing known. They add up to `total`."""
        counted = [line.counted for line in self.lines]
        lows = iter(rounded([self.shown(span.low) for span in counted if span is not None]))
        highs = iter(rounded([self.shown(span.high) for span in counted if span is not None and span.high is not None]))
        return tuple(None if span is None else Money(next(lows), None if span.high is None else next(highs)) for span in counted)

    @property
    def total(self) -> Money:
        """The total of a month as it is shown."""
        return self.money(self.month)


def _shown(amount: Fraction, places: int) -> Decimal:
    """Rounded half up, away from zero."""
    found = rounded([abs(amount)], places)[0]
    return -found if amount < 0 and found else found


def _sum(spans: Iterable[Span | None]) -> Span | None:
    """The sum; None where nothing is added, or a part is unknown."""
    total: Span | None = None
    for span in spans:
        if span is None:
            return None
        total = span if total is None else total + span
    return total
