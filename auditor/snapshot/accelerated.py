"""Who asks for an accelerator: by resource name, by fraction, or by a claim that is looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.accelerators import DeviceTable, is_accelerator_class
from auditor.document import Document, mapping, sequence
from auditor.snapshot.lookup import Lookup, listed
from auditor.workload import PodTemplate, Workload

__all__ = ["Accelerated"]


class Accelerated:
    """Whether pods and workloads ask for an accelerator.

    Most workloads are dismissed by a look at their keys, which takes a tenth of the time that deriving their containers does.
    """

    def __init__(self, lookup: Lookup, device_table: DeviceTable) -> None:
        self._lookup = lookup
        self._device_table = device_table
        self._words = device_table.words
        self._known: dict[int, bool] = {}  # by identity of a workload in view, as far as somebody wanted to know

    def asks(self, workload: Workload) -> bool:
        """Whether a workload asks for an accelerator in any way."""
        asks = self._known.get(id(workload))
        if asks is None:
            asks = self._known[id(workload)] = self._asks(workload)
        return asks

    def _asks(self, workload: Workload) -> bool:
        blob = workload.document.blob
        if not any(word in blob for word in self._words) or not _mentions_accelerator(workload.document.raw, self._device_table):
            return False
        in_use = "templates" in workload.__dict__
        asks = workload.accelerated or any(map(self.claims, workload.templates))
        if not in_use:
            workload.release()
        return asks

    def claims(self, template: PodTemplate) -> bool:
        """Whether the pod claims an accelerator by dynamic resource allocation, as far as its claims or their templates are in view."""
        return any(self._is_accelerator(claim, template.workload.document) for claim in template.resource_claims)

    def _is_accelerator(self, claim: Mapping[str, object], document: Document) -> bool:
        source = {**mapping(claim.get("source")), **claim}  # the names stood under source before Kubernetes 1.31
        for kind, field, path in (
            ("ResourceClaimTemplate", "resourceClaimTemplateName", ("spec", "spec", "devices", "requests")),
            ("ResourceClaim", "resourceClaimName", ("spec", "devices", "requests")),
        ):
            name = source.get(field)
            found = self._lookup.get(kind, name, document, "resource.k8s.io") if isinstance(name, str) else None
            if found is not None:
                return any(is_accelerator_class(name) for request in listed(found, *path) for name in _device_classes(request))
        return False


def _mentions_accelerator(node: Any, table: DeviceTable) -> bool:
    """Whether a key at some depth is a device, or speaks of a GPU or of claims as operators' own fields and annotations do."""
    if isinstance(node, dict):
        for key, child in node.items():
            if isinstance(key, str) and (table.device(key) is not None if "/" in key else "gpu" in key or key == "resourceClaims"):
                return True
            if isinstance(child, dict | list) and _mentions_accelerator(child, table):
                return True
        return False
    return any(_mentions_accelerator(child, table) for child in node if isinstance(child, dict | list))


def _device_classes(request: Mapping[str, object]) -> Iterator[str]:
    """The DeviceClasses that one request of a claim names, in every version of its API."""
    for place in (request, mapping(request.get("exactly")), *sequence(request.get("firstAvailable"))):
        name = mapping(place).get("deviceClassName")
        if isinstance(name, str):
            yield name
