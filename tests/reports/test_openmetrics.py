"""OpenMetrics text, as Prometheus' own tools and client read it."""

from __future__ import annotations

import dataclasses
import math
import re
import subprocess
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import __version__
from auditor.registry import renderer
from auditor.report import Category, Costs, Severity, View, printable
from tests.reports import sample_costs as sample
from tests.reports.test_shown import all_costs
from tests.testbed.build import NotBuilt
from tests.testbed.packages import find

parser = pytest.importorskip("prometheus_client.openmetrics.parser", reason="needs the package prometheus-client, of the dev group")
module = renderer("openmetrics")
EXPECTED = Path(__file__).with_name("expected")
EMPTY = dataclasses.replace(sample.NOW, lines=(), prices=())
LABELS = {
    "mlaudit_build_info": {"version", "profile"},
    "mlaudit_report_timestamp_seconds": set(),
    "mlaudit_incomplete": set(),
    "mlaudit_findings": {"severity", "rule"},
    "mlaudit_window_seconds": set(),
    "mlaudit_device_seconds": {"category", "namespace", "team", "pool", "model"},
    "mlaudit_used_device_seconds": {"namespace", "team", "pool", "model"},
    "mlaudit_unpriced_device_seconds": {"category", "namespace", "team", "pool", "model"},
    "mlaudit_cost_dollars": {"category", "namespace", "team", "pool", "model"},
    "mlaudit_actions": {"kind", "cash"},
    "mlaudit_actions_saving_dollars_per_month": {"kind", "cash"},
    "mlaudit_telemetry_coverage_ratio": set(),
    "mlaudit_capacity_coverage_ratio": set(),
}


def written(costs: Costs | None, number: int = 3, rules: int = 100) -> str:
    findings = tuple(sample.finding(line, Severity(2 + line % 2)) for line in range(number))
    text: str = module.render(sample.report(costs, findings, rules), View())
    return text


def read(text: str) -> dict[str, list[Any]]:
    """Samples by metric, as the client's parser of OpenMetrics understands them; it is strict."""
    return {family.name: family.samples for family in parser.text_string_to_metric_families(text)}


def test_the_text_is_the_expected_one() -> None:
    assert written(sample.COSTS).replace(__version__, "VERSION") == (EXPECTED / "metrics.prom").read_text(encoding="utf-8")


@pytest.mark.parametrize("costs", [sample.COSTS, sample.NOW, sample.hostile(), EMPTY, None])
def test_a_parser_reads_what_is_documented(costs: Costs | None) -> None:
    found = read(written(costs))
    assert found.keys() <= LABELS.keys()
    for name, samples in found.items():
        assert {frozenset(one.labels) for one in samples} == {frozenset(LABELS[name])}
        assert re.search(rf"^    {name}\b", str(module.__doc__), re.MULTILINE)
    assert written(costs).endswith("\n# EOF\n")


def test_every_metric_is_written_and_documented() -> None:
    assert read(written(sample.COSTS)).keys() == LABELS.keys()
    assert set(re.findall(r"^    (mlaudit_\w+)", str(module.__doc__), re.MULTILINE)) == LABELS.keys()


@pytest.mark.parametrize("costs", [sample.COSTS, sample.hostile(), None])
def test_promtool_has_nothing_to_say(costs: Costs | None) -> None:
    try:
        promtool = find("promtool")
    except NotBuilt as reason:
        pytest.skip(str(reason))
    done = subprocess.run([promtool, "check", "metrics"], input=written(costs).encode(), capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@given(all_costs)
def test_series_add_up(costs: Costs) -> None:
    found = read(written(costs))

    def total(name: str, **labels: str) -> float:
        return math.fsum(one.value for one in found.get(name, []) if labels.items() <= one.labels.items())

    for category in Category:
        amount = costs.total(category)
        assert total("mlaudit_device_seconds", category=str(category)) == pytest.approx(float(amount.hours * 3600), abs=1)
        assert total("mlaudit_cost_dollars", category=str(category)) == pytest.approx(float(amount.money), abs=1e-3)
    assert total("mlaudit_device_seconds") == pytest.approx(float(costs.total().hours * 3600), abs=0.1)
    assert total("mlaudit_unpriced_device_seconds") == pytest.approx(float(costs.total().unpriced * 3600), abs=0.1)


@given(st.text(max_size=40), st.text(max_size=40))
def test_label_values_are_what_names_are(name: str, team: str) -> None:
    lines = (dataclasses.replace(sample.line(Category.IDLE, 1, sample.LLM), namespace=name, team=team),)
    (one,) = read(written(dataclasses.replace(sample.COSTS, lines=lines)))["mlaudit_device_seconds"]
    assert (one.labels["namespace"], one.labels["team"]) == tuple(
        text if len(text) <= 200 else text[:199] + "…" for text in map(printable, (name, team))
    )


@pytest.mark.parametrize("owners", [140, 990, 5_000])
def test_series_are_bounded_and_the_rest_is_other(owners: int) -> None:
    lines = tuple(
        dataclasses.replace(sample.line(category, 1 + number % 97, sample.LLM), namespace=f"n{number}", team=f"t{number}")
        for number in range(owners)
        for category in (Category.IDLE, Category.ACTIVE, Category.STARTING, Category.UNKNOWN, Category.CRASHLOOP, Category.TERMINATING)
    )
    found = read(written(dataclasses.replace(sample.COSTS, lines=lines)))
    for name in ("mlaudit_device_seconds", "mlaudit_cost_dollars", "mlaudit_used_device_seconds"):
        assert len(found[name]) <= module.MOST
    other = [one for one in found["mlaudit_device_seconds"] if one.labels["namespace"] == "other"]
    assert {one.labels["category"] for one in other} == (set() if owners == 140 else {str(line.category) for line in lines})
    assert math.fsum(one.value for one in found["mlaudit_device_seconds"]) == sum(line.hours for line in lines) * 3600
    named = [one.value for one in found["mlaudit_device_seconds"] if one.labels["namespace"] != "other"]
    assert min(named) >= (97 - math.ceil(165 / (owners // 97)) if owners > 165 else 0) * 3600


def test_severities_without_findings_are_zero() -> None:
    found = Counter({one.labels["severity"]: one.value for one in read(written(None))["mlaudit_findings"]})
    assert found == {"critical": 0, "high": 1, "medium": 2, "low": 0, "info": 0}


def test_dollars_stay_dollars() -> None:
    assert written(dataclasses.replace(sample.COSTS, currency=sample.EUR)) == written(sample.COSTS)


def test_what_is_not_known_is_absent() -> None:
    found = read(written(sample.NOW))
    assert "mlaudit_telemetry_coverage_ratio" not in found
    assert found["mlaudit_incomplete"][0].value == 0
    assert read(written(sample.COSTS))["mlaudit_incomplete"][0].value == 1
    assert found["mlaudit_device_seconds"][0].value == Fraction(2 * 3600)
