"""GitLab's code quality JSON, by what its documentation says of each field."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.registry import renderer
from auditor.report import Report, View
from tests.reports import sample
from tests.reports import sample_machines as machines

# https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format (25 November 2026). GitLab ignores other fields, and publishes
# no schema.
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "additionalProperties": False,
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./)."},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "additionalProperties": False,
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def written(report: Report) -> Any:
    return checked(renderer("gitlab").render(report, View()).encode())


def checked(text: bytes) -> Any:
    assert text.startswith(b"[")  # no byte order mark
    found = json.loads(text)
    VALIDATOR.validate(found)
    assert len({issue["fingerprint"] for issue in found}) == len(found)
    return found


def test_a_finding_is_an_issue() -> None:
    found = written(machines.scanned())
    assert found[0] == {
        "description": "requests nvidia.com/gpu: 8 but sets no limit. Set limits to the same number",
        "check_name": "gpu-without-limit",
        "fingerprint": f"{0:016x}",
        "severity": "blocker",
        "location": {"path": "k8s/serving/deployment.yaml", "lines": {"begin": 17}},
    }
    assert [issue["severity"] for issue in found[:6]] == ["blocker", "critical", "major", "major", "minor", "info"]
    assert len(found) == len(machines.scanned().findings)


def test_what_could_not_be_judged_is_an_issue() -> None:
    unread, failure, *_ = written(dataclasses.replace(sample.report(None), findings=()))
    assert (unread["check_name"], unread["severity"], unread["location"]["lines"]) == ("unread", "blocker", {"begin": 12})
    assert failure["check_name"] == "gpu-stranded"


def test_two_copies_of_an_object_are_two_issues() -> None:
    one = machines.finding(1, "x")
    copy = dataclasses.replace(one, file="overlay/x.yaml")
    found = written(dataclasses.replace(machines.scanned(), findings=(one, copy, copy)))
    assert [issue["fingerprint"] for issue in found] == [f"{1:016x}", f"{1:016x}-2", f"{1:016x}-3"]


def test_hostile_and_empty() -> None:
    assert len(written(machines.hostile())) == 3 * len(machines.TEXTS)
    assert renderer("gitlab").render(sample.empty(), View()) == "[]\n"


def test_the_corpus(corpus: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from auditor.cli import main

    monkeypatch.chdir(corpus)
    with pytest.raises(SystemExit):
        main(["scan", ".", "-f", f"gitlab={tmp_path / 'quality.json'}"])
    assert len(checked((tmp_path / "quality.json").read_bytes())) > 100
