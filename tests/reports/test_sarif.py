"""SARIF as its schema says, and as GitHub takes it."""

from __future__ import annotations

import dataclasses
import gzip
import importlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from auditor.document import Unread
from auditor.registry import load_rules, renderer
from auditor.report import Report, Severity, View
from tests.reports import sample
from tests.reports import sample_machines as machines

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "fixtures" / "sarif" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft4Validator(SCHEMA)
sarif = importlib.import_module("auditor.reports.sarif")


def written(report: Report, **view: bool) -> Any:
    text = sarif.render(report, View(**view))
    text.encode("utf-8")
    log = json.loads(text)
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    accepted(run)
    return run


def accepted(run: dict[str, Any]) -> None:
    """What GitHub refuses a file for, and what the schema cannot say."""
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert rule["help"]["text"]
        assert len(rule["properties"]["tags"]) <= 10
        score = rule["properties"].get("security-severity")
        assert (score is not None) == ("security" in rule["properties"]["tags"])
        assert score is None or 0 < float(score) <= 10
    met = set()
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"].isascii()
        assert " " not in place["artifactLocation"]["uri"]
        assert place["region"]["startLine"] >= 1
        assert result["message"]["text"]
        if "ruleIndex" in result:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        identity = (result["partialFingerprints"]["mlaudit/v1"], place["artifactLocation"]["uri"], "suppressions" in result)
        assert identity not in met
        met.add(identity)


def test_a_report_on_files() -> None:
    run = written(machines.scanned())
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.name for rule in machines.scanned().catalogue]
    first = run["results"][0]
    assert first["ruleId"] == "gpu-without-limit"
    assert first["level"] == "error"
    assert first["message"]["text"] == "requests nvidia.com/gpu: 8 but sets no limit. Set limits to the same number"
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "k8s/serving/deployment.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 17, "startColumn": 9},
    }
    who, where = first["locations"][0]["logicalLocations"]
    assert who["kind"] == "resource"
    assert where["name"] == "resources"
    assert where["fullyQualifiedName"] == f"{who['fullyQualifiedName']}: spec.template.spec.containers[0].resources"
    assert set(first["partialFingerprints"]) == {"mlaudit/v1"}
    assert run["invocations"][0]["executionSuccessful"] is True


def test_severities_are_levels_and_the_worst_come_first() -> None:
    run = written(machines.scanned(), quiet=True)
    severities = [result["properties"]["severity"] for result in run["results"]]
    assert severities == sorted(severities, key=lambda name: -Severity[name.upper()])
    levels = {result["properties"]["severity"]: result["level"] for result in run["results"]}
    assert levels == {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}


def test_suppressed_findings_are_carried_unless_quiet() -> None:
    report = machines.scanned()
    report = dataclasses.replace(
        report,
        suppressed=tuple(
            dataclasses.replace(one, how=how) for one, how in zip(report.suppressed, ("comment", "annotation", "config"), strict=True)
        ),
    )
    found = [result["suppressions"] for result in written(report)["results"] if "suppressions" in result]
    assert sorted(entry["kind"] for (entry,) in found) == ["external", "inSource", "inSource"]
    assert {entry["justification"] for (entry,) in found} == {"accepted by the platform team"}
    assert {entry["properties"]["until"] for (entry,) in found} == {"2027-01-31"}
    assert not [result for result in written(report, quiet=True)["results"] if "suppressions" in result]


def test_what_is_missing_is_notified() -> None:
    report = dataclasses.replace(sample.report(None), unread=(Unread("./a b.yaml", 12, "no [link](x)", 5, remedy="repair it"),))
    run = written(report)
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    unread, failure, listing, *skipped = invocation["toolExecutionNotifications"]
    assert unread["message"]["text"] == r"no \[link](x). Repair it"
    assert unread["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 12, "startColumn": 5},
    }
    assert failure["associatedRule"] == {"id": "gpu-stranded"}
    assert listing["message"]["text"].startswith("nodepools.karpenter.sh could not be listed")
    assert [entry["level"] for entry in (unread, failure, listing)] == ["error"] * 3
    assert [entry["level"] for entry in skipped] == ["note", "note"]


def test_a_live_object_has_a_place_that_github_takes() -> None:
    report = sample.report(None)
    report = dataclasses.replace(
        report,
        findings=tuple(
            dataclasses.replace(one, file=f"Deployment/ml/{one.object.name}", line=0, column=0) for one in report.findings if one.object
        ),
    )
    for result in written(report)["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert place["region"]["startLine"] >= 1
        assert result["partialFingerprints"]["primaryLocationLineHash"] == result["partialFingerprints"]["mlaudit/v1"]


@pytest.mark.parametrize(
    ("file", "address"),
    [
        ("./a.yaml", {"uri": "a.yaml", "uriBaseId": "%SRCROOT%"}),
        ("k8s//./b/../ä ?#%.yaml", {"uri": "k8s/%C3%A4%20%3F%23%25.yaml", "uriBaseId": "%SRCROOT%"}),
        ("/work/a b.yaml", {"uri": "file:///work/a%20b.yaml"}),
        ("a:b.yaml", {"uri": "a%3Ab.yaml", "uriBaseId": "%SRCROOT%"}),
        ("<stdin>", {"uri": "%3Cstdin%3E", "uriBaseId": "%SRCROOT%"}),
        ("caf\udce9.yaml", {"uri": "caf%E9.yaml", "uriBaseId": "%SRCROOT%"}),
    ],
)
def test_files_have_addresses(file: str, address: dict[str, str]) -> None:
    report = dataclasses.replace(machines.scanned(), findings=(dataclasses.replace(machines.finding(1, "x"), file=file),))
    assert written(report)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"] == address


def test_hostile_names_are_text() -> None:
    run = written(machines.hostile())
    assert len(run["results"]) == 2 * len(machines.TEXTS)
    for result in run["results"]:
        assert result["message"]["text"].isprintable()
        assert all(entry["fullyQualifiedName"].isprintable() for entry in result["locations"][0]["logicalLocations"])
    files = {unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]) for result in run["results"]}
    assert f"k8s/{machines.TEXTS['pipe']}.yaml" in files


def test_one_object_twice_in_a_file_is_two_alerts() -> None:
    one = machines.finding(1, "x")
    run = written(dataclasses.replace(machines.scanned(), findings=(one, dataclasses.replace(one, line=9))), quiet=True)
    assert [result["partialFingerprints"]["mlaudit/v1"] for result in run["results"]] == [f"{1:016x}:1", f"{1:016x}:2"]


def test_more_results_than_github_takes_are_counted() -> None:
    (run,) = json.loads(sarif.render(machines.many(sarif.MOST_RESULTS + 5), View(quiet=True)))["runs"]
    assert len(run["results"]) == sarif.MOST_RESULTS
    assert "info" not in {result["properties"]["severity"] for result in run["results"][:1000]}
    (left,) = [entry for entry in run["invocations"][0]["toolExecutionNotifications"] if entry["level"] == "warning"]
    assert left["message"]["text"] == "5 less severe results are left out, for code scanning takes no more"


def test_a_file_is_no_larger_than_github_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST_BYTES", 20_000)
    text = sarif.render(machines.many(3000, 30), View())
    assert len(gzip.compress(text.encode())) <= 20_000
    run = json.loads(text)["runs"][0]
    assert len(run["results"]) > 100
    assert {result["level"] for result in run["results"]} == {"error"}
    assert f"{3003 - len(run['results'])} less severe results are left out" in text


def test_rules_that_count_as_security_exist() -> None:
    known = load_rules()
    assert set(known) >= sarif._SECURITY_RULES
    assert {rule.topic for rule in known.values()} >= sarif._SECURITY


def test_every_rule_is_described() -> None:
    from auditor.report import RuleInfo

    run = written(dataclasses.replace(machines.scanned(), catalogue=tuple(map(RuleInfo.of, load_rules().values()))))
    for rule in run["tool"]["driver"]["rules"]:
        assert "## Why it matters" in rule["help"]["markdown"]
        assert not rule["fullDescription"]["text"].startswith("#")


@pytest.mark.parametrize("profile", ["recommended", "strict"])
def test_the_corpus(profile: str, corpus: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from auditor.cli import main

    monkeypatch.chdir(corpus)
    file = tmp_path / "report.sarif"
    with pytest.raises(SystemExit):
        main(["scan", ".", "--profile", profile, "-f", f"sarif={file}"])
    log = json.loads(file.read_text(encoding="utf-8"))
    VALIDATOR.validate(log)
    accepted(log["runs"][0])
    assert len(log["runs"][0]["results"]) > 100


def test_the_same_report_is_the_same_text() -> None:
    assert renderer("sarif").render(machines.scanned(), View(width=80)) == renderer("sarif").render(
        machines.scanned(), View(width=200, colour=True)
    )
