"""What the configuration silences: by which conditions, counted, and reported itself when it has expired or is of no use."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import jsonschema
import pytest

from auditor.config import Settings
from auditor.document import Document
from auditor.engine import evaluate
from auditor.registry import load_rules
from auditor.snapshot import Snapshot
from auditor.source.text import read_text
from tests.cli.test_scan import SCHEMA
from tests.config.writing import TAG, places, pod, run, scanned, written

RECORDED = Path(__file__).resolve().parents[2] / "fixtures" / "cluster.tar.gz"
ABOUT = ("--rule", TAG, "--rule", "suppression-unused", "--rule", "suppression-expired")


def config(folder: Path, *entries: str) -> None:
    (folder / "mlaudit.yaml").write_text("ignore:\n" + "".join(f"- {entry}\n" for entry in entries))


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ("path: k8s/", True),
        ("path: k8s", True),
        ("path: '*.yaml'", True),
        ("path: k8s/*.yaml", False),
        ("path: 'k8s/**/a.yaml'", True),
        ("path: team/a.yaml", False),
        ("path: [other, team]", True),
        ("path: a.yml", False),
        ("kind: Pod", True),
        ("kind: [Job, Po*]", True),
        ("kind: pod", False),
        ("namespace: m?", True),
        ("namespace: prod", False),
        ("name: 'tr*'", True),
        ("name: tr", False),
        ("labels: {team: search}", True),
        ("labels: {team: 's*', tier: x}", False),
        ("labels: {team: [a, search]}", True),
        ("labels: {owner: '*'}", False),
        ("kind: Pod, name: train, namespace: ml, path: k8s", True),
        ("kind: Pod, name: other", False),
    ],
)
def test_all_conditions_must_hold(here: Path, capsys: pytest.CaptureFixture[str], condition: str, matches: bool) -> None:
    (here / "k8s" / "team").mkdir(parents=True)
    (here / "k8s" / "team" / "a.yaml").write_text(pod())
    config(here, f"{{rules: {TAG}, reason: known, {condition}}}")
    report = scanned(capsys, "--rule", TAG, ".")
    assert len(report["findings"]) == (not matches)
    assert [(entry["how"], entry["reason"]) for entry in report["suppressed"]] == [("config", "known")] * matches
    assert report["tool"]["configuration"] == "mlaudit.yaml"
    jsonschema.validate(report, SCHEMA)


def test_paths_are_relative_to_the_file_wherever_the_scan_starts(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "k8s").mkdir()
    (here / "k8s" / "a.yaml").write_text(pod())
    config(here, f"{{rules: {TAG}, path: k8s/a.yaml, reason: known}}")
    for folder, path in ((here, "k8s"), (here / "k8s", "."), (here / "k8s", "a.yaml"), (here.parent, str(here)), (here, "./k8s/../k8s")):
        monkeypatch.chdir(folder)
        assert scanned(capsys, "--rule", TAG, path)["findings"] == []


def test_several_rules_and_every_rule(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod())
    config(here, f"{{rules: [trust-remote-code, {TAG}], reason: known}}")
    assert scanned(capsys, "--rule", TAG, ".")["findings"] == []
    config(here, "{rules: '*', kind: Pod, reason: known}")
    report = scanned(capsys, "--profile", "strict", ".")
    assert report["findings"] == []
    assert len(report["suppressed"]) > 5


def test_input_that_cannot_be_read_is_silenced_by_path_only(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text("a: [\n")
    config(here, "{rules: yaml-syntax-error, kind: Pod, reason: known}")
    assert run("scan", ".") == 3
    assert "yaml-syntax-error" in capsys.readouterr().out.split("Not read")[0]
    config(here, "{rules: yaml-syntax-error, path: a.yaml, reason: known}")
    assert run("scan", "--exit-zero", "."), "what is not read makes the report incomplete all the same"
    assert "Suppressed: 1" in capsys.readouterr().out


def test_the_last_day_counts_and_the_day_after_does_not(here: Path) -> None:
    ignores = written(here, f"ignore:\n- {{rules: {TAG}, reason: known, until: 2026-11-25}}\n").values["ignore"]

    document = next(item for item in read_text(pod(), "a.yaml") if isinstance(item, Document))
    for day, silenced in ((24, 1), (25, 1), (26, 0)):
        settings = Settings(ignores=ignores, today=datetime.date(2026, 11, day))
        outcome = evaluate(Snapshot([document]), [load_rules()[TAG]], settings)
        assert len(outcome.suppressed) == silenced
        assert len(outcome.findings) == 1 - silenced


def test_an_expired_entry_is_reported_in_its_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod())
    config(here, f"{{rules: {TAG}, reason: known, until: 2025-01-01}}")
    report = scanned(capsys, *ABOUT, ".")
    assert places(report) == [(TAG, "a.yaml", 7), ("suppression-expired", "mlaudit.yaml", 2)]
    assert report["findings"][1]["message"] == f"this entry of `ignore` ended on 2025-01-01; what {TAG} finds is reported again"


def test_an_unused_entry_is_reported_for_each_rule_in_its_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod().replace("latest", "1.0"))
    (here / "mlaudit.yaml").write_text(f"ignore:\n- rules:\n  - trust-remote-code\n  - {TAG}\n  kind: Pod\n  reason: known\n")
    report = scanned(capsys, *ABOUT, ".")
    assert places(report) == [("suppression-unused", "mlaudit.yaml", 4)], "trust-remote-code was not asked"
    assert report["findings"][0]["message"] == f"this entry of `ignore` silences {TAG}, which finds nothing in kind Pod"


def test_an_entry_for_what_is_not_in_view_is_not_called_unused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("k8s", "other"):
        (here / folder).mkdir()
        (here / folder / "a.yaml").write_text(pod())
    config(here, *(f"{{rules: {TAG}, {condition}, reason: known}}" for condition in ("path: other/", "path: gone/", "kind: Job")))
    assert places(scanned(capsys, *ABOUT, "k8s")) == [(TAG, "k8s/a.yaml", 7)], "only part of the tree was scanned"
    assert places(scanned(capsys, *ABOUT, ".")) == [(TAG, "k8s/a.yaml", 7), ("suppression-unused", "mlaudit.yaml", 3)]


def test_an_entry_that_meets_what_a_comment_silences_is_not_unused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod().replace("latest", f"latest  # mlaudit: ignore[{TAG}] here"))
    config(here, f"{{rules: {TAG}, kind: Pod, reason: known}}")
    report = scanned(capsys, *ABOUT, ".")
    assert report["findings"] == []
    assert [entry["how"] for entry in report["suppressed"]] == ["comment"]


def test_findings_about_suppressions_can_be_silenced(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod().replace("latest", f"1.0  # mlaudit: ignore[{TAG}] here"))
    assert places(scanned(capsys, *ABOUT, ".")) == [("suppression-unused", "a.yaml", 7)]
    config(here, "{rules: suppression-unused, kind: Pod, reason: known}")
    assert places(scanned(capsys, *ABOUT, ".")) == []


def test_severity_and_thresholds_come_after_ignores(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(pod())
    config(here, f"{{rules: {TAG}, kind: Pod, reason: known}}")
    assert places(scanned(capsys, *ABOUT, "--min-severity", "high", ".")) == [], "a used entry is used, whatever is shown"


def test_many_objects_in_several_processes(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.engine._PARALLEL_FROM", 10)
    (here / "a.yaml").write_text("---\n".join(pod(f"train-{number}") for number in range(300)))
    config(here, f"{{rules: {TAG}, name: train-299, reason: known}}", f"{{rules: {TAG}, name: 'train-?', reason: known}}")
    report = scanned(capsys, *ABOUT, ".")
    assert len(report["suppressed"]) == 11
    assert len(report["findings"]) == 289


@pytest.mark.parametrize("name", ["table", "json", "yaml", "html", "markdown"])
def test_formats_show_the_reason(here: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (here / "a.yaml").write_text(pod())
    config(here, f"{{rules: {TAG}, kind: Pod, reason: known since spring, until: 2099-01-31}}")
    assert run("scan", "-f", name, ".") == 0
    out = capsys.readouterr().out
    assert "known since spring" in out
    assert "2099" in out


def test_a_live_cluster_is_judged_by_the_file_of_the_current_directory(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Entries with a path are for files; a Namespace counts as living in itself."""
    config(
        here,
        "{rules: [requests-missing, namespace-without-gpu-quota], namespace: research, reason: a sandbox}",
        "{rules: requests-missing, path: '**', reason: files only}",
    )
    command = ("cluster", "--snapshot", str(RECORDED), "-f", "json", "--exit-zero")
    assert run(*command, "--no-config") == 0
    before = json.loads(capsys.readouterr().out)["findings"]
    assert run(*command) == 0
    report = json.loads(capsys.readouterr().out)
    silenced = [(entry["rule"], entry["object"]["namespace"], entry["object"]["name"]) for entry in report["suppressed"]]
    assert [rule for rule, namespace, name in silenced].count("requests-missing") == 3
    assert ("namespace-without-gpu-quota", "", "research") in silenced
    assert all("research" in (namespace, name) for _, namespace, name in silenced)
    assert len(report["findings"]) == len(before) - len(silenced)
