"""Nodes with their accelerators: how many there are, may be used, are taken, and are free.

Sources: https://kubernetes.io/docs/concepts/architecture/nodes/ · labels of clouds:
https://cloud.google.com/kubernetes-engine/docs/concepts/spot-vms, https://karpenter.sh/docs/concepts/nodepools/,
https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html, https://learn.microsoft.com/azure/aks/spot-node-pool
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Unpack

from auditor.accelerators import KNOWN_DEVICES, DeviceTable
from auditor.document import Document, Path, mapping, parse_path, sequence
from auditor.errors import QuantityError
from auditor.finding import Fault, FaultDetails
from auditor.lazy import lazy
from auditor.live import hardware
from auditor.live.dynamic import Offer, offers
from auditor.live.hardware import is_shared, physical_devices, sharing_of, weights
from auditor.live.pods import LivePod, instant
from auditor.quantity import parse_quantity

__all__ = ["LABELS_OF_NODES", "POOL_LABELS", "SPOT_LABELS", "Devices", "Node", "Taint", "is_spot", "nodes_of", "pool_of", "product_of"]

POOL_LABELS = (
    "karpenter.sh/nodepool", "eks.amazonaws.com/nodegroup", "alpha.eksctl.io/nodegroup-name", "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool", "agentpool", "doks.digitalocean.com/node-pool", "node.openshift.io/machine-set",
    "kops.k8s.io/instancegroup",
)  # fmt: skip
_PRODUCTS = (
    "nvidia.com/gpu.product", "amd.com/gpu.product-name", "beta.amd.com/gpu.product-name", "gpu.intel.com/product",
    "cloud.google.com/gke-accelerator", "cloud.google.com/gke-tpu-accelerator", "karpenter.k8s.aws/instance-gpu-name",
    "karpenter.k8s.aws/instance-accelerator-name", "karpenter.azure.com/sku-gpu-name", "karpenter.k8s.gcp/instance-gpu-name",
    "k8s.amazonaws.com/accelerator", "kubernetes.azure.com/accelerator",
)  # fmt: skip
SPOT_LABELS = {
    "karpenter.sh/capacity-type": "spot", "eks.amazonaws.com/capacityType": "SPOT", "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-preemptible": "true", "cloud.google.com/gke-provisioning": "spot",
    "kubernetes.azure.com/scalesetpriority": "spot", "node.kubernetes.io/lifecycle": "spot",
}  # fmt: skip
# All labels that say what a node is and what it costs.
LABELS_OF_NODES = (
    *POOL_LABELS, *_PRODUCTS, *SPOT_LABELS, *hardware.LABELS, "node.kubernetes.io/instance-type", "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone", "nvidia.com/gpu.memory", "karpenter.k8s.aws/instance-gpu-memory",
)  # fmt: skip
# Labels of capacity that is paid for whether it is used or not, and annotations by which autoscalers leave a node alone.
_COMMITTED = {"karpenter.sh/capacity-type": "reserved", "eks.amazonaws.com/capacityType": "CAPACITY_BLOCK"}
_KEPT = {"cluster-autoscaler.kubernetes.io/scale-down-disabled": "true", "karpenter.sh/do-not-disrupt": "true"}
# Resources that count the same chips: the second is another name of the first, the third counts their cores.
# https://awsdocs-neuron.readthedocs-hosted.com/en/latest/containers/kubernetes-getting-started.html
_CHIPS, _CHIPS_BEFORE, _CORES = (f"aws.amazon.com/{name}" for name in ("neuron", "neurondevice", "neuroncore"))


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
        key: resource name, or the name of the DRA driver, which has no slash. What a driver offers is counted in whole devices.
        capacity: what the node has.
        allocatable: what may be used of it: less where devices are unhealthy, or tainted by their driver.
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
        offers: what DRA drivers offer on it.
    """

    def __init__(
        self, document: Document, pods: Iterable[LivePod], offers: Iterable[Offer] = (), device_table: DeviceTable = KNOWN_DEVICES
    ) -> None:
        self.document = document
        self.name = document.ref.name
        self.pods = tuple(pods)
        self.offers = tuple(offers)
        self._device_table = device_table
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
        return pool_of(self.labels)

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
        return is_spot(self.labels)

    @property
    def committed(self) -> bool:
        """It is reserved, and paid for whether it is used or not."""
        return any(self.labels.get(key) == value for key, value in _COMMITTED.items())

    @property
    def kept_by(self) -> str:
        """The annotation by which autoscalers leave it alone, used or not; empty where there is none."""
        return next((key for key, value in _KEPT.items() if self.annotations.get(key) == value), "")

    @property
    def product(self) -> str:
        """The accelerator's model, as a label or a DRA driver names it."""
        return product_of(self.labels) or next((offer.product for offer in self.offers if offer.product), "")

    @property
    def sharing(self) -> str:
        """How devices are shared: ``time-slicing``, ``mps``, ``hami``, ``mig``, ``partitions``, two of them joined by `` + ``, or empty."""
        cut = any(offer.partitioned for offer in self.offers)
        return sharing_of(self._units, self.labels, self.annotations, partitioned=cut)

    @property
    def shared(self) -> bool:
        """Its units are shares of devices, without hardware between them: two units may be one device."""
        return is_shared(self.sharing)

    @lazy
    def devices(self) -> tuple[Devices, ...]:
        """Its accelerators by resource name, then by DRA driver; no device twice where it has several names."""
        taken: dict[str, int] = {}
        for pod in self.pods:
            for key, count in pod.accelerators.items():
                taken[key] = taken.get(key, 0) + count
        if self.cores_of_a_chip:
            taken[_CHIPS] = taken.get(_CHIPS, 0) + taken.get(_CHIPS_BEFORE, 0) + math.ceil(taken.get(_CORES, 0) / self.cores_of_a_chip)
        aliases = (_CHIPS_BEFORE, _CORES) if self.cores_of_a_chip else ()
        known = self._device_table.device
        keys = sorted(key for key in {*self.capacity, *self.allocatable} if known(key) is not None and key not in aliases)
        found = [Devices(key, self._whole(self.capacity, key), self._whole(self.allocatable, key), taken.get(key, 0)) for key in keys]
        found = [one for one in found if one.capacity or one.allocated]
        return (*found, *(Devices(offer.driver, offer.devices, offer.usable, offer.taken) for offer in self.offers))

    @property
    def cores_of_a_chip(self) -> int:
        """How many cores a Neuron chip of this node has, where it counts both; else 0."""
        chips, cores = self._whole(self.capacity, _CHIPS), self._whole(self.capacity, _CORES)
        return max(cores // chips, 1) if chips > 0 and {_CORES, _CHIPS_BEFORE} & self.capacity.keys() else 0

    def _whole(self, amounts: Mapping[str, Fraction], key: str) -> int:
        return int(amounts.get(key, 0))

    @property
    def accelerated(self) -> bool:
        """It has accelerators."""
        return bool(self.devices)

    def free(self, key: str) -> int:
        """How many units of a resource a pod could still get."""
        if key in (_CHIPS_BEFORE, _CORES) and self.cores_of_a_chip:
            return self.free(_CHIPS) * (self.cores_of_a_chip if key == _CORES else 1)
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

    @lazy
    def physical_devices(self) -> int:
        """How many devices there are behind the units; where labels leave it open, the least that there must be."""
        return physical_devices(self._units, self.labels, self.annotations)

    @lazy
    def weights(self) -> Mapping[str, Fraction]:
        """What a unit of each resource is of a device."""
        found = weights(self._units, self.labels, self.annotations)
        if self.cores_of_a_chip:
            found |= {_CHIPS_BEFORE: Fraction(1), _CORES: Fraction(1, self.cores_of_a_chip)}
        return found

    @property
    def _units(self) -> dict[str, int]:
        return {one.key: one.capacity for one in self.devices}

    def fault(self, message: str, *, at: str | Path = "", **details: Unpack[FaultDetails]) -> Fault:
        """Something wrong at a field of this node; see `Container.fault`."""
        return Fault(self.document, at if isinstance(at, tuple) else parse_path(at), message, **details)


def pool_of(labels: Mapping[str, str]) -> str:
    """The node pool or node group that a node's labels name; empty where none does."""
    return _first(labels, POOL_LABELS)


def product_of(labels: Mapping[str, str]) -> str:
    """The accelerator's model, as a node's labels name it; empty where none does."""
    return _first(labels, _PRODUCTS)


def is_spot(labels: Mapping[str, str]) -> bool:
    """The labels say that the cloud may take the node away at any time."""
    return any(labels.get(key) == value for key, value in SPOT_LABELS.items())


def _first(labels: Mapping[str, str], keys: Iterable[str]) -> str:
    return next((labels[key] for key in keys if labels.get(key)), "")


def _amounts(value: object) -> dict[str, Fraction]:
    found = {}
    for key, text in mapping(value).items():
        try:
            found[key] = Fraction(parse_quantity(str(text)))
        except QuantityError:
            continue
    return found


def nodes_of(
    documents: Iterable[Document],
    pods: Iterable[LivePod],
    slices: Iterable[Document],
    claims: Iterable[Document],
    device_table: DeviceTable = KNOWN_DEVICES,
) -> tuple[Node, ...]:
    """The nodes by name, with the pods that are bound to them.

    Args:
        documents: Nodes.
        pods: all pods in view.
        slices: ResourceSlices, which say what DRA drivers offer on a node.
        claims: ResourceClaims, whose allocations say what is taken of it.
        device_table: which resource names are devices.
    """
    placed: dict[str, list[LivePod]] = {}
    for pod in pods:
        if pod.placed:
            placed.setdefault(pod.node, []).append(pod)
    offered = offers(slices, claims)
    ordered = sorted(documents, key=lambda document: document.ref.name)
    names = ((document, document.ref.name) for document in ordered)
    return tuple(Node(document, placed.get(name, ()), offered.get(name, ()), device_table) for document, name in names)
