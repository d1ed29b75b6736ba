"""Costs as reports print them: in the currency that is shown, and rounded so that parts still add up to their whole.

Every format asks here, so that a terminal, a comment and a page say the same cents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from auditor.cost.model import Amount, CostLine, Costs, rounded
from auditor.usage import Category

__all__ = [
    "DIMENSIONS",
    "WASTE",
    "Figure",
    "Group",
    "Split",
    "details",
    "figures",
    "groups",
    "percentages",
]

_ZERO = Fraction(0)

# What was paid for and did nothing, in the order in which it is shown: what is unknown is not among it.
WASTE = (Category.UNALLOCATED, Category.STARTING, Category.TERMINATING, Category.CRASHLOOP, Category.IDLE)

# By what costs are told apart, and what a line says of it; empty where it says nothing.
DIMENSIONS: Mapping[str, Callable[[CostLine], str]] = {
    "team": lambda line: line.team,
    "namespace": lambda line: line.namespace,
    "workload": lambda line: line.workload,
    "pool": lambda line: line.pool,
    "model": lambda line: line.model,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount, rounded.

    Attributes:
        hours: device-hours.
        money: in the currency that is shown; None where none of the hours has a price.
        partial: some of the hours have no price, and ``money`` is only that of the others.
    """

    hours: Decimal
    money: Decimal | None
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """What one team, namespace, workload, pool or model cost.

    Attributes:
        name: of it; empty for what belongs to nobody.
        paid: all of it.
        wasted: what did nothing.
        mostly: the category of most of that; None where nothing was wasted.
        team: of the dearest line; for workloads, the only one.
    """

    name: str
    paid: Amount
    wasted: Amount
    mostly: Category | None
    team: str = ""

    @classmethod
    def of(cls, name: str, several: Sequence[Group]) -> Group:
        """What several cost together."""
        return cls(name, sum((group.paid for group in several), Amount()), sum((group.wasted for group in several), Amount()), None)


@dataclass(frozen=True, slots=True)
class Split:
    """The whole and its categories; those without hours are left out.

    Attributes:
        total: of everything.
        wasted: what did nothing; the sum of its categories.
        categories: in the order of `Category`.
        shares: percent of the money, or of the hours where not everything has a price.
        wasted_share: of the wasted ones together.
        by_money: which of the two it is.
    """

    total: Figure
    wasted: Figure
    categories: Mapping[Category, Figure]
    shares: Mapping[Category, Decimal]
    wasted_share: Decimal
    by_money: bool

    @classmethod
    def of(cls, costs: Costs, places: int = 2, hour_places: int = 1) -> Split:
        """Split costs; the categories add up to the total, and those of waste to the wasted part."""
        amounts = {category: costs.total(category) for category in Category}
        amounts = {category: amount for category, amount in amounts.items() if amount.hours}
        total, wasted = (figures(costs, [amount], places, hour_places)[0] for amount in (costs.total(), costs.wasted))
        shown: dict[Category, Figure] = {}
        waste = [category for category in amounts if category in WASTE]
        rest = [category for category in amounts if category not in WASTE]
        shown |= zip(waste, figures(costs, [amounts[category] for category in waste], places, hour_places), strict=True)
        left = (total.hours - wasted.hours, (total.money or Decimal()) - (wasted.money or Decimal()))
        shown |= zip(rest, figures(costs, [amounts[category] for category in rest], places, hour_places, left), strict=True)
        by_money = not costs.total().unpriced and bool(costs.total().money)
        parts = [amount.money if by_money else amount.hours for amount in amounts.values()]
        shares = dict(zip(amounts, percentages(parts), strict=True))
        return cls(
            total=total,
            wasted=wasted,
            categories={category: shown[category] for category in amounts},
            shares=shares,
            wasted_share=sum((shares[category] for category in waste), Decimal()),
            by_money=by_money,
        )

    def wasted_by(self, costs: Costs, parts: Sequence[Group]) -> list[Figure]:
        """What groups wasted, two digits after the point of money, one of hours: they add up to what the categories say. What is nobody's
        is what the category of unallocated devices says.
        """
        nobody = costs.total(Category.UNALLOCATED)
        held = [group.wasted for group in parts if group.name]
        if sum(held, nobody) != costs.wasted or any(group.wasted != nobody for group in parts if not group.name):
            return figures(costs, [group.wasted for group in parts])
        unallocated = self.categories.get(Category.UNALLOCATED, Figure(Decimal(), Decimal()))
        left = (self.wasted.hours - unallocated.hours, (self.wasted.money or Decimal()) - (unallocated.money or Decimal()))
        shown = iter(figures(costs, held, whole=left))
        return [next(shown) if group.name else unallocated for group in parts]


def figures(
    costs: Costs, amounts: Sequence[Amount], places: int = 2, hour_places: int = 1, whole: tuple[Decimal, Decimal] | None = None
) -> list[Figure]:
    """Amounts for showing: hours add up to their sum's hours, and money to its money.

    Args:
        costs: whose currency it is.
        amounts: the parts.
        places: of money.
        hour_places: of hours.
        whole: hours and money that the parts have to add up to, where it is not their own sum, rounded.
    """
    hours = rounded([amount.hours for amount in amounts], hour_places, whole[0] if whole else None)
    money = rounded([costs.shown(amount.money) for amount in amounts], places, whole[1] if whole else None)
    return [
        Figure(hour, paid if amount.priced or not amount.hours else None, bool(amount.unpriced) and amount.priced)
        for amount, hour, paid in zip(amounts, hours, money, strict=True)
    ]


def percentages(parts: Sequence[Fraction], places: int = 1) -> list[Decimal]:
    """What parts are of their sum, in percent; they add up to 100."""
    whole = sum(parts, _ZERO)
    return rounded([part * 100 / whole for part in parts], places) if whole else [Decimal()] * len(parts)


def groups(costs: Costs, dimension: str) -> list[Group]:
    """What costs were by one of `DIMENSIONS`, who wasted most first; all of them, so that they add up."""
    key = DIMENSIONS[dimension]
    teams = {key(line): line.team for line in reversed(costs.lines)} if dimension == "workload" else {}
    found = []
    for name, categories in costs.by(key).items():
        wasted = {category: amount for category, amount in categories.items() if category in WASTE and amount.hours}
        mostly = max(wasted, key=lambda category: (wasted[category].money, wasted[category].hours), default=None)
        paid = sum(categories.values(), Amount())
        found.append(Group(name, paid, sum(wasted.values(), Amount()), mostly, teams.get(name, "")))
    return sorted(found, key=lambda group: (-group.wasted.money, -group.wasted.hours))


def details(costs: Costs, category: Category) -> dict[str, Amount]:
    """What a category consists of, the most expensive first; used and under-used for what is active; nothing where nothing tells."""
    lines = [line for line in costs.lines if line.category is category]
    if category is Category.ACTIVE:
        used = sum((_used(line) for line in lines), Amount())
        whole = costs.total(category)
        left = Amount(whole.hours - used.hours, whole.money - used.money, whole.unpriced - used.unpriced)
        return {"used": used, "under-used": left} if used.hours else {}
    found: dict[str, Amount] = {}
    for line in lines:
        found[line.detail] = found.get(line.detail, Amount()) + line.amount
    if not any(found):
        return {}
    return dict(sorted(found.items(), key=lambda entry: (-entry[1].money, -entry[1].hours, entry[0])))


def _used(line: CostLine) -> Amount:
    return Amount(line.used, line.used_money or _ZERO, line.used if line.money is None else _ZERO)
