"""The verdict on one pod template: which pod is judged, against which nodes, and how surely."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from auditor.finding import Confidence, Severity
from auditor.live import LivePod, Node, Taint
from auditor.live.scheduling import Needs, Obstacle, ObstacleKind, Toleration, can_ever_fit, is_passing, needs_of, obstacles, untolerated
from auditor.placement.surroundings import Surroundings
from auditor.placement.workloads import device_sort, ended, gated, made_by, queued, runs_elsewhere
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate

__all__ = ["Cause", "Placement", "Unplaceable", "nodes_known", "unplaceable"]

_PATIENCE_MINUTES = 15  # an autoscaler has added a node by then
_LOOKED_AT = 20  # running pods that are compared with one that waits
_SPOILERS = {ObstacleKind.NAME: 0, ObstacleKind.LABELS: 0, ObstacleKind.RESOURCES: 1, ObstacleKind.TAINT: 2}


class Cause(StrEnum):
    """Why no node can take a pod."""

    LABELS = "no node has the labels"
    SIZE = "no node is large enough"
    TAINTS = "every node is tainted"


@dataclass(frozen=True, slots=True)
class Unplaceable:
    """A pod that no node can take.

    Attributes:
        cause: the first thing in the way.
        needs: what the pod demands.
        nodes: those that are in question: all for the labels, those with the labels for the size, those that are also large enough for the
            taints.
        pod: the pod that waits and was judged; None where it was the template.
        severity, confidence: where they are not the rule's own.
        growth: what an autoscaler may do about it, as the end of a sentence; empty where there is none.
    """

    cause: Cause
    needs: Needs
    nodes: tuple[Node, ...]
    pod: LivePod | None
    severity: Severity | None = None
    confidence: Confidence | None = None
    growth: str = ""

    def in_the_way(self, node: Node, kind: ObstacleKind) -> tuple[Obstacle, ...]:
        """What of one sort keeps the pod off a node and does not pass."""
        return tuple(one for one in obstacles(self.needs, node) if one.kind is kind and not one.passing)

    def untolerated(self, node: Node) -> tuple[Taint, ...]:
        """The taints that keep the pod off a node."""
        return tuple(taint for taint in untolerated(self.needs, node) if not is_passing(taint))

    def fewest_taints(self) -> tuple[Taint, ...]:
        """The taints to tolerate for the node that has the fewest; nodes that are in use come before drained ones."""
        return self.untolerated(min(self.nodes, key=lambda node: (node.cordoned, len(self.untolerated(node)))))

    def for_accelerators(self, template: PodTemplate, snapshot: Snapshot) -> bool:
        """Whether the pod is about accelerators: it asks for one, or chooses only nodes that have some."""
        if snapshot.wants_accelerator(template):
            return True
        return self.needs.chooses and all(node.accelerated for node in self.nodes)


def nodes_known(snapshot: Snapshot) -> bool:
    """Whether the nodes and the pods of the cluster are in view, without which nothing can be said about places."""
    return snapshot.derived(Placement).surroundings.known


def unplaceable(template: PodTemplate, snapshot: Snapshot) -> Unplaceable | None:
    """Why no node can take the pods of a template; None where one can, where they run, or where it cannot be known."""
    return snapshot.derived(Placement).verdict(template)


class Placement:
    """What is worked out about pods and the nodes of a cluster.

    Attributes:
        surroundings: the nodes, and what else the cluster does for pods.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.surroundings = Surroundings(snapshot)
        self._causes: dict[tuple[Needs, str], tuple[Cause, tuple[Node, ...]] | None] = {}

    def verdict(self, template: PodTemplate) -> Unplaceable | None:
        """See `unplaceable`."""
        workload = template.workload
        if not self.surroundings.known or template.incomplete or ended(workload) or runs_elsewhere(workload):
            return None
        pods = self._pods_of(template)
        if workload.ref.kind == "DaemonSet":
            return None if any(pod.node for pod in pods) else self._daemon(template)
        waiting = [pod for pod in pods if pod.waiting_for_node and pod.deleted is None]
        ready = [pod for pod in waiting if not gated(pod)]
        if ready:
            return self._waiting(template, ready[0], pods)
        if any(pod.node for pod in pods) or not self._wanted(template, bool(waiting)):
            return None
        if waiting or workload.suspended:
            return self._held(template) if waiting or queued(workload) else None
        return self._stored(template)

    # -- which pod is judged ------------------------------------------------------------------------------------------------------------

    def _pods_of(self, template: PodTemplate) -> list[LivePod]:
        """The pods that the template made; all of the workload's where that cannot be told."""
        pods = [pod for pod in self._snapshot.pods_of(template.workload) if pod.deleted is None]
        if not pods or len(template.workload.templates) == 1:
            return pods
        own = [pod for pod in pods if made_by(template, pod)]
        made = own or [pod for pod in pods if any(made_by(other, pod) for other in template.workload.templates)]
        return own if made else pods

    def _wanted(self, template: PodTemplate, waits: bool) -> bool:
        """Whether there are to be pods of it, as far as its object says."""
        workload = template.workload
        if workload.kind is None or (workload.ref.kind == "Pod" and not workload.ref.group):
            return waits
        return template.pods.high != 0 or bool(self._snapshot.scalers_of(workload))

    def _waiting(self, template: PodTemplate, pod: LivePod, pods: Iterable[LivePod]) -> Unplaceable | None:
        needs = needs_of(pod.template(), self.surroundings.delegated)
        found = self._found(template, needs, pod)
        if found is None:
            return None
        running = [other for other in pods if other.placed][:_LOOKED_AT]
        return None if any(needs_of(other.template(), self.surroundings.delegated) == needs for other in running) else found

    def _stored(self, template: PodTemplate) -> Unplaceable | None:
        needs = needs_of(template, self.surroundings.delegated)
        given = tuple(Toleration(key, "Exists", "", "") for key in template.accelerators if key in self.surroundings.tolerated_by_admission)
        needs = dataclasses.replace(needs, tolerations=(*needs.tolerations, *given))
        found = self._found(template, needs, None)
        if found is None or found.severity is not None:
            return found
        certain = template.workload.validated and not (found.cause is Cause.TAINTS and self._may_be_given(found, template))
        return found if certain else dataclasses.replace(found, confidence=Confidence.MEDIUM)

    def _may_be_given(self, found: Unplaceable, template: PodTemplate) -> bool:
        """Whether admission, for all that is in view, may let the pods tolerate the taints: each has the name of a resource they request,
        and no pod shows what admission does."""
        taints = {taint.key for node in found.nodes for taint in found.untolerated(node)}
        return taints <= set(template.accelerators) and not taints & self.surroundings.asked_for

    def _held(self, template: PodTemplate) -> Unplaceable | None:
        """Of a pod that a queue holds back, only the size is known: it gets selectors and tolerations when it is let in."""
        whole = needs_of(template, self.surroundings.delegated)
        needs = dataclasses.replace(whole, selector=type(whole.selector)(), terms=None, node_name="")
        found = self._found(template, needs, None)
        return found if found is not None and found.cause is Cause.SIZE else None

    def _daemon(self, template: PodTemplate) -> Unplaceable | None:
        """A DaemonSet wants the nodes that its labels and tolerations choose, however few: only their size can be wrong."""
        needs = needs_of(template, self.surroundings.delegated)
        chosen = tuple(node for node in self.surroundings.nodes if not {ObstacleKind.LABELS, ObstacleKind.TAINT} & _lasting(needs, node))
        if not chosen or can_ever_fit(needs, chosen):
            return None
        if any(all(not node.allocatable.get(key) for node in chosen) for key in template.accelerators):
            return None
        return self._softened(Cause.SIZE, needs, chosen, None)

    # -- the verdict --------------------------------------------------------------------------------------------------------------------

    def _found(self, template: PodTemplate, needs: Needs, pod: LivePod | None) -> Unplaceable | None:
        device = device_sort(template, self._snapshot)
        if (needs, device) not in self._causes:
            self._causes[needs, device] = self._cause(needs, device)
        found = self._causes[needs, device]
        return None if found is None else self._softened(found[0], needs, found[1], pod)

    def _cause(self, needs: Needs, device: str) -> tuple[Cause, tuple[Node, ...]] | None:
        if not device and can_ever_fit(needs, self.surroundings.nodes):
            return None
        spoilers = [(node, {_SPOILERS[kind] for kind in _lasting(needs, node)}) for node in self.surroundings.nodes]
        alike = tuple(node for node, kinds in spoilers if 0 not in kinds)
        if not alike:
            return Cause.LABELS, self.surroundings.nodes
        large = tuple(node for node, kinds in spoilers if not {0, 1} & kinds)
        if not large:
            return Cause.SIZE, alike
        if device:
            large = tuple(node for node in large if _offers(node, device))
        if not large or can_ever_fit(needs, large):
            return None
        return Cause.TAINTS, large

    def _softened(self, cause: Cause, needs: Needs, nodes: tuple[Node, ...], pod: LivePod | None) -> Unplaceable | None:
        """The verdict in view of nodes that may still come; None where they probably will."""
        pools = [pool.name for pool in self.surroundings.pools if pool.could_add(needs)]
        if pools:
            minutes = self._minutes_waited(pod)
            if minutes < _PATIENCE_MINUTES:
                return None
            growth = f"; NodePool {pools[0]} could add one with these labels and has not in {minutes} minutes"
            return Unplaceable(cause, needs, nodes, pod, Severity.INFO, Confidence.MEDIUM, growth)
        if self.surroundings.may_grow and cause is not Cause.TAINTS:
            growth = "; whether an autoscaler has a pool for it, scaled to zero, is not in view"
            return Unplaceable(cause, needs, nodes, pod, None, Confidence.MEDIUM, growth)
        return Unplaceable(cause, needs, nodes, pod)

    def _minutes_waited(self, pod: LivePod | None) -> int:
        listing = self._snapshot.listing
        if pod is None or pod.created is None or listing is None:
            return 0
        return int((listing.taken - pod.created).total_seconds() // 60)


def _lasting(needs: Needs, node: Node) -> set[ObstacleKind]:
    return {one.kind for one in obstacles(needs, node) if not one.passing}


def _offers(node: Node, device: str) -> bool:
    return any("/" not in one.key for one in node.devices) if device == "claim" else node.accelerated
