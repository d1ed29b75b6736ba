"""Objects by kind, place and name, and whether one that is not found does not exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auditor.document import Document, mapping, sequence
from auditor.lazy import lazy
from auditor.listing import Listing
from auditor.snapshot.places import cluster_scoped, same_branch, same_namespace

__all__ = ["Lookup", "listed"]


class Lookup:
    """Objects that are in view, indexed on first use.

    Args:
        documents: the objects.
        complete: the user says that nothing is missing.
        listing: what was listed of a live cluster; None for files.
    """

    def __init__(self, documents: tuple[Document, ...], complete: bool, listing: Listing | None) -> None:
        self.documents = documents
        self._complete = complete
        self._listing = listing

    def by_kind(self, kind: str, group: str | None) -> list[Document]:
        """Objects of a kind in every namespace; of every group where ``group`` is None."""
        found = self._by_kind.get(kind, [])
        return found if group is None else [document for document in found if document.ref.group == group]

    @lazy
    def _by_kind(self) -> Mapping[str, list[Document]]:
        index: dict[str, list[Document]] = {}
        for document in self.documents:
            index.setdefault(document.ref.kind, []).append(document)
        return index

    def beside(self, document: Document, kind: str, group: str | None) -> Iterator[Document]:
        """Objects of a kind that live in the same namespace as ``document``; see `same_namespace`."""
        namespace, folder = document.ref.namespace, document.folder
        near = self._by_place.get((kind, "", folder), ())
        if namespace:
            near = (*self._by_place.get((kind, namespace, ""), ()), *(other for other in near if not other.ref.namespace))
        return (other for other in near if group is None or other.ref.group == group)

    @lazy
    def _by_place(self) -> Mapping[tuple[str, str, str], list[Document]]:
        """Objects by kind and namespace, and by kind and folder."""
        index: dict[tuple[str, str, str], list[Document]] = {}
        for document in self.documents:
            kind, namespace = document.ref.kind, document.ref.namespace
            if namespace:
                index.setdefault((kind, namespace, ""), []).append(document)
            index.setdefault((kind, "", document.folder), []).append(document)
        return index

    def get(self, kind: str, name: str, document: Document, group: str | None) -> Document | None:
        """The object of that kind and name which ``document`` would reach: in its namespace, or anywhere for cluster-scoped kinds."""
        everywhere = cluster_scoped(kind)
        return next(
            (
                other
                for other in self._by_name.get((kind, name), ())
                if (group is None or other.ref.group == group) and (everywhere or same_namespace(document, other))
            ),
            None,
        )

    @lazy
    def _by_name(self) -> Mapping[tuple[str, str], list[Document]]:
        index: dict[tuple[str, str], list[Document]] = {}
        for document in self.documents:
            index.setdefault((document.ref.kind, document.ref.name), []).append(document)
        return index

    def complete_for(self, kind: str, document: Document, group: str | None) -> bool:
        """Whether an object of that kind which is not in view does not exist; see `Snapshot.complete_for`."""
        if self._complete:
            return True
        if self._listing is not None:
            return self._listing.complete_for(kind, group)
        if cluster_scoped(kind):
            return any(same_branch(document, other) for other in self.by_kind(kind, group))
        return any(True for _ in self.beside(document, kind, group))


def listed(document: Document, *path: str) -> list[Mapping[str, object]]:
    """The mappings in the list at ``path`` of an object; empty where it is missing or of another type."""
    node: object = document.raw
    for step in path:
        node = mapping(node).get(step)
    return [entry for entry in sequence(node) if isinstance(entry, dict)]
