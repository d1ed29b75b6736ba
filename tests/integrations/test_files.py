"""The files by which other programs take mlaudit up, against what those programs say of their form."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def valid(schema: str, file: Path) -> subprocess.CompletedProcess[str]:
    """What check-jsonschema, which carries the published schemas, says of a file."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_action_has_the_form_of_an_action() -> None:
    done = valid("vendor.github-actions", ROOT / "action.yml")
    assert done.returncode == 0, done.stdout


def test_inputs_of_the_action_are_never_a_part_of_a_script() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert [step["name"] for step in action["runs"]["steps"] if "${{" in step.get("run", "")] == []


def test_the_hooks_have_the_form_of_hooks() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_template_for_gitlab_has_the_form_of_a_pipeline(tmp_path: Path) -> None:
    spec, pipeline = yaml.safe_load_all((ROOT / "templates" / "mlaudit.yml").read_text(encoding="utf-8"))
    text = json.dumps(pipeline)
    wanted = set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", text))
    assert wanted == set(spec["spec"]["inputs"])
    file = tmp_path / "pipeline.json"
    file.write_text(text, encoding="utf-8")
    done = valid("vendor.gitlab-ci", file)
    assert done.returncode == 0, done.stdout


def test_the_container_copies_what_it_needs_and_runs_as_nobody() -> None:
    """It is not built here: that takes a registry and a container engine."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 65532:65532"]
    assert lines[-1] == 'ENTRYPOINT ["mlaudit"]'
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wheel = re.search(r"targets\.wheel\]\nonly-include = \[(.*?)\]", project)
    assert wheel
    needed = {*re.findall(r'"(\w+)"', wheel[1]), "pyproject.toml", "README.md", "LICENSE"}
    assert set(kept) == needed
    assert all((ROOT / name).exists() for name in kept)


@pytest.mark.parametrize("name", ["action.yml", ".pre-commit-hooks.yaml", "templates/mlaudit.yml"])
def test_options_that_the_files_name_exist(name: str) -> None:
    from auditor.cli.scan import command

    known = {option for parameter in command.params for option in parameter.opts}
    text = (ROOT / name).read_text(encoding="utf-8")
    used = {option for line in text.splitlines() if "mlaudit scan" in line for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", line)}
    assert used - known == set()
