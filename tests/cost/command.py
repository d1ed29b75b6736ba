"""``mlaudit cost`` as tests ask it: its exit code, and what it says in JSON, with exact numbers."""

from __future__ import annotations

import contextlib
import io
import json
from decimal import Decimal
from typing import Any

from auditor.cli import main


def ask(*arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the costs."""
    out, code = io.StringIO(), None
    with contextlib.redirect_stdout(out):
        try:
            main(["cost", "-f", "json", *arguments])
        except SystemExit as stop:
            code = stop.code
    assert isinstance(code, int)
    found: dict[str, Any] = json.loads(out.getvalue(), parse_float=Decimal, parse_int=Decimal)["costs"]
    return code, found


def amounts(found: dict[str, Any]) -> dict[str, tuple[Decimal, Decimal]]:
    """Hours and money by category, without those that are 0, added up from the lines."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for line in found["lines"]:
        hours, money = sums.get(line["category"], (Decimal(0), Decimal(0)))
        sums[line["category"]] = (hours + line["hours"], money + line["money"])
    return sums
