"""Exporters of other makers than NVIDIA, and what their scrapes do to labels: usage is told of the workload that holds the devices.

The series are made up after the exporters' own names and labels (COST model, section 2.5), and asked of a real Prometheus.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cost.command import ask
from tests.cost.world import World
from tests.testbed.prometheus import Prometheus

pytestmark = pytest.mark.testbed

Start = Callable[..., AbstractContextManager[Prometheus]]
CLUSTER = Path(__file__).resolve().parents[2] / "fixtures" / "cluster.tar.gz"
START = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
HOURS = 4
POD = ("research", "train-0")
NODE = "h100-1"


@dataclass(frozen=True)
class Maker:
    """One exporter.

    Attributes:
        name: as the report says it.
        resource: that pods ask for.
        metric: how busy a device is.
        whole: what it says of a device that is always busy.
        device: labels that tell a device from others, by its number.
        always: labels of all its series.
        pod, namespace: labels that name the pod.
    """

    name: str
    resource: str
    metric: str
    whole: float
    device: Callable[[int], Mapping[str, str]]
    always: Mapping[str, str] = field(default_factory=dict)
    pod: str = "pod"
    namespace: str = "namespace"


MAKERS = (
    Maker(
        "AMD device metrics exporter", "amd_com_gpu", "gpu_gfx_activity", 100,
        lambda number: {"gpu_id": str(number), "serial_number": f"69240000{number}", "gpu_partition_id": "0"},
        {"hostname": NODE, "card_model": "0xc1", "gpu_compute_partition_type": "spx", "container": "main"},
    ),
    Maker(
        "AMD device metrics exporter", "amd_com_gpu", "amd_gpu_gfx_activity", 100,
        lambda number: {"gpu_id": str(number), "serial_number": f"69240000{number}", "gpu_partition_id": "0"},
        {"hostname": NODE, "container": "main"},
    ),
    Maker(
        "TPU device plugin", "google_com_tpu", "duty_cycle", 100, lambda number: {"accelerator_id": f"4804027{number}-0"},
        {"make": "cloud-tpu", "model": "tpu-v5-lite-podslice", "tpu_topology": "2x2", "container": "main"},
    ),
    Maker(
        "neuron-monitor", "aws_amazon_com_neuroncore", "neuroncore_utilization_ratio", 1, lambda number: {"neuroncore": str(number)},
        {"instance_id": "i-0123456789abcdef0", "instance_type": "trn1.32xlarge", "runtime_tag": "367", "container_name": "main"},
        pod="pod_name",
    ),
    Maker("Gaudi exporter", "habana_ai_gaudi", "habanalabs_utilization", 100, lambda number: {"UUID": f"01P0-HL2080A0-{number}"}),
    Maker(
        "XPU Manager", "gpu_intel_com_i915", "hw_gpu_utilization_ratio", 1, lambda number: {"pci_bdf": f"0000:4{number}:00.0"},
        {"node": NODE},
    ),
)  # fmt: skip


def world(maker: Maker, **changed: Any) -> World:
    """A node of eight devices. A pod holds four: two are used, two only in the second half of four hours."""
    found = World(START, HOURS, **changed)
    found.node(NODE, 8, resource=maker.resource)
    found.pod(*POD, NODE, 4, running=(0, HOURS), resource=maker.resource, owner=("StatefulSet", "train"))
    return found


def measured(found: World, maker: Maker, number: int, who: Mapping[str, str], busy: Sequence[tuple[float, float, float]]) -> None:
    found.add(
        maker.metric, {**maker.always, **maker.device(number), **who}, [(begin, end, value * maker.whole) for begin, end, value in busy]
    )


def cost(server: Start, found: World) -> dict[str, Any]:
    with server(found.series) as prometheus:
        window = ("--until", found.end.isoformat(), "--window", f"{HOURS}h")
        code, said = ask("--snapshot", str(CLUSTER), "--prometheus", prometheus.url, *window)
    assert (code, said["missing"]) == (0, [])
    return said


def hours(found: dict[str, Any]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for line in found["lines"]:
        sums[line["category"]] = sums.get(line["category"], Decimal()) + line["hours"]
    return sums


@pytest.mark.parametrize("honours", [True, False], ids=["labels are honoured", "labels are not honoured"])
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.metric)
def test_usage_of_the_pod_that_holds_them(prometheus: Start, maker: Maker, honours: bool) -> None:
    found = world(maker)
    who = {maker.namespace: POD[0], maker.pod: POD[1]}
    if not honours:
        who = {f"exported_{name}" if name in ("pod", "namespace") else name: value for name, value in who.items()}
        who |= {"namespace": "monitoring", "pod": "exporter-x7k2p"}
    for number in range(4):
        measured(found, maker, number, who, [(0, HOURS, 0.8)] if number < 2 else [(0, 2, 0), (2, HOURS, 0.8)])
    said = cost(prometheus, found)
    assert said["coverage"]["exporters"] == [maker.name]
    assert hours(said) == {"unallocated": Decimal(16), "idle": Decimal(4), "active": Decimal(12)}
    assert {line["name"] for line in said["lines"]} == {"", "train"}
    assert any("does not honour labels" in note for note in said["notes"]) == (not honours)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.metric)
def test_measurements_that_name_no_pod(prometheus: Start, maker: Maker) -> None:
    """What nobody can tell is unknown, never idle, and it is said why."""
    found = world(maker)
    for number in range(8):
        measured(found, maker, number, {}, [(0, HOURS, 0)])
    said = cost(prometheus, found)
    assert hours(said) == {"unallocated": Decimal(16), "unknown": Decimal(16)}
    assert any(note.startswith(f"measurements of the {maker.name} name no pods") for note in said["notes"])


# -- devices that are cut up or shared ------------------------------------------------------------------------------------------------

MIG = (("0", "1g.10gb"), ("1", "1g.10gb"), ("2", "3g.40gb"))


@pytest.mark.parametrize("honours", [True, False], ids=["labels are honoured", "labels are not honoured"])
def test_instances_of_one_device(prometheus: Start, honours: bool) -> None:
    """Two instances of a seventh and one of three sevenths, each measured by itself; GPU_UTIL says 0 of all of them."""
    found = World(START, HOURS, honours=honours)
    labels = {"label_nvidia_com_gpu_count": "1", "label_nvidia_com_mig_strategy": "mixed", "label_nvidia_com_gpu_product": "NVIDIA-H100"}
    found.node("mig-1", 2, resource="nvidia_com_mig_1g_10gb", labels=labels)
    found.add("kube_node_status_capacity", {"node": "mig-1", "resource": "nvidia_com_mig_3g_40gb", "unit": "integer"}, [(0, HOURS, 1)])
    for number, (instance, profile) in enumerate(MIG):
        pod, resource = ("research", f"part-{number}"), f"nvidia_com_mig_{profile.replace('.', '_')}"
        found.pod(*pod, "mig-1", 1, running=(0, HOURS), resource=resource, owner=("StatefulSet", f"set-{number}"))
        more = {"GPU_I_ID": instance, "GPU_I_PROFILE": profile}
        busy = [(0, HOURS, 0.0 if number == 0 else 0.6)]
        found.gpu("GPU-7", "mig-1", pod, busy, metric="DCGM_FI_PROF_GR_ENGINE_ACTIVE", more=more)
        found.gpu("GPU-7", "mig-1", pod, [(0, HOURS, 0.0)], more=more)
    said = cost(prometheus, found)
    seventh = Decimal(HOURS) / 7
    assert {line["name"]: (line["category"], round(line["hours"], 3)) for line in said["lines"]} == {
        "": ("unallocated", round(2 * seventh, 3)),
        "set-0": ("idle", round(seventh, 3)),
        "set-1": ("active", round(seventh, 3)),
        "set-2": ("active", round(3 * seventh, 3)),
    }


def test_shares_of_one_device(prometheus: Start) -> None:
    """With virtual GPUs, an exporter repeats a device for every pod that shares it: it is one device all the same."""
    found = World(START, HOURS, honours=False)
    labels = {
        "label_nvidia_com_gpu_count": "1",
        "label_nvidia_com_gpu_replicas": "4",
        "label_nvidia_com_gpu_sharing_strategy": "time-slicing",
    }
    found.node("shared-1", 4, labels=labels)
    for number in range(2):
        pod = ("research", f"part-{number}")
        found.pod(*pod, "shared-1", 1, running=(0, HOURS), owner=("StatefulSet", f"set-{number}"))
        found.gpu("GPU-8", "shared-1", pod, [(0, 1, 0.0), (1, HOURS, 60.0)], more={"vgpu": str(number)})
    said = cost(prometheus, found)
    assert hours(said) == {"unallocated": Decimal(2), "idle": Decimal("0.5"), "active": Decimal("1.5")}
