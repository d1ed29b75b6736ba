"""Amounts as they are printed: parts add up to their whole, whatever they are."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from auditor.cost.model import rounded
from auditor.report import DIMENSIONS, WASTE, Category, CostLine, Costs, Figure, Split, as_money, details, figures, groups, percentages
from tests.reports import sample_costs as sample

ZERO = Decimal()
amounts = st.fractions(min_value=0, max_value=10_000, max_denominator=840)


@st.composite
def lines(draw: st.DrawFn) -> CostLine:
    """A line of any category, whose holder is one of a few; with a price or without."""
    category = draw(st.sampled_from(list(Category)))
    owned = category is not Category.UNALLOCATED
    holder = draw(st.sampled_from([sample.LLM, sample.NOTE, sample.BERT, sample.OLD])) if owned else ("", "", "", "")
    pool, detail = draw(st.sampled_from(["h100", "a100", "l4"])), draw(st.sampled_from(["", "warm", "free"]))
    hours = draw(amounts)
    used = draw(st.fractions(0, 1, max_denominator=7)) * hours if category is Category.ACTIVE else Fraction()
    return dataclasses.replace(sample.line(category, hours, holder, pool=pool, detail=detail), used=used)


all_costs = st.builds(
    lambda found, currency: dataclasses.replace(sample.COSTS, lines=tuple(found), currency=currency),
    st.lists(lines(), max_size=12),
    st.sampled_from([sample.USD, sample.EUR]),
)


def added(parts: list[Figure]) -> tuple[Decimal, Decimal]:
    return sum((part.hours for part in parts), ZERO), sum((part.money or ZERO for part in parts), ZERO)


@given(all_costs, st.integers(0, 6))
def test_categories_add_up(costs: Costs, places: int) -> None:
    split = Split.of(costs, places, places)
    assert added(list(split.categories.values())) == added([split.total])
    assert added([figure for category, figure in split.categories.items() if category in WASTE]) == added([split.wasted])
    assert sum(split.shares.values()) in (0, 100)
    assert all(figure.hours >= 0 and (figure.money or ZERO) >= 0 for figure in split.categories.values())
    for category, figure in split.categories.items():
        exact, unit = costs.total(category), Decimal(1).scaleb(-places)
        assert abs(Fraction(figure.hours) - exact.hours) < 2 * Fraction(unit)
        assert abs(Fraction(figure.money or ZERO) - costs.shown(exact.money)) < 2 * Fraction(unit)


@given(all_costs)
def test_groups_add_up(costs: Costs) -> None:
    split = Split.of(costs)
    for dimension in DIMENSIONS:
        found = groups(costs, dimension)
        assert added(split.wasted_by(costs, found)) == added([split.wasted])
        assert added(figures(costs, [group.paid for group in found])) == added([split.total])
        assert [group.wasted.money for group in found] == sorted((group.wasted.money for group in found), reverse=True)


@given(all_costs)
def test_details_are_all_of_their_category(costs: Costs) -> None:
    for category in Category:
        parts = details(costs, category)
        if parts:
            assert sum(part.hours for part in parts.values()) == costs.total(category).hours
            assert sum(part.money for part in parts.values()) == costs.total(category).money


@given(st.lists(amounts, min_size=1, max_size=9), st.data())
def test_parts_are_rounded_to_a_given_whole(parts: list[Fraction], data: st.DataObject) -> None:
    least = sum(int(part * 100) for part in parts)
    whole = Decimal(data.draw(st.integers(least - sum(part >= Fraction(1, 100) for part in parts), least + len(parts)))).scaleb(-2)
    shown = rounded(parts, 2, whole)
    assert sum(shown) == whole
    assert all(abs(Fraction(number) - part) <= Fraction(2, 100) for number, part in zip(shown, parts, strict=True))


def test_money_reads_like_money() -> None:
    assert as_money(Decimal("1320.96"), "USD") == "$1,320.96"
    assert as_money(Decimal("1320.96"), "EUR") == "1,320.96 EUR"
    assert as_money(Decimal("0.00"), "USD") == "$0.00"
    assert as_money(None, "USD") == "-"


def test_percentages_add_up() -> None:
    assert percentages([Fraction(1)] * 3) == [Decimal("33.4"), Decimal("33.3"), Decimal("33.3")]
    assert percentages([Fraction(), Fraction()]) == [0, 0]


def test_what_is_unknown_has_hours_and_no_money() -> None:
    costs = dataclasses.replace(sample.COSTS, lines=(sample.line(Category.IDLE, 5, sample.EMBED, pool="l4"),))
    split = Split.of(costs)
    assert split.total == split.wasted == Figure(Decimal("5.0"), None)
    assert not split.by_money
    assert split.shares == {Category.IDLE: 100}
