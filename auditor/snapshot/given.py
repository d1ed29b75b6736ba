"""What other objects give to pods: a priority, environment variables, requests and limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditor.document import Document, Unknown, mapping, sequence
from auditor.snapshot.lookup import Lookup, listed
from auditor.snapshot.places import same_branch
from auditor.workload import Container, PodTemplate

__all__ = ["env_value", "given_by_limit_range", "priority_of"]


def priority_of(template: PodTemplate, lookup: Lookup) -> int | None:
    """The priority that a pod resolves to: its class's value, else the global default's, else 0. None where it cannot be known.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
    """
    name = template.priority_class
    classes = lookup.by_kind("PriorityClass", "scheduling.k8s.io")
    document = template.workload.document
    if name is None:
        default = next((c for c in classes if c.raw.get("globalDefault") is True and same_branch(document, c)), None)
        return 0 if default is None else _value(default)
    return next((_value(c) for c in classes if c.ref.name == name), None) if isinstance(name, str) else None


def _value(priority_class: Document) -> int | None:
    value = priority_class.raw.get("value")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def env_value(container: Container, name: str, lookup: Lookup) -> str | Unknown | None:
    """What an environment variable is, whether written or taken from a ConfigMap in view; unknown where it comes from elsewhere; None
    where it is not set. The later of two entries counts, and single ones before whole objects.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
    """
    for entry in map(mapping, reversed(sequence(container.raw.get("env")))):
        if entry.get("name") == name:
            if "valueFrom" not in entry:
                return container.env_value(name)
            reference = mapping(mapping(entry["valueFrom"]).get("configMapKeyRef"))
            return _configured(reference, str(reference.get("key")), container, lookup)
    for entry in map(mapping, reversed(sequence(container.raw.get("envFrom")))):
        if "configMapRef" not in entry:
            return Unknown(name, "valueFrom")
        prefix = str(entry.get("prefix") or "")
        if name.startswith(prefix):
            found = _configured(mapping(entry["configMapRef"]), name.removeprefix(prefix), container, lookup)
            if found is not None:
                return found
    return None


def _configured(reference: Mapping[str, Any], key: str, container: Container, lookup: Lookup) -> str | Unknown | None:
    name = reference.get("name")
    found = lookup.get("ConfigMap", name, container.template.workload.document, "") if isinstance(name, str) else None
    if found is None:
        return Unknown(str(name), "valueFrom")
    value = mapping(found.raw.get("data")).get(key)
    return value if value is None or isinstance(value, str) else Unknown(str(value)[:40], "wrong type")


def given_by_limit_range(document: Document, section: str, lookup: Lookup) -> frozenset[str]:
    """The resources that a LimitRange in view fills in where a container beside ``document`` does not set them.

    A limit comes from ``default``, else from ``max``; a request from ``defaultRequest``, else from the limit that is filled in, else from
    ``min``.

    Source: SetDefaults_LimitRangeItem in https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/v1/defaults.go
    """
    fields = ("default", "max") if section == "limits" else ("default", "max", "defaultRequest", "min")
    return frozenset(
        key
        for limit_range in lookup.beside(document, "LimitRange", "")
        for item in listed(limit_range, "spec", "limits")
        if item.get("type") == "Container"
        for field in fields
        for key in mapping(item.get(field))
    )
