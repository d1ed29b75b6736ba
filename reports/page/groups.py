"""The tables of the page: who had how much of everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from auditor.report import Amount, Category, CostLine

from .amounts import ORDER, Cell, Money, Whole, quantity, spread, table
from .charts import Bar, bar
from .overview import used_by

__all__ = ["Group", "Row", "groups"]

_ZERO = Fraction(0)
_Part = tuple[str, frozenset[Category]]
# Columns of the tables. What rarely happens is one column; the chart tells it apart.
_COLUMNS: tuple[_Part, ...] = (
    ("Active", frozenset({Category.ACTIVE})),
    ("Idle", frozenset({Category.IDLE})),
    ("Unallocated", frozenset({Category.UNALLOCATED})),
    ("Not running", frozenset({Category.STARTING, Category.TERMINATING, Category.CRASHLOOP})),
    ("Unknown", frozenset({Category.UNKNOWN})),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        name: who.
        note: what is known about it besides.
        hours: device-hours.
        total: money.
        cells: money by column.
        bar: by category, as wide as it is large among the rows.
    """

    name: str
    note: str
    hours: str
    total: Cell
    cells: tuple[Cell, ...]
    bar: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A table.

    Attributes:
        id: names it in the page.
        title: its heading.
        first: what its rows are.
        columns: headings of the cells.
        rows: the most expensive first.
        total: the last line.
    """

    id: str
    title: str
    first: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Row


def groups(money: Money) -> tuple[Group, ...]:
    """The tables."""
    nobody = "(unallocated)"

    def held(name: str, line: CostLine) -> str:
        return name or (nobody if line.category is Category.UNALLOCATED else "(not known)")

    return (
        _group(money, ("team", "Team"), lambda line: (held(line.team, line), "")),
        _group(money, ("namespace", "Namespace"), lambda line: (held(line.namespace, line), "")),
        _group(
            money,
            ("workload", "Workload"),
            lambda line: (held(line.workload, line), " · ".join(word for word in (line.role, line.team) if word)),
        ),
        _group(money, ("node pool", "Node pool"), lambda line: (line.pool or "(no pool)", "")),
        _group(money, ("device model", "Device model"), lambda line: (line.model or "(not known)", "")),
    )


def _group(money: Money, heads: tuple[str, str], key: Callable[[CostLine], tuple[str, ...]]) -> Group:
    title, first = heads
    costs, whole = money.costs, Whole.of(money)
    columns = [part for part in _COLUMNS if any(whole.exact[category].hours for category in part[1])]
    ordered = [[category for category in ORDER if category in part[1]] for part in columns]
    found = costs.by(key)
    exact = [[sum((amounts.get(category, Amount()) for category in part), Amount()) for part in ordered] for amounts in found.values()]
    totals = [whole.added(part) for part in ordered]
    shown = table([[costs.shown(cell.money) for cell in row] for row in exact], [entry[0] for entry in totals], money.places)
    unpriced = table([[cell.unpriced for cell in row] for row in exact], [entry[2] for entry in totals], 1)
    sums = [sum(row, Amount()) for row in exact]
    lasted = spread([row.hours for row in sums], whole.of_hours(ORDER), 1)
    by_hours = not costs.total().money
    used = used_by(costs, key, by_hours=by_hours)
    largest = max((row.hours if by_hours else row.money for row in sums), default=_ZERO)

    def row(names: tuple[str, ...], numbers: Sequence[tuple[Decimal, Amount, Decimal]], lasted: Decimal, bars: tuple[Bar, ...]) -> Row:
        total = sum((entry[1] for entry in numbers), Amount())
        paid = sum((entry[0] for entry in numbers), Decimal(0))
        return Row(
            name=names[0],
            note=names[1],
            hours=quantity(lasted),
            total=money.cell(paid, total, sum((entry[2] for entry in numbers), Decimal(0))),
            cells=tuple(money.cell(*entry) for entry in numbers),
            bar=bars,
        )

    rows = [
        row(
            names,
            list(zip(shown[index], exact[index], unpriced[index], strict=True)),
            lasted[index],
            bar(found[names], largest, by_hours=by_hours, used=used[names]),
        )
        for index, names in enumerate(found)
    ]
    last = row(("All", ""), totals, whole.of_hours(ORDER), ())
    return Group(f"by-{title.replace(' ', '-')}", f"By {title}", first, tuple(part[0] for part in columns), tuple(rows), last)
