"""Nodes with their accelerators: how many there are, may be used, are taken, and are free.

Sources: https://kubernetes.io/docs/concepts/architecture/nodes/ · labels of the GPU feature discovery:
https://github.com/NVIDIA/k8s-device-plugin · of clouds: https://cloud.google.com/kubernetes-engine/docs/concepts/spot-vms,
https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html, https://karpenter.sh/docs/concepts/nodepools/,
https://learn.microsoft.com/azure/aks/spot-node-pool
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Unpack

from auditor.accelerators import device, is_accelerator_class
from auditor.document import Document, Path, mapping, parse_path, sequence
from auditor.errors import QuantityError
from auditor.finding import Fault, FaultDetails
from auditor.lazy import lazy
from auditor.live.pods import LivePod, instant
from auditor.quantity import parse_quantity

__all__ = ["Devices", "Node", "Taint", "nodes_of"]

_POOLS = (
    "karpenter.sh/nodepool", "eks.amazonaws.com/nodegroup", "cloud.google.com/gke-nodepool", "kubernetes.azure.com/agentpool", "agentpool",
    "node.openshift.io/machine-set", "kops.k8s.io/instancegroup",
)  # fmt: skip
_PRODUCTS = (
    "nvidia.com/gpu.product", "amd.com/gpu.product-name", "cloud.google.com/gke-accelerator", "cloud.google.com/gke-tpu-accelerator",
    "karpenter.k8s.aws/instance-gpu-name", "karpenter.azure.com/sku-gpu-name", "kubernetes.azure.com/accelerator",
    "gpu.intel.com/product",
)  # fmt: skip
_SPOT = {
    "karpenter.sh/capacity-type": "spot", "eks.amazonaws.com/capacityType": "SPOT", "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-preemptible": "true", "cloud.google.com/gke-provisioning": "spot",
    "kubernetes.azure.com/scalesetpriority": "spot", "node.kubernetes.io/lifecycle": "spot",
}  # fmt: skip
_COUNTS = ("karpenter.k8s.aws/instance-gpu-count", "karpenter.azure.com/sku-gpu-count", "karpenter.k8s.gcp/instance-gpu-count")
_SLICES_OF_A_GPU = 7  # of MIG: https://docs.nvidia.com/datacenter/tesla/mig-user-guide/


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods off a node, unless they tolerate it."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"

    @property
    def hard(self) -> bool:
        """It really keeps pods off: NoSchedule or NoExecute."""
        return self.effect in ("NoSchedule", "NoExecute")

    @property
    def condition(self) -> bool:
        """Kubernetes itself sets and removes it with the node's state (not ready, cordoned, out of disk)."""
        return self.key.startswith("node.kubernetes.io/")


@dataclass(frozen=True, slots=True)
class Devices:
    """One sort of accelerator of a node, in units of its resource (which are shares where devices are shared).

    Attributes:
        key: resource name, or the name of the DRA driver.
        capacity: what the node has.
        allocatable: what may be used of it: less where devices are unhealthy.
        allocated: what pods hold that are bound to the node and not finished.
    """

    key: str
    capacity: int
    allocatable: int
    allocated: int

    @property
    def free(self) -> int:
        """What a pod could still get."""
        return max(self.allocatable - self.allocated, 0)


class Node:
    """A node of a live cluster.

    Attributes:
        document: the node as read.
        name: its name.
        labels: its labels.
        pods: bound to it and not finished.
        claimed: by DRA driver, how many devices it has and how many of them are allocated to claims.
    """

    def __init__(self, document: Document, pods: Iterable[LivePod], claimed: Mapping[str, tuple[int, int]]) -> None:
        self.document = document
        self.name = document.ref.name
        self.pods = tuple(pods)
        self._claimed = claimed
        raw = document.raw
        metadata, spec, status = (mapping(raw.get(field)) for field in ("metadata", "spec", "status"))
        self.labels: Mapping[str, str] = {key: value for key, value in mapping(metadata.get("labels")).items() if isinstance(value, str)}
        self.annotations: Mapping[str, Any] = mapping(metadata.get("annotations"))
        self.created = instant(metadata.get("creationTimestamp"))
        self.deleted = instant(metadata.get("deletionTimestamp"))
        self.cordoned = spec.get("unschedulable") is True
        self.taints = tuple(
            Taint(str(one.get("key")), str(one.get("value") or ""), str(one.get("effect") or ""))
            for one in map(mapping, sequence(spec.get("taints")))
        )
        self.capacity = _amounts(status.get("capacity"))
        self.allocatable = _amounts(status.get("allocatable"))
        self.conditions: Mapping[str, Mapping[str, Any]] = {
            str(one.get("type")): one for one in map(mapping, sequence(status.get("conditions")))
        }

    def __repr__(self) -> str:
        return f"<Node {self.name}>"

    @property
    def ready(self) -> bool:
        """The kubelet says that it takes pods."""
        return self.conditions.get("Ready", {}).get("status") == "True"

    @property
    def pool(self) -> str:
        """The node pool or node group that it belongs to; empty where no label says."""
        return self._first(_POOLS)

    @property
    def zone(self) -> str:
        """Its availability zone."""
        return self.labels.get("topology.kubernetes.io/zone", "")

    @property
    def instance_type(self) -> str:
        """The cloud's name for this sort of machine."""
        return self.labels.get("node.kubernetes.io/instance-type", "")

    @property
    def spot(self) -> bool:
        """The cloud may take it away at any time."""
        return any(self.labels.get(key) == value for key, value in _SPOT.items())

    @property
    def product(self) -> str:
        """The accelerator's model, as a label names it."""
        return self._first(_PRODUCTS)

    @property
    def sharing(self) -> str:
        """How a device is shared: ``time-slicing``, ``mps``, ``mig``, or empty."""
        strategy = self.labels.get("nvidia.com/gpu.sharing-strategy", "")
        if strategy in ("time-slicing", "mps"):
            return strategy
        partitioned = any(known.partition for key in self.capacity if (known := device(key)) is not None)
        return "mig" if partitioned or self.labels.get("nvidia.com/mig.strategy") == "single" else ""

    def _first(self, keys: Iterable[str]) -> str:
        return next((self.labels[key] for key in keys if self.labels.get(key)), "")

    @lazy
    def devices(self) -> tuple[Devices, ...]:
        """Its accelerators by resource name, then by DRA driver."""
        taken: dict[str, int] = {}
        for pod in self.pods:
            for key, count in pod.accelerators.items():
                taken[key] = taken.get(key, 0) + count
        keys = sorted(key for key in {*self.capacity, *self.allocatable} if device(key) is not None)
        found = [Devices(key, self._whole(self.capacity, key), self._whole(self.allocatable, key), taken.get(key, 0)) for key in keys]
        found = [one for one in found if one.capacity or one.allocated]
        return (*found, *(Devices(driver, total, total, used) for driver, (total, used) in sorted(self._claimed.items()) if total))

    def _whole(self, amounts: Mapping[str, Fraction], key: str) -> int:
        return int(amounts.get(key, 0))

    @property
    def accelerated(self) -> bool:
        """It has accelerators."""
        return bool(self.devices)

    def free(self, key: str) -> int:
        """How many units of a resource a pod could still get."""
        return next((one.free for one in self.devices if one.key == key), 0)

    @lazy
    def requested(self) -> Mapping[str, Fraction]:
        """What its pods request together, of every resource, as the scheduler counts it."""
        total: dict[str, Fraction] = {}
        for pod in self.pods:
            for key, amount in pod.requests().items():
                total[key] = total.get(key, Fraction(0)) + amount
        return total

    def spare(self, key: str) -> Fraction:
        """What a pod could still request of CPU (cores), memory (bytes) or any other resource."""
        return max(self.allocatable.get(key, Fraction(0)) - self.requested.get(key, Fraction(0)), Fraction(0))

    @property
    def physical_devices(self) -> int:
        """How many devices there are behind the units: the cloud's word for the machine, the driver's labels, else the units themselves.

        With MIG strategy ``single`` it is a lower bound: units × slices of each ÷ 7. With time-slicing and MPS ``gpu.replicas`` is the
        number of units for each device.
        """
        for label in (*_COUNTS, "nvidia.com/gpu.count"):
            text = self.labels.get(label, "")
            if text.isdigit() and not (label == "nvidia.com/gpu.count" and self.labels.get("nvidia.com/mig.strategy") == "single"):
                return int(text)
        units = sum(one.capacity for one in self.devices)
        slices, replicas = self.labels.get("nvidia.com/gpu.slices.gi", ""), self.labels.get("nvidia.com/gpu.replicas", "")
        if self.labels.get("nvidia.com/mig.strategy") == "single" and slices.isdigit():
            return math.ceil(units * int(slices) / _SLICES_OF_A_GPU)
        return math.ceil(units / int(replicas)) if replicas.isdigit() and int(replicas) > 1 else units

    def fault(self, message: str, *, at: str | Path = "", **details: Unpack[FaultDetails]) -> Fault:
        """Something wrong at a field of this node; see `Container.fault`."""
        return Fault(self.document, at if isinstance(at, tuple) else parse_path(at), message, **details)


def _amounts(value: object) -> dict[str, Fraction]:
    found = {}
    for key, text in mapping(value).items():
        try:
            found[key] = Fraction(parse_quantity(str(text)))
        except QuantityError:
            continue
    return found


def nodes_of(
    documents: Iterable[Document], pods: Iterable[LivePod], slices: Iterable[Document], claims: Iterable[Document]
) -> tuple[Node, ...]:
    """The nodes by name, with the pods that are bound to them.

    Args:
        documents: Nodes.
        pods: all pods in view.
        slices: ResourceSlices, which say what DRA drivers offer on a node.
        claims: ResourceClaims, whose allocations say what is taken of it.
    """
    placed: dict[str, list[LivePod]] = {}
    for pod in pods:
        if pod.placed:
            placed.setdefault(pod.node, []).append(pod)
    offered = _offered(slices, claims)
    ordered = sorted(documents, key=lambda document: document.ref.name)
    return tuple(Node(document, placed.get(document.ref.name, ()), offered.get(document.ref.name, {})) for document in ordered)


def _offered(slices: Iterable[Document], claims: Iterable[Document]) -> dict[str, dict[str, tuple[int, int]]]:
    """By node and DRA driver, how many accelerators there are and how many are allocated.

    A device is a whole one unless its attribute ``type`` says that it is a partition: parents and their partitions are offered side by
    side. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
    """
    taken = set(_allocated(claims))
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for document in slices:
        spec = mapping(document.raw.get("spec"))
        node, driver, pool = spec.get("nodeName"), spec.get("driver"), mapping(spec.get("pool")).get("name")
        if not isinstance(node, str) or not isinstance(driver, str) or not is_accelerator_class(driver):
            continue
        for one in map(mapping, sequence(spec.get("devices"))):
            attributes = mapping(one.get("attributes")) or mapping(mapping(one.get("basic")).get("attributes"))
            if mapping(attributes.get("type")).get("string", "gpu") != "gpu":
                continue
            total, used = found.setdefault(node, {}).get(driver, (0, 0))
            found[node][driver] = (total + 1, used + ((driver, pool, one.get("name")) in taken))
    return found


def _allocated(claims: Iterable[Document]) -> Iterator[tuple[object, object, object]]:
    """Driver, pool and name of every device that a claim holds."""
    for claim in claims:
        allocation = mapping(mapping(claim.raw.get("status")).get("allocation"))
        for result in map(mapping, sequence(mapping(allocation.get("devices")).get("results"))):
            yield result.get("driver"), result.get("pool"), result.get("device")
