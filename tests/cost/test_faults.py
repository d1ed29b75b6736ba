"""What goes wrong with a Prometheus, through the whole command: what is missing is one line, and what is there is told all the same.

The cluster is a recorded one, since it is not the point; the Prometheus is real. What a Prometheus never does by itself, a proxy in front
of it does.
"""

from __future__ import annotations

import datetime
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from auditor.source import http
from tests.cost.command import amounts, ask
from tests.cost.world import World
from tests.testbed.prometheus import Options, Prometheus
from tests.testbed.proxy import Cut, Delay, Fault, FaultyProxy, HangUp, Html, Status, Text
from tests.testbed.series import Series, steady, steps

pytestmark = pytest.mark.testbed

Start = Callable[..., AbstractContextManager[Prometheus]]
CLUSTER = Path(__file__).resolve().parents[2] / "fixtures" / "cluster.tar.gz"
START = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
HOURS = 6
POD = ("research", "train-0")
BUSY = [(0, HOURS, 80.0)]
HALF = [(0, 3, 0.0), (3, HOURS, 80.0)]
# 8 devices of a node for six hours, of which one pod holds four: two are used, two only in the second half.
RIGHT = {"unallocated": Decimal(24), "idle": Decimal(6), "active": Decimal(18)}
QUERY = "/api/v1/query"
FOR_EVER = 300
ERROR = Text('{"status":"error","errorType":"execution","error":"a store is away"}', 422)


def world(**changed: Any) -> World:
    """The series of the example."""
    found = World(START, HOURS, **changed)
    found.node("h100-1", 8)
    found.pod(*POD, "h100-1", 4, running=(0, HOURS), owner=("StatefulSet", "train"))
    for number in range(4):
        found.gpu(f"GPU-{number}", "h100-1", POD, BUSY if number < 2 else HALF)
    return found


def cost(url: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code of the command, and what it says."""
    window = ("--until", (START + datetime.timedelta(hours=HOURS)).isoformat(), "--window", f"{HOURS}h")
    return ask("--snapshot", str(CLUSTER), "--prometheus", url, *window, *arguments)


def hours(found: dict[str, Any]) -> dict[str, Decimal]:
    return {category: amount for category, (amount, _) in amounts(found).items()}


@pytest.fixture(scope="module")
def running(prometheus: Start) -> Iterator[Prometheus]:
    with prometheus(world().series) as server:
        yield server


@pytest.fixture
def proxy(running: Prometheus) -> Iterator[FaultyProxy]:
    with running.proxy() as between:
        yield between


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails for ever does so at once."""
    monkeypatch.setattr(http, "_FIRST_PAUSE", 0.001)


def test_nothing_goes_wrong(running: Prometheus) -> None:
    code, found = cost(running.url)
    assert (code, hours(found), found["missing"]) == (0, RIGHT, [])


# -- odd measurements: the figures are right, and nothing is missing ------------------------------------------------------------------


def odd(server: Start, changed: World, options: Options | None = None) -> dict[str, Any]:
    """The costs, which are complete."""
    with server(changed.series, options) as prometheus:
        code, found = cost(prometheus.url)
    assert (code, found["missing"]) == (0, [])
    return found


def gpus(changed: World, *numbers: int, **more: Any) -> None:
    for number in numbers:
        changed.gpu(f"GPU-{number}", "h100-1", POD, BUSY if number < 2 else HALF, **more)


def without_gpus(**changed: Any) -> World:
    found = world(**changed)
    found.series = [each for each in found.series if not each.name.startswith("DCGM_")]
    return found


def test_nan_where_a_device_says_nothing(prometheus: Start) -> None:
    """A device that says nothing else is unknown, and never idle; one that says something between is what it says."""
    changed = without_gpus()
    gpus(changed, 1, 2, 3)
    changed.gpu("GPU-0", "h100-1", POD, [(0, 2, 80), (2, 4, math.nan), (4, HOURS, 80)])
    found = odd(prometheus, changed)
    assert hours(found) == RIGHT | {"active": Decimal(16), "unknown": Decimal(2)}


def test_nan_between_samples(prometheus: Start) -> None:
    changed = without_gpus()
    gpus(changed, 1, 2, 3)
    labels = {"UUID": "GPU-0", "Hostname": "h100-1", "namespace": POD[0], "pod": POD[1], "container": "main"}
    minutes = range(0, HOURS * 3600, 60)
    samples = [(START.timestamp() + at, math.nan if at % 300 == 120 else 80.0) for at in minutes]
    changed.series.append(Series("DCGM_FI_DEV_GPU_UTIL", labels, samples))
    found = odd(prometheus, changed)
    assert hours(found) == RIGHT
    assert used(found) == Decimal("14.4"), "80 % of what is active: what is no number is not a part of the mean"


def used(found: dict[str, Any]) -> Decimal:
    return sum((line["used_hours"] for line in found["lines"]), Decimal(0))


def test_what_ends_is_gone_at_once(prometheus: Start) -> None:
    """A pod that ends leaves staleness markers. Without them its series would be seen for five minutes more."""
    changed = world()
    changed.pod("research", "short", "h100-1", 2, running=(1, 2))
    changed.gpu("GPU-6", "h100-1", ("research", "short"), [(1, 2, 50)])
    changed.gpu("GPU-7", "h100-1", ("research", "short"), [(1, 2, 50)])
    assert hours(odd(prometheus, changed)) == {"unallocated": Decimal(22), "idle": Decimal(6), "active": Decimal(20)}


def test_two_scrape_everything(prometheus: Start) -> None:
    found = odd(prometheus, world(replicas=2))
    assert (hours(found), used(found)) == (RIGHT, Decimal("14.4"))


@pytest.mark.parametrize("honours", [True, False])
def test_two_jobs_scrape_the_exporter(prometheus: Start, honours: bool) -> None:
    """A ServiceMonitor and annotations of the pod, say."""
    changed = without_gpus(honours=honours)
    for job in ("dcgm-exporter", "kubernetes-pods"):
        gpus(changed, 0, 1, 2, 3, more={"job": job, "instance": "10.0.0.7:9400"})
    assert hours(odd(prometheus, changed)) == RIGHT


def test_the_exporter_is_replaced(prometheus: Start) -> None:
    """A scrape that does not honour labels has the exporter's pod in a label: within five minutes it is there under two names."""
    changed = without_gpus(honours=False)
    edge = 2 + 1 / 60
    for number in range(4):
        for name, (begin, end) in (("dcgm-a", (0, edge)), ("dcgm-b", (edge, HOURS))):
            busy = [(max(a, begin), min(b, end), value) for a, b, value in (BUSY if number < 2 else HALF) if max(a, begin) < min(b, end)]
            changed.gpu(f"GPU-{number}", "h100-1", POD, busy, more={"pod": name, "instance": "10.0.0.7:9400"})
    assert hours(odd(prometheus, changed)) == RIGHT


def test_counters_that_begin_again(prometheus: Start) -> None:
    """Nothing is told from counters, and exporters that restart are seen in a gap of their samples at most."""
    changed = without_gpus()
    for number in range(4):
        busy = BUSY if number < 2 else HALF
        pieces = [(max(a, begin), min(b, end), value) for begin, end in ((0, 2.5), (2.52, HOURS)) for a, b, value in busy]
        changed.gpu(f"GPU-{number}", "h100-1", POD, [piece for piece in pieces if piece[0] < piece[1]])
        energy = [(changed.at(0), lambda at: at), (changed.at(2.5), None), (changed.at(2.52), lambda at: at - START.timestamp())]
        labels = {"UUID": f"GPU-{number}", "namespace": POD[0], "pod": POD[1]}
        changed.series.append(steps("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", labels, energy, changed.end, every=300))
    restarts = [(changed.at(0), 7.0), (changed.at(3), 0.0)]
    changed.series.append(
        steps("kube_pod_container_status_restarts_total", {"namespace": POD[0], "pod": POD[1], "container": "main"}, restarts, changed.end)
    )
    assert hours(odd(prometheus, changed)) == RIGHT


# -- a server that lets us down -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Down:
    """What a server does to every query, and what is said about it."""

    fault: Fault
    said: str


PREFIXES = "the path may need a prefix, such as /prometheus (Mimir, many ingresses), /api/prom or /select/0/prometheus"
UNREACHABLE = "check --prometheus, and that it can be reached from here"
DOWN = (
    Down(Status(401), " wants credentials (401); set PROMETHEUS_TOKEN"),
    Down(Status(403), " wants credentials (403); set PROMETHEUS_TOKEN"),
    Down(Status(404), f" has no {QUERY}: it answers 404 with application/json; {PREFIXES}"),
    Down(Status(503), ": it answers 503 (tried 8 times); see its log, and try again later"),
    Down(Html(), f" is no Prometheus: it answers 200 with a login page; check --prometheus; {PREFIXES}"),
    Down(Text("{}"), f" is no Prometheus: it answers 200 with application/json; check --prometheus; {PREFIXES}"),
    Down(Cut(0.5), f": the answer was cut off (tried 8 times); {UNREACHABLE}"),
    Down(HangUp(0), f": the connection broke (tried 8 times); {UNREACHABLE}"),
    Down(HangUp(0.5), f": the connection broke (tried 8 times); {UNREACHABLE}"),
    Down(HangUp(0.5, chunked=True), f": the connection broke (tried 8 times); {UNREACHABLE}"),
)


def looked(code: int, found: dict[str, Any], said: str) -> None:
    """Nothing was measured: one line says why, and what is there now is told all the same."""
    assert code == 3
    (missing,) = found["missing"]
    assert missing["reason"].isprintable()
    assert said in missing["reason"]
    assert found["basis"] == "now"
    assert hours(found) == {"unallocated": Decimal(7), "unknown": Decimal(17)}
    assert not [action for action in found["actions"] if "--prometheus" in action["remedy"]], "it was named, and there is something else"


@pytest.mark.parametrize("down", DOWN, ids=str)
@pytest.mark.usefixtures("impatient")
def test_a_server_that_answers_nothing(proxy: FaultyProxy, down: Down) -> None:
    proxy.fail("*", down.fault, times=FOR_EVER)
    looked(*cost(proxy.url), proxy.url + down.said)


@pytest.mark.usefixtures("impatient")
def test_a_wrong_address(running: Prometheus) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    looked(*cost(url), f"{url}: cannot be reached (tried 8 times); {UNREACHABLE}")
    looked(*cost(f"{running.url}/prometheus"), f"{running.url}/prometheus has no {QUERY}: it answers 404 with text/plain; {PREFIXES}")
    looked(*cost("http://prometheus.invalid"), "http://prometheus.invalid cannot be resolved; check --prometheus")


def test_a_server_that_is_slow(proxy: FaultyProxy) -> None:
    proxy.fail("*", Delay(2), times=FOR_EVER)
    looked(
        *cost(proxy.url, "--prometheus-timeout", "1s"),
        f"{proxy.url}: does not answer; it did not get better before the deadline (--prometheus-timeout)",
    )


def test_a_server_without_accelerators(prometheus: Start) -> None:
    with prometheus([steady("up", {}, 1, START, START + datetime.timedelta(hours=HOURS))]) as server:
        looked(*cost(server.url), "has no accelerators of kube-state-metrics in the window; let it scrape kube-state-metrics")


# -- a server that answers in part ----------------------------------------------------------------------------------------------------


def of_hour(number: int) -> str:
    """What every query about that hour holds: it is asked at its end."""
    return f"*&time={START.timestamp() + (number + 1) * 3600 + 1:.3f}&*"


def test_an_hour_is_not_answered(proxy: FaultyProxy) -> None:
    """What was answered counts, and the hour is one line."""
    proxy.fail(of_hour(2), ERROR, times=FOR_EVER)
    code, found = cost(proxy.url)
    assert (code, hours(found)) == (3, {"unallocated": Decimal(20), "idle": Decimal(4), "active": Decimal(16)})
    (missing,) = found["missing"]
    assert gap(missing) == ("allocation", 2, 3)
    assert f"{proxy.url} cannot evaluate a query: a store is away; its series are not as exporters write them" in missing["reason"]


@pytest.mark.usefixtures("impatient")
def test_it_is_gone_in_the_middle(proxy: FaultyProxy) -> None:
    for number in range(2, HOURS):
        proxy.fail(of_hour(number), HangUp(0), times=FOR_EVER)
    code, found = cost(proxy.url)
    assert (code, hours(found)) == (3, {"unallocated": Decimal(8), "idle": Decimal(4), "active": Decimal(4)})
    (missing,) = found["missing"]
    assert gap(missing) == ("allocation", 2, HOURS)
    assert f"{proxy.url}: the connection broke (tried 8 times); {UNREACHABLE}" in missing["reason"]


def gap(missing: dict[str, Any]) -> tuple[str, float, float]:
    """What is missing, in hours after the start."""
    start, end = ((datetime.datetime.fromisoformat(missing[edge]) - START).total_seconds() / 3600 for edge in ("start", "end"))
    return missing["what"], start, end


def test_whether_it_was_used_is_not_answered(proxy: FaultyProxy) -> None:
    proxy.fail("query=sum_over_time*count+by+%28namespace%2C+pod%29*DCGM_*", ERROR, times=FOR_EVER)
    code, found = cost(proxy.url)
    assert code == 3
    assert hours(found) == {"unallocated": Decimal(24), "unknown": Decimal(24)}
    (missing,) = found["missing"]
    assert gap(missing) == ("telemetry", 0, HOURS)
    assert "cannot evaluate a query: a store is away" in missing["reason"]


@pytest.mark.parametrize("most", [200, 1000])
def test_too_many_samples(prometheus: Start, most: int) -> None:
    """Less time is asked for, until the server loads it."""
    with prometheus(world().series, Options(max_samples=most)) as server:
        code, found = cost(server.url)
    assert (code, hours(found), found["missing"]) == (0, RIGHT, [])
    lately = [note for note in found["notes"] if note.startswith("the devices' last hours are not known")]
    assert len(lately) == (most < 1000)


@pytest.mark.parametrize("most", [50, 120], ids=["of the first look", "of an hour"])
def test_too_many_samples_in_the_least_time(prometheus: Start, most: int) -> None:
    with prometheus(world().series, Options(max_samples=most)) as server:
        code, found = cost(server.url)
    looked(code, found, "query processing would load too many samples into memory in query execution; raise the limits of the server")
