"""A pod as it is: where it runs, in what phase, and what keeps it from working.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

import datetime
import marshal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as field_of
from fractions import Fraction
from functools import lru_cache
from typing import Any

from auditor.accelerators import KNOWN_DEVICES, DeviceTable
from auditor.document import Document, ObjectRef, mapping, sequence
from auditor.workload import PodTemplate, Workload

__all__ = ["ContainerStatus", "LivePod", "format_minutes", "instant", "live_pod", "minutes_between", "pinned_by"]

# Annotations by which a pod forbids an autoscaler to take its node away, with the value that does.
# https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md, https://karpenter.sh/docs/concepts/disruption/
_PINS = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
_OF_A_CONTAINER = ("name", "image", "restartPolicy", "resources")


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """The state of one container.

    Attributes:
        name: of the container.
        init: it is an init container or a native sidecar.
        state: ``waiting``, ``running``, ``terminated``, or empty before there is any.
        reason: why, in one word: ``CrashLoopBackOff``, ``Completed``.
        message: why, in a sentence.
        restarts: how often it was started again.
        last_reason: why it ended the last time: ``OOMKilled``, ``Error``; empty where it never did.
        since: when it began to run, or ended; None where that is not said.
        last_run: minutes that it ran the last time before it ended; None where it never did.
    """

    name: str
    init: bool
    state: str
    reason: str
    message: str
    restarts: int
    last_reason: str
    since: datetime.datetime | None
    last_run: float | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What follows from a pod's containers; see the properties of `LivePod`."""

    accelerators: Mapping[str, int]
    requests: Mapping[str, Fraction]
    names: tuple[str, ...]
    with_devices: frozenset[str]


@dataclass(frozen=True, slots=True)
class LivePod:
    """A pod of a live cluster.

    Attributes:
        document: the pod itself.
        root: the object that it was folded into, which is the one a person edits.
        node: the node it is bound to; empty while the scheduler has found none.
        phase: ``Pending``, ``Running``, ``Succeeded``, ``Failed`` or ``Unknown``.
        unschedulable: what the scheduler says where it finds no node; empty otherwise.
        created, started, deleted: instants in UTC; ``deleted`` is when the grace period ends (``deletionTimestamp``).
        bound: when the scheduler bound it to its node; where nobody says, when its kubelet or the API server first saw it.
        ready: all containers are.
        priority: resolved by admission; None where it is not set.
        containers: their states; init containers first.
        claimed: devices that its claims hold (DRA), by driver; without those of claims that stand for a resource name.
    """

    document: Document
    root: ObjectRef
    node: str
    phase: str
    unschedulable: str
    created: datetime.datetime | None
    started: datetime.datetime | None
    deleted: datetime.datetime | None
    bound: datetime.datetime | None
    ready: bool
    priority: int | None
    containers: tuple[ContainerStatus, ...]
    claimed: Mapping[str, int]
    _asked: _Asked
    _device_table: DeviceTable = field_of(default=KNOWN_DEVICES, repr=False, compare=False)

    @property
    def ref(self) -> ObjectRef:
        """Who it is."""
        return self.document.ref

    @property
    def raw(self) -> Mapping[str, Any]:
        """The pod as read."""
        return self.document.raw

    @property
    def finished(self) -> bool:
        """It has ended, and holds nothing any more."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def placed(self) -> bool:
        """It is bound to a node and holds what it asked for there."""
        return bool(self.node) and not self.finished

    @property
    def devices(self) -> Mapping[str, int]:
        """All accelerators that it holds or wants, by resource name or DRA driver."""
        return {**self.accelerators, **self.claimed} if self.claimed else self.accelerators

    @property
    def waiting_for_node(self) -> bool:
        """The scheduler has not placed it yet."""
        return not self.node and self.phase in ("Pending", "")

    @property
    def restarts(self) -> int:
        """How often its containers were started again, together."""
        return sum(container.restarts for container in self.containers)

    @property
    def by_daemon_set(self) -> bool:
        """A DaemonSet made it: it goes to every node of its sort by design."""
        owners = map(mapping, sequence(mapping(self.raw.get("metadata")).get("ownerReferences")))
        return self.root.kind == "DaemonSet" or any(owner.get("kind") == "DaemonSet" for owner in owners)

    def template(self) -> PodTemplate:
        """The pod as rules see pods. It is derived anew each time: thousands of pods are in view."""
        return Workload(self.document, device_table=self._device_table).derive()[0]

    def requests(self) -> Mapping[str, Fraction]:
        """What it requests of each resource, as the scheduler counts it."""
        return self._asked.requests

    @property
    def accelerators(self) -> Mapping[str, int]:
        """Devices by resource name, as in `PodTemplate.accelerators`."""
        return self._asked.accelerators

    @property
    def container_names(self) -> tuple[str, ...]:
        """All its containers, whether they have started or not; init containers first."""
        return self._asked.names

    @property
    def device_containers(self) -> frozenset[str]:
        """The containers that ask for devices."""
        return self._asked.with_devices


def live_pod(
    document: Document,
    root: ObjectRef,
    claimed: Mapping[str, int] | None = None,
    raw: Mapping[str, Any] | None = None,
    device_table: DeviceTable = KNOWN_DEVICES,
) -> LivePod:
    """What is kept of a pod.

    Args:
        document, root, claimed: see `LivePod`.
        raw: what the document holds, if it is decoded already.
        device_table: which resource names are devices.
    """
    raw = document.fresh if raw is None else raw
    metadata, spec, status = mapping(raw.get("metadata")), mapping(raw.get("spec")), mapping(raw.get("status"))
    several = [mapping(one) for one in sequence(status.get("conditions"))]
    conditions = {str(one.get("type")): one for one in several}
    placing = conditions.get("PodScheduled", {})
    placed = next((one for one in several if one.get("type") == "PodScheduled" and one.get("status") == "True"), {})
    created, started = instant(metadata.get("creationTimestamp")), instant(status.get("startTime"))
    blocked = placing.get("status") == "False" and placing.get("reason") == "Unschedulable"
    priority = spec.get("priority")
    return LivePod(
        document=document,
        root=root,
        node=_text(spec.get("nodeName")),
        phase=_text(status.get("phase")),
        unschedulable=_text(placing.get("message")) if blocked else "",
        created=created,
        started=started,
        deleted=instant(metadata.get("deletionTimestamp")),
        bound=instant(placed.get("lastTransitionTime")) or started or created,
        ready=conditions.get("Ready", {}).get("status") == "True",
        priority=priority if isinstance(priority, int) else None,
        containers=tuple(_statuses(status)),
        claimed=claimed or {},
        _asked=_asked(_what_asks(spec), device_table),
        _device_table=device_table,
    )


def pinned_by(annotations: Mapping[str, Any]) -> str:
    """The annotation by which a pod forbids an autoscaler to take its node away; empty where none does."""
    return next((key for key, value in _PINS.items() if annotations.get(key) == value), "")


def _what_asks(spec: Mapping[str, Any]) -> bytes:
    """What decides how much a pod asks for."""
    parts: dict[str, Any] = {
        field: [{key: mapping(container).get(key) for key in _OF_A_CONTAINER} for container in sequence(spec.get(field))]
        for field in ("initContainers", "containers")
    }
    return marshal.dumps({**parts, "resources": spec.get("resources"), "overhead": spec.get("overhead")}, 2)


@lru_cache(maxsize=1024)
def _asked(what_asks: bytes, device_table: DeviceTable) -> _Asked:
    """What follows from that. Controllers make thousands of pods that ask for the same, of which this derives one."""
    raw = {"apiVersion": "v1", "kind": "Pod", "spec": marshal.loads(what_asks)}
    workload = Workload(Document(ObjectRef("", "v1", "Pod", "", ""), raw, file=""), device_table=device_table)
    if not workload.templates:
        return _Asked({}, {}, (), frozenset())
    template = workload.templates[0]
    asked = _Asked(
        template.accelerators,
        {key: amount for key, amount in template.total_requests.items() if isinstance(amount, Fraction)},
        tuple(container.name for container in template.containers),
        frozenset(container.name for container in template.containers if container.accelerators),
    )
    workload.release()
    return asked


def _statuses(status: Mapping[str, Any]) -> Iterator[ContainerStatus]:
    for field, init in (("initContainerStatuses", True), ("containerStatuses", False)):
        for entry in map(mapping, sequence(status.get(field))):
            states = mapping(entry.get("state"))
            state, details = next(((key, mapping(value)) for key, value in states.items() if value is not None), ("", {}))
            last = mapping(mapping(entry.get("lastState")).get("terminated"))
            restarts = entry.get("restartCount")
            since = details.get("finishedAt") or details.get("startedAt") or last.get("finishedAt")
            yield ContainerStatus(
                _text(entry.get("name")), init, state, _text(details.get("reason")), _text(details.get("message")),
                restarts if isinstance(restarts, int) else 0, _text(last.get("reason")), instant(since), _minutes_of(last),
            )  # fmt: skip


def _minutes_of(ended: Mapping[str, Any]) -> float | None:
    start, end = instant(ended.get("startedAt")), instant(ended.get("finishedAt"))
    return minutes_between(start, end) if start and end else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def minutes_between(start: datetime.datetime | None, now: datetime.datetime) -> float:
    """Minutes from an instant up to now; 0 where it is not known, or not yet."""
    return max((now - start).total_seconds() / 60, 0.0) if start else 0.0


def format_minutes(minutes: float) -> str:
    """A time as people say it, in its largest whole unit of which there are at least two."""
    whole = int(minutes)
    return f"{whole // 1440} days" if whole >= 2880 else f"{whole // 60} hours" if whole >= 120 else f"{whole} minutes"


def instant(value: object) -> datetime.datetime | None:
    """A timestamp of the API (RFC 3339) in UTC; None where there is none."""
    return _instant(value) if isinstance(value, str) else None


@lru_cache(maxsize=4096)
def _instant(value: str) -> datetime.datetime | None:
    """The same; one moment stands in many places of a pod, and of those that were made with it."""
    try:
        found = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.replace(tzinfo=datetime.UTC) if found.tzinfo is None else found.astimezone(datetime.UTC)
