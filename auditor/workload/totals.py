"""What one pod asks for as a whole: the amounts that the scheduler reserves and that a quota counts.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers ·
https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/753-sidecar-containers (an ordinary init container runs beside the
sidecars that started before it) · AggregateContainerRequests, PodRequests and PodLimits in
https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/component-helpers/resource/helpers.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from auditor.document import Unknown, mapping
from auditor.quantity import Quantity
from auditor.workload.container import Container, ContainerRole
from auditor.workload.values import amount

__all__ = ["Amounts", "is_pod_level", "total_limits", "total_requests"]

Amounts = Mapping[str, Fraction | Unknown]
_POD_LEVEL = ("cpu", "memory")
_OPAQUE = Unknown("", "wrong type")  # of a container whose resources are a placeholder as a whole


def is_pod_level(key: str) -> bool:
    """Whether ``spec.resources`` of a pod may hold a resource. The API server refuses all others there.

    Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#pod-level-resource-specification
    """
    return key in _POD_LEVEL or key.startswith("hugepages-")


def total_requests(containers: Iterable[Container], whole: Mapping[str, Any], overhead: Mapping[str, Any]) -> Amounts:
    """The effective request of a pod by resource name.

    Args:
        containers: of the pod, in its order.
        whole: the pod's own ``resources``. What it requests replaces the containers' sum; its limit counts where no container asks.
        overhead: the pod's ``overhead``.
    """
    total = _of_containers(containers, Container.effective_request)
    requests, limits = mapping(whole.get("requests")), mapping(whole.get("limits"))
    for key in filter(is_pod_level, dict.fromkeys((*requests, *limits))):
        if key in requests:
            total[key] = amount(requests[key])
        elif key not in total:
            total[key] = amount(limits[key])
    for key, extra in overhead.items():
        total[key] = _sum(total.get(key), amount(extra))
    return total


def total_limits(containers: Iterable[Container], whole: Mapping[str, Any], overhead: Mapping[str, Any]) -> Amounts:
    """The effective limit of a pod by resource name; the arguments are those of `total_requests`.

    A container without a limit adds nothing, so that the total of one key may be lower than what the pod can take.
    """
    total = _of_containers(containers, Container.limit)
    total.update((key, amount(value)) for key, value in mapping(whole.get("limits")).items() if is_pod_level(key))
    for key, extra in overhead.items():
        if total.get(key):
            total[key] = _sum(total[key], amount(extra))
    return total


def _of_containers(
    containers: Iterable[Container], asked: Callable[[Container, str], Quantity | Unknown | None]
) -> dict[str, Fraction | Unknown]:
    """For each key the larger of what runs together and of what any moment of the start needs."""
    found = [(container, _amounts(container, asked)) for container in containers if container.role is not ContainerRole.EPHEMERAL]
    keys = {key for _, amounts in found for key in amounts}
    running: dict[str, Fraction | Unknown] = {}
    beside: dict[str, Fraction | Unknown] = {}  # sidecars that have started so far
    starting: dict[str, Fraction | Unknown] = {}
    for container, amounts in found:
        opaque = dict.fromkeys(keys, _OPAQUE) if _is_opaque(container) else {}
        for key, value in {**opaque, **amounts}.items():
            if container.role is ContainerRole.INIT:
                starting[key] = _larger(starting.get(key), _sum(beside.get(key), value))
                continue
            running[key] = _sum(running.get(key), value)
            if container.role is ContainerRole.SIDECAR:
                beside[key] = _sum(beside.get(key), value)
    return {key: _larger(running.get(key), starting.get(key, Fraction(0))) for key in sorted({*running, *starting})}


def _amounts(container: Container, asked: Callable[[Container, str], Quantity | Unknown | None]) -> dict[str, Fraction | Unknown]:
    """What one container asks for, by key."""
    if isinstance(container.resources, Unknown):
        return dict.fromkeys(_POD_LEVEL, container.resources)
    keys = {*container.resource_keys("requests"), *container.resource_keys("limits"), *(one.key for one in container.accelerators)}
    found = {key: asked(container, key) for key in sorted(keys)}
    unknown = dict.fromkeys(_POD_LEVEL, _OPAQUE) if _is_opaque(container) else {}
    return {**unknown, **{key: value for key, value in found.items() if value is not None}}


def _is_opaque(container: Container) -> bool:
    """Whether it is not even known which resources a container asks for."""
    resources = container.resources
    return isinstance(resources, Unknown) or any(not isinstance(resources.get(part), dict | None) for part in ("requests", "limits"))


def _sum(one: Fraction | Unknown | None, other: Fraction | Unknown) -> Fraction | Unknown:
    if one is None or isinstance(other, Unknown):
        return other
    return one if isinstance(one, Unknown) else one + other


def _larger(one: Fraction | Unknown | None, other: Fraction | Unknown) -> Fraction | Unknown:
    if one is None or isinstance(other, Unknown):
        return other
    return one if isinstance(one, Unknown) else max(one, other)
