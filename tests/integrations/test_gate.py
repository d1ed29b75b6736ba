"""What the README promises of the gate: five lines, and a pull request is judged by what it brings in."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integrations.action import Run, run
from tests.integrations.conftest import RANKER, WITH_LIMIT, WITHOUT, git

ROOT = Path(__file__).resolve().parents[2]
RULE = "gpu-request-not-equal-limit"


def workflow() -> dict[str, Any]:
    """The workflow of the README."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    block = next(block for block in blocks if "/mlaudit@" in block)
    assert len([line for line in block.splitlines() if line.strip() and not line.startswith("#")]) == 5
    found: dict[str, Any] = yaml.safe_load(block)
    return found


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runner's own folder, where the first run installs mlaudit."""
    return tmp_path_factory.mktemp("runner")


def pull_request(repository: Path, runner: Path, title: str, old: str, new: str) -> Run:
    """Judge a branch on which one text of a manifest is another."""
    git(repository, "checkout", "--quiet", "-b", title, "origin/main")
    file = repository / RANKER
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    git(repository, "commit", "--quiet", "--all", "--message", title)
    checkout, gate = workflow()["jobs"]["mlaudit"]["steps"]
    assert checkout["with"] == {"fetch-depth": 0}
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        (runner / name).unlink(missing_ok=True)
    return run(repository, runner, gate.get("with", {}), {"base_ref": "main"})


def errors(done: Run) -> list[str]:
    return [line for line in done.output.splitlines() if line.startswith("::error")]


def test_a_pull_request_is_judged_by_what_it_brings_in(repository: Path, runner: Path) -> None:
    harmless = pull_request(repository, runner, "harmless", "replicas: 2\n", "replicas: 3\n")
    assert (harmless.code, errors(harmless)) == (0, []), harmless.output

    worse = pull_request(repository, runner, "worse", WITH_LIMIT, WITHOUT)
    line = 1 + next(n for n, text in enumerate((repository / RANKER).read_text(encoding="utf-8").splitlines()) if "nvidia.com/gpu" in text)
    assert worse.code == 1
    assert len(errors(worse)) == 1, worse.output
    assert errors(worse)[0].startswith(f"::error file={RANKER},line={line},")
    assert RULE in errors(worse)[0]
    assert RULE in worse.summary

    reason = "the webhook of this cluster adds it"
    before = "            nvidia.com/gpu: 1\n          "
    comment = f"            nvidia.com/gpu: 1  # mlaudit: ignore[{RULE}] {reason}\n          "
    excused = pull_request(repository, runner, "excused", before + WITH_LIMIT, comment + WITHOUT)
    assert (excused.code, errors(excused)) == (0, []), excused.output
    assert reason in excused.summary
    (program,) = Path((runner / "GITHUB_PATH").read_text(encoding="utf-8").split()[0]).glob("mlaudit")
    subprocess.run([str(program), "scan", "-f", "sarif=all.sarif", "--exit-zero", "."], cwd=repository, check=True)
    sarif = json.loads((repository / "all.sarif").read_text(encoding="utf-8"))
    silenced = [result for result in sarif["runs"][0]["results"] if result.get("suppressions") and result["ruleId"] == RULE]
    assert [result["suppressions"][0]["justification"] for result in silenced] == [reason]


def test_sarif_is_uploaded_when_asked(repository: Path, runner: Path) -> None:
    done = run(repository, runner, {"sarif": "true", "arguments": "--profile=strict\n--fail-on=never"}, {"base_ref": ""})
    assert done.code == 0, done.output
    (upload,) = (given for name, given in done.used.items() if name.startswith("github/codeql-action/upload-sarif@"))
    sarif = json.loads(Path(upload["sarif_file"]).read_text(encoding="utf-8"))
    assert sarif["runs"][0]["results"]
    assert not any("suppressions" in result for result in sarif["runs"][0]["results"])


def test_bad_usage_is_the_verdict(repository: Path, runner: Path) -> None:
    done = run(repository, runner, {"arguments": "--profile=none"}, {"base_ref": ""})
    assert done.code == 2
