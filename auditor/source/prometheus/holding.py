"""What Prometheus is asked, in PromQL: who held accelerators, and whose pods those are.

Source of names and labels: https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.source.prometheus.exporters import RESOURCES
from auditor.usage import GRACE_SECONDS, STUCK

__all__ = ["Holding", "any_of"]

_STUCK = "|".join(STUCK)


@dataclass(frozen=True, slots=True)
class Holding:
    """The questions about one chunk of time: who held what, and who that is.

    Attributes:
        chunk: its length in seconds.
        step: seconds between two looks; divides the chunk.
        idle: a device that is never busier than this part of the time is idle.
        grace: seconds after which a pod that is being deleted should be gone.
        cluster: a label matcher that chooses the cluster, such as ``cluster="prod"``; empty where the server has only one.
        namespaces: a regular expression of the namespaces that hold devices; empty for any.
    """

    chunk: int
    step: int = 300
    idle: float = 0.01
    grace: int = GRACE_SECONDS
    cluster: str = ""
    namespaces: str = ""

    # -- who held what ------------------------------------------------------------------------------------------------------------------

    def capacity(self, state: str = "capacity") -> str:
        """Unit-looks of each node's resource; ``state`` may also be ``allocatable``."""
        return self._sum(f"max by (node, resource) ({self._metric(f'kube_node_status_{state}', _OF_DEVICES)} > 0)")

    def present(self) -> str:
        """In how many looks each node has a capacity."""
        return f"count_over_time((max by (node) ({self._metric('kube_node_status_capacity', _OF_DEVICES)}))[{self.chunk}s:{self.step}s])"

    def asking(self) -> str:
        """The namespaces whose pods ask for devices."""
        requests = self._metric("kube_pod_container_resource_requests", _OF_DEVICES)
        return f"count_over_time((count by (namespace) ({requests}))[{self.chunk}s:{self.step}s])"

    def units(self) -> str:
        """The largest number of units that each node had of a resource."""
        inner = f"max by (node, resource) ({self._metric('kube_node_status_capacity', _OF_DEVICES)})"
        return f"max_over_time(({inner})[{self.chunk}s:{self.step}s])"

    def looks(self) -> str:
        """In how many looks kube-state-metrics has any node."""
        return f"count_over_time((count({self._metric('kube_node_status_capacity')}))[{self.chunk}s:{self.step}s])"

    def cordoned(self) -> str:
        """In how many looks a node took no pods."""
        unschedulable = self._metric("kube_node_spec_unschedulable")
        return f"count_over_time((max by (node) ({unschedulable}) == 1)[{self.chunk}s:{self.step}s])"

    def running(self) -> str:
        """Unit-looks of pods that run."""
        return self._by_pod(self._requests("Running"))

    def starting(self) -> str:
        """Unit-looks of pods that are bound and do not run yet."""
        return self._by_pod(self._requests("Pending"))

    def terminating(self) -> str:
        """Unit-looks of pods that run and should be gone."""
        return self._by_pod(f"{self._requests('Running')} and on (namespace, pod, uid) {self._overdue()}")

    def crashing(self) -> str:
        """Unit-looks of pods that run, and of which a container waits to be started again."""
        running, waiting, overdue = self._requests("Running"), self._waiting(), self._overdue()
        return self._by_pod(f"({running} and on (namespace, pod, uid) {waiting}) unless on (namespace, pod, uid) {overdue}")

    # -- who is who ---------------------------------------------------------------------------------------------------------------------

    def owners(self, pods: Iterable[str]) -> str:
        """The controllers of pods."""
        chosen = self._within(f'owner_is_controller="true", pod=~"{any_of(pods)}"')
        return f"max by (namespace, pod, owner_kind, owner_name) ({self._last('kube_pod_owner', chosen)})"

    def owners_of(self, kind: str, names: Iterable[str]) -> str:
        """The controllers of ReplicaSets or Jobs."""
        metric, label = {"ReplicaSet": ("kube_replicaset_owner", "replicaset"), "Job": ("kube_job_owner", "job_name")}[kind]
        chosen = self._within(f'{label}=~"{any_of(names)}"')
        return f"max by (namespace, {label}, owner_kind, owner_name) ({self._last(metric, chosen)})"

    def node_labels(self, nodes: Iterable[str]) -> str:
        """The labels of nodes, as far as kube-state-metrics was told to expose them."""
        return self._last("kube_node_labels", f'node=~"{any_of(nodes)}"')

    # -- pieces -------------------------------------------------------------------------------------------------------------------------

    def _metric(self, name: str, matchers: str = "", *, now: bool = False) -> str:
        """Series of a metric; states are looked at as they were at the beginning of the bucket."""
        inner = ", ".join(filter(None, (matchers, self.cluster)))
        selector = f"{name}{{{inner}}}" if inner else name
        return selector if now else f"{selector} offset {self.step}s"

    def _last(self, name: str, matchers: str) -> str:
        return f"last_over_time({self._metric(name, matchers, now=True)}[{self.chunk + self.step}s])"

    def _within(self, matchers: str) -> str:
        chosen = f'namespace=~"{self.namespaces}"' if self.namespaces else ""
        return ", ".join(filter(None, (matchers, chosen)))

    def _sum(self, inner: str) -> str:
        return f"sum_over_time(({inner})[{self.chunk}s:{self.step}s])"

    def _by_pod(self, inner: str) -> str:
        return f"sum by (namespace, pod, node, resource) ({self._sum(inner)})"

    def _requests(self, phase: str, resources: str = RESOURCES, extra: str = "") -> str:
        """What pods in a phase request and hold, by pod and resource. ``max`` first: a pair of replicas scrapes everything twice."""
        matchers = self._within(", ".join(filter(None, (f'resource=~"{resources}", node!=""', extra))))
        requests = self._metric("kube_pod_container_resource_requests", matchers)
        phases = self._metric("kube_pod_status_phase", self._within(f'phase="{phase}"'))
        return (
            f"sum by (namespace, pod, uid, node, resource) (max by (namespace, pod, uid, container, node, resource) ({requests})"
            f" * on (namespace, pod, uid) group_left () max by (namespace, pod, uid) ({phases} == 1))"
        )

    def _overdue(self) -> str:
        deleted = self._metric("kube_pod_deletion_timestamp", self._within(""))
        return f"max by (namespace, pod, uid) (time() - {self.step} - {deleted} > {self.grace})"

    def _waiting(self) -> str:
        waiting = self._metric("kube_pod_container_status_waiting_reason", self._within(f'reason=~"{_STUCK}"'))
        return f"max by (namespace, pod, uid) ({waiting} == 1)"


_OF_DEVICES = f'resource=~"{RESOURCES}"'


def any_of(names: Iterable[str]) -> str:
    """A regular expression for names, inside a quoted matcher."""
    return "|".join(name.replace(".", "\\\\.") for name in sorted(names))
