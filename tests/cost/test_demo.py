"""The recorded cluster of the demo: what `make demo` shows of it."""

from __future__ import annotations

import contextlib
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from auditor.cli import main

SNAPSHOT = Path(__file__).resolve().parents[2] / "fixtures" / "cluster.tar.gz"


def run(*arguments: str) -> tuple[object, str]:
    out, code = io.StringIO(), None
    with contextlib.redirect_stdout(out):
        try:
            main(["cost", "--snapshot", str(SNAPSHOT), *arguments])
        except SystemExit as stop:
            code = stop.code
    return code, out.getvalue()


def test_the_parts_add_up_to_what_there_was() -> None:
    code, text = run("-f", "json")
    costs: dict[str, Any] = json.loads(text, parse_float=Decimal, parse_int=Decimal)["costs"]
    assert code == 0
    assert costs["basis"] == "usage"
    nodes = {"H100": 16, "L4": 8}
    hours = {model: sum(line["hours"] for line in costs["lines"] if line["model"] == model) for model in nodes}
    looked = hours["L4"] / 8
    assert 167 < looked <= 168
    for model, count in nodes.items():
        assert abs(hours[model] - looked * count) < Decimal("0.00001")
    money = sum(line["money"] for line in costs["lines"])
    assert abs(money - looked * (2 * Decimal("55.04") + 2 * Decimal("4.6016"))) < Decimal("0.0001")


def test_the_first_thing_to_do_is_the_most_expensive() -> None:
    _, text = run("-f", "json")
    actions = json.loads(text)["costs"]["actions"]
    savings = [action["saving_per_month"] or 0 for action in actions]
    assert savings == sorted(savings, reverse=True)
    assert actions[0]["target"] == "Deployment/serving/llm-gateway"


def test_every_format_shows_it() -> None:
    for form in ("table", "json", "yaml", "html", "markdown", "openmetrics"):
        code, text = run("-f", form)
        assert code == 0
        assert "llm-gateway" in text or form == "openmetrics"
        assert "serving" in text
