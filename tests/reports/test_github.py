"""Workflow commands, read as GitHub's runner reads them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.registry import renderer
from auditor.report import Report, Severity, View, printable
from tests.reports import sample
from tests.reports import sample_machines as machines


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    data: str


def read(line: str) -> Command | None:
    """A line of the log as the runner takes it, with its order of escapes: ``TryParseV2`` in src/Runner.Common/ActionCommand.cs."""
    line = line.lstrip()
    end = line.find("::", 2)
    if not line.startswith("::") or end < 0:
        return None
    name, _, given = line[2:end].partition(" ")
    properties = {}
    for part in filter(None, given.strip().split(",")):
        key, _, value = part.partition("=")
        if value:
            for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
                value = value.replace(escape, character)
            properties[key] = value
    data = line[end + 2 :]
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        data = data.replace(escape, character)
    return Command(name, properties, data)


def rendered(report: Report, **view: bool) -> list[str]:
    text: str = renderer("github").render(report, View(**view))
    assert text == "" or text.endswith("\n")
    return text.split("\n")[:-1]


def commands(report: Report, **view: bool) -> list[Command]:
    return [command for line in rendered(report, **view) if (command := read(line))]


def test_a_finding_is_an_annotation_beside_its_line() -> None:
    first = commands(machines.scanned())[0]
    assert first == Command(
        "error",
        {"file": "k8s/serving/deployment.yaml", "line": "17", "col": "9", "title": "critical: gpu-without-limit"},
        "Deployment ml-serving/llm-70b: requests nvidia.com/gpu: 8 but sets no limit\n→ set limits to the same number",
    )


def test_ten_of_each_level_and_the_worst_of_them() -> None:
    report = machines.scanned()
    lines = rendered(report)
    found = commands(report)
    assert [command.name for command in found] == ["error"] * 10 + ["warning"] * 10 + ["notice"] * 10
    assert [command.properties["title"].partition(":")[0] for command in found[:10]] == ["critical"] * 7 + ["high"] * 3
    assert lines[-2] == "mlaudit: 4 more errors, 4 more warnings, 2 more notices without an annotation: GitHub shows 10 of each in a step"
    assert lines[-1] == "mlaudit: 40 findings: 7 critical, 7 high, 14 medium, 6 low, 6 info; 3 suppressed"
    assert len(commands(report, verbose=True)) == 40
    assert len(rendered(report, verbose=True)) == 41


def test_levels() -> None:
    names = {command.properties["title"].partition(":")[0]: command.name for command in commands(machines.scanned(), verbose=True)}
    assert names == {"critical": "error", "high": "error", "medium": "warning", "low": "notice", "info": "notice"}


def test_what_could_not_be_judged_comes_first() -> None:
    unread, failure, listing, *_ = commands(sample.report(None))
    assert unread.properties == {"file": "k8s/broken.yaml", "line": "12", "col": "5", "title": "could not be read"}
    assert unread.data == "mapping values are not allowed here"
    assert failure.properties["title"] == "the rule gpu-stranded failed"
    assert listing.data == "nodepools.karpenter.sh: forbidden: the account may not list them"


def test_broken_syntax_is_said_once() -> None:
    report = sample.report(None)
    broken = dataclasses.replace(machines.finding(12, "x", "yaml-syntax-error"), file=report.unread[0].file, object=None)
    titles = [command.properties["title"] for command in commands(dataclasses.replace(report, findings=(broken,)))]
    assert "could not be read" not in titles
    assert titles[-1] == "medium: yaml-syntax-error"


def test_a_live_object_has_no_file() -> None:
    one = dataclasses.replace(machines.finding(3, "x"), line=0, column=0)
    (command,) = commands(dataclasses.replace(machines.scanned(), findings=(one,)))
    assert command.properties == {"title": "high: gpu-without-limit"}
    assert command.data.startswith("Deployment x/x: x")


def test_nothing_but_a_line_where_all_is_well() -> None:
    assert rendered(sample.empty()) == ["mlaudit: 0 findings"]
    assert rendered(sample.empty(), quiet=True) == []


@given(st.text(min_size=1) | st.text(st.sampled_from(list("%:,;=\r\n]#02ACDa ")), min_size=1))
def test_texts_come_back(text: str) -> None:
    one = machines.finding(1, text)
    report = dataclasses.replace(machines.scanned(), findings=(one,), suppressed=())
    lines = rendered(report, quiet=True)
    assert len(lines) == 1
    command = read(lines[0])
    assert command is not None
    assert command.data == f"Deployment {printable(text)}/{printable(text)}: {printable(text)}\n→ {printable(text)}"
    assert command.properties["title"] == f"{Severity(1)}: gpu-without-limit"
    assert set(command.properties) == {"file", "line", "col", "title"}


def test_hostile_names_give_no_command() -> None:
    lines = rendered(machines.hostile(), verbose=True)
    found = [read(line) for line in lines[:-1]]
    assert len(found) == 3 * len(machines.TEXTS)
    assert {command.name for command in found if command} == {"error", "warning", "notice"}
    assert all(line.isprintable() for line in lines)


def test_the_corpus(corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from auditor.cli import main

    monkeypatch.chdir(corpus)
    with pytest.raises(SystemExit):
        main(["scan", ".", "-f", "github"])
    found = [command for line in capsys.readouterr().out.splitlines() if (command := read(line))]
    assert 10 <= len(found) <= 30
    for command in found:
        assert (corpus / command.properties["file"]).is_file()
