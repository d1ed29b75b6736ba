"""Nothing measures the accelerators of a node.

## Why it matters
Kubernetes knows who holds a GPU, and not whether it works. Without an exporter on its node an idle GPU looks like a busy one: what idle
GPUs cost can be estimated at best, no alarm tells of a hanging training or a failing device, and nothing can scale on utilisation.

## Bad
No exporter anywhere:
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
```

One that may not go to the second node, and does not get ready on the first:
```yaml live
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: dcgm-exporter  # finding
  namespace: monitoring
  uid: set-1
spec:
  selector: {matchLabels: {app: dcgm}}
  template:
    metadata: {labels: {app: dcgm}}
    spec:
      tolerations: [{key: nvidia.com/gpu, operator: Exists}]  # finding
      containers: [{name: exporter, image: "nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04"}]
---
apiVersion: v1
kind: Node
metadata: {name: gpu-0, creationTimestamp: "2026-11-25T08:00:00Z"}
spec:
  taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Node
metadata: {name: gpu-1, creationTimestamp: "2026-11-25T08:00:00Z"}
spec:
  taints: [{key: nvidia.com/gpu, effect: NoSchedule}, {key: team, value: search, effect: NoSchedule}]
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata:
  name: dcgm-exporter-x7k2p
  namespace: monitoring
  creationTimestamp: "2026-11-25T08:00:00Z"
  ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: dcgm-exporter, uid: set-1, controller: true}]
spec:
  nodeName: gpu-0
  containers: [{name: exporter, image: "nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04"}]
status:
  phase: Running
  containerStatuses: [{name: exporter, ready: false, restartCount: 40, state: {waiting: {reason: CrashLoopBackOff}}}]
```

One whose measurements never get into Prometheus, which was asked (`--prometheus`) and knows the other node's:
```yaml live
apiVersion: v1
kind: Node
metadata:
  name: gpu-0  # finding
  creationTimestamp: "2026-11-20T08:00:00Z"
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata: {name: nvidia-dcgm-exporter-x7k2p, namespace: gpu-operator, creationTimestamp: "2026-11-20T08:00:00Z"}
spec:
  nodeName: gpu-0
  containers: [{name: nvidia-dcgm-exporter, image: "nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04"}]
status:
  phase: Running
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: research, creationTimestamp: "2026-11-20T08:00:00Z"}
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "train:1.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status:
  phase: Running
  startTime: "2026-11-20T08:00:00Z"
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Node
metadata: {name: gpu-1, creationTimestamp: "2026-11-20T08:00:00Z", labels: {kubernetes.azure.com/dcgm-exporter: enabled}}
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
measured:
  held:
  - {holder: Pod/research/train, node: gpu-0, unknown: 992}
  - {holder: Job/research/other, node: gpu-1, active: 300}
```

## Good
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0, creationTimestamp: "2026-11-25T08:00:00Z"}
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata: {name: nvidia-dcgm-exporter-x7k2p, namespace: gpu-operator, creationTimestamp: "2026-11-25T08:00:00Z"}
spec:
  nodeName: gpu-0
  containers: [{name: nvidia-dcgm-exporter, image: "mirror.example.com/gpu/dcgm-exporter:4.2.3"}]
status:
  phase: Running
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Node
metadata:
  name: measured-by-aks
  creationTimestamp: "2026-11-25T08:00:00Z"
  labels: {kubernetes.azure.com/dcgm-exporter: enabled}
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Node
metadata: {name: just-started, creationTimestamp: "2026-11-25T11:55:00Z"}
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Node
metadata: {name: tpu, creationTimestamp: "2026-11-25T08:00:00Z"}
status:
  capacity: {google.com/tpu: "4"}
  allocatable: {google.com/tpu: "4"}
  conditions: [{type: Ready, status: "True"}]
```

No exporter is in view, and Prometheus has measurements all the same: something else takes them.
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0, creationTimestamp: "2026-11-20T08:00:00Z"}
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
  conditions: [{type: Ready, status: "True"}]
---
measured:
  held: [{holder: Job/research/other, node: gpu-0, active: 300}]
```

## When to ignore
Where an agent that mlaudit does not know measures the accelerators, on the node or from outside, and its measurements are kept elsewhere
than in the Prometheus that mlaudit asks.

## References
- https://docs.nvidia.com/datacenter/cloud-native/gpu-telemetry/latest/
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-observability.html
- https://learn.microsoft.com/azure/aks/best-practices-gpu
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from auditor.exporters import EXPORTERS, Telemetry, devices_of, exporters_of, exporters_on, managed, telemetry, vendors
from auditor.live import LivePod, Node, minutes_between
from auditor.live.scheduling import ObstacleKind, needs_of, obstacles
from auditor.rule import COST, PRODUCTION, Fault, Options, Path, Result, Severity, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate

NAMED = 3


@rule(
    "gpu-metrics-missing",
    title="Nothing measures the accelerators of a node",
    severity=Severity.MEDIUM,
    profiles={PRODUCTION, COST},
    live=True,
    needs={"Node", "Pod", "DaemonSet"},
    options={"minutes": 10},
)
def check(snapshot: Snapshot, options: Options) -> Iterator[Result]:
    known = telemetry(snapshot)
    yield from _not_in_prometheus(known, snapshot)
    listing = snapshot.listing
    measured = {node.name for of_vendor in known for node in of_vendor.measured}
    nodes = [node for node in snapshot.nodes if vendors(node)]
    if listing is None or not nodes:
        return
    if not snapshot.sees_all_pods:
        yield skip("the pods of all namespaces, one of which may be an exporter")
        return
    settled = [node for node in nodes if _is_settled(node, listing.taken, options["minutes"])]
    for vendor in sorted({vendor for node in settled for vendor in vendors(node)}):
        there = [node for node in settled if vendor in vendors(node) and managed(node) != vendor]
        pods = {node.name: [pod for exporter, pod in exporters_on(node) if exporter.vendor == vendor] for node in there}
        running = any(pods.values())
        without = [node for node in there if not pods[node.name] and (running or node.name not in measured)]
        yield from _without(vendor, without, snapshot, elsewhere=running)
        yield from _not_ready(vendor, {name: of_node for name, of_node in pods.items() if of_node}, options["minutes"], snapshot)


def _not_in_prometheus(known: tuple[Telemetry, ...], snapshot: Snapshot) -> Iterator[Fault]:
    """Nodes whose exporter works as far as objects show, and of which Prometheus has nothing."""
    for of_vendor in known:
        nodes = [node for node in of_vendor.unmeasured if not snapshot.sees_all_pods or _exports(node, of_vendor.vendor)]
        if nodes and of_vendor.names_pods is not False:
            anything = "measurements" if of_vendor.names_pods else "series of any exporter"
            yield nodes[0].fault(
                f"Prometheus has no {anything} for {devices_of(nodes, of_vendor.vendor)}: whether they are idle cannot be told",
                at="metadata.name",
                remediation="let it scrape the exporter of every such node, by a ServiceMonitor, PodMonitor or scrape annotations",
            )


def _exports(node: Node, vendor: str) -> bool:
    return managed(node) == vendor or any(exporter.vendor == vendor and pod.ready for exporter, pod in exporters_on(node))


def _is_settled(node: Node, now: datetime.datetime, minutes: int) -> bool:
    """Whether the pods of DaemonSets have had the time to come up on it."""
    return node.ready and not node.cordoned and not node.deleted and minutes_between(node.created, now) >= minutes


def _without(vendor: str, nodes: list[Node], snapshot: Snapshot, *, elsewhere: bool) -> Iterator[Fault]:
    """Nodes that have no exporter: because there is none, or because it may not go there."""
    if not nodes:
        return
    template = _daemon_set(vendor, snapshot)
    name = next(exporter.name for exporter, _ in EXPORTERS if exporter.vendor == vendor)
    what = f"no exporter measures {devices_of(nodes, vendor)}: whether they are idle cannot be told"
    if template is None:
        remedy = "let the exporter of the other nodes run there, too" if elsewhere else f"install {name} as a DaemonSet on every such node"
        yield nodes[0].fault(what, at="metadata.name", remediation=remedy)
        return
    reason, path = _obstacle(template, nodes[0])
    remedy = "let its DaemonSet tolerate the taints, and select the labels, of every node with such devices"
    yield template.workload.fault(f"does not run on {devices_of(nodes, vendor)}{reason}", at=path, remediation=remedy)


def _obstacle(template: PodTemplate, node: Node) -> tuple[str, Path]:
    """What keeps the pods of a DaemonSet off a node, and the field that would let them on."""
    for found in obstacles(needs_of(template), node):
        if found.kind is ObstacleKind.TAINT and not found.passing:
            return f": it does not tolerate {found.what} of {node.name}", template.at("tolerations")
        if found.kind is ObstacleKind.LABELS:
            return f": it asks for {found.what}, which {node.name} does not have", template.at("nodeSelector")
    return "", ("metadata", "name")


def _not_ready(vendor: str, pods: dict[str, list[LivePod]], minutes: int, snapshot: Snapshot) -> Iterator[Fault]:
    """One finding for all nodes whose exporters are of one object, and do not work."""
    now = snapshot.listing.taken if snapshot.listing else None
    broken: dict[int, list[LivePod]] = {}
    for of_node in pods.values():
        old = now is not None and all(minutes_between(pod.bound, now) >= minutes for pod in of_node)
        if old and not any(pod.ready for pod in of_node):
            broken.setdefault(id(snapshot.root_of(of_node[0])), []).append(of_node[0])
    for of_root in broken.values():
        first = of_root[0]
        reason = next((state.reason for state in first.containers if state.state == "waiting" and state.reason), "")
        names = ", ".join(pod.node for pod in of_root[:NAMED]) + (" …" if len(of_root) > NAMED else "")
        yield Fault(
            snapshot.root_of(first),
            ("metadata", "name"),
            f"is not ready on {names}{f' ({reason})' if reason else ''}: nothing measures the {vendor} devices there",
            f"look at the log of {first.ref.namespace}/{first.ref.name}",
        )


def _daemon_set(vendor: str, snapshot: Snapshot) -> PodTemplate | None:
    """The exporter's DaemonSet, where one is in view that no operator made."""
    for workload in snapshot.workloads:
        if workload.ref.kind == "DaemonSet":
            for template in workload.templates:
                if any(exporter.vendor == vendor for exporter, _ in exporters_of(template)):
                    return template
    return None
