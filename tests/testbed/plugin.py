"""The cluster as a pytest fixture: ``pytest_plugins = ["tests.testbed.plugin"]`` in ``tests/conftest.py``.

Tests that use it are marked ``@pytest.mark.testbed``. It starts when the first of them asks, once per session. Where the programs are not
built, these tests are skipped with the reason, and fail if the variable CI is set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.testbed.build import NotBuilt, find
from tests.testbed.cluster import Testbed


@pytest.fixture(scope="session")
def testbed() -> Iterator[Testbed]:
    """One cluster for all tests. Leave its nodes and the cluster-wide objects as you found them."""
    try:
        binaries, reason = find(), ""
    except NotBuilt as error:
        binaries, reason = None, f"no testbed: {error}"
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with Testbed(binaries) as cluster:
        yield cluster


@pytest.fixture
def testbed_namespace(testbed: Testbed) -> Iterator[str]:
    """A namespace for one test."""
    name = testbed.namespace()
    yield name
    testbed.client().request("DELETE", f"/api/v1/namespaces/{name}")
