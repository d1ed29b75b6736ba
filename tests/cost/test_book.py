"""The price book: whole, dated, and in proportion."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from auditor.cost.prices import Figure, Row, book, same_type
from auditor.finding import Confidence

# Machines whose price is mostly that of their host: one device with 8 times the processors.
HOSTS = {"g4dn.8xlarge", "g4dn.16xlarge", "g5.16xlarge", "g6.16xlarge", "g6e.16xlarge", "nv36ads_a10_v5", "nv72ads_a10_v5"}


def test_no_row_stands_twice() -> None:
    seen = Counter((row.cloud, same_type(row.instance_type), row.region, row.unit, row.model) for row in book().rows)
    assert [key for key, count in seen.items() if count > 1] == []


def test_types_are_of_one_cloud_and_one_shape() -> None:
    for rows in book().by_type.values():
        assert len({(row.cloud, row.model, row.devices, row.unit) for row in rows}) == 1


@pytest.mark.parametrize("row", book().rows, ids=lambda row: f"{row.cloud}-{row.instance_type}-{row.model}-{row.region}")
def test_rows(row: Row) -> None:
    assert row.figures
    for figure in row.figures:
        assert figure.usd > 0
        assert figure.source.where
        assert figure.source.confidence < Confidence.HIGH
    assert row.devices is None or row.devices > 0
    assert row.unit in ("node", "device", "host", "add-on")
    if row.on_demand and row.spot:
        assert row.spot.usd <= row.on_demand.usd
        assert row.spot.low is None or row.spot.low <= row.spot.usd
    for commitment in (row.one_year, row.three_year):
        assert commitment is None or row.on_demand is None or commitment.usd < row.on_demand.usd


@pytest.mark.parametrize("row", [row for row in book().rows if row.unit == "node"], ids=lambda row: f"{row.instance_type}-{row.region}")
def test_prices_on_demand_are_in_proportion_to_their_model(row: Row) -> None:
    reference = book().references.get(row.model)
    if reference is None or row.on_demand is None or not row.schedulable or same_type(row.instance_type) in HOSTS:
        return
    share = Fraction(row.on_demand.usd) / row.schedulable / Fraction(reference.device_hour.usd)
    assert Fraction(3, 10) <= share <= 3


def test_references_are_shares_of_rows() -> None:
    for reference in book().references.values():
        if reference.instance_type:
            row = book().of_type(reference.instance_type)[0]
            assert row.on_demand
            assert row.schedulable
            assert row.model == reference.model or {row.model, reference.model} in ({"A10G", "A10"}, {"V100-16GB", "V100-32GB"})
            assert abs(Fraction(row.on_demand.usd) / row.schedulable - Fraction(reference.device_hour.usd)) < Fraction(1, 100)


def test_days() -> None:
    dates = book().dates
    assert str(dates[0]) == "2024-12-23"
    assert str(dates[-1]) == "2026-11-09"
    figures: list[Figure] = [figure for row in book().rows for figure in row.figures]
    assert all(figure.source.date or figure.source.confidence is Confidence.LOW for figure in figures)
