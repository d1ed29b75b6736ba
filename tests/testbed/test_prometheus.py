"""What a real Prometheus makes of the series, and how it is reached."""

from __future__ import annotations

import base64
import json
import math
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.testbed.daemons import TestbedError
from tests.testbed.prometheus import PASSWORD, USER, Options, Prometheus
from tests.testbed.series import Series, remote_write, steady, steps

pytestmark = pytest.mark.testbed

Start = Callable[..., AbstractContextManager[Prometheus]]
T0 = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
HOUR = 3600
CREDENTIALS = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


def query(server: Prometheus, promql: str, at: float, headers: dict[str, str] | None = None, **tls: Any) -> dict[tuple[str, ...], float]:
    """The values by the values of the labels."""
    url = f"{server.url}/api/v1/query?{urllib.parse.urlencode({'query': promql, 'time': at})}"
    context = ssl.create_default_context(cafile=server.certificates.ca) if server.options.tls else None
    if context and "certificate" in tls:
        context.load_cert_chain(*tls["certificate"])
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=30, context=context) as response:
        result = json.load(response)["data"]["result"]
    return {tuple(value for name, value in sorted(row["metric"].items()) if name != "__name__"): float(row["value"][1]) for row in result}


def test_a_week_of_samples(prometheus: Start) -> None:
    devices = [steady("utilisation", {"UUID": f"GPU-{number}"}, number, T0, T0 + 168 * HOUR, every=60) for number in range(4)]
    with prometheus(devices) as server:
        assert server.samples == 4 * 168 * 60
        end = T0 + 168 * HOUR - 1
        assert query(server, "count_over_time(utilisation[168h])", end) == {(f"GPU-{number}",): 168 * 60 for number in range(4)}
        assert query(server, "avg_over_time(utilisation[168h])", end)["GPU-3",] == 3


def test_steps_gaps_and_what_is_no_number(prometheus: Start) -> None:
    values = [(T0, 1), (T0 + HOUR, None), (T0 + 2 * HOUR, math.nan), (T0 + 3 * HOUR, math.inf), (T0 + 4 * HOUR, lambda at: at - T0)]
    with prometheus([steps("s", {}, values, T0 + 5 * HOUR)]) as server:
        assert query(server, "count_over_time(s[1h])", T0 + HOUR - 1) == {(): 120}
        assert query(server, "s", T0 + HOUR + 269) == {(): 1}  # for five minutes after the last sample
        assert query(server, "s", T0 + HOUR + 271) == {}
        assert query(server, "count_over_time(s[59m])", T0 + 2 * HOUR - 1) == {}
        assert math.isnan(query(server, "s", T0 + 2 * HOUR + 1)[()])
        assert query(server, "s", T0 + 3 * HOUR + 1) == {(): math.inf}
        assert query(server, "s", T0 + 5 * HOUR - 30) == {(): 5 * HOUR - 30}


@pytest.mark.parametrize("offset", [0, 7])
def test_staleness(prometheus: Start, offset: int) -> None:
    values = [(T0, 1), (T0 + HOUR, None), (T0 + 3 * HOUR, 2)]
    with prometheus([steps("s", {"pod": "a", "empty": ""}, values, T0 + 4 * HOUR, offset=offset, stale=True)]) as server:
        for _ in range(2):
            assert query(server, "s", T0 + HOUR + offset - 1) == {("a",): 1}
            assert query(server, "s", T0 + HOUR + offset) == {}
            assert query(server, "count_over_time(s[4h])", T0 + 4 * HOUR) == {("a",): 240}  # markers are no samples
            assert query(server, "s", T0 + 3 * HOUR + offset) == {("a",): 2}
            assert query(server, "s", T0 + 4 * HOUR + offset) == {}
            server.stop()
            server.start()


def test_many_markers_at_once() -> None:
    """Lengths of more than one byte."""
    body = remote_write([Series(f"metric_{number}", {"pod": "a" * 200}, [], ends=(T0, T0 + 30)) for number in range(100)])
    assert len(body) > 100 * 220


def test_labels_are_escaped(prometheus: Start) -> None:
    odd = 'a "quoted" \\ back\nslash, {brace} ü'
    with prometheus([steady("s", {"pod": odd}, 1, T0, T0 + HOUR, every=300)]) as server:
        assert query(server, "s", T0) == {(odd,): 1}


def test_duplicates_and_resets_are_what_was_asked_for(prometheus: Start) -> None:
    replicas = [Series("c", {"replica": name}, [(T0, 10), (T0 + 30, 20), (T0 + 60, 5)]) for name in "ab"]
    with prometheus(replicas) as server:
        assert query(server, "max without (replica) (resets(c[5m]))", T0 + 60) == {(): 1}
        assert query(server, "count(c)", T0 + 60) == {(): 2}


def test_samples_out_of_order_are_an_error_of_the_test(prometheus: Start) -> None:
    with (
        pytest.raises(ValueError, match=r"s\{\}: the sample at 1790812800.0 follows"),
        prometheus([Series("s", {}, [(T0 + 30, 1), (T0, 2)])]),
    ):
        pass


def test_nothing_at_all(prometheus: Start) -> None:
    with prometheus() as server:
        assert query(server, "up", T0) == {}
        assert query(server, "vector(1)", T0) == {(): 1}


def test_basic_auth(prometheus: Start) -> None:
    with prometheus([], Options(basic_auth=True)) as server:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            query(server, "vector(1)", T0)
        assert query(server, "vector(1)", T0, CREDENTIALS) == {(): 1}


def test_client_certificates(prometheus: Start) -> None:
    series = [steps("s", {}, [(T0, 1)], T0 + HOUR, stale=True)]
    with prometheus(series, Options(tls=True, client_certificate=True, basic_auth=True)) as server:
        assert query(server, "s", T0 + HOUR - 1, CREDENTIALS, certificate=server.client_certificate) == {(): 1}
        with pytest.raises(OSError, match="certificate"):
            query(server, "s", T0, CREDENTIALS)


def test_prefix_and_proxy(prometheus: Start) -> None:
    with prometheus([], Options(prefix="/api/prom", tls=True)) as server:
        assert query(server, "vector(1)", T0) == {(): 1}
        with server.proxy() as proxy, urllib.request.urlopen(f"{proxy.url}/api/prom/api/v1/query?query=1", timeout=30) as response:
            assert json.load(response)["status"] == "success"


def test_limit_of_samples(prometheus: Start) -> None:
    with prometheus([steady("s", {}, 1, T0, T0 + HOUR)], Options(max_samples=100)) as server:
        with pytest.raises(urllib.error.HTTPError, match="422"):
            query(server, "count_over_time(s[1h])", T0 + HOUR)
        assert query(server, "s", T0) == {(): 1}


def test_nothing_is_left(prometheus: Start) -> None:
    with prometheus() as server:
        assert server.daemon.pid
    assert server.daemon.pid is None
    assert not server.folder.exists()


def test_flags_that_it_does_not_know(prometheus: Start) -> None:
    with pytest.raises(TestbedError, match="unknown long flag"), prometheus([], Options(arguments=("--no-such-flag",))):
        pass
