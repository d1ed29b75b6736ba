"""``mlaudit fix`` as a user meets it."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import running
from tests.fix.test_mending import JOB, MENDED


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> int:
    return running.run("fix", *arguments)


def test_a_diff_is_printed_and_nothing_changes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "job.yaml").write_text(JOB)
    assert run(".") == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines()[:2] == ["--- job.yaml", "+++ job.yaml"]
    assert shown.out.endswith("+      restartPolicy: Never\n")
    assert shown.err == "1 can be fixed in 1 file; --write changes the files\n"
    assert (here / "job.yaml").read_text() == JOB


@pytest.mark.parametrize("tool", [("patch", "-p0"), ("git", "apply", "-p0")])
@pytest.mark.parametrize("change", ["", "windows", "no end"])
def test_the_diff_can_be_applied(here: Path, capsys: pytest.CaptureFixture[str], tool: tuple[str, ...], change: str) -> None:
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not installed")
    before, after = JOB.encode(), MENDED.encode()
    if change == "windows":
        before, after = before.replace(b"\n", b"\r\n"), after.replace(b"\n", b"\r\n")
    elif change == "no end":
        before, after = before.rstrip(), after.rstrip()
    (here / "job.yaml").write_bytes(before)
    shown = subprocess.run([sys.executable, "-m", "auditor", "fix", "job.yaml"], capture_output=True, check=False).stdout
    flags = ("--binary",) if tool[0] == "patch" else ()
    subprocess.run([*tool, *flags], input=shown, check=True, capture_output=True)
    assert (here / "job.yaml").read_bytes() == after


def test_write(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "job.yaml").write_text(JOB)
    assert run("--write", ".") == 0
    assert (here / "job.yaml").read_text() == MENDED
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "job.yaml:7: job-restart-policy-invalid fixed\n1 fixed in 1 file\n"
    assert run("--write", ".") == 0
    assert capsys.readouterr().err == "0 fixed in 0 files\n"


def test_what_is_not_fixed_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "job.yaml").write_text(f"{JOB}        # {{{{- if x }}}}\n")
    assert run("--write", ".") == 1
    assert capsys.readouterr().err.splitlines() == [
        "job.yaml:7: job-restart-policy-invalid not fixed: the file is a template: it has double braces",
        "0 fixed in 0 files, 1 not fixed",
    ]


def test_rules_are_chosen_as_in_scan(here: Path) -> None:
    (here / "job.yaml").write_text(JOB)
    assert run("--exclude-rule", "job-restart-policy-invalid", ".") == 0
    assert run("--rule", "quota-key-ignored", ".") == 0
    assert run("--tag", "job", ".") == 1
    assert run("--rule", "no-such-rule", ".") == 2


def test_what_cannot_be_read_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "job.yaml").write_text(JOB)
    (here / "broken.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name settings\n  namespace: a\n")
    assert run("--write", ".") == 3
    assert (here / "job.yaml").read_text() == MENDED
    assert capsys.readouterr().err.splitlines()[-1] == "1 fixed in 1 file, 1 input not read"


def test_nothing_to_fix_is_no_input(here: Path) -> None:
    assert run(".") == 2
    assert run("nowhere") == 2


@pytest.mark.parametrize("text", [JOB, JOB.replace("\n", "\r\n"), MENDED])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert run("--write", "-") == 0
    end = "\r\n" if "\r" in text else "\n"
    assert capfdbinary.readouterr().out.decode() == MENDED.replace("\n", end)
