"""Whether a pod can ever stand on a node, be it empty: what the scheduler compares that does not depend on what else runs there.

These are the filters NodeUnschedulable, NodeName, TaintToleration, NodeAffinity and NodeResourcesFit. Ports, volumes, affinity between pods
and topology spread change with every pod and are left out. What is unknown is no obstacle.

Sources, read at Kubernetes 1.36.3: the plugins nodeunschedulable, nodename, tainttoleration, nodeaffinity and noderesources in
https://github.com/kubernetes/kubernetes/tree/v1.36.3/pkg/scheduler/framework/plugins · ``Toleration.ToleratesTaint`` in
https://github.com/kubernetes/api/blob/v0.36.3/core/v1/toleration.go · of a kubelet, which judges pods that come with a ``nodeName``:
https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/kubelet/lifecycle/predicate.go. tests/cluster/test_scheduler_agreement.py asks the
real scheduler the same questions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from auditor.accelerators import is_companion, is_extended
from auditor.document import mapping, sequence
from auditor.live.nodes import Node, Taint
from auditor.quantity import Quantity
from auditor.selectors import NodeTerm, Selector, label_selector, node_terms
from auditor.workload import PodTemplate

__all__ = [
    "Needs",
    "Obstacle",
    "ObstacleKind",
    "Toleration",
    "can_ever_fit",
    "is_passing",
    "needs_of",
    "obstacles",
    "tolerations_of",
    "untolerated",
]

_INTEGER = re.compile(r"-?[0-9]{1,19}")

# Taints that come and go with the state of a node or of its agents. Kubernetes' own are in `Taint.condition`.
_PASSING = re.compile(
    r"(ToBeDeleted|DeletionCandidateOf)(By)?ClusterAutoscaler|node\.cloudprovider\.kubernetes\.io/.*|karpenter\.sh/(unregistered|disrupted|disruption)"
    r"|.*[-/](agent-)?not-?ready|.*[-/]startup(-taint)?|node\.cilium\.io/.*|readiness\.k8s\.io/.*"
)


class ObstacleKind(StrEnum):
    """What keeps a pod off a node, in the order in which the scheduler looks."""

    CORDONED = "cordoned"
    NAME = "name"
    TAINT = "taint"
    LABELS = "labels"
    RESOURCES = "resources"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason why a pod cannot stand on a node.

    Attributes:
        kind: what sort of reason.
        what: the taint, the requirement on labels, the resource, or the node's name that the pod asks for.
        needed, available: of the resource, the amount that the pod requests and what the node may give: 0 where it does not have any.
        passing: it is a state that ends: a drained or starting node, a device that is not healthy.
    """

    kind: ObstacleKind
    what: str
    needed: Fraction = Fraction(0)
    available: Fraction = Fraction(0)
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Toleration:
    """What lets a pod on a node in spite of a taint. An empty key stands for every taint, an empty effect for all of them."""

    key: str
    operator: str
    value: str
    effect: str

    def tolerates(self, taint: Taint) -> bool:
        """Whether it is meant for this taint.

        ``Lt`` and ``Gt`` are alpha since Kubernetes 1.35: where the feature is off, the API server refuses them.
        """
        if (self.effect and self.effect != taint.effect) or (self.key and self.key != taint.key):
            return False
        match self.operator:
            case "" | "Equal":
                return self.value == taint.value
            case "Exists":
                return True
            case "Lt" | "Gt" if _INTEGER.fullmatch(self.value) and _INTEGER.fullmatch(taint.value):
                return int(taint.value) < int(self.value) if self.operator == "Lt" else int(taint.value) > int(self.value)
        return False


@dataclass(frozen=True, slots=True)
class Needs:
    """What a pod demands of a node.

    Attributes:
        node_name: the node that it names, past the scheduler; empty where it names none.
        selector: labels that a node must have.
        terms: of the required node affinity, of which one must match; None where it has no such affinity.
        tolerations: of the pod.
        requests: what it requests of each resource, where that is known and more than nothing; by name.
        delegated: those of the resources that a DRA driver may supply instead of the kubelet.
    """

    node_name: str
    selector: Selector
    terms: tuple[NodeTerm, ...] | None
    tolerations: tuple[Toleration, ...]
    requests: tuple[tuple[str, Fraction], ...]
    delegated: frozenset[str] = frozenset()

    @property
    def chooses(self) -> bool:
        """Whether it narrows the nodes down by labels or by name."""
        return bool(self.node_name) or bool(self.selector.requirements) or self.terms is not None

    def matches(self, node: Node) -> bool:
        """Whether a node has the labels, and the name, that it asks for."""
        if not self.selector.matches(node.labels):
            return False
        return self.terms is None or any(term.matches(node.labels, node.name) for term in self.terms)

    def tolerate(self, taint: Taint) -> bool:
        """Whether the pod may stand on a node with this taint."""
        return any(toleration.tolerates(taint) for toleration in self.tolerations)


def tolerations_of(template: PodTemplate) -> tuple[Toleration, ...]:
    """The tolerations of a pod, as written."""
    return tuple(
        Toleration(*(str(entry.get(field) or "") for field in ("key", "operator", "value", "effect")))
        for entry in map(mapping, sequence(template.get("tolerations")))
    )


def needs_of(template: PodTemplate, delegated: Collection[str] = ()) -> Needs:
    """What the pods of a template demand.

    Args:
        template: as stored, or of a live pod.
        delegated: extended resources that DRA drivers supply: ``spec.extendedResourceName`` of DeviceClasses.
    """
    required = mapping(mapping(template.get("affinity")).get("nodeAffinity")).get("requiredDuringSchedulingIgnoredDuringExecution")
    name = template.get("nodeName")
    requests = tuple((key, amount) for key, amount in sorted(_requests(template).items()))
    return Needs(
        node_name=name if isinstance(name, str) else "",
        selector=label_selector({"matchLabels": template.get("nodeSelector")}),
        terms=node_terms(required) or None,
        tolerations=tolerations_of(template),
        requests=requests,
        delegated=frozenset(key for key, _ in requests if key in delegated or key.startswith("deviceclass.resource.kubernetes.io/")),
    )


def _requests(template: PodTemplate) -> dict[str, Fraction]:
    return {
        key: Fraction(amount)
        for key, amount in template.total_requests.items()
        if isinstance(amount, Quantity | Fraction) and amount > 0 and _counts(key)
    }


def _counts(key: str) -> bool:
    """Whether the scheduler compares a resource. Device memory and cores are left out: extenders (HAMi) keep their own books of them."""
    if is_companion(key):
        return False
    return key in ("cpu", "memory", "ephemeral-storage") or key.startswith(("hugepages-", "attachable-volumes-")) or "/" in key


# -- obstacles ----------------------------------------------------------------------------------------------------------------------------


def obstacles(needs: Needs, node: Node) -> tuple[Obstacle, ...]:
    """Everything that keeps a pod off a node, even an empty one, in the order in which the scheduler looks."""
    return tuple(_obstacles(needs, node))


def can_ever_fit(needs: Needs, nodes: Iterable[Node]) -> bool:
    """Whether the pod could stand on one of the nodes if nothing else did, once what passes has passed."""
    return any(all(obstacle.passing for obstacle in _obstacles(needs, node)) for node in nodes)


def _obstacles(needs: Needs, node: Node) -> Iterator[Obstacle]:
    if node.cordoned and not needs.node_name and not needs.tolerate(Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")):
        yield Obstacle(ObstacleKind.CORDONED, node.name, passing=True)
    if needs.node_name and needs.node_name != node.name:
        yield Obstacle(ObstacleKind.NAME, needs.node_name)
    for taint in untolerated(needs, node):
        yield Obstacle(ObstacleKind.TAINT, str(taint), passing=is_passing(taint))
    if not needs.matches(node):
        yield Obstacle(ObstacleKind.LABELS, ",".join(map(str, needs.selector.unmet(node.labels))))
    yield from _lacking(needs, node)


def untolerated(needs: Needs, node: Node) -> Iterator[Taint]:
    """The taints that keep a pod off a node. A pod that comes with the node's name is past the scheduler, and meets ``NoExecute`` only."""
    for taint in node.taints:
        if (taint.effect == "NoExecute" if needs.node_name else taint.hard) and not needs.tolerate(taint):
            yield taint


def is_passing(taint: Taint) -> bool:
    """Whether a taint goes away by itself: it stands for a state of the node, or for a start that is not complete."""
    return taint.condition or _PASSING.fullmatch(taint.key) is not None


def _lacking(needs: Needs, node: Node) -> Iterator[Obstacle]:
    if not node.allocatable:  # it has just joined
        yield Obstacle(ObstacleKind.RESOURCES, "pods", Fraction(1), passing=True)
        return
    if node.allocatable.get("pods", 0) < 1:
        yield Obstacle(ObstacleKind.RESOURCES, "pods", Fraction(1))
    for key, amount in needs.requests:
        available = node.allocatable.get(key, Fraction(0))
        if amount <= available or (key in needs.delegated and not available) or _rounded(key, amount) <= _rounded(key, available):
            continue
        healthy_again = is_extended(key) and amount <= node.capacity.get(key, 0)
        yield Obstacle(ObstacleKind.RESOURCES, key, amount, available, passing=healthy_again)


def _rounded(key: str, amount: Fraction) -> int:
    """The scheduler counts thousandths of a CPU and whole units of everything else, rounded up."""
    return math.ceil(amount * 1000 if key == "cpu" else amount)
