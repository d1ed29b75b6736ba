"""What the API server knows, for what monitoring does not: whose a pod is, and which devices are behind a node's units.

Nodes that are gone are built anew from the labels that kube-state-metrics kept of them, so that they are priced as live ones are. It writes
names with underscores and in snake case: ``eks.amazonaws.com/capacityType`` becomes ``label_eks_amazonaws_com_capacity_type``
(https://github.com/kubernetes/kube-state-metrics/blob/main/internal/store/utils.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from auditor.cost.prices import Prices
from auditor.document import Document, ObjectRef
from auditor.live import LABELS_OF_NODES, Node
from auditor.snapshot import Snapshot
from auditor.teams import OWNER_KEYS, owner_of, owner_of_namespace
from auditor.usage import Holder, Physical

__all__ = ["UNASSIGNED", "Facts", "monitored_name"]

UNASSIGNED = "unassigned"

_ONE = Fraction(1)
_NOT_A_LETTER = re.compile(r"[^a-zA-Z0-9_]")
_HUMP = re.compile(r"([a-z0-9])([A-Z])")
_GONE = {
    monitored: real
    for real in (
        "nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/pgpu", "amd.com/gpu", "google.com/tpu", "aws.amazon.com/neuron",
        "aws.amazon.com/neuroncore", "aws.amazon.com/neurondevice", "habana.ai/gaudi", "gpu.intel.com/i915", "gpu.intel.com/xe",
    )
    for monitored in (_NOT_A_LETTER.sub("_", real),)
}  # fmt: skip
_MIG = re.compile(r"nvidia_com_mig_(\d+g)_(.+)")


@lru_cache(maxsize=4096)
def monitored_name(name: str) -> str:
    """A resource or label as kube-state-metrics writes it."""
    return _HUMP.sub(r"\1_\2", _NOT_A_LETTER.sub("_", name)).lower()


_LABELS = {f"label_{monitored_name(name)}": name for name in LABELS_OF_NODES}


class Facts:
    """What is known of the cluster.

    Args:
        snapshot: the live cluster.
        prices: whose book knows how many devices a machine has.
        owner_keys: labels that name who owns a workload.
    """

    def __init__(self, snapshot: Snapshot, prices: Prices, owner_keys: Iterable[str] = OWNER_KEYS) -> None:
        self.snapshot = snapshot
        self.prices = prices
        self.owner_keys = tuple(owner_keys)
        self.nodes = {node.name: node for node in snapshot.nodes}
        self.gone: set[str] = set()
        self._pods = {(pod.ref.namespace, pod.ref.name): pod for pod in snapshot.pods if pod.devices}

    # -- whose ----------------------------------------------------------------------------------------------------------------------------

    def holder_of(self, namespace: str, pod: str) -> Holder | None:
        """The object that a pod which is there now was folded into."""
        found = self._pods.get((namespace, pod))
        return Holder(found.root.namespace, found.root.kind, found.root.name) if found else None

    def outermost(self, holder: Holder) -> Holder:
        """The object that a person edits, for one that a controller made."""
        root = self.snapshot.root_named(holder.kind, holder.namespace, holder.name)
        return Holder(root.ref.namespace, root.ref.kind, root.ref.name) if root else holder

    def document_of(self, holder: Holder) -> Document | None:
        """The object of a holder, if it is still there."""
        return self.snapshot.root_named(holder.kind, holder.namespace, holder.name)

    def team_of(self, holder: Holder) -> str:
        """Who owns it, as labels say; `UNASSIGNED` where none does."""
        document = self.document_of(holder)
        workload = self.snapshot.workload_of(document) if document else None
        if workload is not None:
            owner = owner_of(workload, self.snapshot, self.owner_keys)
            workload.release()
        else:
            owner = owner_of_namespace(holder.namespace, self.snapshot, self.owner_keys)
        return owner[1] if owner else UNASSIGNED

    def role_of(self, holder: Holder) -> str:
        """What its work is; empty where that is not known."""
        document = self.document_of(holder)
        workload = self.snapshot.workload_of(document) if document else None
        if workload is None:
            return ""
        role = str(workload.role)
        workload.release()
        return "" if role == "unknown" else role

    # -- devices --------------------------------------------------------------------------------------------------------------------------

    def physical(self, node: str, units: Mapping[str, int], labels: Mapping[str, str]) -> Physical:
        """The devices behind the units of a node, which may be gone.

        Args:
            node: its name.
            units: how many it had, by resource as kube-state-metrics names it.
            labels: of the node, as kube-state-metrics names them.
        """
        found = self.nodes.get(node)
        if found is None:
            found = self.nodes[node] = _built(node, units, labels)
            self.gone.add(node)
        weights = {monitored_name(key): weight for key, weight in found.weights.items()}
        behind = sum((weights.get(key, _ONE) * count for key, count in units.items() if not _counts_twice(key, units)), Fraction(0))
        devices = max(Fraction(found.physical_devices), behind)
        booked, shared = self._booked(found.instance_type), found.shared
        if booked and booked != devices:
            if booked < behind:  # more units than the machine has devices, and no label says so: they are shares
                weights = {key: weights.get(key, _ONE) * booked / behind for key in units}
                shared = True
            devices = booked
        return Physical(devices, weights, shared, found.cores_of_a_chip)

    def behind(self, node: Node) -> Physical:
        """The devices behind the units of a node that is there, by resource as the node names it."""
        units = {one.key: one.capacity for one in node.devices}
        found = self.physical(node.name, {monitored_name(key): count for key, count in units.items()}, {})
        return replace(found, weights={key: found.weight(monitored_name(key)) for key in (*units, *node.weights)})

    def _booked(self, instance_type: str) -> Fraction | None:
        """How many devices such a machine has, as the price book knows."""
        return next((row.schedulable for row in self.prices.book.of_type(instance_type) if row.schedulable), None)


def _counts_twice(resource: str, units: Mapping[str, int]) -> bool:
    """Neuron's plugin counts one chip under three names."""
    return resource in ("aws_amazon_com_neuroncore", "aws_amazon_com_neurondevice") and "aws_amazon_com_neuron" in units


def _built(name: str, units: Mapping[str, int], labels: Mapping[str, str]) -> Node:
    """A node that is gone, as far as monitoring remembers it."""
    capacity = {_real(key): str(count) for key, count in units.items()}
    known = {_LABELS[key]: value for key, value in labels.items() if key in _LABELS and value}
    raw = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": known},
        "status": {"capacity": capacity, "allocatable": capacity},
    }
    return Node(Document.of_cluster(ObjectRef("", "v1", "Node", "", name), raw), ())


def _real(resource: str) -> str:
    mig = _MIG.fullmatch(resource)
    return f"nvidia.com/mig-{mig[1]}.{mig[2].replace('_', '.')}" if mig else _GONE.get(resource, resource)
