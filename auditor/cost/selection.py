"""On which nodes the pods of a manifest would stand, as far as it says so: the sorts of nodes that its price depends on.

A node selector and a required affinity name labels; a NodePool of Karpenter or a ResourceFlavor of Kueue in view says more about the nodes
behind them. What is left is a few sets of labels, each as a node would carry them.

Sources: https://karpenter.sh/docs/concepts/nodepools/ · https://karpenter.sh/docs/reference/instance-types/ ·
https://kueue.sigs.k8s.io/docs/concepts/resource_flavor/ · https://cloud.google.com/kubernetes-engine/docs/concepts/gpus
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product

from auditor.cost.prices import Prices, Subject, model_of, region_of
from auditor.document import Document, ObjectRef, mapping
from auditor.live import Node
from auditor.live.provisioning import node_pools
from auditor.live.scheduling import Needs, needs_of
from auditor.queues import KUEUE, cluster_queue_of, local_queue, queue_names
from auditor.selectors import Requirement
from auditor.snapshot import Snapshot, same_branch
from auditor.workload import PodTemplate

__all__ = ["MAX_SORTS", "Labels", "node_labels", "subjects"]

Labels = Mapping[str, str]

# Sorts of nodes that are told apart for one pod; beyond them, the first in the order of their labels stand for all.
MAX_SORTS = 64

_TYPE = "node.kubernetes.io/instance-type"
_TYPES = (_TYPE, "beta.kubernetes.io/instance-type")
_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_POOL = "karpenter.sh/nodepool"
_CAPACITY = "karpenter.sh/capacity-type"
_FAMILIES = (
    "karpenter.k8s.aws/instance-family", "eks.amazonaws.com/instance-family", "karpenter.k8s.gcp/instance-family",
    "cloud.google.com/machine-family",
)  # fmt: skip
# Labels of several allowed values that make prices differ. Of all others only those with one value are kept.
_TELLING = frozenset({
    *_TYPES, *_FAMILIES, _CAPACITY, "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region", *_ZONES,
    "eks.amazonaws.com/capacityType", "cloud.google.com/gke-accelerator", "cloud.google.com/gke-tpu-accelerator",
    "nvidia.com/gpu.product", "amd.com/gpu.product-name", "gpu.intel.com/product", "karpenter.k8s.aws/instance-gpu-name",
    "karpenter.k8s.aws/instance-accelerator-name", "eks.amazonaws.com/instance-gpu-name", "karpenter.azure.com/sku-gpu-name",
    "karpenter.k8s.gcp/instance-gpu-name", "k8s.amazonaws.com/accelerator", "kubernetes.azure.com/accelerator",
})  # fmt: skip
# EKS Auto Mode has names of its own for what Karpenter's labels say: https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html
_SAME = {"eks.amazonaws.com/instance-gpu-name": "karpenter.k8s.aws/instance-gpu-name", _TYPES[1]: _TYPE}


def node_labels(template: PodTemplate, snapshot: Snapshot, prices: Prices, device: str) -> tuple[Labels, ...]:
    """Labels of the sorts of nodes that would do, in a stable order; one empty set where nothing is said."""
    needs = needs_of(template)
    found: list[Labels] = []
    for labels in list(_of_pod(needs)) or [{}]:
        more: list[Labels] = []
        if not _tells(labels):
            more = _of_pools(labels, needs, template, snapshot, prices) or _of_flavors(template, snapshot, device, labels)
        found += [{**extra, **labels} for extra in more] or [labels]
    unique = {tuple(sorted(_usual(labels).items())) for labels in found}
    return tuple(dict(items) for items in sorted(unique)[:MAX_SORTS])


def subjects(sorts: Iterable[Labels], prices: Prices, units: int | None, region: str) -> Iterator[Subject]:
    """What is to be priced for nodes with these labels.

    Args:
        sorts: labels of the sorts of nodes.
        prices: whose book says which instance types a family has.
        units: devices that one pod asks for, which the node must have.
        region: what is assumed where labels name none.
    """
    for labels in sorts:
        for known in _with_types(labels, prices, units):
            raw = {"metadata": {"labels": dict(known)}}
            subject = Subject.of_node(Node(Document(ObjectRef("", "v1", "Node", "", ""), raw, file=""), ()))
            yield replace(subject, region=subject.region or region, on_premises=False)


def _tells(labels: Labels) -> bool:
    """Whether the nodes' price is told by what is known: their type, or the model of their devices."""
    return bool(labels.keys() & _TELLING - {_CAPACITY, *_ZONES, "topology.kubernetes.io/region"})


def _usual(labels: Labels) -> Labels:
    return {_SAME.get(key, key): value for key, value in labels.items()}


# -- what the pod says --------------------------------------------------------------------------------------------------------------------


def _of_pod(needs: Needs) -> Iterator[Labels]:
    """Labels that its selector and each term of its affinity demand."""
    terms = [term.labels.requirements for term in needs.terms] if needs.terms else [()]
    for term in terms:
        yield from _expanded([*needs.selector.requirements, *term])


def _expanded(requirements: Iterable[Requirement]) -> list[Labels]:
    """Every combination of the values that requirements allow, for what matters."""
    allowed: dict[str, tuple[str, ...]] = {}
    refused: dict[str, set[str]] = {}
    for one in requirements:
        if one.operator == "In":
            before = allowed.get(one.key)
            allowed[one.key] = one.values if before is None else tuple(value for value in before if value in one.values)
        elif one.operator == "NotIn":
            refused.setdefault(one.key, set()).update(one.values)
    if "on-demand" in refused.get(_CAPACITY, ()) and _CAPACITY not in allowed:
        allowed[_CAPACITY] = ("spot",)
    choices = []
    for key, values in sorted(allowed.items()):
        left = [value for value in values if value not in refused.get(key, ())]
        if key in _ZONES:  # zones of one region cost the same
            left = list({region_of({key: value}): value for value in sorted(left, reverse=True)}.values())
        if len(left) == 1 or (left and key in _TELLING):
            choices.append([(key, value) for value in sorted(left)])
    found: list[Labels] = []
    for combination in product(*choices):
        found.append(dict(combination))
        if len(found) == MAX_SORTS:
            break
    return found


# -- what others say of the nodes ---------------------------------------------------------------------------------------------------------


def _of_pools(labels: Labels, needs: Needs, template: PodTemplate, snapshot: Snapshot, prices: Prices) -> list[Labels]:
    """What NodePools in view say of nodes that they would add for the pod. Those that say nothing of devices are left out."""
    document = template.workload.document
    near = [pool for pool in snapshot.by_kind("NodePool", "karpenter.sh") if same_branch(document, pool)]
    wanted = labels.get(_POOL)
    pools = [pool for pool in node_pools(near) if (pool.name == wanted if wanted else pool.could_add(needs))]
    found = [each for pool in pools for each in map(_usual, _expanded(pool.requirements))]
    return [each for each in found if _has_devices(each, prices)]


def _has_devices(labels: Labels, prices: Prices) -> bool:
    """Whether nodes with these labels are known to have devices."""
    if _TYPE in labels:
        return bool(prices.book.of_type(labels[_TYPE]))
    return any(True for key in labels if key in _TELLING and ("gpu" in key or "accelerator" in key)) or bool(_types(labels, prices, None))


def _of_flavors(template: PodTemplate, snapshot: Snapshot, device: str, labels: Labels) -> list[Labels]:
    """What the flavors of the queue say of nodes that the pod is sent to."""
    document = template.workload.document
    found: list[Labels] = []
    for name in queue_names(template.workload):
        local = local_queue(name.name, document, snapshot) if name.group == KUEUE else None
        queue = cluster_queue_of(local, snapshot) if local else None
        flavors = [flavor for covered, names in queue.groups if device in covered for flavor in names] if queue and local else []
        for flavor in flavors:
            object_ = snapshot.get("ResourceFlavor", flavor, document, KUEUE)
            node = mapping(mapping(object_.raw.get("spec")).get("nodeLabels")) if object_ else {}
            said = {key: value for key, value in node.items() if isinstance(value, str)}
            if said and all(labels.get(key, value) == value for key, value in said.items()):
                found.append(said)
    return found


# -- what the price book knows ------------------------------------------------------------------------------------------------------------


def _with_types(labels: Labels, prices: Prices, units: int | None) -> Iterator[Labels]:
    """Labels with each instance type that they allow; as they are where they name the type, or no family of types."""
    types = _types(labels, prices, units)
    yield from ({**labels, _TYPE: each} for each in types)
    if not types:
        yield labels


def _types(labels: Labels, prices: Prices, units: int | None) -> list[str]:
    """Instance types of the family that labels name, with the model that they name, and large enough for a pod."""
    family = next((labels[key] for key in _FAMILIES if labels.get(key)), "").lower()
    if not family or _TYPE in labels:
        return []
    model = model_of(labels.get("karpenter.k8s.aws/instance-gpu-name") or labels.get("cloud.google.com/gke-accelerator") or "")
    prefixes = (f"{family}.", f"{family}-")
    rows = (row for row in prices.book.rows if row.unit == "node" and row.instance_type.lower().startswith(prefixes))
    return sorted({
        row.instance_type for row in rows
        if (units is None or (row.schedulable or 0) >= units) and (model is None or row.model == model)
    })  # fmt: skip
