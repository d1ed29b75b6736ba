"""Runs the steps of a composite action as GitHub's runner would: bash with the same options, and the files that steps speak through.

Of the expressions, those are known that the action uses: ``inputs.…``, ``github.…``, ``steps.…outputs.…``, compared and joined by ``&&``.
Steps that use another action are not run; they are returned with their inputs.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Run:
    """What became of a run.

    Attributes:
        code: the exit code of the step that failed; 0 for none.
        output: what all steps printed.
        outputs: of the action.
        used: other actions that would have run, with their inputs.
        summary: what the steps wrote for the page of the run.
    """

    code: int = 0
    output: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    used: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: str = ""


def run(folder: Path, temp: Path, inputs: dict[str, str], github: dict[str, str]) -> Run:
    """Run the action of this repository.

    Args:
        folder: the checked-out repository.
        temp: a folder of the runner's own.
        inputs: as a workflow gives them.
        github: the context, such as ``base_ref``.
    """
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    unknown = set(inputs) - set(action["inputs"])
    assert not unknown, f"the action has no inputs {unknown}"
    known = {f"inputs.{name}": str(inputs.get(name, about.get("default", ""))) for name, about in action["inputs"].items()}
    known |= {f"github.{name}": value for name, value in github.items()}
    done = Run()
    files = {name: temp / name for name in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
    for step in action["runs"]["steps"]:
        if "if" in step and not _holds(step["if"], known):
            continue
        if "uses" in step:
            done.used[step["uses"]] = {name: _filled(value, known) for name, value in step.get("with", {}).items()}
            continue
        for file in files.values():
            file.touch()
        environment = {
            **os.environ,
            **{name: str(file) for name, file in files.items()},
            **{name: _filled(value, known) for name, value in step.get("env", {}).items()},
            "RUNNER_TEMP": str(temp),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_ACTIONS": "true",
            "PATH": os.pathsep.join([*reversed(files["GITHUB_PATH"].read_text(encoding="utf-8").split()), os.environ["PATH"]]),
        }
        assert step["shell"] == "bash"
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        done.output += ended.stdout + ended.stderr
        if "id" in step:
            lines = files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines()
            known |= {f"steps.{step['id']}.outputs.{name}": value for name, _, value in (line.partition("=") for line in lines)}
        if ended.returncode:
            done.code = ended.returncode
            break
    done.outputs = {name: _filled(about["value"], known) for name, about in action["outputs"].items()}
    done.summary = files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
    return done


def _filled(text: Any, known: dict[str, str]) -> str:
    return _EXPRESSION.sub(lambda match: known.get(match[1], ""), str(text))


def _holds(condition: str, known: dict[str, str]) -> bool:
    for part in condition.split("&&"):
        match = re.fullmatch(r"\s*([\w.-]+)\s*(==|!=)\s*'([^']*)'\s*", part)
        assert match, f"an expression that this runner does not know: {part}"
        if (known.get(match[1], "") == match[3]) is not (match[2] == "=="):
            return False
    return True
