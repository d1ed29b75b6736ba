"""The cluster, and a Prometheus, as pytest fixtures: ``pytest_plugins = ["tests.testbed.plugin"]`` in ``tests/conftest.py``.

Tests that use them are marked ``@pytest.mark.testbed``. The cluster starts when the first of them asks, once per session. Where the
programs are not there, these tests are skipped with the reason, and fail if the variable CI is set.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NoReturn

import pytest

from tests.testbed import packages
from tests.testbed.build import Binaries, NotBuilt, find
from tests.testbed.cluster import Testbed
from tests.testbed.prometheus import Prometheus
from tests.testbed.prometheus import prometheus as run_prometheus


@pytest.fixture(scope="session")
def testbed() -> Iterator[Testbed]:
    """One cluster for all tests. Leave its nodes and the cluster-wide objects as you found them."""
    with Testbed(_binaries()) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def own_testbed() -> Iterator[Testbed]:
    """A cluster for one module, which may change whatever it likes in it. It takes 4 s and 560 MB."""
    with Testbed(_binaries()) as cluster:
        yield cluster


def _binaries() -> Binaries:
    try:
        return find()
    except NotBuilt as error:
        _missing(error)


def _missing(error: NotBuilt) -> NoReturn:
    reason = f"no testbed: {error}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def testbed_namespace(testbed: Testbed) -> Iterator[str]:
    """A namespace for one test."""
    name = testbed.namespace()
    yield name
    testbed.client().request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def prometheus() -> Callable[..., AbstractContextManager[Prometheus]]:
    """``with prometheus(series, options) as server``: see ``tests.testbed.prometheus``. Each takes a fifth of a second."""
    try:
        for programs in packages.PACKAGES["prometheus"]:
            packages.find(programs)
    except NotBuilt as error:
        _missing(error)
    return run_prometheus
