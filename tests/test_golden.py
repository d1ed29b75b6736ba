"""Whole reports, byte for byte, and manifests that must stay silent. `make docs` prints the golden files again."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.cli.scan import scan
from auditor.config import Settings
from tests import regenerate

SILENT = sorted((regenerate.ROOT / "fixtures" / "silent").glob("*.yaml"))


@pytest.mark.parametrize("name", regenerate.GOLDEN)
def test_report_is_the_golden_one(name: str) -> None:
    assert (regenerate.ROOT / "fixtures" / "golden" / name).read_text(encoding="utf-8") == regenerate.golden(name), (
        "if it is meant: `make docs`"
    )


@pytest.mark.parametrize("path", SILENT, ids=lambda path: path.stem)
def test_a_false_alarm_once_found_stays_silent(path: Path) -> None:
    report = scan((str(path),), Settings())
    assert report.summary.workloads == 1
    assert [(finding.line, finding.rule, finding.message) for finding in report.findings] == []
