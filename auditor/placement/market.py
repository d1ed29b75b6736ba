"""How a pod's node is bought: spot capacity that the cloud may take back, capacity reserved beforehand, or neither.

The labels are those that clouds and Karpenter set on nodes (see `auditor.live.nodes`), asked for by node selectors, affinity and
tolerations. What leaves the decision to something else - a node pool, a compute class, a queued provisioning request, a placeholder - is
said to be decided elsewhere.

Sources: https://cloud.google.com/kubernetes-engine/docs/concepts/spot-vms ·
https://cloud.google.com/kubernetes-engine/docs/how-to/consuming-reservations · https://karpenter.sh/docs/concepts/nodepools/ ·
https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html · https://learn.microsoft.com/azure/aks/spot-node-pool.
Read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from auditor.document import Document, Path, along, is_placeholder, mapping, sequence
from auditor.live.nodes import POOL_LABELS, SPOT_LABELS
from auditor.selectors import Requirement, node_terms
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate

__all__ = ["Market", "Purchase", "cluster_has_spot", "offers_spot", "purchase_of"]


class Market(StrEnum):
    """What a pod says of the capacity that it runs on."""

    SPOT = "spot only"
    EITHER = "spot or on demand"
    RESERVED = "reserved"
    ELSEWHERE = "decided elsewhere"
    ON_DEMAND = "on demand by name"
    UNSAID = "nothing"


@dataclass(frozen=True, slots=True)
class Purchase:
    """How a pod's node is bought, with the field that says so; an empty path where none does."""

    market: Market
    path: Path = ()
    label: str = ""


_SPOT = {**SPOT_LABELS, "spot": "true"}
_ON_DEMAND = {
    "karpenter.sh/capacity-type": "on-demand", "eks.amazonaws.com/capacityType": "ON_DEMAND",
    "cloud.google.com/gke-provisioning": "standard", "kubernetes.azure.com/scalesetpriority": "regular",
}  # fmt: skip
_RESERVED = {"karpenter.sh/capacity-type": "reserved", "eks.amazonaws.com/capacityType": "CAPACITY_BLOCK"}
_RESERVATIONS = ("cloud.google.com/reservation-", "karpenter.k8s.aws/capacity-reservation-")
_DECIDES = (
    *POOL_LABELS, "cloud.google.com/compute-class", "cloud.google.com/gke-queued", "cloud.google.com/gke-flex-start",
    "kubernetes.io/hostname",
)  # fmt: skip
_QUEUED = (
    "provreq.kueue.x-k8s.io/", "cluster-autoscaler.kubernetes.io/consume-provisioning-request",
    "autoscaling.x-k8s.io/consume-provisioning-request", "cluster-autoscaler.kubernetes.io/provisioning-class-name",
)  # fmt: skip

_SPOT_POOL = re.compile(r"(?<![a-z])(?<!no-)(?<!non-)(?<!not-)spot(?![a-z])")

# The first that holds for one of a pod's requirements is what it says.
_ORDER = (Market.RESERVED, Market.SPOT, Market.EITHER, Market.ELSEWHERE, Market.ON_DEMAND)


def purchase_of(template: PodTemplate) -> Purchase:
    """What a pod says of the capacity that it runs on."""
    found = [*_by_selector(template), *_by_affinity(template)]
    for market in _ORDER:
        for one in found:
            if one.market is market:
                return one
    return next(_loosely(template), Purchase(Market.UNSAID))


def _by_selector(template: PodTemplate) -> Iterator[Purchase]:
    for key, value in template.node_selector.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        unknown = value is None or is_placeholder(text) or is_placeholder(str(key))
        market = Market.ELSEWHERE if unknown and key in _SPOT else _market(Requirement(str(key), "In", (text,)))
        if market is not Market.UNSAID:
            yield Purchase(market, template.at("nodeSelector", str(key)), f"{key}: {text}")


def _by_affinity(template: PodTemplate) -> Iterator[Purchase]:
    """The terms are alternatives: the pod is bound to what all of them say, and free where they differ."""
    steps = ("nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = node_terms(along(template.get("affinity"), steps)[-1])
    if not terms:
        return
    said = [_of_term(term.labels.requirements, unknown=term.labels.unknown) for term in terms]
    markets = {market for market, _ in said}
    market = markets.pop() if len(markets) == 1 else Market.EITHER if Market.SPOT in markets else Market.UNSAID
    if market is not Market.UNSAID:
        yield Purchase(market, template.at("affinity", *steps), said[0][1])


def _of_term(requirements: tuple[Requirement, ...], *, unknown: bool) -> tuple[Market, str]:
    found = [(_market(one), str(one)) for one in requirements]
    for market in _ORDER:
        for one in found:
            if one[0] is market:
                return one
    return (Market.ELSEWHERE if unknown else Market.UNSAID), ""


def _market(one: Requirement) -> Market:
    """What one requirement on a node's labels says."""
    if one.key.startswith(_RESERVATIONS):
        return Market.RESERVED
    spot, reserved, demand = (table.get(one.key) for table in (_SPOT, _RESERVED, _ON_DEMAND))
    if spot is None:
        pool_of_spot = one.operator == "In" and all(map(_SPOT_POOL.search, one.values))
        return (Market.SPOT if pool_of_spot else Market.ELSEWHERE) if one.key in _DECIDES else Market.UNSAID
    if one.operator == "DoesNotExist" or (one.operator == "NotIn" and spot in one.values):
        return Market.ON_DEMAND
    if one.operator == "Exists":
        return Market.SPOT if spot == "true" else Market.UNSAID
    if one.operator != "In":
        return Market.EITHER
    values = set(one.values)
    if reserved in values:
        return Market.RESERVED
    if values == {spot}:
        return Market.SPOT
    return Market.EITHER if spot in values else Market.ON_DEMAND if values == {demand} or spot == "true" else Market.ELSEWHERE


def _loosely(template: PodTemplate) -> Iterator[Purchase]:
    """Spot capacity that the pod may use, though it does not ask for it: by a toleration or a preference; and queued capacity."""
    if any(str(key).startswith(_QUEUED) for key in (*template.annotations, *template.workload.annotations)):
        yield Purchase(Market.ELSEWHERE)
    for index, one in enumerate(map(mapping, sequence(template.get("tolerations")))):
        key = one.get("key")
        everything = not key and one.get("operator") == "Exists"
        if everything or (isinstance(key, str) and (key in _SPOT or key.endswith("/spot"))):
            yield Purchase(Market.EITHER, template.at("tolerations", index), str(key or "every taint"))
    preferred = along(template.get("affinity"), ("nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution"))[-1]
    terms = node_terms({"nodeSelectorTerms": [mapping(one).get("preference") for one in sequence(preferred)]})
    if any(_market(one) in (Market.SPOT, Market.EITHER) for term in terms for one in term.labels.requirements):
        yield Purchase(Market.EITHER, template.at("affinity"))


def offers_spot(document: Document) -> bool:
    """Whether a NodePool of Karpenter, or a ResourceFlavor of Kueue, gives spot capacity."""
    spec = mapping(document.raw.get("spec"))
    labels: Mapping[str, Any] = mapping(spec.get("nodeLabels"))
    if any(_market(Requirement(str(key), "In", (str(value),))) is Market.SPOT for key, value in labels.items()):
        return True
    requirements = along(spec, ("template", "spec", "requirements"))[-1]
    terms = node_terms({"nodeSelectorTerms": [{"matchExpressions": requirements}]})
    return any(_market(one) in (Market.SPOT, Market.EITHER) for term in terms for one in term.labels.requirements)


def cluster_has_spot(snapshot: Snapshot) -> bool:
    """Whether a live cluster has spot nodes with accelerators, or may add spot nodes."""
    if any(node.spot and node.devices for node in snapshot.nodes):
        return True
    return any(map(offers_spot, snapshot.by_kind("NodePool", "karpenter.sh")))
