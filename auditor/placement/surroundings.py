"""What a cluster does for pods: nodes that it may add, and what admission and drivers supply."""

from __future__ import annotations

import re

from auditor.document import mapping
from auditor.lazy import lazy
from auditor.live import LivePod, Node
from auditor.live.provisioning import NodePool, node_pools
from auditor.placement.workloads import has_toleration
from auditor.snapshot import Snapshot

__all__ = ["Surroundings"]

_LOCAL = re.compile(r"(kind|k3s|k3d|metal3|vsphere|baremetal|minikube)://.*")  # providers whose number of nodes people decide
_DEVICES_OF_GKE = ("nvidia.com/gpu", "google.com/tpu")


class Surroundings:
    """What is in view of a cluster beside its workloads.

    Attributes:
        nodes: by name.
        known: the nodes and the pods of the cluster are in view.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        listing = snapshot.listing
        self._snapshot = snapshot
        self.nodes = snapshot.nodes
        self.known = bool(self.nodes) and listing is not None and listing.complete_for("Node") and listing.complete_for("Pod")

    @lazy
    def pools(self) -> tuple[NodePool, ...]:
        """NodePools of Karpenter."""
        return node_pools(self._snapshot.by_kind("NodePool", "karpenter.sh"))

    @lazy
    def may_grow(self) -> bool:
        """Whether something other than a NodePool in view may add nodes: cloud node groups, or a Cluster Autoscaler."""
        if any("cluster-autoscaler" in workload.ref.name for workload in self._snapshot.workloads):
            return True
        return any(_in_a_cloud(node) and not ("karpenter.sh/nodepool" in node.labels and self.pools) for node in self.nodes)

    @lazy
    def delegated(self) -> frozenset[str]:
        """Extended resources that DRA drivers supply (on by default since Kubernetes 1.36)."""
        classes = self._snapshot.by_kind("DeviceClass", "resource.k8s.io")
        return frozenset(str(mapping(one.raw.get("spec")).get("extendedResourceName")) for one in classes)

    @lazy
    def tolerated_by_admission(self) -> frozenset[str]:
        """Resources whose name is also a taint's key which admission lets their pods tolerate: on GKE always, elsewhere where a pod has
        the toleration and what it was made from has not.

        Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#extendedresourcetoleration
        """
        found = set(_DEVICES_OF_GKE) if any("cloud.google.com/gke-nodepool" in node.labels for node in self.nodes) else set()
        for pod in self._snapshot.pods:
            for key in pod.accelerators:
                if key not in found and has_toleration(pod.template(), key) and self._added(pod, key):
                    found.add(key)
        return frozenset(found)

    def _added(self, pod: LivePod, key: str) -> bool:
        workload = self._snapshot.workload_of_pod(pod)
        if workload is None or workload.document is pod.document:
            return False
        return not any(has_toleration(template, key) for template in workload.templates)

    @lazy
    def asked_for(self) -> frozenset[str]:
        """The accelerators that pods in view ask for, by resource name."""
        return frozenset(key for pod in self._snapshot.pods for key in pod.accelerators)


def _in_a_cloud(node: Node) -> bool:
    provider = mapping(node.document.raw.get("spec")).get("providerID")
    return bool(node.pool) or (isinstance(provider, str) and bool(provider) and _LOCAL.fullmatch(provider) is None)
