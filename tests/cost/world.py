"""What kube-state-metrics and exporters would have said of a made-up cluster, as series for a real Prometheus.

    world = World(start, hours=24)
    world.node("gpu-1", 8)
    world.pod("ml", "train-0", "gpu-1", 2, running=(0, 24))
    world.gpu("GPU-1", "gpu-1", ("ml", "train-0"), [(0, 12, 0.0), (12, 24, 80.0)])

Times are hours after the start; utilisation is in percent, as in DCGM_FI_DEV_GPU_UTIL.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.testbed.series import Series, steps

Span = tuple[float, float]
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
EXPORTER = ("mon", "dcgm-x")


@dataclass
class World:
    """Series from ``start`` on.

    Attributes:
        start: in UTC, on a full five minutes.
        hours: how long.
        every: seconds between scrapes.
        honours: a scrape of the exporter honours its labels; else the pod is in ``exported_pod``.
        replicas: how many Prometheus replicas scrape everything, each with a label of its own.
        stale: where a series ends, Prometheus has seen that it is gone; it takes no such markers for times to come.
    """

    start: datetime.datetime
    hours: float
    every: float = 30
    honours: bool = True
    replicas: int = 1
    stale: bool = True
    series: list[Series] = field(default_factory=list)

    @property
    def end(self) -> datetime.datetime:
        return self.at(self.hours)

    def at(self, hours: float) -> datetime.datetime:
        return self.start + datetime.timedelta(hours=hours)

    def add(self, name: str, labels: Mapping[str, str], pieces: Sequence[tuple[float, float, float]]) -> None:
        """A series with values from one hour up to another; between the pieces, it is gone."""
        values: list[tuple[datetime.datetime, float | None]] = []
        ended = None
        for begin, end, value in pieces:
            if ended is not None and begin > ended:
                values.append((self.at(ended), None))
            values.append((self.at(begin), value))
            ended = end
        if ended is None:
            return
        # A scrape a little after the end is like one of the next window: nothing may depend on it.
        for replica in range(self.replicas):
            more = {"prometheus_replica": f"r{replica}"} if self.replicas > 1 else {}
            self.series.append(steps(name, {**labels, **more}, values, self.at(ended), every=self.every, stale=self.stale))

    # -- kube-state-metrics -------------------------------------------------------------------------------------------------------------

    def node(
        self, name: str, units: int, *, there: Span | None = None, resource: str = "nvidia_com_gpu", allocatable: int | None = None,
        labels: Mapping[str, str] | None = None, cordoned: Sequence[Span] = (),
    ) -> None:  # fmt: skip
        begin, end = there or (0, self.hours)
        for state, count in (("capacity", units), ("allocatable", units if allocatable is None else allocatable)):
            self.add(f"kube_node_status_{state}", {"node": name, "resource": resource, "unit": "integer"}, [(begin, end, count)])
        if labels:
            self.add("kube_node_labels", {"node": name, **labels}, [(begin, end, 1)])
        changes = sorted({begin, end, *(edge for span in cordoned for edge in span)})
        states = [(a, b, float(any(s <= a and b <= e for s, e in cordoned))) for a, b in itertools.pairwise(changes)]
        self.add("kube_node_spec_unschedulable", {"node": name}, states)

    def pod(
        self, namespace: str, name: str, node: str, units: int, *, running: Span | None = None, starting: Span | None = None,
        ended: Span | None = None, resource: str = "nvidia_com_gpu", waiting: Mapping[str, Span] | None = None,
        deleted: float | None = None, owner: tuple[str, str] | None = None, container: str = "main",
    ) -> None:  # fmt: skip
        """A pod: bound to a node from the first of its spans on, or never, if ``node`` is empty."""
        uid = f"uid-{namespace}-{name}"
        who = {"namespace": namespace, "pod": name, "uid": uid}
        phases = {"Pending": starting, "Running": running, "Succeeded": ended}
        spans = [span for span in phases.values() if span]
        life = (min(begin for begin, _ in spans), max(end for _, end in spans))
        asks = {**who, "container": container, "node": node, "resource": resource, "unit": "integer"}
        self.add("kube_pod_container_resource_requests", asks, [(*life, units)])
        for phase in _PHASES:
            span = phases.get(phase)
            edges = sorted({*life, *(span or ())})
            pieces = [(a, b, float(bool(span) and span[0] <= a and b <= span[1])) for a, b in itertools.pairwise(edges)]  # type: ignore[index]
            self.add("kube_pod_status_phase", {**who, "phase": phase}, pieces)
        for reason, span in (waiting or {}).items():
            self.add("kube_pod_container_status_waiting_reason", {**who, "container": container, "reason": reason}, [(*span, 1)])
        if deleted is not None:
            self.add("kube_pod_deletion_timestamp", who, [(deleted, life[1], self.at(deleted).timestamp())])
        if owner:
            owned = {"owner_kind": owner[0], "owner_name": owner[1], "owner_is_controller": "true"}
            self.add("kube_pod_owner", {**who, **owned}, [(*life, 1)])

    # -- dcgm-exporter ------------------------------------------------------------------------------------------------------------------

    def gpu(
        self, uuid: str, node: str, pod: tuple[str, str] | None, busy: Sequence[tuple[float, float, float]], *,
        metric: str = "DCGM_FI_DEV_GPU_UTIL", memory: Sequence[tuple[float, float, float]] = (), more: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """A device, with its utilisation over time."""
        labels = {"UUID": uuid, "Hostname": node, "gpu": "0", "modelName": "NVIDIA"}
        if self.honours:
            labels |= {"namespace": pod[0], "pod": pod[1], "container": "main"} if pod else {}
        else:
            labels |= {"namespace": EXPORTER[0], "pod": EXPORTER[1]}
            labels |= {"exported_namespace": pod[0], "exported_pod": pod[1]} if pod else {}
        labels |= more or {}
        self.add(metric, labels, busy)
        if memory:
            self.add("DCGM_FI_DEV_FB_USED", labels, memory)
