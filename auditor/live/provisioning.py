"""Nodes that do not exist yet: whether a Karpenter NodePool could add one that a pod may stand on, and whether with accelerators.

How large its nodes would be is not known. Sources: https://karpenter.sh/docs/concepts/nodepools/ ·
https://karpenter.sh/docs/concepts/scheduling/ (a label that a NodePool does not define is never on its nodes, unless it is one that every
provider sets) · ``Requirements.Compatible`` in https://github.com/kubernetes-sigs/karpenter/blob/main/pkg/scheduling/requirements.go ·
names of instances: https://aws.amazon.com/ec2/instance-types/#accelerated-computing, https://cloud.google.com/compute/docs/gpus,
https://learn.microsoft.com/azure/virtual-machines/sizes/overview · labels of EKS Auto Mode:
https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.document import Document, Unknown, mapping, sequence
from auditor.live.nodes import Taint
from auditor.live.scheduling import Needs
from auditor.selectors import NodeTerm, Requirement, label_selector, node_terms
from auditor.workload.values import amount

__all__ = ["NodePool", "node_pool", "node_pools"]

# Labels that a provider sets on its nodes, whether the NodePool speaks of them or not.
_PROVIDED = re.compile(
    r"(topology|node|failure-domain\.beta)\.kubernetes\.io/.*|(beta\.)?kubernetes\.io/(arch|os)|topology\.[\w.-]+/.*"
    r"|karpenter\.(sh|k8s\.aws|k8s\.gcp|azure\.com)/.*|(eks\.amazonaws|kubernetes\.azure|cloud\.google)\.com/.*"
)
_OTHER = "any-other-value"

# Labels that only instances with accelerators have, and labels that name an instance, with the values that stand for accelerators.
_OF_DEVICES = re.compile(
    r"(karpenter\.k8s\.aws|eks\.amazonaws\.com)/instance-(gpu|accelerator)-.*|karpenter\.azure\.com/sku-gpu-.*"
    r"|karpenter\.k8s\.gcp/instance-gpu-.*|cloud\.google\.com/gke-(tpu-)?accelerator.*|(nvidia|amd)\.com/gpu.*"
)
_AWS, _GCP, _AZURE = r"(g|gr|p|trn|inf|dl)\d[\w-]*", r"(a[2-9]|g[2-9]|ct\d)\w*", r"(?i:(Standard_)?N[CDGPV]\d\w*)"
_NAMES_INSTANCE = {
    **{f"{prefix}/instance-category": "g|gr|p|trn|inf|dl" for prefix in ("karpenter.k8s.aws", "eks.amazonaws.com")},
    **{f"{prefix}/instance-family": _AWS for prefix in ("karpenter.k8s.aws", "eks.amazonaws.com")},
    "karpenter.k8s.gcp/instance-family": rf"{_GCP}(-.*)?",
    "karpenter.azure.com/sku-family": r"N\w*",
    "karpenter.azure.com/sku-name": _AZURE,
    "node.kubernetes.io/instance-type": rf"{_AWS}\..+|{_GCP}-.+|{_AZURE}",
}
_CATEGORIES = frozenset({"g", "p"})  # who rules these out means all accelerators
_NO_DEVICES = frozenset({"0", "false", "none", ""})


@dataclass(frozen=True, slots=True)
class NodePool:
    """What the nodes of one NodePool have in common.

    Attributes:
        name: of the pool.
        requirements: on their labels; each label has one value.
        taints: that they keep; startup taints are not among them.
        limits: of what all its nodes together may have, by resource.
        vague: some of the requirements cannot be known, and are left out.
    """

    name: str
    requirements: tuple[Requirement, ...]
    taints: tuple[Taint, ...]
    limits: tuple[tuple[str, object], ...]
    vague: bool = False

    @property
    def reserved(self) -> bool:
        """It makes only nodes that are paid for already, used or not, and that are as many as were reserved."""
        return any(
            (one.key == "karpenter.sh/capacity-type" and one.operator == "In" and set(one.values) == {"reserved"})
            or (one.key.startswith("karpenter.k8s.aws/capacity-reservation-") and one.operator in ("In", "Exists"))
            for one in self.requirements
        )

    @property
    def asks_for_devices(self) -> Requirement | None:
        """The first requirement that only instances with accelerators meet; None where it may make others, too."""
        return next((one for one in self.requirements if _verdict(one) is True), None)

    @property
    def may_have_devices(self) -> bool:
        """Whether nothing keeps it from making nodes with accelerators, as far as that is known."""
        return not self.vague and all(_verdict(one) is not False for one in self.requirements)

    def could_add(self, needs: Needs) -> bool:
        """Whether one of its nodes could take a pod, if it is large enough."""
        if needs.node_name or any(taint.hard and not needs.tolerate(taint) for taint in self.taints):
            return False
        requests = dict(needs.requests)
        for key, value in self.limits:
            limit = amount(value)
            if not isinstance(limit, Unknown) and requests.get(key, 0) > limit:
                return False
        return any(self._allows((*needs.selector.requirements, *term)) for term in _terms(needs.terms))

    def _allows(self, asked: tuple[Requirement, ...]) -> bool:
        return all(self._has_value(key, [one for one in asked if one.key == key]) for key in {one.key for one in asked})

    def _has_value(self, key: str, asked: list[Requirement]) -> bool:
        """Whether a label could have a value that satisfies the pod, or be absent."""
        own = [one for one in self.requirements if one.key == key]
        provided = _PROVIDED.fullmatch(key) is not None
        values = set(_candidates([*own, *asked])) if own or provided else set()
        labels = [{key: value} for value in values]
        if not own or any(one.operator in ("DoesNotExist", "NotIn") for one in own):
            labels.append({})
        return any(all(one.holds(each) for one in (*own, *asked)) for each in labels)


def _terms(terms: tuple[NodeTerm, ...] | None) -> Iterator[tuple[Requirement, ...]]:
    if terms is None:
        yield ()
        return
    yield from (term.labels.requirements for term in terms if not term.fields.requirements)  # no pool knows the names of its nodes


def _candidates(requirements: Iterable[Requirement]) -> Iterator[str]:
    yield _OTHER
    for one in requirements:
        for value in one.values:
            yield value
            if one.operator in ("Gt", "Lt"):
                yield str(int(value) + (1 if one.operator == "Gt" else -1))


def _verdict(one: Requirement) -> bool | None:
    """Whether only instances with accelerators meet a requirement (True), only those without (False), or either."""
    values, excluded = set(one.values), {"DoesNotExist": True, "Lt": one.values == ("1",)}.get(one.operator, False)
    if _OF_DEVICES.fullmatch(one.key):
        if excluded or (one.operator == "In" and values <= _NO_DEVICES):
            return False
        return True if one.operator in ("Exists", "Gt") or (one.operator == "In" and not values & _NO_DEVICES) else None
    pattern = _NAMES_INSTANCE.get(one.key)
    if pattern is None or one.operator not in ("In", "NotIn"):
        return None
    if one.operator == "NotIn":
        return False if one.key.endswith("/instance-category") and values >= _CATEGORIES else None
    matching = {value for value in values if re.fullmatch(pattern, value)}
    return (len(matching) == len(values) or None) if matching else False


def node_pools(documents: Iterable[Document]) -> tuple[NodePool, ...]:
    """The NodePools of ``karpenter.sh``, by name."""
    return tuple(sorted(map(node_pool, documents), key=lambda pool: pool.name))


def _strict(entry: object) -> object:
    """A requirement with Karpenter's own ``Gte`` or ``Lte`` (1.9) in Kubernetes' words."""
    raw = mapping(entry)
    operator, step = {"Gte": ("Gt", -1), "Lte": ("Lt", 1)}.get(str(raw.get("operator")), ("", 0))
    values = sequence(raw.get("values"))
    if not operator or len(values) != 1 or not re.fullmatch("[0-9]{1,18}", str(values[0])):
        return entry
    return {**raw, "operator": operator, "values": [str(int(values[0]) + step)]}


def node_pool(document: Document) -> NodePool:
    """What a NodePool says; see `NodePool`."""
    outer = mapping(document.raw.get("spec"))
    template = mapping(outer.get("template"))
    spec, metadata = mapping(template.get("spec")), mapping(template.get("metadata"))
    name = document.ref.name
    labels = {**mapping(metadata.get("labels")), "karpenter.sh/nodepool": name}
    asked = spec.get("requirements")
    terms = node_terms({"nodeSelectorTerms": [{"matchExpressions": list(map(_strict, asked)) if isinstance(asked, list) else asked}]})
    return NodePool(
        name=name,
        requirements=(*label_selector({"matchLabels": labels}).requirements, *(one for term in terms for one in term.labels.requirements)),
        taints=tuple(
            Taint(str(one.get("key")), str(one.get("value") or ""), str(one.get("effect") or ""))
            for one in map(mapping, sequence(spec.get("taints")))
        ),
        limits=tuple(mapping(outer.get("limits")).items()),
        vague=any(term.labels.unknown for term in terms),
    )
