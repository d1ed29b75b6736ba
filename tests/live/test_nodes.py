"""How many devices a node has, in units and as hardware, what is taken of them, and what its labels say."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import pytest

from auditor.accelerators import device, is_accelerator_class
from auditor.document import Document
from auditor.listing import Listing
from auditor.live import Node
from auditor.snapshot import Snapshot
from auditor.source.text import read_text

NOON = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
LISTING = Listing(
    taken=NOON,
    server="test",
    version=(1, 36),
    namespace="",
    listed=(),
    not_listed=(),
    asked=frozenset({("", "Pod"), ("", "Node")}),
    requests=0,
)


def snapshot(*objects: Mapping[str, Any]) -> Snapshot:
    text = "\n---\n".join(json.dumps(one) for one in objects)
    documents = [item for item in read_text(text, "cluster.yaml") if isinstance(item, Document)]
    assert len(documents) == len(objects)
    return Snapshot(documents, listing=LISTING)


def node_object(
    capacity: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    *,
    allocatable: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n", "labels": dict(labels or {}), "annotations": dict(annotations or {})},
        "status": {"capacity": dict(capacity or {}), "allocatable": dict((capacity if allocatable is None else allocatable) or {})},
    }


def pod_object(name: str, limits: Mapping[str, str], *, node: str = "n", phase: str = "Running") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "team"},
        "spec": {"nodeName": node, "containers": [{"name": "c", "resources": {"limits": dict(limits)}}]},
        "status": {"phase": phase},
    }


def only(*objects: Mapping[str, Any]) -> Node:
    (node,) = snapshot(*objects).nodes
    return node


def node(capacity: Mapping[str, str], labels: Mapping[str, str] | None = None, **more: Any) -> Node:
    return only(node_object(capacity, labels, **more))


def counts(found: Node) -> list[tuple[str, int, int, int]]:
    return [(one.key, one.capacity, one.allocatable, one.allocated) for one in found.devices]


# -- units ------------------------------------------------------------------------------------------------------------------------------


def test_counts_what_pods_hold_that_are_bound_and_not_finished() -> None:
    found = only(
        node_object({"nvidia.com/gpu": "8", "cpu": "96"}, allocatable={"nvidia.com/gpu": "7", "cpu": "95"}),
        pod_object("a", {"nvidia.com/gpu": "2"}),
        pod_object("starting", {"nvidia.com/gpu": "1"}, phase="Pending"),
        pod_object("done", {"nvidia.com/gpu": "8"}, phase="Succeeded"),
        pod_object("failed", {"nvidia.com/gpu": "8"}, phase="Failed"),
        pod_object("waits", {"nvidia.com/gpu": "8"}, node="", phase="Pending"),
        pod_object("elsewhere", {"nvidia.com/gpu": "8"}, node="other"),
    )
    assert counts(found) == [("nvidia.com/gpu", 8, 7, 3)]
    assert found.free("nvidia.com/gpu") == 4
    assert found.free("amd.com/gpu") == 0


def test_free_is_never_less_than_nothing() -> None:
    found = only(node_object({"nvidia.com/gpu": "8"}, allocatable={"nvidia.com/gpu": "3"}), pod_object("a", {"nvidia.com/gpu": "8"}))
    assert found.free("nvidia.com/gpu") == 0


def test_what_is_left_of_cpu_and_memory() -> None:
    found = only(node_object({"cpu": "8", "memory": "16Gi"}), pod_object("a", {"cpu": "2500m", "memory": "4Gi"}))
    assert found.spare("cpu") == 5.5
    assert found.spare("memory") == 12 * 2**30
    assert found.spare("nvidia.com/gpu") == 0
    assert not found.accelerated


def test_companions_and_monitoring_are_no_devices() -> None:
    capacity = {"nvidia.com/gpu": "2", "nvidia.com/gpumem": "48000", "nvidia.com/gpucores": "200"}
    assert [one.key for one in node(capacity).devices] == ["nvidia.com/gpu"]
    assert [one.key for one in node({"gpu.intel.com/i915": "1", "gpu.intel.com/i915_monitoring": "1"}).devices] == ["gpu.intel.com/i915"]
    assert device("gpu.intel.com/xe_monitoring") is None
    assert device("gpu.intel.com/xe") is not None


def test_a_resource_of_which_there_is_none_is_no_device() -> None:
    assert node({"nvidia.com/gpu": "0"}).devices == ()


def test_neuron_chips_are_counted_once_under_their_three_names() -> None:
    capacity = {"aws.amazon.com/neuron": "16", "aws.amazon.com/neurondevice": "16", "aws.amazon.com/neuroncore": "32"}
    found = only(
        node_object(capacity),
        pod_object("chips", {"aws.amazon.com/neuron": "2"}),
        pod_object("cores", {"aws.amazon.com/neuroncore": "3"}),
        pod_object("old-name", {"aws.amazon.com/neurondevice": "1"}),
    )
    assert counts(found) == [("aws.amazon.com/neuron", 16, 16, 5)]
    assert found.free("aws.amazon.com/neuron") == 11
    assert found.free("aws.amazon.com/neurondevice") == 11
    assert found.free("aws.amazon.com/neuroncore") == 22
    assert found.physical_devices == 16


def test_neuron_cores_stand_for_themselves_where_no_chips_are_counted() -> None:
    assert counts(node({"aws.amazon.com/neuroncore": "2"})) == [("aws.amazon.com/neuroncore", 2, 2, 0)]


# -- hardware ---------------------------------------------------------------------------------------------------------------------------

_MIXED = {"nvidia.com/mig-1g.5gb": "2", "nvidia.com/mig-2g.10gb": "1", "nvidia.com/mig-3g.20gb": "1", "nvidia.com/gpu": "7"}
_REGISTERED = "GPU-0,10,32768,100,NVIDIA-Tesla V100-PCIE-32GB,0,true:GPU-1,10,32768,100,NVIDIA-Tesla V100-PCIE-32GB,0,true:"


@pytest.mark.parametrize(
    ("capacity", "labels", "devices", "sharing"),
    [
        ({"nvidia.com/gpu": "8"}, {}, 8, ""),
        ({"nvidia.com/gpu": "8"}, {"nvidia.com/gpu.count": "8", "nvidia.com/gpu.sharing-strategy": "none"}, 8, ""),
        # One GPU is broken and its plugin restarted: the machine still has eight.
        ({"nvidia.com/gpu": "7"}, {"karpenter.k8s.aws/instance-gpu-count": "8", "nvidia.com/gpu.count": "7"}, 8, ""),
        ({"nvidia.com/gpu": "80"}, {"nvidia.com/gpu.count": "8", "nvidia.com/gpu.sharing-strategy": "time-slicing"}, 8, "time-slicing"),
        ({"nvidia.com/gpu": "80"}, {"nvidia.com/gpu.replicas": "10"}, 8, "time-slicing"),
        ({"nvidia.com/gpu.shared": "4"}, {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.sharing-strategy": "mps"}, 1, "mps"),
        ({"nvidia.com/gpu.shared": "4"}, {}, 4, "shares"),
        ({"nvidia.com/gpu": "8"}, {"nvidia.com/gpu.replicas": "0"}, 8, ""),
        # MIG: in `single` the label counts partitions, in `mixed` whole GPUs with those that are cut.
        (
            {"nvidia.com/gpu": "56"},
            {"nvidia.com/mig.strategy": "single", "nvidia.com/gpu.count": "56", "nvidia.com/gpu.slices.gi": "1"},
            8,
            "mig",
        ),
        (
            {"nvidia.com/gpu": "4"},
            {"nvidia.com/mig.strategy": "single", "nvidia.com/gpu.count": "4", "nvidia.com/gpu.slices.gi": "3"},
            2,
            "mig",
        ),
        (
            {"nvidia.com/gpu": "112"},
            {
                "nvidia.com/mig.strategy": "single", "nvidia.com/gpu.count": "56", "nvidia.com/gpu.slices.gi": "1",
                "nvidia.com/gpu.replicas": "2", "nvidia.com/gpu.sharing-strategy": "time-slicing",
            },
            8,
            "mig + time-slicing",
        ),
        ({"nvidia.com/gpu": "8"}, {"nvidia.com/mig.strategy": "single", "nvidia.com/gpu.count": "0"}, 8, "mig"),
        (_MIXED, {"nvidia.com/mig.strategy": "mixed", "nvidia.com/gpu.count": "8"}, 8, "mig"),
        (_MIXED, {"nvidia.com/mig.strategy": "mixed"}, 8, "mig"),
        ({"nvidia.com/mig-1g.10gb": "14"}, {"nvidia.com/mig-1g.10gb.replicas": "2"}, 1, "mig"),
        ({"nvidia.com/mig-1g.5gb+me": "7"}, {}, 1, "mig"),
        ({"nvidia.com/gpu": "16"}, {"karpenter.k8s.aws/instance-gpu-count": "4", "nvidia.com/gpu.sharing-strategy": "mps"}, 4, "mps"),
        # GKE has labels of its own, and no GPU feature discovery.
        (
            {"nvidia.com/gpu": "96"},
            {"cloud.google.com/gke-gpu-sharing-strategy": "time-sharing", "cloud.google.com/gke-max-shared-clients-per-gpu": "48"},
            2,
            "time-slicing",
        ),
        ({"nvidia.com/gpu": "14"}, {"cloud.google.com/gke-gpu-partition-size": "1g.5gb"}, 2, "mig"),
        (
            {"nvidia.com/gpu": "6"},
            {"cloud.google.com/gke-gpu-partition-size": "2g.10gb", "cloud.google.com/gke-accelerator-count": "2"},
            2,
            "mig",
        ),
        ({"google.com/tpu": "4"}, {"cloud.google.com/gke-accelerator-count": "4"}, 4, ""),
        # Other makers.
        ({"amd.com/gpu": "64"}, {"amd.com/compute-memory-partition": "cpx_nps4"}, 8, "partitions"),
        ({"amd.com/gpu": "8"}, {"amd.com/compute-memory-partition": "spx_nps1"}, 8, ""),
        ({"amd.com/spx_nps1": "5", "amd.com/cpx_nps1": "24"}, {}, 8, "partitions"),
        ({"amd.com/spx_nps1": "8"}, {}, 8, ""),
        ({"gpu.intel.com/i915": "20"}, {"gpu.intel.com/device.count": "2"}, 2, "shares"),
        ({"gpu.intel.com/xe": "2"}, {"gpu.intel.com/device.count": "2"}, 2, ""),
        ({"aws.amazon.com/neuroncore": "32"}, {"karpenter.k8s.aws/instance-accelerator-count": "16"}, 16, ""),
        # Two makers in one machine: the machine's count says nothing about either.
        ({"nvidia.com/gpu": "2", "amd.com/gpu": "3"}, {"nvidia.com/gpu.count": "2"}, 5, ""),
        # Nonsense.
        ({"nvidia.com/gpu": "2"}, {"nvidia.com/gpu.count": "²", "nvidia.com/gpu.replicas": "-1"}, 2, ""),
        ({"nvidia.com/gpu": "2"}, {"nvidia.com/gpu.count": "99999999999"}, 2, ""),
        ({"cpu": "8"}, {"karpenter.k8s.aws/instance-gpu-count": "8"}, 0, ""),
    ],
)  # fmt: skip
def test_devices_behind_the_units(capacity: dict[str, str], labels: dict[str, str], devices: int, sharing: str) -> None:
    found = node(capacity, labels)
    assert (found.physical_devices, found.sharing) == (devices, sharing)
    assert found.shared is bool({"time-slicing", "mps", "shares"} & set(sharing.split(" + ")))


@pytest.mark.parametrize(
    ("registered", "devices", "sharing"),
    [
        (_REGISTERED, 2, "hami"),
        (json.dumps([{"id": "GPU-0", "count": 10}, {"id": "GPU-1", "count": 10}]), 2, "hami"),
        ("[not json", 20, ""),
        ("{}", 20, ""),
        ("", 20, ""),
    ],
)
def test_devices_that_hami_splits(registered: str, devices: int, sharing: str) -> None:
    found = node({"nvidia.com/gpu": "20"}, annotations={"hami.io/node-nvidia-register": registered})
    assert (found.physical_devices, found.sharing, found.shared) == (devices, sharing, sharing == "hami")


# -- DRA --------------------------------------------------------------------------------------------------------------------------------


def slice_object(
    devices: list[dict[str, Any]],
    driver: str = "gpu.nvidia.com",
    *,
    name: str = "s",
    generation: int = 1,
    pool: str = "n",
    node_name: str | None = "n",
    version: str = "v1",
) -> dict[str, Any]:
    spec: dict[str, Any] = {"driver": driver, "pool": {"name": pool, "generation": generation, "resourceSliceCount": 1}, "devices": devices}
    if node_name:
        spec["nodeName"] = node_name
    return {"apiVersion": f"resource.k8s.io/{version}", "kind": "ResourceSlice", "metadata": {"name": name}, "spec": spec}


def shape(name: str, kind: str = "gpu", *, sets: tuple[str, ...] = (), taints: tuple[str, ...] = (), **attributes: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "attributes": {key: {"string": value} for key, value in {"type": kind, **attributes}.items()}}
    if sets:
        found["consumesCounters"] = [{"counterSet": one, "counters": {"memory": {"value": "1"}}} for one in sets]
    if taints:
        found["taints"] = [{"key": "example.com/unhealthy", "effect": effect} for effect in taints]
    return found


def claim_object(
    name: str, *devices: str, driver: str = "gpu.nvidia.com", admin: bool = False, pods: tuple[str, ...] = (), bridged: bool = False
) -> dict[str, Any]:
    results = [{"request": "r", "driver": driver, "pool": "n", "device": one, "adminAccess": True if admin else None} for one in devices]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {
            "name": name,
            "namespace": "team",
            "annotations": {"resource.kubernetes.io/extended-resource-claim": "true"} if bridged else {},
        },
        "status": {
            "allocation": {"devices": {"results": results}},
            "reservedFor": [{"resource": "pods", "name": one, "uid": one} for one in pods],
        },
    }


def test_whole_devices_of_a_driver() -> None:
    devices = [shape(f"gpu-{index}", uuid=f"GPU-{index}", productName="NVIDIA H100") for index in range(8)]
    found = only(node_object({"cpu": "96"}), slice_object(devices), claim_object("c", "gpu-0", "gpu-1"), claim_object("d", "gpu-1"))
    assert counts(found) == [("gpu.nvidia.com", 8, 8, 2)]
    assert (found.physical_devices, found.product, found.sharing) == (8, "NVIDIA H100", "")
    assert found.free("gpu.nvidia.com") == 6


def test_a_partition_that_is_held_takes_its_parent() -> None:
    """Partitions that could be made draw from the counters of their GPU, which is offered beside them."""
    devices = [shape(f"gpu-{index}", sets=(f"set-{index}",), uuid=f"GPU-{index}") for index in range(2)]
    devices += [shape(f"gpu-{gpu}-mig-{part}", "mig", sets=(f"set-{gpu}",)) for gpu in range(2) for part in range(7)]
    idle = only(node_object(), slice_object(devices))
    assert counts(idle) == [("gpu.nvidia.com", 2, 2, 0)]
    assert idle.sharing == ""
    busy = only(node_object(), slice_object(devices), claim_object("c", "gpu-1-mig-0"), claim_object("d", "gpu-1-mig-3"))
    assert counts(busy) == [("gpu.nvidia.com", 2, 2, 1)]
    assert busy.sharing == "mig"


def test_partitions_without_their_parent_are_still_one_device() -> None:
    devices = [shape(f"gpu-0-mig-{part}", "mig", uuid=f"MIG-{part}", parentUUID="GPU-0") for part in range(7)]
    found = only(node_object(), slice_object([*devices, shape("gpu-1", uuid="GPU-1")]))
    assert counts(found) == [("gpu.nvidia.com", 2, 2, 0)]
    assert found.sharing == "mig"


def test_a_device_that_is_offered_to_virtual_machines_too_is_one_device() -> None:
    devices = [shape("gpu-0", uuid="GPU-0", pcieBusID="0000:01:00.0"), shape("gpu-vfio-0", "vfio", uuid="x", pcieBusID="0000:01:00.0")]
    assert counts(only(node_object(), slice_object(devices), claim_object("c", "gpu-vfio-0"))) == [("gpu.nvidia.com", 1, 1, 1)]


def test_what_turns_out_to_be_one_device_becomes_one() -> None:
    devices = [shape("a", uuid="U"), shape("b", pcieBusID="P"), shape("c", uuid="U", pcieBusID="P")]
    assert counts(only(node_object(), slice_object(devices), claim_object("c", "b"))) == [("gpu.nvidia.com", 1, 1, 1)]


def test_devices_of_amd() -> None:
    parts = [
        {**shape(f"gpu-0-{index}", "amdgpu-partition"), "attributes": {
            "type": {"string": "amdgpu-partition"}, "resource.kubernetes.io/pciBusID": {"string": "0000:19:00.0"},
        }}
        for index in range(8)
    ]  # fmt: skip
    devices = [*parts, shape("gpu-1", "amdgpu", pciAddr="0000:29:00.0")]
    found = only(node_object(), slice_object(devices, "gpu.amd.com"))
    assert counts(found) == [("gpu.amd.com", 2, 2, 0)]
    assert found.sharing == "partitions"


def test_a_group_of_devices_takes_each_of_them() -> None:
    chips = [shape(f"chip-{index}", "tpu", sets=(f"chip-{index}",)) for index in range(4)]
    groups = [shape("two", "tpu", sets=("chip-0", "chip-1")), shape("all", "tpu", sets=tuple(f"chip-{index}" for index in range(4)))]
    found = only(node_object(), slice_object([*chips, *groups], "tpu.google.com"), claim_object("c", "two", driver="tpu.google.com"))
    assert counts(found) == [("tpu.google.com", 4, 4, 2)]


def test_who_only_looks_holds_nothing() -> None:
    found = snapshot(
        node_object(), slice_object([shape("gpu-0")]), claim_object("m", "gpu-0", admin=True, pods=("monitor",)), pod_object("monitor", {})
    )
    assert counts(found.nodes[0]) == [("gpu.nvidia.com", 1, 1, 0)]
    assert found.pods[0].devices == {}


def test_tainted_devices_are_not_to_be_had() -> None:
    devices = [
        shape("gpu-0", sets=("s",), taints=("NoExecute",)),
        shape("gpu-0-mig-0", "mig", sets=("s",), taints=("NoSchedule",)),
        shape("gpu-1", taints=("None",)),
        shape("gpu-2"),
    ]
    assert counts(only(node_object(), slice_object(devices))) == [("gpu.nvidia.com", 3, 2, 0)]


def test_of_a_pool_its_newest_generation_counts() -> None:
    old, new = [shape("gpu-0"), shape("gpu-1")], [shape("gpu-0")]
    found = only(node_object(), slice_object(old, name="old", generation=1), slice_object(new, name="new", generation=2))
    assert counts(found) == [("gpu.nvidia.com", 1, 1, 0)]


def test_slices_of_several_versions_and_places() -> None:
    beta = [{"name": "gpu-0", "basic": {"attributes": {"type": {"string": "gpu"}, "uuid": {"string": "GPU-0"}}}}]
    assert counts(only(node_object(), slice_object(beta, version="v1beta1"))) == [("gpu.nvidia.com", 1, 1, 0)]
    each = [{**shape("gpu-0"), "nodeName": "n"}, {**shape("gpu-1"), "nodeName": "other"}]
    assert counts(only(node_object(), slice_object(each, node_name=None))) == [("gpu.nvidia.com", 1, 1, 0)]
    assert only(node_object(), slice_object([shape("gpu-0")], node_name=None)).devices == ()


@pytest.mark.parametrize("driver", ["compute-domain.nvidia.com", "dra.net", "cpu.example.com"])
def test_other_drivers_offer_no_accelerators(driver: str) -> None:
    assert only(node_object(), slice_object([shape("x")], driver)).devices == ()


@pytest.mark.parametrize("name", ["gpu.nvidia.com", "mig.nvidia.com", "gpu.amd.com", "gaudi.intel.com", "neuron.aws.com", "tpu.google.com"])
def test_drivers_of_accelerators(name: str) -> None:
    assert is_accelerator_class(name)


def test_a_pod_that_asks_for_a_resource_which_a_driver_supplies_holds_it_once() -> None:
    found = snapshot(
        node_object(),
        slice_object([shape("gpu-0"), shape("gpu-1")]),
        claim_object("auto", "gpu-0", pods=("p",), bridged=True),
        pod_object("p", {"nvidia.com/gpu": "1"}),
    )
    assert counts(found.nodes[0]) == [("gpu.nvidia.com", 2, 2, 1)]
    assert found.pods[0].devices == {"nvidia.com/gpu": 1}


def test_what_a_plugin_and_a_driver_both_offer_is_one_device() -> None:
    devices = [shape(f"gpu-{index}") for index in range(8)]
    assert only(node_object({"nvidia.com/gpu": "8"}), slice_object(devices)).physical_devices == 8


def test_pods_hold_what_their_claims_hold() -> None:
    found = snapshot(
        node_object(),
        slice_object([shape("gpu-0"), shape("gpu-1")]),
        claim_object("shared", "gpu-0", pods=("a", "b")),
        claim_object("own", "gpu-1", pods=("a",)),
        claim_object("card", "nic-0", driver="dra.net", pods=("a",)),
        pod_object("a", {}),
        pod_object("b", {"nvidia.com/gpu": "1"}),
    )
    assert [dict(pod.devices) for pod in found.pods] == [{"gpu.nvidia.com": 2}, {"nvidia.com/gpu": 1, "gpu.nvidia.com": 1}]


@pytest.mark.parametrize(
    "spec",
    [
        None,
        {"driver": None, "devices": 3},
        {"driver": "gpu.nvidia.com", "nodeName": 3, "devices": [None, "x", {}]},
        {
            "driver": "gpu.nvidia.com",
            "nodeName": "n",
            "pool": "x",
            "devices": [None, {"name": None, "attributes": [], "taints": {}, "basic": 1}],
        },
        {
            "driver": "gpu.nvidia.com",
            "nodeName": "n",
            "devices": [{"consumesCounters": [None, {"counterSet": {}}], "attributes": {"type": 3}}],
        },
    ],
)
def test_slices_and_claims_of_the_wrong_shape(spec: Any) -> None:
    broken = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "s"}, "spec": spec}
    claim = {
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "c", "namespace": "team", "annotations": None},
        "status": {"allocation": {"devices": {"results": [None, {}]}}, "reservedFor": [None, {"resource": "pods"}]},
    }  # fmt: skip
    found = only(node_object(), broken, claim)
    assert found.physical_devices == sum(one.capacity for one in found.devices)
    assert found.sharing == ""


# -- labels -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "pool", "product", "spot"),
    [
        ({}, "", "", False),
        ({"karpenter.sh/nodepool": "gpu", "karpenter.sh/capacity-type": "spot"}, "gpu", "", True),
        ({"karpenter.sh/nodepool": "gpu", "karpenter.sh/capacity-type": "on-demand"}, "gpu", "", False),
        ({"eks.amazonaws.com/nodegroup": "p5", "eks.amazonaws.com/capacityType": "SPOT"}, "p5", "", True),
        ({"alpha.eksctl.io/nodegroup-name": "p4"}, "p4", "", False),
        ({"cloud.google.com/gke-nodepool": "a3", "cloud.google.com/gke-accelerator": "nvidia-h100-80gb"}, "a3", "nvidia-h100-80gb", False),
        ({"cloud.google.com/gke-provisioning": "standard"}, "", "", False),
        ({"kubernetes.azure.com/agentpool": "nd", "kubernetes.azure.com/scalesetpriority": "spot"}, "nd", "", True),
        (
            {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "karpenter.k8s.aws/instance-gpu-name": "h100"},
            "",
            "NVIDIA-H100-80GB-HBM3",
            False,
        ),
        ({"karpenter.k8s.aws/instance-accelerator-name": "trainium"}, "", "trainium", False),
        ({"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"}, "", "AMD_Instinct_MI300X_OAM", False),
    ],
)
def test_what_labels_say(labels: dict[str, str], pool: str, product: str, spot: bool) -> None:
    found = node({"nvidia.com/gpu": "1"}, labels)
    assert (found.pool, found.product, found.spot) == (pool, product, spot)


def test_place_and_state() -> None:
    raw = node_object({"nvidia.com/gpu": "1"}, {"topology.kubernetes.io/zone": "z", "node.kubernetes.io/instance-type": "p5.48xlarge"})
    raw["metadata"]["creationTimestamp"] = "2026-11-25T10:00:00Z"
    raw["spec"] = {"unschedulable": True, "taints": [{"key": "nvidia.com/gpu", "value": "x", "effect": "NoSchedule"}, None]}
    raw["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    found = only(raw)
    assert (found.zone, found.instance_type, found.ready, found.cordoned) == ("z", "p5.48xlarge", False, True)
    assert str(found.taints[0]) == "nvidia.com/gpu=x:NoSchedule"
    assert found.created == NOON.replace(hour=10)


def test_nodes_of_the_wrong_shape() -> None:
    raw = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": None}, "spec": None}
    found = only({**raw, "status": {"capacity": {"nvidia.com/gpu": "many", "amd.com/gpu": None}, "allocatable": [], "conditions": {}}})
    assert (found.devices, found.ready, found.pool, found.physical_devices) == ((), False, "", 0)
