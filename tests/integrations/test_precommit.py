"""The hooks, run by pre-commit itself in a git repository: it clones this one and installs it into an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.conftest import RANKER, WITH_LIMIT, WITHOUT, git

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps its environments: one for all tests."""
    return tmp_path_factory.mktemp("pre-commit")


def hook(repository: Path, home: Path, name: str) -> subprocess.CompletedProcess[str]:
    """What pre-commit says of a hook of this clone, as it is now."""
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(ROOT), name, "--all-files", "--color=never", "--verbose"]
    environment = {**os.environ, "PRE_COMMIT_HOME": str(home), "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)


def test_the_whole_repository_is_judged(repository: Path, home: Path) -> None:
    done = hook(repository, home, "mlaudit")
    assert done.returncode == 1, done.stderr
    assert "k8s/training/finetune.yaml" in done.stdout


def test_only_what_is_new_blocks(repository: Path, home: Path) -> None:
    assert hook(repository, home, "mlaudit-new").returncode == 0
    file = repository / RANKER
    file.write_text(file.read_text(encoding="utf-8").replace(WITH_LIMIT, WITHOUT), encoding="utf-8")
    git(repository, "add", ".")
    done = hook(repository, home, "mlaudit-new")
    assert done.returncode == 1, done.stdout
    assert "gpu-request-not-equal-limit" in done.stdout
    assert "k8s/training/finetune.yaml" not in done.stdout
