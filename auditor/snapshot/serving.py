"""What leads to workloads: Services, and autoscalers, which show that their target serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.document import Document, mapping
from auditor.lazy import lazy
from auditor.snapshot.lookup import Lookup
from auditor.snapshot.places import same_namespace
from auditor.workload import PodTemplate, Workload

__all__ = ["Serving"]

# Objects that move the number of pods of another one, and so show that it serves: kind → field with the reference.
_SCALERS = (("HorizontalPodAutoscaler", "autoscaling", "scaleTargetRef"), ("ScaledObject", "keda.sh", "scaleTargetRef"))


class Serving:
    """Services and autoscalers by what they lead to. It needs no workload to be in view: these ask it about themselves."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def leads_to(self, workload: Workload) -> bool:
        """Whether something leads traffic to the pods of a workload."""
        if self._scaled and self.scalers_of(workload):
            return True
        return bool(self._services) and any(self.services_of(template) for template in workload.templates)

    def services_of(self, template: PodTemplate) -> list[Document]:
        """Services whose selector matches the pods of a template."""
        return self.services_matching(template.labels, template.workload.document)

    def services_matching(self, labels: Mapping[str, Any], document: Document) -> list[Document]:
        """Services whose selector matches pods with these labels, where ``document`` lives."""
        return [
            service
            for pair in labels.items()
            if isinstance(pair[1], str | int | bool)
            for service in self._services.get(pair, ())
            if same_namespace(document, service)
            and all(labels.get(key) == value for key, value in mapping(mapping(service.raw.get("spec")).get("selector")).items())
        ]

    @lazy
    def _services(self) -> Mapping[tuple[str, object], list[Document]]:
        """Services by the first label of their selector."""
        index: dict[tuple[str, object], list[Document]] = {}
        for service in self._lookup.by_kind("Service", ""):
            for key, value in mapping(mapping(service.raw.get("spec")).get("selector")).items():
                if isinstance(value, str | int | bool):
                    index.setdefault((key, value), []).append(service)
                break
        return index

    def scalers_of(self, workload: Workload) -> list[Document]:
        """HorizontalPodAutoscalers and ScaledObjects that scale a workload."""
        return [s for s in self._scaled.get((workload.ref.kind, workload.ref.name), ()) if same_namespace(workload.document, s)]

    @lazy
    def _scaled(self) -> Mapping[tuple[str, str], list[Document]]:
        """Autoscalers by kind and name of what they scale."""
        index: dict[tuple[str, str], list[Document]] = {}
        for kind, group, field in _SCALERS:
            for scaler in self._lookup.by_kind(kind, group):
                target = mapping(mapping(scaler.raw.get("spec")).get(field))
                name, target_kind = target.get("name"), target.get("kind", "Deployment")
                if isinstance(name, str) and isinstance(target_kind, str):
                    index.setdefault((target_kind, name), []).append(scaler)
        return index
