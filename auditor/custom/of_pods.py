"""What the fields of a pod template hold, and those that workloads have, too. `Unknown` may stand anywhere in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from auditor.custom.readers import NOT_KNOWN, amount
from auditor.document import Unknown, mapping, sequence
from auditor.workload import PodTemplate, Workload

__all__ = [
    "accelerators_of_pod",
    "accelerators_of_workload",
    "annotations_of",
    "containers",
    "flag",
    "labels_of",
    "limits_of_pod",
    "max_pods",
    "min_pods",
    "node_selector",
    "pod_spec",
    "priority_class",
    "requests_of_pod",
    "service_account",
    "text",
    "tolerations",
    "volumes",
]


def min_pods(template: PodTemplate) -> object:
    """The fewest pods."""
    return NOT_KNOWN if template.pods.low is None else template.pods.low


def max_pods(template: PodTemplate) -> object:
    """The most pods."""
    return NOT_KNOWN if template.pods.high is None else template.pods.high


def labels_of(thing: PodTemplate | Workload) -> object:
    """Labels."""
    return _texts(thing.labels)


def annotations_of(thing: PodTemplate | Workload) -> object:
    """Annotations."""
    return _texts(thing.annotations)


def node_selector(template: PodTemplate) -> object:
    """Labels that a node must carry."""
    return _texts(template.node_selector)


def _texts(entries: Mapping[str, Any]) -> dict[str, object]:
    """Labels and the like: anything but a text is of the wrong type, and so unknown."""
    return {key: value if isinstance(value, str) else Unknown(str(value)[:40], "wrong type") for key, value in entries.items()}


def containers(thing: PodTemplate | Workload) -> object:
    """All containers."""
    return list(thing.containers)


def volumes(template: PodTemplate) -> object:
    """Volumes of the pod."""
    return list(template.volumes)


def accelerators_of_pod(template: PodTemplate) -> object:
    """Devices of one pod."""
    return _devices(template.accelerators, template.containers)


def accelerators_of_workload(workload: Workload) -> object:
    """Devices of all pods; the number is unknown where that of the pods is."""
    found = _devices(workload.accelerators, workload.containers)
    known = all(template.pods.low is not None for template in workload.templates)
    return found if known else dict.fromkeys(found, NOT_KNOWN)


def _devices(counts: Mapping[str, int], containers: Any) -> dict[str, object]:
    opaque = {one.key for container in containers for one in container.accelerators if one.count is None}
    return {key: NOT_KNOWN if key in opaque else count for key, count in counts.items()}


def requests_of_pod(template: PodTemplate) -> object:
    """What the scheduler reserves."""
    return {key: amount(value) for key, value in template.total_requests.items()}


def limits_of_pod(template: PodTemplate) -> object:
    """The limits together."""
    return {key: amount(value) for key, value in template.total_limits.items()}


def service_account(template: PodTemplate) -> object:
    """The account."""
    return template.service_account


def priority_class(template: PodTemplate) -> object:
    """The PriorityClass."""
    return "" if template.priority_class is None else template.priority_class


def text(field: str) -> Callable[[PodTemplate], object]:
    """A reader of a text of the pod; empty where it is absent."""

    def read(template: PodTemplate) -> object:
        value = template.get(field)
        return "" if value is None else value if isinstance(value, str) else Unknown(str(value)[:40], "wrong type")

    return read


def flag(field: str) -> Callable[[PodTemplate], object]:
    """A reader of a switch of the pod; off where it is absent."""

    def read(template: PodTemplate) -> object:
        value = template.get(field)
        return False if value is None else value if isinstance(value, bool) else Unknown(str(value)[:40], "wrong type")

    return read


def tolerations(template: PodTemplate) -> object:
    """Tolerations as written."""
    return [mapping(one) for one in sequence(template.get("tolerations"))]


def pod_spec(template: PodTemplate) -> object:
    """The pod's fields."""
    return template.spec
