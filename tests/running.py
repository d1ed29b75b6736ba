"""The command, run in this process as a shell would run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.cli import main

_SCHEMA = json.loads((Path(__file__).resolve().parents[1] / "reports" / "report.schema.json").read_text(encoding="utf-8"))


def run(*arguments: str) -> int:
    """The exit code."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def scanned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The report of a scan, which has the shape that is published."""
    capsys.readouterr()
    run("scan", "-f", "json", *arguments)
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    jsonschema.validate(report, _SCHEMA)
    return report
