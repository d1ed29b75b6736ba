"""``mlaudit scan`` as a user meets it: what it prints, and how it exits."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from auditor.registry import load_rules
from tests.running import run

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "reports" / "report.schema.json").read_text(encoding="utf-8"))

CRITICAL = """\
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:1.0
    resources:
      requests: {cpu: 1, memory: 1Gi, nvidia.com/gpu: 1}
      limits: {memory: 1Gi}
"""
CLEAN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"
BROKEN = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name settings\n  namespace: a\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scanned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    run("scan", "-f", "json", *arguments)
    return json.loads(capsys.readouterr().out)


def test_clean_input_exits_with_0(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(CLEAN)
    assert run("scan", "a.yaml") == 0
    assert capsys.readouterr().out.splitlines()[0] == "0 findings"


def test_a_finding_exits_with_1_and_has_a_place_that_editors_open(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(CRITICAL)
    assert run("scan", "--rule", "gpu-request-not-equal-limit", "a.yaml") == 1
    out = capsys.readouterr().out
    assert "a.yaml:9:39  gpu-request-not-equal-limit" in out
    assert "\x1b" not in out, "no colour where there is no terminal"


@pytest.mark.parametrize(("fail_on", "code"), [("critical", 1), ("high", 1), ("never", 0)])
def test_fail_on(here: Path, fail_on: str, code: int) -> None:
    (here / "a.yaml").write_text(CRITICAL)
    assert run("scan", "--rule", "gpu-request-not-equal-limit", "--fail-on", fail_on, "a.yaml") == code


def test_exit_zero_silences_findings_but_not_errors(here: Path) -> None:
    (here / "a.yaml").write_text(CRITICAL)
    assert run("scan", "--exit-zero", "a.yaml") == 0
    (here / "b.yaml").write_text(BROKEN)
    assert run("scan", "--exit-zero", ".") == 3


def test_something_unreadable_beats_findings(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(CRITICAL + "---\n" + BROKEN + "---\n" + CLEAN)
    assert run("scan", "-f", "json", ".") == 3
    report = json.loads(capsys.readouterr().out)
    assert [(entry["file"], entry["line"]) for entry in report["unread"]] == [("a.yaml", 16)]
    assert report["summary"]["objects"] == 2, "the neighbours of a broken document are judged"
    syntax = [finding for finding in report["findings"] if finding["rule"] == "yaml-syntax-error"]
    assert [(finding["file"], finding["line"]) for finding in syntax] == [("a.yaml", 15)], "the line without a colon, not the one after it"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing-here",), "there is no file or directory 'nothing-here'"),
        (("--rule", "gpu-request-not-equal-limits", "a.yaml"), "did you mean gpu-request-not-equal-limit"),
        (("--exclude-rule", "nope", "a.yaml"), "there is no rule 'nope'"),
        (("--tag", "llm-servin", "a.yaml"), "there is no tag 'llm-servin'"),
        (("--kubernetes-version", "latest", "a.yaml"), "'latest' is no Kubernetes version"),
        (("--option", "nonsense", "a.yaml"), "'nonsense' is no option of a rule"),
        (("--option", "gpu-request-not-equal-limit.size=3", "a.yaml"), "has no option 'size'"),
    ],
)
def test_bad_usage_is_one_line_and_2(here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str) -> None:
    (here / "a.yaml").write_text(CLEAN)
    assert run("scan", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1


def test_nothing_to_judge_is_an_error(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "values.yaml").write_text("image: {tag: latest}\n")
    assert run("scan", ".") == 2
    assert "no Kubernetes object in what was scanned (1 Helm values file)" in capsys.readouterr().err
    empty = here / "empty"
    empty.mkdir()
    assert run("scan", "empty") == 2
    assert "no file was found" in capsys.readouterr().err


def test_no_path_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scan") == 2
    assert "PATH" in capsys.readouterr().err


def test_standard_input(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CRITICAL.encode())))
    report = scanned(capsys, "--rule", "gpu-request-not-equal-limit", "-")
    assert [(finding["file"], finding["line"]) for finding in report["findings"]] == [("<stdin>", 9)]


def test_output_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(CRITICAL)
    assert run("scan", "-f", "json", "-o", "report.json", "a.yaml") == 1
    assert capsys.readouterr().out == ""
    assert json.loads((here / "report.json").read_text())["version"] == 1
    assert run("scan", "-o", "no/such/folder/report.txt", "a.yaml") == 3
    assert "cannot write" in capsys.readouterr().err


def test_json_matches_its_schema_and_yaml_says_the_same(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    report = scanned(capsys, "fixtures/demo", "--profile", "strict")
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert report["findings"]
    assert report["suppressed"]
    run("scan", "-f", "yaml", "fixtures/demo", "--profile", "strict")
    assert yaml.safe_load(capsys.readouterr().out) == report


def test_every_rule_that_is_named_is_told_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    report = scanned(capsys, "fixtures/demo", "--profile", "strict")
    named = {entry["rule"] for part in ("findings", "suppressed", "failures") for entry in report[part]}
    assert [rule["name"] for rule in report["rules"]] == sorted(named)
    known = load_rules()
    for rule in report["rules"]:
        assert (rule["title"], rule["topic"]) == (known[rule["name"]].title, known[rule["name"]].topic)
        assert "## Why it matters" in rule["help"]
        assert "# finding" not in rule["help"]
        assert "# <- here" in rule["help"]


def test_summary_adds_up(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    report = scanned(capsys, "fixtures")
    summary = report["summary"]
    assert summary["files"] == summary["files_judged"] + summary["files_unread"] + summary["files_not_judged"]
    assert summary["documents"] == summary["objects"] + len(report["unread"]) + sum(report["not_judged"].values())
    assert sum(summary["findings"].values()) == len(report["findings"])


def test_thresholds_leave_findings_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    everything = scanned(capsys, "fixtures/demo")["findings"]
    severe = scanned(capsys, "fixtures/demo", "--min-severity", "high")["findings"]
    certain = scanned(capsys, "fixtures/demo", "--min-confidence", "high")["findings"]
    assert severe == [finding for finding in everything if finding["severity"] in ("critical", "high")]
    assert certain == [finding for finding in everything if finding["confidence"] == "high"]
    assert len(severe) < len(everything)


def test_rules_are_chosen_by_name_exclusion_and_tag(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    rules = load_rules()
    only = scanned(capsys, "fixtures/demo", "--rule", "quota-key-ignored")
    assert {finding["rule"] for finding in only["findings"]} == {"quota-key-ignored"}
    without = scanned(capsys, "fixtures/demo", "--exclude-rule", "quota-key-ignored")
    assert "quota-key-ignored" not in {finding["rule"] for finding in without["findings"]}
    tagged = scanned(capsys, "fixtures/demo", "--tag", "llm-serving")
    assert tagged["findings"]
    assert all("llm-serving" in rules[finding["rule"]].tags for finding in tagged["findings"])


@pytest.mark.parametrize("seed", ["0", "1", "12345"])
def test_same_bytes_whatever_the_hash_seed(seed: str, tmp_path: Path) -> None:
    def once(value: str) -> bytes:
        command = [sys.executable, "-m", "auditor", "scan", "fixtures/demo", "--profile", "strict", "-f", "json"]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": value}, capture_output=True, check=False)
        assert done.returncode == 1, done.stderr
        return done.stdout

    assert once(seed) == once("7")


@pytest.mark.parametrize("group", ["file", "object", "rule", "severity"])
@pytest.mark.parametrize("columns", [80, 200])
def test_table_keeps_to_the_terminal(group: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", str(columns))
    run("scan", "fixtures/demo", "--group-by", group)
    lines = capsys.readouterr().out.splitlines()
    too_long = [
        line
        for line in lines
        if len(line) > columns and " " in line.strip()[:columns] and not line.lstrip().startswith(("critical", "high", "medium"))
    ]
    assert too_long == []


def test_colour_when_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(CRITICAL)
    run("scan", "--color", "always", "a.yaml")
    assert "\x1b[1;31mcritical" in capsys.readouterr().out


def test_hostile_names_stay_text(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(CRITICAL.replace("name: train", 'name: "a\\e[31m\\u202eb\\u0007"'))
    run("scan", "a.yaml")
    out = capsys.readouterr().out
    assert "Pod a\\u001b[31m\\u202eb\\u0007" in out
    assert all(character.isprintable() or character == "\n" for character in out)


def test_quiet_and_verbose(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    run("scan", "-q", "fixtures/demo")
    quiet = capsys.readouterr().out
    run("scan", "fixtures/demo")
    normal = capsys.readouterr().out
    run("scan", "-v", "fixtures/demo")
    verbose = capsys.readouterr().out
    assert "Not judged" not in quiet
    assert "Not judged: 1 Helm values file" in normal
    assert len(verbose) >= len(normal) > len(quiet)


def test_quiet_says_why_a_report_is_incomplete(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "broken.yaml").write_text("a: [")
    (here / "nowhere.yaml").symlink_to("gone")
    assert run("scan", "-q", ".") == 3
    said = capsys.readouterr().out
    assert "Could not be read: 1\n  nowhere.yaml  is a symbolic link that leads nowhere" in said
    assert said.count("broken.yaml:") == 1, "a finding speaks of it"


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m auditor scan fixtures/demo -f json --exit-zero | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == "0"


def test_a_tag_that_a_kustomization_sets_is_not_floating(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pod.yaml").write_text(CRITICAL.replace("train:1.0", "train:latest"))
    (here / "kustomization.yaml").write_text("resources: [pod.yaml]\nimages:\n- name: ghcr.io/example/train\n  newTag: 2.1.0\n")
    report = scanned(capsys, ".")
    assert {finding["rule"] for finding in report["findings"]} == {"gpu-request-not-equal-limit", "shared-memory-missing"}
