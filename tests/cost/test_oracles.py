"""The worked examples of the cost model, to the cent: made-up series in a real Prometheus, nodes on a real API server, the whole command.

Source: section 4.9 of the cost model; the answers there were worked out by hand.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import pytest

from tests.cost.command import amounts, ask
from tests.cost.world import World
from tests.testbed.cluster import Testbed
from tests.testbed.prometheus import Prometheus

pytestmark = pytest.mark.testbed

START = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)
Server = Callable[..., AbstractContextManager[Prometheus]]


def region(name: str, instance_type: str, **labels: str) -> dict[str, str]:
    return {"topology.kubernetes.io/region": name, "node.kubernetes.io/instance-type": instance_type, **labels}


@pytest.fixture(scope="module")
def cluster(testbed: Testbed) -> Iterator[Testbed]:
    sharing = {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.count": "1", "nvidia.com/gpu.sharing-strategy": "time-slicing"}
    nodes = {
        "oracle-1": (8, region("us-east-1", "p5.48xlarge")),
        "oracle-2": (1, region("us-central1", "g2-standard-4") | {"cloud.google.com/gke-spot": "true"}),
        "oracle-3": (4, region("us-east-1", "g4dn.xlarge") | sharing),
        "oracle-5": (8, region("eastus", "Standard_ND96asr_v4")),
        "oracle-9": (4, region("us-east-1", "g6.12xlarge")),
    }
    for name, (gpus, labels) in nodes.items():
        testbed.add_gpu_node(name, gpus, product="", labels=labels)
    yield testbed
    for name in nodes:
        testbed.client().request("DELETE", f"/api/v1/nodes/{name}")


def costs(cluster: Testbed, server: Server, world: World) -> tuple[int, dict[str, Any]]:
    """The exit code of `mlaudit cost`, and what it says."""
    with server(world.series) as prometheus:
        window = ("--until", world.end.isoformat(), "--window", f"{int(world.hours)}h")
        return ask(*_of(cluster), "--prometheus", prometheus.url, *window)


def _of(cluster: Testbed) -> tuple[str, str]:
    return ("--kubeconfig", str(cluster.kubeconfig("admin")))


def dec(hours: str, money: str) -> tuple[Decimal, Decimal]:
    return Decimal(hours), Decimal(money)


def test_o1_a_basic_day(cluster: Testbed, prometheus: Server) -> None:
    world = World(START, 24)
    world.node("oracle-1", 8)
    world.pod("ml", "train-0", "oracle-1", 4, running=(0, 24), owner=("StatefulSet", "train"))
    world.pod("ml", "llm-7d9f8b6c5-abcde", "oracle-1", 2, running=(0, 24))
    for number in range(4):
        world.gpu(f"GPU-{number}", "oracle-1", ("ml", "train-0"), [(0, 24, 80)])
    for number in (4, 5):
        world.gpu(f"GPU-{number}", "oracle-1", ("ml", "llm-7d9f8b6c5-abcde"), [(0, 12, 0), (12, 24, 50)])
    code, found = costs(cluster, prometheus, world)
    assert code == 0
    assert amounts(found) == {"unallocated": dec("48", "330.24"), "idle": dec("24", "165.12"), "active": dec("120", "825.60")}


def test_o2_a_spot_node_of_half_a_night(cluster: Testbed, prometheus: Server) -> None:
    world = World(START, 24)
    world.node("oracle-2", 1, there=(0, 6.5))
    world.pod("ml", "once", "oracle-2", 1, running=(1, 5))
    world.gpu("GPU-1", "oracle-2", ("ml", "once"), [(1, 2, 50), (2, 4, 0), (4, 5, 50)])
    _, found = costs(cluster, prometheus, world)
    assert amounts(found) == {"unallocated": dec("2.5", "0.99325"), "idle": dec("2", "0.7946"), "active": dec("2", "0.7946")}


@pytest.mark.parametrize("host", ["oracle-3", "oracle-3.example.internal"])
def test_o3_four_shares_of_one_device(cluster: Testbed, prometheus: Server, host: str) -> None:
    world = World(START, 24)
    world.node("oracle-3", 4)
    world.pod("ml", "a", "oracle-3", 1, running=(0, 24))
    world.pod("ml", "b", "oracle-3", 1, running=(0, 12))
    world.gpu("GPU-1", "oracle-3", ("ml", "a"), [(0, 3, 0), (3, 9, 60), (9, 24, 0)], more={"Hostname": host})
    _, found = costs(cluster, prometheus, world)
    assert amounts(found) == {"unallocated": dec("15", "7.890"), "idle": dec("6", "3.156"), "active": dec("3", "1.578")}
    idle = {line["name"]: line["money"] for line in found["lines"] if line["category"] == "idle"}
    assert idle == {"a": Decimal("2.367"), "b": Decimal("0.789")}


def test_o5_half_of_it_measured(cluster: Testbed, prometheus: Server) -> None:
    world = World(START, 10)
    world.node("oracle-5", 8)
    world.pod("ml", "big", "oracle-5", 8, running=(0, 10))
    world.gpu("GPU-0", "oracle-5", ("ml", "big"), [(0, 10, 0)])
    for number in (1, 2, 3):
        world.gpu(f"GPU-{number}", "oracle-5", ("ml", "big"), [(0, 10, 60)])
    _, found = costs(cluster, prometheus, world)
    assert amounts(found) == {"unknown": dec("40", "135.985"), "idle": dec("10", "33.99625"), "active": dec("30", "101.98875")}
    assert {line["confidence"] for line in found["lines"] if line["category"] == "idle"} == {"low"}


def test_o9_an_hour_with_all_traps_of_labels(cluster: Testbed, prometheus: Server) -> None:
    world = World(START, 1, honours=False, replicas=2)
    world.node("oracle-9", 4)
    world.pod("ml", "train-0", "oracle-9", 2, running=(0, 1))
    world.pod("ml", "done-0", "oracle-9", 1, running=(0, 1 / 3), ended=(1 / 3, 1))
    world.pod("ml", "waits-0", "", 4, starting=(0, 1))
    world.gpu("GPU-0", "oracle-9", ("ml", "train-0"), [(0, 1, 0)])
    world.gpu("GPU-1", "oracle-9", ("ml", "train-0"), [(0, 0.5, 0), (0.5, 1, 60)])
    world.gpu("GPU-2", "oracle-9", ("ml", "done-0"), [(0, 1 / 3, 80)])
    world.gpu("GPU-3", "oracle-9", None, [(0, 1, 0)])
    _, found = costs(cluster, prometheus, world)
    assert {name: money for name, (_, money) in amounts(found).items()} == {
        "unallocated": Decimal("1.917333"), "idle": Decimal("1.725600"), "active": Decimal("0.958667"),
    }  # fmt: skip
    assert sum(line["money"] for line in found["lines"]) == Decimal("4.6016")
    assert sum(line["used_hours"] for line in found["lines"]) == Decimal("0.566667")
    assert not any("dcgm" in line["name"] for line in found["lines"])


def test_a_prometheus_that_is_down_costs_only_its_part(cluster: Testbed) -> None:
    code, found = ask(*_of(cluster), "--prometheus", "http://127.0.0.1:1", "--prometheus-timeout", "2s")
    assert code == 3
    assert found["basis"] == "now"
    assert found["lines"], "what is allocated now is told all the same"
    assert "127.0.0.1:1" in found["missing"][0]["reason"]
