"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.testbed.plugin"]

# In CI the same examples each time; a busy machine is no failure anywhere.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=200)
settings.register_profile("here", deadline=None, max_examples=100)
settings.load_profile("ci" if os.environ.get("CI") else "here")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the clone."""
    return REPOSITORY


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real manifests of other projects, beside the clone; tests that need them are skipped where they are not."""
    folder = REPOSITORY.parent / "shared" / "corpus"
    if not folder.is_dir():
        pytest.skip("the corpus of real manifests is not beside the clone")
    return folder
