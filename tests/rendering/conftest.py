"""A real kubectl and a real helm, where tests ask for them; elsewhere a tree of manifests and programs that misbehave."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rendering.tools import programs
from tests.testbed.build import NotBuilt

Tree = Callable[[dict[str, str]], None]


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """kubectl and helm on the PATH; without them the test is skipped, and fails in CI."""
    try:
        folders = programs()
    except NotBuilt as error:
        if os.environ.get("CI"):
            pytest.fail(f"nothing renders: {error}", pytrace=False)
        pytest.skip(f"nothing renders: {error}")
    monkeypatch.setenv("PATH", os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"]))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Writes files below the current folder, which is one of the test's own."""
    here = tmp_path / "tree"
    here.mkdir()
    monkeypatch.chdir(here)

    def write(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a program of some name first on the PATH; it leaves a mark when it runs, and then does what its script says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), "/usr/bin", "/bin"]))

    def put(name: str, script: str) -> Path:
        mark = tmp_path / f"{name}.ran"
        program = folder / name
        program.write_text(f"#!/bin/sh\ntouch '{mark}'\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        return mark

    return put
