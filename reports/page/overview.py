"""Everything together: the headline, and where the money goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from auditor.report import Amount, Category, CostLine, Costs

from .amounts import ORDER, Cell, Money, Whole, percent, quantity, spread
from .charts import Bar, bar

__all__ = ["WORDS", "Overview", "Share", "Sum", "overview", "used_by"]

_ZERO = Fraction(0)
_USED, _UNUSED = "used", "not used to the full"
WORDS = {
    Category.ACTIVE: ("Active", "held, measured, and used"),
    Category.IDLE: ("Idle", "held, measured, and not used"),
    Category.UNALLOCATED: ("Unallocated", "no pod on a node asks for it"),
    Category.STARTING: ("Starting", "held by a pod whose containers do not run yet"),
    Category.TERMINATING: ("Terminating", "held by a pod that should be gone"),
    Category.CRASHLOOP: ("Crash loop", "held by a pod that waits to be started again"),
    Category.UNKNOWN: ("Unknown", "held, and nothing says whether it is used"),
}


@dataclass(frozen=True, slots=True)
class Sum:
    """What several categories come to.

    Attributes:
        cell: money of the window.
        hours: device-hours.
        month: money of a month.
        percent: of everything; of money, or of hours where nothing has a price.
    """

    cell: Cell
    hours: str
    month: str
    percent: str


@dataclass(frozen=True, slots=True)
class Share:
    """A category, or a part of one, as a line of the chart.

    Attributes:
        style: the class of its colour and pattern.
        name, meaning: in words.
        hours: device-hours.
        cell: money.
        percent: of everything; of money, or of hours where nothing has a price.
        bar: how much that is.
        parts: what it is made of, where more is known.
    """

    style: str
    name: str
    meaning: str
    hours: str
    cell: Cell
    percent: str
    bar: tuple[Bar, ...] = ()
    parts: tuple[Share, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything together.

    Attributes:
        shares: by category; those that did not occur are left out.
        bar: all of them side by side.
        total, wasted, active, unknown: sums; the last three add up to the first.
        by_hours: nothing has a price.
        unpriced: device-hours without a price; empty if there are none.
    """

    shares: tuple[Share, ...]
    bar: tuple[Bar, ...]
    total: Sum
    wasted: Sum
    active: Sum
    unknown: Sum
    by_hours: bool
    unpriced: str


def overview(money: Money) -> Overview:
    """The headline and the chart."""
    costs, whole = money.costs, Whole.of(money)
    everything = costs.total()
    by_hours = not everything.money
    wasted = tuple(category for category in ORDER if category not in (Category.ACTIVE, Category.UNKNOWN))
    sets = (wasted, (Category.ACTIVE,), (Category.UNKNOWN,))
    months = [*money.months([costs.total(*categories) for categories in sets]), *money.months([everything])]
    sums = [
        Sum(
            money.cell(*whole.added(categories)),
            quantity(whole.of_hours(categories)),
            month,
            _percent(costs.total(*categories), everything, by_hours),
        )
        for categories, month in zip((*sets, ORDER), months, strict=True)
    ]
    used = used_by(costs, lambda _: (), by_hours=by_hours)[()]
    return Overview(
        shares=tuple(_share(money, whole, category, by_hours) for category in ORDER if whole.exact[category].hours),
        bar=bar(whole.exact, everything.hours if by_hours else everything.money, by_hours=by_hours, used=used),
        wasted=sums[0],
        active=sums[1],
        unknown=sums[2],
        total=sums[3],
        by_hours=by_hours,
        unpriced=sums[3].cell.unpriced,
    )


def used_by(costs: Costs, key: Callable[[CostLine], tuple[str, ...]], *, by_hours: bool) -> dict[tuple[str, ...], Fraction]:
    """What utilisation makes of active hours, or of their money, by what a function says of a line."""
    found: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
    for line in costs.lines:
        found[key(line)] += (line.used if by_hours else line.used_money) or _ZERO
    return found


def _percent(amount: Amount, total: Amount, by_hours: bool) -> str:
    return percent(amount.hours, total.hours) if by_hours else percent(amount.money, total.money)


def _share(money: Money, whole: Whole, category: Category, by_hours: bool) -> Share:
    exact, total = whole.exact[category], money.costs.total()
    parts = _parts(money.costs, category)
    named = list(parts)
    shown = spread([money.costs.shown(parts[name].money) for name in named], whole.money[category], money.places)
    unpriced = spread([parts[name].unpriced for name in named], whole.unpriced[category], 1)
    lasted = spread([parts[name].hours for name in named], whole.hours[category], 1)
    return Share(
        style=category.value,
        name=WORDS[category][0],
        meaning=WORDS[category][1],
        hours=quantity(whole.hours[category]),
        cell=money.cell(whole.money[category], exact, whole.unpriced[category]),
        percent=_percent(exact, total, by_hours),
        bar=bar({category: exact}, total.hours if by_hours else total.money, by_hours=by_hours),
        parts=tuple(
            Share(
                style={_USED: "active", _UNUSED: "unused"}.get(name, ""),
                name=name,
                meaning="",
                hours=quantity(lasted[index]),
                cell=money.cell(shown[index], parts[name], unpriced[index]),
                percent=_percent(parts[name], total, by_hours),
            )
            for index, name in enumerate(named)
            if len(named) > 1 or name in (_USED, _UNUSED)
        ),
    )


def _parts(costs: Costs, category: Category) -> dict[str, Amount]:
    """What a category is made of: the used part of what is active, or the details of what is not."""
    found: dict[str, Amount] = {}
    for line in (line for line in costs.lines if line.category is category):
        if category is Category.ACTIVE:
            for name, hours in ((_USED, line.used), (_UNUSED, line.hours - line.used)):
                priced = line.money is not None
                part = Amount(hours, (line.money or _ZERO) * hours / line.hours, _ZERO if priced else hours) if hours else Amount()
                found[name] = found.get(name, Amount()) + part
        else:
            name = line.detail or "other"
            found[name] = found.get(name, Amount()) + line.amount
    if category is Category.ACTIVE:
        return found
    return dict(sorted(found.items(), key=lambda entry: (-entry[1].money, -entry[1].hours, entry[0])))
