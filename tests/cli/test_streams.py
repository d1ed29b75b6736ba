"""Standard output that is closed or full, or whose reader goes away: never a traceback, and never the exit code of a finding."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.cli import main, scan

ROOT = Path(__file__).resolve().parents[2]
FAULTY = ROOT / "fixtures/demo/training"
COMMANDS = [
    ("scan", str(FAULTY), "--exit-zero"),
    ("scan", str(FAULTY), "--exit-zero", "-f", "json"),
    ("fix", str(FAULTY)),
    ("rules",),
    ("explain", "image-tag-floating"),
    ("config", str(FAULTY)),
    ("prices",),
]

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110


def run(redirection: str, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$@" {redirection}', "bash", sys.executable, "-m", "auditor", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_device_is_said_in_a_line(arguments: tuple[str, ...]) -> None:
    code, said = run("> /dev/full", *arguments)
    assert code == 3
    assert said.startswith("mlaudit: cannot write to standard output: No space left on device")
    assert said.count("\n") == 1


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", "> /dev/null"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_closed_is_as_good_as_null(arguments: tuple[str, ...], redirection: str) -> None:
    code, said = run(redirection, *arguments)
    assert code == (1 if arguments[0] == "fix" else 0)
    assert "Error" not in said


def test_a_reader_that_goes_away_turns_no_finding_into_none(tmp_path: Path) -> None:
    for number in range(40):  # more than a pipe holds
        (tmp_path / f"{number}.yaml").write_text((FAULTY / "finetune.yaml").read_text())
    assert run("| head -1", "scan", str(tmp_path)) == (1, "")
    assert run("| true", "scan", str(tmp_path), "-f", "json") == (1, "")


def test_a_report_is_not_read_from_a_closed_stream() -> None:
    assert run("<&-", "report", "-") == (2, "mlaudit: standard input is closed; pipe a report into the command\n")


def test_a_mistake_of_ours_is_no_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> None:
        raise TypeError("two\nlines")

    monkeypatch.setattr(scan, "scan", broken)
    with pytest.raises(SystemExit) as stopped:
        main(["scan", str(FAULTY)])
    assert stopped.value.code == 3
    said = capsys.readouterr().err
    assert said.startswith("mlaudit: a mistake in mlaudit itself, please report it: TypeError: two lines (test_streams.py:")
    assert said.count("\n") == 1
