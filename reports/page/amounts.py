"""How amounts are written on the page, so that what stands under each other, and beside each other, adds up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from auditor.report import Amount, Category, Costs, rounded

__all__ = ["NONE", "ORDER", "Cell", "Money", "Whole", "hours", "percent", "quantity", "spread", "table"]

NONE = "–"  # no price: never 0
_LARGE = 10_000  # from here on, nobody reads the cents
_ZERO = Fraction(0)
# From the bottom of a stack to its top: what worked, what did not, what is not known.
ORDER = (
    Category.ACTIVE,
    Category.IDLE,
    Category.UNALLOCATED,
    Category.STARTING,
    Category.TERMINATING,
    Category.CRASHLOOP,
    Category.UNKNOWN,
)
_HEADS = (ORDER[:1], ORDER[1:-1], ORDER[-1:])  # it worked, it did nothing, nothing is known


@dataclass(frozen=True, slots=True)
class Cell:
    """An amount as written.

    Attributes:
        money: in the currency that is shown; `NONE` where nothing of it has a price, empty where there is nothing.
        unpriced: hours of it that have no price; empty where there are none.
    """

    money: str
    unpriced: str = ""


@dataclass(frozen=True, slots=True)
class Money:
    """The money of one report.

    Attributes:
        costs: what is shown.
        places: decimal places of amounts of the window.
    """

    costs: Costs
    places: int

    @classmethod
    def of(cls, costs: Costs) -> Money:
        """With cents, unless amounts are large."""
        return cls(costs, _places(costs.shown(costs.total().money), _LARGE))

    def cell(self, shown: Decimal, amount: Amount, unpriced: Decimal) -> Cell:
        """An amount that was rounded together with its neighbours."""
        if not amount.hours:
            return Cell("")
        return Cell(quantity(shown) if amount.priced else NONE, quantity(unpriced) if amount.unpriced else "")

    def single(self, amount: Amount) -> Cell:
        """An amount that stands alone."""
        money = rounded([self.costs.shown(amount.money)], self.places)[0]
        return self.cell(money, amount, rounded([amount.unpriced], 1)[0])

    def month(self, usd: Fraction | None) -> str:
        """US dollars a month."""
        if usd is None:
            return NONE
        shown = self.costs.shown(usd)
        return quantity(rounded([shown], _places(shown, 100))[0])

    def months(self, amounts: Sequence[Amount]) -> list[str]:
        """What amounts of the window come to in a month; they add up to what their sum comes to."""
        shown = [self.costs.shown(self.costs.per_month(amount.money)) for amount in amounts]
        numbers = rounded(shown, _places(sum(shown, _ZERO), 1000))
        return [quantity(number) if amount.priced or not amount.hours else NONE for number, amount in zip(numbers, amounts, strict=True)]

    def rate(self, usd: Fraction | None) -> str:
        """US dollars for an hour of one device: four places, since some cost less than a cent a minute."""
        return NONE if usd is None else quantity(rounded([self.costs.shown(usd)], 4)[0])


@dataclass(frozen=True, slots=True)
class Whole:
    """What all parts have to add up to: everything by category, rounded once.

    Attributes:
        money, unpriced, hours: as shown; `unpriced` are hours.
        exact: the same before.
    """

    money: Mapping[Category, Decimal]
    unpriced: Mapping[Category, Decimal]
    hours: Mapping[Category, Decimal]
    exact: Mapping[Category, Amount]

    @classmethod
    def of(cls, money: Money) -> Whole:
        """All that a report has. What the headline says is rounded first, and is then the sum of its categories."""
        exact = {category: money.costs.total(category) for category in ORDER}

        def parts(of: Callable[[Amount], Fraction], places: int) -> dict[Category, Decimal]:
            heads = rounded([sum((of(exact[category]) for category in head), _ZERO) for head in _HEADS], places)
            shown: dict[Category, Decimal] = {}
            for head, number in zip(_HEADS, heads, strict=True):
                shown.update(zip(head, spread([of(exact[category]) for category in head], number, places), strict=True))
            return shown

        return cls(
            money=parts(lambda amount: money.costs.shown(amount.money), money.places),
            unpriced=parts(lambda amount: amount.unpriced, 1),
            hours=parts(lambda amount: amount.hours, 1),
            exact=exact,
        )

    def of_hours(self, categories: Sequence[Category]) -> Decimal:
        """Device-hours of several categories, as shown."""
        return sum((self.hours[category] for category in categories), Decimal(0))

    def added(self, categories: Sequence[Category]) -> tuple[Decimal, Amount, Decimal]:
        """Money as shown, the exact amount, and hours without price as shown, of several categories: what `Money.cell` takes."""
        return (
            sum((self.money[category] for category in categories), Decimal(0)),
            sum((self.exact[category] for category in categories), Amount()),
            sum((self.unpriced[category] for category in categories), Decimal(0)),
        )


def _places(amount: Fraction, large: int) -> int:
    return 0 if amount >= large else 2


def quantity(number: Decimal) -> str:
    """A number with its thousands apart."""
    return f"{number:,f}"


def hours(value: Fraction) -> str:
    """Device-hours, to the tenth."""
    return quantity(rounded([value], 1)[0])


def percent(part: Fraction, whole: Fraction) -> str:
    """A share, to the tenth; what is little is not nothing, and what is nearly all is not all."""
    if not whole:
        return NONE
    share = part / whole
    if 0 < share < Fraction(1, 2000):
        return "< 0.1%"
    if Fraction(1999, 2000) <= share < 1:
        return "> 99.9%"
    return f"{rounded([share * 100], 1)[0]}%"


def spread(parts: Sequence[Fraction], whole: Decimal, places: int, owed: Sequence[Fraction] = ()) -> list[Decimal]:
    """Parts for showing that add up to a sum as shown elsewhere, which is the parts' own, rounded up or down.

    Args:
        parts: not negative.
        whole: their sum as shown.
        places: decimal places of both.
        owed: what each part's row lost in columns before; it is paid back first.
    """
    unit = 10**places
    scaled = [part * unit for part in parts]
    shown = [int(part) for part in scaled]
    lost = [part - number + (owed[index] if owed else 0) for index, (part, number) in enumerate(zip(scaled, shown, strict=True))]
    broken = [index for index, part in enumerate(scaled) if part.denominator > 1]
    for index in sorted(broken, key=lambda index: (-lost[index], index))[: int(whole * unit) - sum(shown)]:
        shown[index] += 1
    return [Decimal(number).scaleb(-places) for number in shown]


def table(rows: Sequence[Sequence[Fraction]], totals: Sequence[Decimal], places: int) -> list[list[Decimal]]:
    """The cells of a table for showing: each column adds up to its total, and a row's sum is off by as little as that leaves."""
    unit = 10**places
    owed = [_ZERO] * len(rows)
    columns = []
    for column, total in enumerate(totals):
        exact = [row[column] for row in rows]
        shown = spread(exact, total, places, owed)
        owed = [debt + (part - Fraction(number)) * unit for debt, part, number in zip(owed, exact, shown, strict=True)]
        columns.append(shown)
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in rows]
