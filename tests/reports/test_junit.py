"""JUnit and Checkstyle XML, as parsers of them read it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from auditor.registry import renderer
from auditor.report import Report, View, printable
from tests.reports import sample
from tests.reports import sample_machines as machines

junitparser = pytest.importorskip("junitparser", reason="needs the package junitparser, of the dev group")


def suites(report: Report) -> Any:
    return junitparser.JUnitXml.fromstring(renderer("junit").render(report, View()).encode())


def test_findings_are_failures_by_rule() -> None:
    report = machines.scanned()
    found = suites(report)
    assert (found.tests, found.failures, found.errors, found.skipped) == (44, 40, 0, 3)
    names = [suite.name for suite in found]
    assert names[0] == "mlaudit"
    assert names[1:] == sorted({finding.rule for finding in report.findings})
    (suite,) = (suite for suite in found if suite.name == "gpu-without-limit")
    case, (outcome,) = (case := next(iter(suite))), case.result
    assert case.classname == "mlaudit.gpu-without-limit"
    assert case.name == "Deployment ml-serving/llm-70b: spec.template.spec.containers[0].resources"
    assert case._elem.get("file") == "k8s/serving/deployment.yaml"
    assert isinstance(outcome, junitparser.Failure)
    assert outcome.type == "critical"
    assert outcome.message == "requests nvidia.com/gpu: 8 but sets no limit"
    assert outcome.text == (
        "requests nvidia.com/gpu: 8 but sets no limit\n→ set limits to the same number\n\n"
        "k8s/serving/deployment.yaml:17:9\ncritical, confidence medium"
    )


def test_numbers_are_those_of_the_cases() -> None:
    for report in (machines.scanned(), machines.hostile(), sample.report(None), sample.empty()):
        found = suites(report)
        written = (found.tests, found.failures, found.errors, found.skipped)
        each = [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in found]
        found.update_statistics()
        assert written == (found.tests, found.failures, found.errors, found.skipped)
        for suite, numbers in zip(found, each, strict=True):
            suite.update_statistics()
            assert numbers == (suite.tests, suite.failures, suite.errors, suite.skipped)


def test_no_two_cases_are_the_same() -> None:
    for report in (machines.scanned(), machines.hostile(), machines.many(300)):
        names = [(case.classname, case.name) for suite in suites(report) for case in suite]
        assert len(names) == len(set(names))


def test_a_name_does_not_move_with_the_lines() -> None:
    report = machines.scanned()
    moved = dataclasses.replace(report, findings=tuple(dataclasses.replace(one, line=one.line + 5) for one in report.findings))
    names, after = ([case.name for suite in suites(one) for case in suite] for one in (report, moved))
    assert names == after


def test_what_was_not_read_is_an_error_and_what_is_suppressed_is_skipped() -> None:
    found = suites(sample.report(None))
    outcomes = {case.name: case.result[0] for suite in found for case in suite if case.result}
    unread = outcomes["reads k8s/broken.yaml:12"]
    assert isinstance(unread, junitparser.Error)
    assert unread.text.startswith("mapping values are not allowed here")
    assert isinstance(outcomes["lists nodepools.karpenter.sh"], junitparser.Error)
    assert isinstance(outcomes[f"judges Notebook research/{sample.ATTACK}"], junitparser.Error)
    skipped = [outcome for outcome in outcomes.values() if isinstance(outcome, junitparser.Skipped)]
    assert len(skipped) == 3
    assert skipped[0].message == "suppressed: accepted by the platform team, until 2027-01-31"
    assert "reads everything" not in {case.name for suite in found for case in suite}


def test_without_findings_there_is_a_case() -> None:
    (suite,) = suites(sample.empty())
    assert [(case.name, case.result) for case in suite] == [("reads everything", [])]


def test_hostile_names_survive() -> None:
    messages = {case.result[0].message for suite in suites(machines.hostile()) for case in suite if case.result}
    assert messages >= {printable(text) for text in machines.TEXTS.values()}


def test_checkstyle_has_a_file_with_its_errors() -> None:
    root = ElementTree.fromstring(renderer("checkstyle").render(machines.scanned(), View()))
    (file,) = root
    assert file.attrib == {"name": "k8s/serving/deployment.yaml"}
    assert len(file) == 40
    assert file[0].attrib == {
        "line": "17", "column": "9", "severity": "error", "source": "mlaudit.gpu-without-limit",
        "message": "requests nvidia.com/gpu: 8 but sets no limit. Set limits to the same number",
    }  # fmt: skip
    hostile = ElementTree.fromstring(renderer("checkstyle").render(machines.hostile(), View()))
    assert len(list(hostile.iter("error"))) == 3 * len(machines.TEXTS)
    assert all(entry.get("message", "").isprintable() for entry in hostile.iter("error"))


def test_the_corpus(corpus: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from auditor.cli import main

    monkeypatch.chdir(corpus)
    with pytest.raises(SystemExit):
        main(["scan", ".", "-f", f"junit={tmp_path / 'junit.xml'}", "-f", f"checkstyle={tmp_path / 'checkstyle.xml'}"])
    found = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert len(list(ElementTree.parse(tmp_path / "checkstyle.xml").iter("error"))) == found.failures
    assert found.errors > 0
