"""Costs for programs: all of them, as the schema says, and adding up to the last digit."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given

from auditor.registry import renderer
from auditor.report import Costs, View
from tests.reports import sample_costs as sample
from tests.reports.test_shown import all_costs

SCHEMA = json.loads((Path(__file__).parents[2] / "reports" / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
EMPTY = dataclasses.replace(sample.NOW, lines=(), prices=())
GROUPS = ("teams", "namespaces", "workloads", "pools", "models")
FIGURE = ("hours", "money", "unpriced_hours")


def written(costs: Costs | None, **how: Any) -> Any:
    return json.loads(renderer("json").render(sample.report(costs), View()), **how)


def closed(schema: Any) -> Any:
    """The schema, in which no field may be there that it does not name. That also tells of fields that it names and nobody writes."""
    if isinstance(schema, list):
        return [closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        found.setdefault("unevaluatedProperties", False)
        found["required"] = sorted(
            {*schema.get("required", ()), *(name for name in schema["properties"] if "version" not in schema["properties"])}
        )
    return found


@pytest.mark.parametrize(
    "costs", [sample.COSTS, sample.NOW, sample.hostile(), EMPTY, None], ids=["usage", "now", "hostile", "empty", "none"]
)
def test_it_is_as_the_schema_says(costs: Costs | None) -> None:
    report = written(costs)
    VALIDATOR.validate(report)
    assert report == yaml.safe_load(renderer("yaml").render(sample.report(costs), View()))


def test_the_schema_names_every_field_and_no_other() -> None:
    schema = {"$ref": "#/$defs/costs", "$defs": {**SCHEMA["$defs"], "costs": closed(SCHEMA["$defs"]["costs"])}}
    for name in ("cost_line", "cost_action", "cost_price", "cost_group"):
        schema["$defs"][name] = closed(SCHEMA["$defs"][name])
    schema["$defs"]["monthly_figure"] = closed(SCHEMA["$defs"]["monthly_figure"])
    jsonschema.Draft202012Validator(schema).validate(written(sample.COSTS)["costs"])


def test_without_costs_there_is_null() -> None:
    assert written(None)["costs"] is None


@given(all_costs)
def test_everything_adds_up(costs: Costs) -> None:
    found = written(costs, parse_float=Decimal)["costs"]

    def added(parts: list[dict[str, Any]]) -> list[Decimal]:
        return [sum((Decimal(part[name] or 0) for part in parts), Decimal()) for name in FIGURE]

    total, wasted = ([Decimal(found[which][name] or 0) for name in FIGURE] for which in ("total", "wasted"))
    assert added(found["categories"]) == total
    assert added([part for part in found["categories"] if part["wasted"]]) == wasted
    assert added([part for category in found["categories"] for part in category["details"]]) == total
    for name in GROUPS:
        assert added(found[name]) == total
        assert added([group["wasted"] for group in found[name]]) == wasted
        assert added([part for group in found[name] for part in group["categories"].values()]) == total
    assert sum((Decimal(line["hours"]) for line in found["lines"]), Decimal()) == total[0]
    assert sum((Decimal(line["money"] or 0) for line in found["lines"]), Decimal()) == total[1]
    assert all(line["used_hours"] <= line["hours"] for line in found["lines"])


def test_money_without_a_price_is_null_and_hours_are_kept() -> None:
    found = written(sample.COSTS)["costs"]
    (pool,) = (group for group in found["pools"] if group["name"] == "l4")
    assert (pool["hours"], pool["money"], pool["unpriced_hours"]) == (436.5, None, 436.5)
    assert found["actions"][5]["saving_per_month"] is None
    assert found["prices"][2]["device_hour"] is None
    assert {line["money"] for line in found["lines"] if line["pool"] == "l4"} == {None}


def test_another_currency_is_that_of_every_amount() -> None:
    dollars, euros = (written(dataclasses.replace(sample.COSTS, currency=one))["costs"] for one in (sample.USD, sample.EUR))
    assert euros["currency"] == {"code": "EUR", "per_usd": 0.9, "date": "2026-11-20", "source": "the owner's file"}
    assert euros["total"]["money"] == pytest.approx(dollars["total"]["money"] * 0.9, abs=1e-5)
    assert euros["prices"][0]["device_hour"] == 6.192
    assert euros["actions"][1]["saving_per_month"] == 6750


def test_lists_have_an_entry_a_line() -> None:
    text: str = renderer("json").render(sample.report(sample.COSTS), View())
    assert '\n      {"category": "unallocated", "detail": "empty node", "namespace": "",' in text
    assert '\n    "total": {"hours": 3012.440476, "money": 15507.026533,' in text
