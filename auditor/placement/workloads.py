"""What the objects say of pods beside their spec: whether they are wanted now, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.document import mapping, sequence
from auditor.live import LivePod
from auditor.live.scheduling import tolerations_of
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate, Workload

__all__ = ["device_sort", "ended", "gated", "has_toleration", "made_by", "queued", "runs_elsewhere"]

_ENDED = frozenset(
    {"Complete", "Completed", "Failed", "Succeeded", "FailureTarget", "SuccessCriteriaMet", "Finished", "Error",
     "Stopped", "Terminated", "Aborted"}
)  # fmt: skip
_QUEUES = ("kueue.x-k8s.io/queue-name", "kai.scheduler/queue", "runai/queue")


def ended(workload: Workload) -> bool:
    """Whether a job is over: it makes no more pods."""
    if any(kind in _ENDED and one.get("status") == "True" for kind, one in workload.conditions.items() if workload.job):
        return True
    status = mapping(workload.raw.get("status"))
    states = (status.get(field) for field in ("phase", "jobStatus", "state", "applicationState"))
    named = (mapping(state).get("state") or mapping(state).get("phase") if isinstance(state, dict) else state for state in states)
    return any(str(state).capitalize() in _ENDED for state in named)


def runs_elsewhere(workload: Workload) -> bool:
    """Whether Kueue sends it to another cluster."""
    return "multikueue" in str(workload.spec.get("managedBy") or mapping(workload.spec.get("runPolicy")).get("managedBy"))


def queued(workload: Workload) -> bool:
    """Whether a queue decides when it starts."""
    return any(key in workload.labels for key in _QUEUES)


def gated(pod: LivePod) -> bool:
    """Whether somebody keeps the scheduler from looking at it."""
    return bool(mapping(pod.raw.get("spec")).get("schedulingGates"))


def made_by(template: PodTemplate, pod: LivePod) -> bool:
    """Whether a pod looks like one of a template."""
    names = {container.name for container in template.main_containers}
    raw = pod.raw
    labels: Mapping[str, object] = mapping(mapping(raw.get("metadata")).get("labels"))
    own = {str(mapping(one).get("name")) for one in sequence(mapping(raw.get("spec")).get("containers"))}
    same_labels = all(labels.get(key) == value for key, value in template.labels.items())
    return names <= own and same_labels and dict(pod.accelerators) == dict(template.accelerators)


def has_toleration(template: PodTemplate, key: str) -> bool:
    """Whether a pod names a taint's key among its tolerations."""
    return any(one.key == key for one in tolerations_of(template))


def device_sort(template: PodTemplate, snapshot: Snapshot) -> str:
    """How a pod gets its accelerator where that is no resource: ``claim``, ``share``; empty for all others."""
    if template.accelerators:
        return ""
    if snapshot.claims_accelerator(template):
        return "claim"
    return "share" if template.has_accelerator_fraction else ""
