"""Nodes that do not exist yet: whether a Karpenter NodePool could add one that a pod may stand on.

How large its nodes would be is not known. Sources: https://karpenter.sh/docs/concepts/nodepools/ ·
https://karpenter.sh/docs/concepts/scheduling/ (a label that a NodePool does not define is never on its nodes, unless it is one that every
provider sets) · ``Requirements.Compatible`` in https://github.com/kubernetes-sigs/karpenter/blob/main/pkg/scheduling/requirements.go
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

__all__ = ["NodePool", "node_pools"]

# Labels that a provider sets on its nodes, whether the NodePool speaks of them or not.
_PROVIDED = re.compile(
    r"(topology|node|failure-domain\.beta)\.kubernetes\.io/.*|(beta\.)?kubernetes\.io/(arch|os)|topology\.[\w.-]+/.*"
    r"|karpenter\.(sh|k8s\.aws|k8s\.gcp|azure\.com)/.*|(eks\.amazonaws|kubernetes\.azure|cloud\.google)\.com/.*"
)
_OTHER = "any-other-value"


@dataclass(frozen=True, slots=True)
class NodePool:
    """What the nodes of one NodePool have in common.

    Attributes:
        name: of the pool.
        requirements: on their labels; each label has one value.
        taints: that they keep; startup taints are not among them.
        limits: of what all its nodes together may have, by resource.
    """

    name: str
    requirements: tuple[Requirement, ...]
    taints: tuple[Taint, ...]
    limits: tuple[tuple[str, object], ...]

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


def node_pools(documents: Iterable[Document]) -> tuple[NodePool, ...]:
    """The NodePools of ``karpenter.sh``, by name."""
    return tuple(sorted(map(_node_pool, documents), key=lambda pool: pool.name))


def _node_pool(document: Document) -> NodePool:
    outer = mapping(document.raw.get("spec"))
    template = mapping(outer.get("template"))
    spec, metadata = mapping(template.get("spec")), mapping(template.get("metadata"))
    name = document.ref.name
    labels = {**mapping(metadata.get("labels")), "karpenter.sh/nodepool": name}
    terms = node_terms({"nodeSelectorTerms": [{"matchExpressions": spec.get("requirements")}]})
    return NodePool(
        name=name,
        requirements=(*label_selector({"matchLabels": labels}).requirements, *(one for term in terms for one in term.labels.requirements)),
        taints=tuple(
            Taint(str(one.get("key")), str(one.get("value") or ""), str(one.get("effect") or ""))
            for one in map(mapping, sequence(spec.get("taints")))
        ),
        limits=tuple(mapping(outer.get("limits")).items()),
    )
