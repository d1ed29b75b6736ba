"""What accelerators cost, and what of it went for nothing: the values that reports show.

Amounts are exact inside (`Fraction`: neither a seventh of a GPU nor an eighth of 27.197 has a finite sum otherwise) and become `Decimal`
when they are shown, in such a way that the shown parts still add up to the shown whole (`rounded`). Until then, money is in US dollars.
What has no price has hours and no money: `None`, never 0.

Words are those of FinOps: https://www.finops.org/framework/ (allocation, unallocated cost, usage optimisation, unit economics).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

from auditor.finding import Confidence
from auditor.usage import Category, MissingTime, Point

if TYPE_CHECKING:
    from auditor.cost.prices import Currency

__all__ = ["HOURS_OF_A_MONTH", "Action", "Amount", "Basis", "CostLine", "Costs", "Coverage", "PriceUse", "rounded"]

# 365 days of 24 hours, a twelfth of them; the month of the clouds' own calculators.
# https://aws.amazon.com/calculator/calculator-assumptions/
HOURS_OF_A_MONTH = 730

_Key = TypeVar("_Key", bound=Hashable)
_ZERO = Fraction(0)


class Basis(StrEnum):
    """What the amounts stand on."""

    NOW = "now"  # one look at the cluster: what an hour costs, if it stays like this
    ALLOCATION = "allocation"  # who held what over a window; nothing says whether it was used
    USAGE = "usage"  # who held what over a window, and what was used


@dataclass(frozen=True, slots=True)
class Amount:
    """Device-hours and what they cost.

    Attributes:
        hours: device-hours.
        money: US dollars of those that have a price.
        unpriced: those of the hours that have none.
    """

    hours: Fraction = _ZERO
    money: Fraction = _ZERO
    unpriced: Fraction = _ZERO

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.hours + other.hours, self.money + other.money, self.unpriced + other.unpriced)

    @property
    def priced(self) -> bool:
        """Some of it has a price."""
        return self.unpriced < self.hours


@dataclass(frozen=True, slots=True)
class CostLine:
    """Device-hours of one sort, and their money: the smallest part that is told apart.

    Attributes:
        category: what the devices did.
        detail: more exactly: ``empty node``, ``unhealthy``, ``cordoned``, ``not partitioned``, ``stranded`` or ``free`` of what is
            unallocated, ``warm`` or ``cold`` of what is idle; else empty.
        namespace, kind, name: of the holder; empty for what is unallocated.
        team: who owns it; ``unassigned`` where nothing says, empty for what is unallocated.
        role: of the workload: ``serving``, ``training``, ``notebook`` …; empty where it is not known.
        pool: the node pool.
        model: of the device.
        capacity_type: ``on-demand``, ``spot``, ``reserved`` or ``owned``.
        hours: device-hours.
        money: US dollars; None where there is no price.
        used: those of active hours that utilisation makes of them.
        used_money: what they cost.
        cash: stopping the devices would save money that is paid out, unlike with what is reserved or owned.
        confidence: in hours and price together: the lower of both.
        basis: where the price is from.
    """

    category: Category
    detail: str
    namespace: str
    kind: str
    name: str
    team: str
    role: str
    pool: str
    model: str
    capacity_type: str
    hours: Fraction
    money: Fraction | None
    used: Fraction
    cash: bool
    confidence: Confidence
    basis: str

    @property
    def amount(self) -> Amount:
        """Hours and money together."""
        return Amount(self.hours, self.money or _ZERO, self.hours if self.money is None else _ZERO)

    @property
    def used_money(self) -> Fraction | None:
        """What the used part of active hours costs; None where there is no price."""
        if self.money is None:
            return None
        return self.money * self.used / self.hours if self.hours else _ZERO

    @property
    def workload(self) -> str:
        """``Deployment/ml/llm``; empty for what is unallocated."""
        return f"{self.kind}/{self.namespace}/{self.name}" if self.name else ""


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do, and what it saves.

    Attributes:
        kind: what sort of thing: ``stop-idle``, ``scale-down`` …
        title: what is wrong, naming the object.
        remedy: what to do about it.
        namespace, team: whose it is; empty for nodes.
        target: the object: ``Deployment/ml/llm``, ``Node/gpu-1``.
        amount: what was wasted in the window.
        month: US dollars that a month saves; None where there is no price.
        cash: that is money paid out; else it is use of what is paid for anyway.
        confidence: in the saving.
        evidence: what was seen, a sentence each.
        query: a query that shows it; empty where the API server does.
    """

    kind: str
    title: str
    remedy: str
    namespace: str
    team: str
    target: str
    amount: Amount
    month: Fraction | None
    cash: bool
    confidence: Confidence
    evidence: tuple[str, ...] = ()
    query: str = ""


@dataclass(frozen=True, slots=True)
class PriceUse:
    """A price, and how many device-hours it was used for.

    Attributes:
        what: what was priced: ``p5.48xlarge, us-east-1, on-demand``.
        model: of the device.
        device_hour: US dollars for a device and hour; None where there is no price.
        basis, source, date, confidence: where it is from; see `auditor.cost.prices.Price`.
        hours: device-hours that it was used for.
        cash: see `CostLine`.
        notes: what to know about it.
    """

    what: str
    model: str
    device_hour: Fraction | None
    basis: str
    source: str
    date: datetime.date | None
    confidence: Confidence | None
    hours: Fraction
    cash: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the amounts stand on, in numbers.

    Attributes:
        telemetry: of the device-hours that ran, the part with measurements, 0 to 1; None where nothing was asked or nothing ran.
        capacity: of the window, the part in which the cluster was watched.
        exporters: what measures.
        orphans: device-hours of measurements for pods that held nothing.
        queries: how many were asked.
        waited: seconds spent waiting for the server.
    """

    telemetry: Fraction | None = None
    capacity: Fraction = Fraction(1)
    exporters: tuple[str, ...] = ()
    orphans: Fraction = _ZERO
    queries: int = 0
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class Costs:
    """What devices cost over a window, split into what they did.

    Attributes:
        basis: what it stands on.
        start, end: of the window, in UTC; for one look (`Basis.NOW`) an hour that begins at the look.
        lines: sorted; each device-hour is in exactly one.
        actions: the most expensive first.
        prices: those used, the most used first.
        timeline: devices by category over the window; empty for one look.
        coverage: what the amounts stand on.
        currency: in which money is shown.
        notes: what to know about the amounts, sorted.
        missing: stretches of the window that nothing is known of, and what could not be asked.
    """

    basis: Basis
    start: datetime.datetime
    end: datetime.datetime
    lines: tuple[CostLine, ...]
    actions: tuple[Action, ...]
    prices: tuple[PriceUse, ...]
    timeline: tuple[Point, ...]
    coverage: Coverage
    currency: Currency
    notes: tuple[str, ...] = ()
    missing: tuple[MissingTime, ...] = ()

    @property
    def hours(self) -> Fraction:
        """How long the window is."""
        return Fraction(int((self.end - self.start).total_seconds()), 3600)

    @property
    def incomplete(self) -> bool:
        """Part of the window could not be asked about."""
        return bool(self.missing)

    def total(self, *categories: Category) -> Amount:
        """All of it, or what is in these categories."""
        return sum((line.amount for line in self.lines if not categories or line.category in categories), Amount())

    def by(self, key: Callable[[CostLine], _Key]) -> dict[_Key, dict[Category, Amount]]:
        """Amounts by what a function says of a line, and category; the most expensive first, then the longest, then by name."""
        found: dict[_Key, dict[Category, Amount]] = {}
        for line in self.lines:
            group = found.setdefault(key(line), {})
            group[line.category] = group.get(line.category, Amount()) + line.amount

        def rank(entry: tuple[_Key, dict[Category, Amount]]) -> tuple[Fraction, Fraction, str]:
            whole = sum(entry[1].values(), Amount())
            return (-whole.money, -whole.hours, str(entry[0]))

        return dict(sorted(found.items(), key=rank))

    @property
    def wasted(self) -> Amount:
        """What was paid for and did nothing: all that is neither active nor unknown."""
        return self.total(*(category for category in Category if category not in (Category.ACTIVE, Category.UNKNOWN)))

    def shown(self, money: Fraction) -> Fraction:
        """US dollars in the currency that is shown."""
        return money * self.currency.per_usd

    def per_month(self, money: Fraction) -> Fraction:
        """What an amount of the window comes to in a month, if it goes on like that."""
        return money / self.hours * HOURS_OF_A_MONTH if self.hours else _ZERO


def rounded(parts: Sequence[Fraction], places: int = 2, whole: Decimal | None = None) -> list[Decimal]:
    """Parts for showing, so that they add up to their shown sum: each is rounded down, and what is then missing is given to those that lost
    the most (largest remainder). Parts are not negative.

    Args:
        parts: what is shown.
        places: digits after the point.
        whole: the sum that they have to have, where it is not just their own, rounded: a difference of two rounded sums.
    """
    unit = 10**places
    scaled = [part * unit for part in parts]
    units = [part.numerator // part.denominator for part in scaled]
    missing = (_half_up(sum(scaled, _ZERO)) if whole is None else int(whole * unit)) - sum(units)
    order = sorted(range(len(parts)), key=lambda index: (units[index] - scaled[index], index))
    for index in order[: max(missing, 0)]:
        units[index] += 1
    for index in [index for index in reversed(order) if units[index]][: max(-missing, 0)]:
        units[index] -= 1
    return [Decimal(number).scaleb(-places) for number in units]


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
