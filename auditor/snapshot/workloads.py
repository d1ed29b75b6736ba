"""Workloads by the object they are, by where they live and by what scales them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditor.document import Document, mapping
from auditor.lazy import lazy
from auditor.snapshot.places import same_namespace
from auditor.workload import Workload

__all__ = ["Workloads"]


class Workloads:
    """Workloads that are in view, indexed on first use."""

    def __init__(self, workloads: tuple[Workload, ...]) -> None:
        self._all = workloads

    def of(self, document: Document) -> Workload | None:
        """The workload that an object is; None where it yields no pods."""
        return self._by_document.get(id(document))

    @lazy
    def _by_document(self) -> Mapping[int, Workload]:
        return {id(workload.document): workload for workload in self._all}

    def places_beside(self, document: Document) -> tuple[Sequence[Workload], Sequence[Workload]]:
        """Workloads that live in the same namespace as ``document``: those of a place are the same for all that live there."""
        namespace, by_place = document.ref.namespace, self._by_place
        loose = by_place.get(("", document.folder), ())
        if namespace:
            return by_place.get((namespace, ""), ()), loose
        return loose, by_place.get(("any", document.folder), ())

    @lazy
    def _by_place(self) -> Mapping[tuple[str, str], list[Workload]]:
        """Workloads by namespace, and by folder: those that name no namespace, and those that do."""
        index: dict[tuple[str, str], list[Workload]] = {}
        for workload in self._all:
            namespace, folder = workload.ref.namespace, workload.document.folder
            for place in ((namespace, ""), ("any", folder)) if namespace else (("", folder),):
                index.setdefault(place, []).append(workload)
        return index

    def scaled_by(self, scaler: Document) -> Workload | None:
        """The workload that an autoscaler scales, if it is in view."""
        target = mapping(mapping(scaler.raw.get("spec")).get("scaleTargetRef"))
        kind, name = target.get("kind", "Deployment"), target.get("name")
        return next((w for w in self._by_name.get((str(kind), str(name)), ()) if same_namespace(scaler, w.document)), None)

    @lazy
    def _by_name(self) -> Mapping[tuple[str, str], list[Workload]]:
        index: dict[tuple[str, str], list[Workload]] = {}
        for workload in self._all:
            index.setdefault((workload.ref.kind, workload.ref.name), []).append(workload)
        return index
