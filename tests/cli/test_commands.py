"""The other commands, and the command line as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from auditor import __version__
from auditor.cli import main
from auditor.registry import load_rules

ROOT = Path(__file__).resolve().parents[2]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    captured = capsys.readouterr()
    code = stopped.value.code
    assert isinstance(code, int)
    return code, captured.out, captured.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"mlaudit {__version__}\n", "")


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(f"  {command}" in out for command in ("scan", "rules", "explain", "completion"))


def test_an_unknown_command_that_is_a_path_gets_a_hint(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, out, err = run(capsys, "fixtures")
    assert (code, out) == (2, "")
    assert "did you mean `mlaudit scan fixtures`?" in err


def test_rules_lists_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "rules")
    assert code == 0
    assert all(name in out for name in load_rules())
    assert f"{len(load_rules())} rules" in out
    assert run(capsys, "rules", "-f", "names")[1].split() == list(load_rules())


def test_rules_of_a_profile_and_a_tag(capsys: pytest.CaptureFixture[str]) -> None:
    names = run(capsys, "rules", "--profile", "pss-baseline", "-f", "names")[1].split()
    assert "privileged-container" in names
    assert "image-tag-floating" not in names
    entries = json.loads(run(capsys, "rules", "--tag", "llm-serving", "-f", "json")[1])
    assert entries
    assert all("llm-serving" in entry["tags"] for entry in entries)


@pytest.mark.parametrize("columns", ["80", "160"])
def test_rules_fit_the_terminal(columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert max(map(len, run(capsys, "rules")[1].splitlines())) <= int(columns)


@pytest.mark.parametrize("name", load_rules())
def test_explain_prints_the_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "explain", name)
    assert (code, err) == (0, "")
    assert out.startswith(f"# {name}: {load_rules()[name].title}\n")
    assert "## Bad" in out
    assert "# <- here" in out
    assert "# finding" not in out


def test_explain_of_a_near_miss_suggests_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "explain", "shared-memory-mising")
    assert (code, out) == (2, "")
    assert err.startswith("mlaudit: there is no rule 'shared-memory-mising'; did you mean shared-memory-missing")
    assert err.count("\n") == 1
    assert "`mlaudit rules` lists them" in run(capsys, "explain", "qqqqqq")[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "completion", shell)
    assert code == 0
    assert "_MLAUDIT_COMPLETE" in out


def test_completion_knows_rule_names() -> None:
    environment = {
        "_MLAUDIT_COMPLETE": "bash_complete",
        "COMP_WORDS": "mlaudit explain shared-",
        "COMP_CWORD": "2",
        "PATH": "/usr/bin:/bin",
    }
    code = "import sys; sys.argv = ['mlaudit']; from auditor.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "plain,shared-memory-missing" in done.stdout
