"""Folds what controllers make into the object that a person edits: pods, ReplicaSets and Jobs into a Deployment or a PyTorchJob.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from auditor.document import Document, mapping, sequence
from auditor.workload import Workload, is_workload

__all__ = ["Folding", "controller_of", "fold"]

_DEEPEST = 10


@dataclass(slots=True)
class Folding:
    """Objects after folding.

    Attributes:
        judged: objects that stand for themselves, in their order.
        roots: by `id` of a folded object, the object that it was folded into.
    """

    judged: list[Document] = field(default_factory=list)
    roots: dict[int, Document] = field(default_factory=dict)

    def root_of(self, document: Document) -> Document:
        """The object that stands for ``document``: itself, unless it was folded."""
        return self.roots.get(id(document), document)


def controller_of(document: Document) -> Mapping[str, object]:
    """The owner reference of the controller that made an object; empty where nobody did. A node that runs a static pod made nothing."""
    owners = map(mapping, sequence(mapping(document.raw.get("metadata")).get("ownerReferences")))
    return next((owner for owner in owners if owner.get("controller") is True and owner.get("kind") != "Node"), {})


def fold(documents: Iterable[Document]) -> Folding:
    """Fold every object that yields pods into the outermost of its owners that describes pods.

    Where no owner in view does (its kind was not listed, or its operator writes the pods), one of the pods that look alike stands for all
    that the owner made.
    """
    everything = list(documents)
    by_uid = {uid: document for document in everything if (uid := _uid(document))}
    found = Folding()
    alike: dict[tuple[str, bytes], Document] = {}
    describes: dict[int, bool] = {}
    for document in everything:
        owner = controller_of(document)
        root = _root(document, by_uid, describes) if owner and is_workload(document) else document
        if root is document and owner and document.ref.kind == "Pod":
            root = alike.setdefault((str(owner.get("uid")), _shape(document)), document)
        if root is document:
            found.judged.append(document)
        else:
            found.roots[id(document)] = root
    return found


def _uid(document: Document) -> str | None:
    uid = mapping(document.raw.get("metadata")).get("uid")
    return uid if isinstance(uid, str) else None


def _root(document: Document, by_uid: Mapping[str, Document], describes: dict[int, bool]) -> Document:
    root = document
    for ancestor in _ancestors(document, by_uid):
        if id(ancestor) not in describes:
            describes[id(ancestor)] = is_workload(ancestor) and bool(Workload(ancestor).templates)
        if describes[id(ancestor)]:
            root = ancestor
    return root


def _ancestors(document: Document, by_uid: Mapping[str, Document]) -> Iterator[Document]:
    for _ in range(_DEEPEST):
        owner = by_uid.get(str(controller_of(document).get("uid")))
        if owner is None:
            return
        yield owner
        document = owner


def _shape(pod: Document) -> bytes:
    """What pods that one owner made have in common if they are alike."""
    spec = mapping(pod.raw.get("spec"))
    containers = [(one.get("name"), one.get("image"), one.get("resources")) for one in map(mapping, sequence(spec.get("containers")))]
    return marshal.dumps(containers)
