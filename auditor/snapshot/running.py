"""What runs in a live cluster: pods, the objects they were folded into, and nodes."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.accelerators import DeviceTable
from auditor.document import Document
from auditor.lazy import lazy
from auditor.listing import Listing
from auditor.live import Folding, LivePod, Node, fold, held_by_pod, live_pod, nodes_of
from auditor.snapshot.lookup import Lookup
from auditor.workload import Workload

__all__ = ["Running", "folded"]


def folded(documents: tuple[Document, ...], listing: Listing | None) -> Folding:
    """Which objects stand for themselves: of a live cluster, those that no other object in view made; of files, all."""
    return fold(documents) if listing else Folding(list(documents))


class Running:
    """Pods and nodes, read on first use; there are none in files.

    Args:
        documents: all objects, those that were folded into others as well.
        folding: which those are.
        lookup: the objects that stand for themselves.
        listing: what was listed of a live cluster; None for files.
        device_table: which resource names are devices.
    """

    def __init__(
        self, documents: tuple[Document, ...], folding: Folding, lookup: Lookup, listing: Listing | None, device_table: DeviceTable
    ) -> None:
        self._in_view = [document for document in documents if document.ref.kind == "Pod" and not document.ref.group] if listing else []
        self._folding = folding
        self._lookup = lookup
        self._listing = listing
        self._device_table = device_table

    @lazy
    def pods(self) -> tuple[LivePod, ...]:
        """The pods of a live cluster, by namespace and name; none for files."""
        held = held_by_pod(self._lookup.by_kind("ResourceClaim", "resource.k8s.io"))
        pods = (
            live_pod(
                document,
                self._folding.root_of(document).ref,
                held.get((document.ref.namespace, document.ref.name)),
                raw,
                self._device_table,
            )
            for document, raw in ((document, document.fresh) for document in self._in_view)
            if isinstance(raw.get("spec"), dict)  # what has none is no pod: an archive may hold anything
        )
        return tuple(sorted(pods, key=lambda pod: (pod.ref.namespace, pod.ref.name)))

    def pods_of(self, workload: Workload) -> tuple[LivePod, ...]:
        """The pods of a workload that are there now: those folded into it, and itself where it is one."""
        return tuple(self._pods_by_root.get(id(workload.document), ())) if self._listing else ()

    @lazy
    def _pods_by_root(self) -> Mapping[int, list[LivePod]]:
        index: dict[int, list[LivePod]] = {}
        for pod in self.pods:
            index.setdefault(id(self._folding.root_of(pod.document)), []).append(pod)
        return index

    def root_of(self, pod: LivePod) -> Document:
        """The object that a pod was folded into; the pod itself where it stands for itself."""
        return self._folding.root_of(pod.document)

    def root_named(self, kind: str, namespace: str, name: str) -> Document | None:
        """The object that one of that name was folded into, whatever its group; the object itself where it stands for itself."""
        found = self._owners_by_name.get((kind, namespace, name))
        return self._folding.root_of(found) if found is not None else None

    @lazy
    def _owners_by_name(self) -> Mapping[tuple[str, str, str], Document]:
        documents = (*self._folding.between, *self._lookup.documents)
        return {(document.ref.kind, document.ref.namespace, document.ref.name): document for document in documents}

    @lazy
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of a live cluster, by name; none for files."""
        if self._listing is None:
            return ()
        by_kind = self._lookup.by_kind
        slices, claims = by_kind("ResourceSlice", "resource.k8s.io"), by_kind("ResourceClaim", "resource.k8s.io")
        return nodes_of(by_kind("Node", ""), self.pods, slices, claims, self._device_table)
