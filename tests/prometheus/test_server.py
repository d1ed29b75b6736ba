"""The client and a real Prometheus: what it gets, and one clear line for everything that goes wrong between the two."""

from __future__ import annotations

import math
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import MetricsError
from auditor.source import http
from auditor.source.prometheus import Sample, Server, TooMuchData, access
from auditor.source.prometheus import server as server_module
from auditor.source.prometheus.connection import CREDENTIALS
from tests.testbed.credentials import make_certificates
from tests.testbed.prometheus import PASSWORD, USER, Options, Prometheus
from tests.testbed.proxy import Cut, Delay, Fault, FaultyProxy, HangUp, Html, Status, Text
from tests.testbed.series import Series, steady, steps

pytestmark = pytest.mark.testbed

Start = Callable[..., AbstractContextManager[Prometheus]]
T0 = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = 3600
QUERY = "/api/v1/query"
FOR_EVER = 1000
LOGIN = {"PROMETHEUS_USERNAME": USER, "PROMETHEUS_PASSWORD": PASSWORD}
PREFIXES = "the path may need a prefix, such as /prometheus (Mimir, many ingresses), /api/prom or /select/0/prometheus"
UNREACHABLE = "check --prometheus, and that it can be reached from here"
BUSY = "see its log, and try again later"


@pytest.fixture(scope="module")
def running(prometheus: Start) -> Iterator[Prometheus]:
    """Four devices for a day."""
    devices = [steady("utilisation", {"UUID": f"GPU-{number}"}, number, T0, T0 + timedelta(days=1), every=60) for number in range(4)]
    odd = [
        steady("odd", {"is": name}, value, T0, T0 + timedelta(hours=1))
        for name, value in (("nan", math.nan), ("inf", -math.inf), ("one", 1))
    ]
    gone = steps("gone", {}, [(T0, 7)], T0 + timedelta(hours=1), stale=True)
    replicas = [steady("replicated", {"replica": name}, 1, T0, T0 + timedelta(hours=1)) for name in "ab"]
    with prometheus([*devices, *odd, gone, *replicas]) as server:
        yield server


@pytest.fixture
def proxy(running: Prometheus) -> Iterator[FaultyProxy]:
    with running.proxy() as between:
        yield between


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails for ever does so at once."""
    monkeypatch.setattr(http, "_FIRST_PAUSE", 0.001)


@contextmanager
def asking(url: str, environment: Mapping[str, str] | None = None, timeout: float = 30, **options: Any) -> Iterator[Server]:
    with Server(access(url, environment or {}, timeout=timeout, **options)) as server:
        yield server


def error_of(url: str, promql: str = "utilisation", environment: Mapping[str, str] | None = None, **options: Any) -> MetricsError:
    with asking(url, environment, **options) as server, pytest.raises(MetricsError) as caught:
        server.query(promql, T0 + timedelta(minutes=10))
    text = str(caught.value)
    assert text.isprintable()
    assert url in text
    return caught.value


# -- answers --------------------------------------------------------------------------------------------------------------------------


def test_samples(running: Prometheus) -> None:
    with asking(running.url) as server:
        found = server.query("utilisation > 1", T0 + timedelta(minutes=10))
        assert found == [Sample({"__name__": "utilisation", "UUID": f"GPU-{number}"}, number) for number in (2, 3)]
        assert server.query("utilisation > 100", T0) == []
        assert server.query("vector(time())", T0) == [Sample({}, T0.timestamp())]
        east = T0.astimezone(timezone(timedelta(hours=5)))
        assert server.query("vector(time())", east + timedelta(milliseconds=1)) == [Sample({}, T0.timestamp() + 0.001)]
        assert server.query("vector(time())", 12.5) == [Sample({}, 12.5)]
        with pytest.raises(ValueError, match="without a zone"):
            server.query("vector(1)", datetime(2026, 1, 1))  # noqa: DTZ001


def test_what_is_no_number_is_counted(running: Prometheus) -> None:
    with asking(running.url) as server:
        assert [sample.labels["is"] for sample in server.query("odd", T0)] == ["one"]
        assert (server.statistics.samples, server.statistics.dropped) == (1, 2)


def test_staleness(running: Prometheus) -> None:
    with asking(running.url) as server:
        assert server.query("gone", T0 + timedelta(minutes=59, seconds=59)) == [Sample({"__name__": "gone"}, 7)]
        assert server.query("gone", T0 + timedelta(hours=1)) == []


def test_many_queries_in_their_order(running: Prometheus, proxy: FaultyProxy) -> None:
    proxy.fail("*", Delay(0.3))  # the first is the last to be answered
    asked = [(number, f"vector({number})", T0) for number in range(100)]
    asked[50] = (50, "broken(", T0)
    with asking(proxy.url) as server:
        found = list(server.query_many(asked))
        assert [key for key, _ in found] == list(range(100))
        assert [samples[0].value for key, samples in found if not isinstance(samples, MetricsError)] == [n for n in range(100) if n != 50]
        assert "does not understand a query" in str(found[50][1])
        statistics = server.statistics
    assert (statistics.queries, statistics.requests) == (100, 100)
    assert 1 < proxy.busiest <= 4
    assert 0.3 < statistics.waiting <= statistics.waited
    assert 0 < statistics.decoding < statistics.waiting


def test_questions_are_not_asked_far_ahead(running: Prometheus) -> None:
    begun: list[int] = []

    def questions() -> Iterator[tuple[int, str, datetime]]:
        for number in range(1000):
            begun.append(number)
            yield number, "vector(1)", T0

    with asking(running.url) as server:
        answers = server.query_many(questions())
        for _ in range(10):
            next(answers)
        assert len(begun) < 25
        answers.close()  # type: ignore[attr-defined]
        assert server.query("vector(1)", T0)  # the server may still be asked
        assert server.statistics.queries < 27


def test_answers_are_compressed(prometheus: Start) -> None:
    many = [Series("s", {"pod": f"pod-{number:05}"}, [(T0.timestamp(), 1)]) for number in range(2000)]
    with prometheus(many) as running, asking(running.url) as server:
        assert len(server.query("s", T0)) == 2000
        assert 2000 < server.statistics.bytes < 40_000


def test_a_proxy_that_only_lets_reading_through(running: Prometheus, proxy: FaultyProxy) -> None:
    proxy.fail(QUERY, Status(405))
    with asking(proxy.url) as server:
        for _ in range(2):
            assert len(server.query("utilisation", T0)) == 4
    assert [each.method for each in proxy.seen] == ["POST", "GET", "GET"]
    assert "timeout=30s" in proxy.seen[1].target
    proxy.fail("*", Status(405), times=2)
    assert "is no Prometheus: it answers 405" in str(error_of(proxy.url))


def test_the_server_is_told_how_long_we_wait(running: Prometheus, proxy: FaultyProxy) -> None:
    with asking(proxy.url, timeout=600) as server:
        server.query("utilisation", T0)
    with asking(proxy.url, timeout=7) as server:
        server.query("utilisation", T0)
    assert [re.findall(rb"timeout=(\d+)s", each.body) for each in proxy.seen] == [[b"120"], [b"7"]]
    assert {each.target for each in proxy.seen} == {QUERY}


def test_remarks_of_the_server(running: Prometheus, proxy: FaultyProxy) -> None:
    body = (
        '{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["No StoreAPIs matched\\n"],"infos":["PromQL info: x"]}'
    )
    proxy.fail(QUERY, Text(body), times=2)
    proxy.fail(QUERY, Text(body.replace("No StoreAPIs matched\\n", "PromQL warning: y")))
    with asking(proxy.url) as server:
        for _ in range(3):
            server.query("utilisation", T0)
        assert server.statistics.partial == 2
        assert server.statistics.notices == {"No StoreAPIs matched ": 2, "PromQL info: x": 3, "PromQL warning: y": 1}


# -- getting in -----------------------------------------------------------------------------------------------------------------------


def test_basic_authentication(prometheus: Start) -> None:
    with prometheus([], Options(basic_auth=True)) as running:
        with asking(running.url, LOGIN) as server:
            assert server.query("vector(1)", T0)
        assert str(error_of(running.url)) == f"{running.url} wants credentials (401); set {CREDENTIALS}"
        wrong = error_of(running.url, environment=LOGIN | {"PROMETHEUS_PASSWORD": "geheim"})
        assert "does not accept user auditor with that password (401); see PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD" in str(wrong)
        assert "geheim" not in str(wrong)


def test_token_and_headers(running: Prometheus, proxy: FaultyProxy) -> None:
    proxy.require("Authorization", "Bearer T0K")
    proxy.require("X-Scope-OrgID", "team-a")
    right = {"PROMETHEUS_TOKEN": "T0K", "PROMETHEUS_HEADERS": "X-Scope-OrgID: team-a"}
    with asking(proxy.url, right) as server:
        assert server.query("utilisation", T0)
    wrong = error_of(proxy.url, environment=right | {"PROMETHEUS_TOKEN": "old"})
    assert str(wrong) == f"{proxy.url} does not accept the token (401); see PROMETHEUS_TOKEN: it may have expired"
    assert len(proxy.seen) == 2  # nobody is locked out by many tries
    proxy.fail("*", Status(403))
    assert "does not let the token ask (403); grant it the reading of metrics" in str(error_of(proxy.url, environment=right))


def test_a_tenant_is_missing(running: Prometheus, proxy: FaultyProxy) -> None:
    proxy.fail("*", Text("no org id\n", code=401, content_type="text/plain"))
    assert str(error_of(proxy.url)).endswith("wants to know the tenant; set PROMETHEUS_HEADERS to `X-Scope-OrgID: TENANT`")


def test_certificates(prometheus: Start, tmp_path: Path) -> None:
    other = make_certificates(tmp_path)
    with prometheus([], Options(tls=True)) as running:
        for options in ({"ca_file": running.certificates.ca}, {"insecure": True}):
            with asking(running.url, **options) as server:
                assert server.query("vector(1)", T0)
        unknown = error_of(running.url, ca_file=other.ca)
        assert "is not trusted: unable to get local issuer certificate" in str(unknown) or "is not trusted: certificate signature" in str(
            unknown
        )
        assert str(unknown).endswith("name the authority that signed it with --prometheus-ca")
        plain = running.url.replace("https", "http")
        assert str(error_of(plain)) == f"{plain} speaks TLS; write https:// in --prometheus"


def test_certificates_of_clients(prometheus: Start, tmp_path: Path) -> None:
    with prometheus([], Options(tls=True, client_certificate=True, basic_auth=True)) as running:
        certificate, key = running.client_certificate
        ca = running.certificates.ca
        with asking(running.url, LOGIN, ca_file=ca, cert_file=certificate, key_file=key) as server:
            assert server.query("vector(1)", T0)
        (tmp_path / "both.pem").write_text(certificate.read_text() + key.read_text(), encoding="utf-8")
        with asking(running.url, LOGIN, ca_file=ca, cert_file=tmp_path / "both.pem") as server:
            assert server.query("vector(1)", T0)
        assert "--prometheus-cert" in str(error_of(running.url, environment=LOGIN, ca_file=ca, timeout=3))


# -- what goes wrong ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Status(429, retry_after=1), Status(500), Status(502), Status(503), Status(504), HangUp(0), HangUp(0.5), HangUp(0.5, chunked=True),
        Cut(0.5),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.usefixtures("impatient")
def test_what_passes_is_waited_for(running: Prometheus, proxy: FaultyProxy, fault: Fault) -> None:
    proxy.fail(QUERY, fault, times=1 if fault == Status(504) else 2)
    with asking(proxy.url) as server:
        assert len(server.query("utilisation", T0)) == 4
    assert proxy.pending == 0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Status(429), f": it answers 429 (tried 8 times); {BUSY}"),
        (Status(500), f": it answers 500 (tried 8 times); {BUSY}"),
        (Status(503), f": it answers 503 (tried 8 times); {BUSY}"),
        (HangUp(0), f": the connection broke (tried 8 times); {UNREACHABLE}"),
        (HangUp(0.5), f": the connection broke (tried 8 times); {UNREACHABLE}"),
        (Cut(0.5), f": the answer was cut off (tried 8 times); {UNREACHABLE}"),
        (Html(), f" is no Prometheus: it answers 200 with a login page; check --prometheus; {PREFIXES}"),
        (Html(404), f" has no {QUERY}: it answers 404 with a login page; {PREFIXES}"),
        (Text("{}"), f" is no Prometheus: it answers 200 with application/json; check --prometheus; {PREFIXES}"),
        (Text("hello", content_type="text/plain"), f" is no Prometheus: it answers 200 with text/plain; check --prometheus; {PREFIXES}"),
        (Text("", 302, headers=(("Location", "https://sso.example.org/login?code=x"),)),
         f" redirects to https://sso.example.org/login; name the address behind it, or set {CREDENTIALS}"),
        (Text("", 301, headers=(("Location", "/prometheus/graph"),)),
         f" redirects to /prometheus/graph; name the address behind it, or set {CREDENTIALS}"),
        (Text('{"status":"error","errorType":"execution","error":"expanding series: rpc error: code = Internal"}', 422),
         f": it answers 422: expanding series: rpc error: code = Internal (tried 8 times); {BUSY}"),
        (Text('{"status":"error","errorType":"internal","error":"out\\u001b of\\n memory"}', 500),
         f": it answers 500: out  of  memory (tried 8 times); {BUSY}"),
        (Text('{"status":"error","errorType":"not_found","error":"page not found"}', 404), f" has no {QUERY}: page not found; {PREFIXES}"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.usefixtures("impatient")
def test_what_lasts_is_one_line(running: Prometheus, proxy: FaultyProxy, fault: Fault, message: str) -> None:
    proxy.fail(QUERY, fault, times=FOR_EVER)
    error = error_of(proxy.url)
    assert str(error) == f"{proxy.url}{message}"
    assert not isinstance(error, TooMuchData)


def test_addresses_without_a_prometheus(running: Prometheus, impatient: None) -> None:
    assert str(error_of("http://prometheus.invalid")) == "http://prometheus.invalid cannot be resolved; check --prometheus"
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert str(error_of(url)) == f"{url}: cannot be reached (tried 8 times); {UNREACHABLE}"
    deep = f"{running.url}/prometheus"
    assert str(error_of(deep)) == f"{deep} has no {QUERY}: it answers 404 with text/plain; {PREFIXES}"
    secure = running.url.replace("http", "https")
    assert str(error_of(secure)) == f"{secure} does not speak TLS; check --prometheus"


def test_under_a_prefix(prometheus: Start) -> None:
    with prometheus([], Options(prefix="/api/prom")) as running, asking(f"{running.url}/") as server:
        assert server.query("vector(1)", T0)


def test_too_many_samples(prometheus: Start) -> None:
    devices = [steady("utilisation", {"UUID": f"GPU-{number}"}, 1, T0, T0 + timedelta(hours=2)) for number in range(3)]
    with prometheus(devices, Options(max_samples=500)) as running, asking(running.url) as server:
        end = T0 + timedelta(hours=2)
        with pytest.raises(TooMuchData, match=r"would load too many samples .*; raise the limits of the server"):
            server.query("sum_over_time(utilisation[2h:30s])", end)
        assert len(server.query("sum_over_time(utilisation[20m:30s])", end)) == 3  # less is not too much


def test_slow_queries(prometheus: Start) -> None:
    devices = [steady("s", {"UUID": f"GPU-{number}"}, 1, T0, T0 + timedelta(days=2)) for number in range(20)]
    with prometheus(devices, Options(query_timeout=0.001)) as running, asking(running.url) as server:
        with pytest.raises(TooMuchData, match="timed out"):
            server.query(" + ".join(["sum(sum_over_time(avg_over_time(s[1h])[1d:30s]))"] * 3), T0 + timedelta(days=1))
        assert server.statistics.requests == 1  # it is no help to ask for the same again


@pytest.mark.parametrize(
    "fault",
    [
        Text('{"status":"error","errorType":"execution","error":"the query exceeded the maximum number of chunks"}', 422),
        Text('{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}', 503),
        Status(504), Status(413), Html(504),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_too_much_for_others(running: Prometheus, proxy: FaultyProxy, fault: Fault) -> None:
    proxy.fail(QUERY, fault, times=FOR_EVER)
    assert isinstance(error_of(proxy.url), TooMuchData)
    assert len(proxy.seen) <= 2


def test_answers_that_are_too_long(running: Prometheus, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_MOST_BYTES", 100)
    assert isinstance(error_of(running.url), TooMuchData)
    proxy.fail(QUERY, Text("x" * 10_000_000))
    began = time.monotonic()
    assert isinstance(error_of(proxy.url), TooMuchData)
    assert time.monotonic() - began < 1


def test_a_server_that_does_not_answer(running: Prometheus, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_QUERY_SECONDS", 0.1)
    monkeypatch.setattr(server_module, "_GRACE_SECONDS", -0.9)  # a query has at least a second
    proxy.fail(QUERY, Delay(1), times=FOR_EVER)
    error = error_of(proxy.url)
    assert isinstance(error, TooMuchData)
    assert ": does not answer; raise the limits of the server" in str(error)


@pytest.mark.parametrize(
    ("promql", "message"),
    [
        ("sum(", r"does not understand a query: .*parse error.*; that is a fault of mlaudit: please report it"),
        ("utilisation[1h]", "answers a query, but it holds matrix instead of a vector; that is a fault of mlaudit"),
        ("1", "answers a query, but it holds scalar instead of a vector"),
        ("replicated * on () replicated", "cannot evaluate a query: found duplicate series .*; its series are not as exporters write them"),
    ],
)
def test_queries_that_fail_alone(running: Prometheus, promql: str, message: str) -> None:
    with asking(running.url) as server:
        with pytest.raises(MetricsError, match=message) as caught:
            server.query(promql, T0)
        assert not isinstance(caught.value, TooMuchData)
        assert server.query("utilisation", T0)  # others do not


@pytest.mark.usefixtures("impatient")
def test_a_server_that_fails_query_after_query_is_given_up(running: Prometheus, proxy: FaultyProxy) -> None:
    proxy.fail(QUERY, Status(503), times=FOR_EVER)
    with asking(proxy.url) as server:
        found = list(server.query_many((number, "vector(1)", T0) for number in range(200)))
    assert len(found) == 200
    assert all(isinstance(answer, MetricsError) for _, answer in found)
    assert len(proxy.seen) <= 8 * 6


def test_a_server_that_stops_in_the_middle(prometheus: Start, impatient: None) -> None:
    with prometheus([]) as running, asking(running.url) as server:
        answers = server.query_many((number, "vector(1)", T0) for number in range(100))
        found = [next(answers) for _ in range(5)]
        running.stop()
        found += answers
    assert len(found) == 100
    assert isinstance(found[0][1], list)
    assert str(found[-1][1]) == f"{running.url}: cannot be reached (tried 8 times); {UNREACHABLE}"


def test_the_deadline_is_for_all_queries(running: Prometheus, proxy: FaultyProxy) -> None:
    proxy.fail(QUERY, Delay(0.4), times=FOR_EVER)
    began = time.monotonic()
    with asking(proxy.url, timeout=1) as server:
        found = list(server.query_many((number, "vector(1)", T0) for number in range(100)))
    assert time.monotonic() - began < 2.5
    assert isinstance(found[0][1], list)
    assert re.search(r"deadline.*--prometheus-timeout", str(found[-1][1]))


def test_an_answer_that_trickles_in_does_not_outlive_the_deadline(running: Prometheus, proxy: FaultyProxy) -> None:
    proxy.fail(QUERY, Text("x" * 1000, pause=0.05), times=FOR_EVER)
    began = time.monotonic()
    assert "give it longer with --prometheus-timeout" in str(error_of(proxy.url, timeout=1))
    assert time.monotonic() - began < 3


def test_secrets_that_a_server_repeats(running: Prometheus, proxy: FaultyProxy) -> None:
    echo = '{"status":"error","errorType":"bad_data","error":"Authorization: Bearer geheim, X-Key: geheim-geheim"}'
    proxy.fail(QUERY, Text(echo, 400))
    environment = {"PROMETHEUS_TOKEN": "geheim", "PROMETHEUS_HEADERS": "X-Key: geheim-geheim"}
    assert "Authorization: Bearer …, X-Key: …" in str(error_of(proxy.url, environment=environment))


def test_nothing_goes_on_behind_an_interruption(running: Prometheus, proxy: FaultyProxy) -> None:
    proxy.fail(QUERY, Delay(5), times=4)

    def questions() -> Iterator[tuple[int, str, datetime]]:
        yield from ((number, "vector(1)", T0) for number in range(4))
        time.sleep(0.2)
        raise KeyboardInterrupt

    before = threading.active_count()
    began = time.monotonic()
    with asking(proxy.url) as server, pytest.raises(KeyboardInterrupt):
        list(server.query_many(questions()))
    assert time.monotonic() - began < 2
    assert threading.active_count() <= before + 4  # the proxy's own
