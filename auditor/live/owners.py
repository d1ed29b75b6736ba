"""Folds what controllers make into the object that a person edits: pods, ReplicaSets and Jobs into a Deployment or a PyTorchJob.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from auditor.document import Document, Owner, mapping, sequence
from auditor.workload import Workload, is_workload

__all__ = ["Folding", "fold"]


@dataclass(slots=True)
class Folding:
    """Objects after folding.

    Attributes:
        judged: objects that stand for themselves, in their order.
        roots: by `id` of a folded object, the object that it was folded into.
        between: what was folded and is no pod: ReplicaSets, Jobs.
    """

    judged: list[Document] = field(default_factory=list)
    roots: dict[int, Document] = field(default_factory=dict)
    between: list[Document] = field(default_factory=list)

    def root_of(self, document: Document) -> Document:
        """The object that stands for ``document``: itself, unless it was folded."""
        while id(document) in self.roots:
            document = self.roots[id(document)]
        return document


def fold(documents: Iterable[Document]) -> Folding:
    """Fold every object that yields pods into the outermost of its owners that describes pods.

    Where no owner in view does (its kind was not listed, or its operator writes the pods), one of the pods that look alike stands for all
    that the owner made in a namespace. Nothing is lost: objects that own each other in a circle stand for themselves.
    """
    everything = list(documents)
    by_uid = {document.uid: document for document in everything if document.uid}
    found = Folding()
    alike: dict[tuple[Owner, str, bytes], Document] = {}
    describes: dict[int, bool] = {}
    for document in everything:
        owner = document.owner
        root = _root(document, by_uid, describes) if owner is not None and is_workload(document) else document
        if root is document and owner is not None and document.ref.kind == "Pod":
            root = alike.setdefault((owner, document.ref.namespace, _shape(document)), document)
        if root is document:
            found.judged.append(document)
        else:
            found.roots[id(document)] = root
            if document.ref.kind != "Pod":
                found.between.append(document)
    return found


def _root(document: Document, by_uid: Mapping[str, Document], describes: dict[int, bool]) -> Document:
    root = document
    for ancestor in _ancestors(document, by_uid):
        if ancestor is document:
            return document
        if id(ancestor) not in describes:
            describes[id(ancestor)] = is_workload(ancestor) and bool(Workload(ancestor).derive())
        if describes[id(ancestor)]:
            root = ancestor
    return root


def _ancestors(document: Document, by_uid: Mapping[str, Document]) -> Iterator[Document]:
    """The owners of an object that are in view, from the nearest outwards; of those that own each other, each once."""
    met: set[str] = set()
    while document.owner is not None and document.owner.uid in by_uid and document.owner.uid not in met:
        met.add(document.owner.uid)
        document = by_uid[document.owner.uid]
        yield document


def _shape(pod: Document) -> bytes:
    """What pods that one owner made have in common if they are alike."""
    spec = mapping(pod.raw.get("spec"))
    containers = [(one.get("name"), one.get("image"), one.get("resources")) for one in map(mapping, sequence(spec.get("containers")))]
    return marshal.dumps(containers, 2)  # later versions depend on which of the values are one object
