"""A node has accelerators and no pod that asks for one.

## Why it matters
A node is paid for as long as it exists. Where nothing on it asks for an accelerator it could be given back, and usually nobody does: an
autoscaler is told to leave it alone, one small pod without a GPU holds it, or its pool has a fixed size.

## Bad
```yaml live
apiVersion: v1
kind: Node
metadata:
  name: gpu-0  # finding
  creationTimestamp: "2026-11-25T08:00:00Z"
  labels: {cloud.google.com/gke-nodepool: h100, nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}
status:
  capacity: {nvidia.com/gpu: "8", cpu: "96"}
  allocatable: {nvidia.com/gpu: "8", cpu: "95"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata:
  name: web-0
  namespace: shop
  annotations: {cluster-autoscaler.kubernetes.io/safe-to-evict: "false"}
spec:
  nodeName: gpu-0
  containers: [{name: web, image: "nginx:1.29"}]
status: {phase: Running}
```

A DaemonSet that holds a device to watch it is no use of the node:
```yaml live
apiVersion: v1
kind: Node
metadata:
  name: gpu-0  # finding
  creationTimestamp: "2026-11-25T08:00:00Z"
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata:
  name: validator-x7k2p
  namespace: gpu-operator
  ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: validator, uid: set-1, controller: true}]
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "ghcr.io/example/validator:1.0", resources: {limits: {nvidia.com/gpu: 1}}}]
status: {phase: Running}
```

## Good
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-1, creationTimestamp: "2026-11-25T08:00:00Z"}
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata: {name: train-0, namespace: team-a}
spec:
  nodeName: gpu-1
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status: {phase: Running}
---
apiVersion: v1
kind: Node
metadata: {name: gpu-just-started, creationTimestamp: "2026-11-25T11:30:00Z"}
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Node
metadata: {name: gpu-cordoned, creationTimestamp: "2026-11-25T08:00:00Z"}
spec: {unschedulable: true}
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Node
metadata: {name: without-accelerators, creationTimestamp: "2026-11-25T08:00:00Z"}
status:
  capacity: {cpu: "8"}
  allocatable: {cpu: "8"}
  conditions: [{type: Ready, status: "True"}]
```

A partition that a claim holds is a use of its GPU:
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-2, creationTimestamp: "2026-11-25T08:00:00Z"}
status:
  capacity: {cpu: "96"}
  allocatable: {cpu: "95"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: {name: gpu-2-gpu.nvidia.com-x7k2p}
spec:
  driver: gpu.nvidia.com
  nodeName: gpu-2
  pool: {name: gpu-2, generation: 1, resourceSliceCount: 1}
  devices:
  - name: gpu-0
    attributes: {type: {string: gpu}}
    consumesCounters: [{counterSet: gpu-0, counters: {memory: {value: 80Gi}}}]
  - name: gpu-0-mig-1g10gb-0
    attributes: {type: {string: mig}}
    consumesCounters: [{counterSet: gpu-0, counters: {memory: {value: 10Gi}}}]
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: small, namespace: team-a}
status:
  allocation: {devices: {results: [{request: gpu, driver: gpu.nvidia.com, pool: gpu-2, device: gpu-0-mig-1g10gb-0}]}}
```

## When to ignore
Where a node is kept warm on purpose, because a new one takes too long or might not be had.

## References
- https://karpenter.sh/docs/concepts/disruption/
- https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md#what-types-of-pods-can-prevent-ca-from-removing-a-node
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.live import LivePod, Node, format_minutes, minutes_between, pinned_by
from auditor.rule import COST, Options, Result, Severity, mapping, rule, skip
from auditor.snapshot import Snapshot
from auditor.waste import empty_cost

NAMED = 3
NEW_MINUTES = 10  # within which every scheduler has looked at a pod


@rule(
    "gpu-node-empty",
    title="No pod on an accelerated node asks for an accelerator",
    severity=Severity.MEDIUM,
    profiles={COST},
    live=True,
    needs={"Node", "Pod"},
    options={"minutes": 60},
)
def check(node: Node, snapshot: Snapshot, options: Options) -> Iterator[Result]:
    listing = snapshot.listing
    if listing is None or not node.accelerated or not node.ready or node.cordoned or node.deleted:
        return
    if not snapshot.sees_all_pods:
        yield skip("the pods of all namespaces")
        return
    if node.offers and not listing.complete_for("ResourceClaim", "resource.k8s.io"):
        yield skip("the claims that hold its devices (ResourceClaim)")
        return
    age = minutes_between(node.created, listing.taken)
    if age < options["minutes"] or _in_use(node) or _soon_taken(node, snapshot):
        return
    usable = [devices for devices in node.devices if devices.allocatable]
    if not usable:
        return
    what = ", ".join(f"{devices.allocatable} {devices.key}" for devices in usable)
    names = ", ".join(filter(None, (node.product, f"{node.physical_devices} devices" if node.sharing else "")))
    yield node.fault(
        f"has {what}{f' ({names})' if names else ''} that no pod asks for, {format_minutes(age)} after it was created{_because(node)}",
        at="metadata.name",
        remediation="use it or give the commitment up: its capacity is reserved and paid for either way"
        if node.committed
        else "remove what holds it, and let the autoscaler take it away, or make its pool smaller",
        severity=Severity.INFO if node.committed else None,
        cost=empty_cost(node, snapshot),
    )


def _in_use(node: Node) -> bool:
    """Whether something has a device there that no DaemonSet put on every node, or a claim does."""
    return any(pod.devices and not pod.by_daemon_set for pod in node.pods) or any(offer.taken for offer in node.offers)


def _soon_taken(node: Node, snapshot: Snapshot) -> bool:
    """Whether a pod waits that fits, and that the scheduler has not looked at yet."""
    return any(
        all(count <= node.free(key) for key, count in pod.accelerators.items()) and (pod.accelerators or node.offers)
        for pod in snapshot.derived(_unseen)
    )


def _unseen(snapshot: Snapshot) -> tuple[LivePod, ...]:
    """New pods that want accelerators, and that no scheduler has found too large yet and no gate holds back."""
    now = snapshot.listing.taken if snapshot.listing else None
    found = []
    for pod in snapshot.pods:
        spec = mapping(pod.raw.get("spec"))
        wants = pod.accelerators or spec.get("resourceClaims")
        if now is None or not wants or not pod.waiting_for_node or pod.unschedulable or spec.get("schedulingGates"):
            continue
        if minutes_between(pod.created, now) < NEW_MINUTES:
            found.append(pod)
    return tuple(found)


def _because(node: Node) -> str:
    """What keeps an autoscaler from taking the node away, as far as it can be seen."""
    pinned = [pod for pod in node.pods if _is_pinned(pod)]
    if node.kept_by:
        return f"; its annotation {node.kept_by} keeps it"
    if pinned:
        names = ", ".join(f"{pod.ref.namespace}/{pod.ref.name}" for pod in pinned[:NAMED])
        return f"; {names}{' and more' if len(pinned) > NAMED else ''} may not be evicted from it"
    return "" if node.pool else "; no label names a pool that an autoscaler could make smaller"


def _is_pinned(pod: LivePod) -> bool:
    return not pod.by_daemon_set and bool(pinned_by(mapping(mapping(pod.raw.get("metadata")).get("annotations"))))
