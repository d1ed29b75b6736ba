from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a git repository, and the current directory."""
    root = tmp_path.resolve() / "repository"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    return root
