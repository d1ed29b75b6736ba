"""What the quotas of a namespace limit, and which pods they count.

Sources: https://kubernetes.io/docs/concepts/policy/resource-quotas/ and the evaluator,
https://github.com/kubernetes/kubernetes/blob/master/pkg/quota/v1/evaluator/core/pods.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from auditor.accelerators import DeviceTable, is_accelerator_class, is_extended
from auditor.document import Document, Path, Unknown, mapping, sequence
from auditor.quantity import Quantity
from auditor.snapshot import Snapshot, same_branch
from auditor.workload import ContainerRole, PodTemplate
from auditor.workload.values import amount, integer

__all__ = ["CLAIMED", "REQUIRED", "Quota", "device_keys", "mentions_devices", "quotas_beside", "quotas_from_elsewhere"]

# The end of a key that limits devices claimed of a DeviceClass, whose name stands before it.
CLAIMED = ".deviceclass.resource.k8s.io/devices"
# Keys that every container of every counted pod must have a value for: section and resource. All other keys only add up what is there.
REQUIRED = MappingProxyType(
    {key: ("requests", key.removeprefix("requests.")) for key in ("cpu", "memory", "requests.cpu", "requests.memory")}
    | {f"limits.{resource}": ("limits", resource) for resource in ("cpu", "memory")}
)
_NATIVE = ("cpu", "memory", "ephemeral-storage")
_OBJECTS = ("pods", "count/pods")


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota.

    Attributes:
        document: the object that holds it: a ResourceQuota, or a Profile or ClusterResourceQuota that stands for one.
        path: where its ``hard`` stands.
        hard: the limit for each key; unknown for a placeholder.
        scopes: what pods must be to be counted: name, operator and values. All of them must hold.
    """

    document: Document
    path: Path
    hard: Mapping[str, Quantity | Unknown]
    scopes: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    @classmethod
    def read(cls, document: Document, *path: str) -> Quota:
        """The quota whose spec stands at ``path`` of an object."""
        spec: Mapping[str, Any] = document.raw
        for step in path:
            spec = mapping(spec.get(step))
        hard = {key: amount(value) for key, value in mapping(spec.get("hard")).items()}
        return cls(document, (*path, "hard"), hard, tuple(_scopes(spec)))

    def counts(self, template: PodTemplate, snapshot: Snapshot) -> bool | None:
        """Whether pods of a template in its namespace fall under the quota; None where that is unknown."""
        answers = [_in_scope(template, snapshot, *scope) for scope in self.scopes]
        return False if False in answers else None if None in answers else True

    @staticmethod
    def use(template: PodTemplate, key: str) -> Fraction | Unknown | None:
        """What one pod adds to a key; None where it adds nothing, also because the quota of pods ignores such a key."""
        if key in _OBJECTS:
            return Fraction(1)
        section, dot, resource = key.partition(".")
        if dot and section == "limits" and resource in _NATIVE:
            return template.total_limits.get(resource)
        if not (dot and section == "requests"):
            return template.total_requests.get(key) if key in _NATIVE or key.startswith("hugepages-") else None
        counted = resource in _NATIVE or resource.startswith("hugepages-") or is_extended(resource)
        return template.total_requests.get(resource) if counted else None


def _scopes(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for name in sequence(spec.get("scopes")):
        yield str(name), "Exists", ()
    for entry in sequence(mapping(spec.get("scopeSelector")).get("matchExpressions")):
        values = tuple(str(value) for value in sequence(mapping(entry).get("values")))
        yield str(mapping(entry).get("scopeName")), str(mapping(entry).get("operator")), values


# -- which pods a quota counts ------------------------------------------------------------------------------------------------------------


def _in_scope(template: PodTemplate, snapshot: Snapshot, name: str, operator: str, values: tuple[str, ...]) -> bool | None:
    if name in ("Terminating", "NotTerminating"):
        seconds = integer(template.get("activeDeadlineSeconds"))  # of the pod: the deadline of a Job is another field
        return None if isinstance(seconds, Unknown) else (seconds is not None) is (name == "Terminating")
    if name in ("BestEffort", "NotBestEffort"):
        best_effort = _is_best_effort(template, snapshot)
        return None if best_effort is None else best_effort is (name == "BestEffort")
    if name == "PriorityClass":
        return _has_class(template, snapshot, operator, values)
    return False if name == "VolumeAttributesClass" else None  # that one counts claims; other scopes are not known here


def _is_best_effort(template: PodTemplate, snapshot: Snapshot) -> bool | None:
    """Whether nothing in the pod asks for CPU or memory; None where an amount is unknown.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/#besteffort
    """
    asked = [
        value
        for container in template.containers
        if container.role is not ContainerRole.EPHEMERAL
        for key in ("cpu", "memory")
        for value in (container.request(key), container.limit(key))
    ]
    asked += [amount(value) for part in template.resources.values() for key, value in mapping(part).items() if key in ("cpu", "memory")]
    if any(isinstance(value, Quantity) and value > 0 for value in asked):
        return False
    if any(isinstance(value, Unknown) for value in asked):
        return None
    return not {"cpu", "memory"} & snapshot.given_by_limit_range(template.workload.document, "requests")


def _has_class(template: PodTemplate, snapshot: Snapshot, operator: str, values: tuple[str, ...]) -> bool | None:
    name = template.priority_class
    if name is None:
        document = template.workload.document
        if not snapshot.complete_for("PriorityClass", document):
            return None  # a class that is the default may be there
        classes = snapshot.by_kind("PriorityClass", "scheduling.k8s.io")
        name = next((c.ref.name for c in classes if c.raw.get("globalDefault") is True and same_branch(document, c)), "")
    if isinstance(name, Unknown):
        return None
    answers = {"Exists": name != "", "DoesNotExist": name == "", "In": name in values, "NotIn": name not in values}
    return answers.get(operator)


# -- the quotas of a namespace ------------------------------------------------------------------------------------------------------------


def quotas_beside(document: Document, snapshot: Snapshot) -> list[Quota]:
    """The ResourceQuotas of the namespace that an object lives in."""
    return [Quota.read(quota, "spec") for quota in snapshot.beside(document, "ResourceQuota", "")]


def quotas_from_elsewhere(namespace: str, snapshot: Snapshot) -> Iterator[Quota]:
    """Quotas that other objects bring into a namespace: Kubeflow makes one of a Profile; OpenShift's hold over several namespaces at
    once, and are taken to hold for every one.

    Source: https://www.kubeflow.org/docs/components/central-dash/profiles/ ·
    https://docs.redhat.com/en/documentation/openshift_container_platform/latest/html/building_applications/quotas
    """
    for profile in snapshot.by_kind("Profile", "kubeflow.org"):
        if profile.ref.name == namespace:
            yield Quota.read(profile, "spec", "resourceQuotaSpec")
    for quota in snapshot.by_kind("ClusterResourceQuota", "quota.openshift.io"):
        yield Quota.read(quota, "spec", "quota")


def device_keys(quota: Quota, table: DeviceTable) -> list[str]:
    """The keys of a quota that limit accelerators."""
    return [key for key in quota.hard if _limits_devices(key, table)]


def mentions_devices(quota: Quota, table: DeviceTable) -> bool:
    """Whether a quota speaks of accelerators, be it with a key that limits nothing."""
    return any(_limits_devices(key, table) or table.device(key.removeprefix("limits.")) for key in quota.hard)


def _limits_devices(key: str, table: DeviceTable) -> bool:
    if key.startswith("requests."):
        return table.device(key.removeprefix("requests.")) is not None
    return key.endswith(CLAIMED) and is_accelerator_class(key.removesuffix(CLAIMED))
