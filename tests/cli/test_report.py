"""``mlaudit report``: what was stored is written again, and ends as the run ended."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from tests.running import run

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT = str(ROOT / "fixtures" / "cluster.tar.gz")
RUNS = {
    "scan": ("scan", "fixtures/demo", "--profile", "strict"),
    "scan --cost": ("scan", "fixtures/demo", "--cost", "--region", "us-east-1"),
    "cluster": ("cluster", "--snapshot", SNAPSHOT),
    "cluster --cost": ("cluster", "--snapshot", SNAPSHOT, "--cost"),
    "cost": ("cost", "--snapshot", SNAPSHOT),
}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize("name", RUNS)
def test_the_same_bytes_and_the_same_end(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = tmp_path / "report.json"
    code = run(*RUNS[name], "-f", "json", "-o", str(stored))
    for options in (["-f", "table", "-v"], ["-f", "html", "--group-by", "object"], ["-f", "json"], ["-f", "openmetrics"]):
        assert run(*RUNS[name], *options) == code
        direct = capsys.readouterr().out
        assert run("report", str(stored), *options) == code
        assert capsys.readouterr().out == direct


def scanned(tmp_path: Path, *options: str) -> Path:
    stored = tmp_path / "report.json"
    run("scan", "fixtures/demo", "-f", "json", "-o", str(stored), *options)
    return stored


def test_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    manifest = os.fsencode(tmp_path) + b"/\xff.yaml"
    with open(manifest, "w") as opened:  # noqa: PTH123 - a path of bytes
        opened.write("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n")
    stored, direct, again = (tmp_path / name for name in ("report.json", "direct", "again"))
    for form in ("table", "yaml", "html", "json"):
        run("scan", os.fsdecode(manifest), "-f", "json", "-o", str(stored))
        run("scan", os.fsdecode(manifest), "-f", form, "-o", str(direct))
        run("report", str(stored), "-f", form, "-o", str(again))
        assert again.read_bytes() == direct.read_bytes()


def test_the_run_says_what_makes_it_fail_and_an_option_goes_before_it(tmp_path: Path) -> None:
    assert run("report", str(scanned(tmp_path))) == 1
    assert run("report", str(scanned(tmp_path)), "--exit-zero") == 0
    assert run("report", str(scanned(tmp_path)), "--fail-on", "never") == 0
    stored = scanned(tmp_path, "--fail-on", "never")
    assert run("report", str(stored)) == 0
    assert run("report", str(stored), "--fail-on", "low") == 1


def test_what_is_incomplete_stays_so(tmp_path: Path) -> None:
    stored = scanned(tmp_path)
    report = json.loads(stored.read_text(encoding="utf-8"))
    report["unread"] = [{"file": "a.yaml", "line": 0, "reason": "it cannot be read"}]
    stored.write_text(json.dumps(report))
    assert run("report", str(stored), "--exit-zero") == 3


def test_standard_input(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    data = scanned(tmp_path).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    capsys.readouterr()
    assert run("report", "-", "-f", "json") == 1
    assert capsys.readouterr().out.encode() == data


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("missing.json", "cannot read missing.json: No such file or directory; give a file that was written with -f json"),
        ("fixtures", "cannot read fixtures: Is a directory; give a file that was written with -f json"),
        (
            "pyproject.toml",
            "pyproject.toml is no report of mlaudit: it is not JSON (line 1, column 2: Expecting value); give the file that `mlaudit scan"
            " -f json -o FILE` wrote, or one of `cluster` or `cost`",
        ),
    ],
)
def test_what_is_no_report_is_a_line_and_exit_code_2(file: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("report", file) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"mlaudit: {message}\n")
