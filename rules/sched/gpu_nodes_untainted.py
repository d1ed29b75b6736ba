"""Nodes with accelerators have no taint, so that any pod may be placed on them.

## Why it matters
The scheduler fills nodes with whatever fits. Without a taint, web servers and cron jobs land on the most expensive machines of the cluster,
take the CPU that the accelerators need, and keep an autoscaler from ever giving such a node back.

## Bad
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0, labels: {cloud.google.com/gke-nodepool: h100}}
spec:
  taints: [{key: node.kubernetes.io/not-ready, effect: NoSchedule}]  # finding
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
---
apiVersion: v1
kind: Node
metadata: {name: cpu-0}
status:
  capacity: {cpu: "8"}
  allocatable: {cpu: "8"}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: shop}
spec:
  nodeName: gpu-0
  containers: [{name: web, image: "nginx:1.29"}]
status: {phase: Running}
```

```yaml
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  template:
    spec:  # finding
      requirements:
      - {key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ["0"]}
```

## Good
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-1}
spec:
  taints: [{key: nvidia.com/gpu, value: present, effect: NoSchedule}]
status:
  capacity: {nvidia.com/gpu: "8"}
  allocatable: {nvidia.com/gpu: "8"}
---
apiVersion: v1
kind: Node
metadata: {name: cpu-0}
spec:
  taints: [{key: node.kubernetes.io/disk-pressure, effect: NoSchedule}]
status:
  capacity: {cpu: "8"}
  allocatable: {cpu: "8"}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  template:
    spec:
      taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
      requirements:
      - {key: karpenter.k8s.aws/instance-category, operator: In, values: [g, p]}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: anything}
spec:
  template:
    spec:
      requirements:
      - {key: karpenter.k8s.aws/instance-category, operator: In, values: [c, m, g]}
```

Where other pods have nowhere else to go, a taint would keep them from running:
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
status:
  capacity: {nvidia.com/gpu: "1"}
  allocatable: {nvidia.com/gpu: "1"}
---
apiVersion: v1
kind: Node
metadata: {name: control-plane}
spec:
  taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]
status:
  capacity: {cpu: "8"}
  allocatable: {cpu: "8"}
```

## When to ignore
Where an admission policy keeps other pods off.

## References
- https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#example-use-cases
- https://learn.microsoft.com/azure/aks/best-practices-gpu
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-compute.html
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.document import Document
from auditor.live import LivePod, Node
from auditor.live.provisioning import node_pool
from auditor.live.scheduling import is_passing
from auditor.rule import COST, RECOMMENDED, Fault, Result, Severity, mapping, rule, sequence
from auditor.snapshot import Snapshot, is_system_namespace

NAMED = 3


@rule(
    "gpu-nodes-untainted",
    title="Nodes with accelerators take any pod",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, COST},
    needs={"Node", "Pod"},
)
def check(snapshot: Snapshot) -> Iterator[Result]:
    pools: dict[str, list[Node]] = {}
    untainted = [node for node in snapshot.nodes if not any(taint.hard and not is_passing(taint) for taint in node.taints)]
    if not all(node.accelerated for node in untainted):  # else other pods have nowhere else to go
        for node in untainted:
            if node.accelerated:
                pools.setdefault(node.pool or node.product, []).append(node)
    for pool, nodes in sorted(pools.items()):
        yield _of_nodes(pool, nodes, snapshot)
    for document in snapshot.by_kind("NodePool", "karpenter.sh"):
        yield from _of_node_pool(document)


def _of_nodes(pool: str, nodes: list[Node], snapshot: Snapshot) -> Fault:
    """One finding for all nodes of a pool, at the first of them."""
    others = [pod for node in nodes for pod in node.pods if _is_other(pod, snapshot)]
    names = ", ".join(node.name for node in nodes[:NAMED]) + (" …" if len(nodes) > NAMED else "")
    devices = sum(node.physical_devices for node in nodes)
    with_some = f"with {devices} accelerator{'' if devices == 1 else 's'}"
    which = f"{len(nodes)} nodes {with_some} ({names})" if len(nodes) > 1 else f"{names}, {with_some},"
    have = "have" if len(nodes) > 1 else "has"
    if others:
        roots = list(dict.fromkeys(f"{pod.root.namespace}/{pod.root.name}" for pod in others))
        shown = ", ".join(roots[:NAMED]) + (" …" if len(roots) > NAMED else "")
        run = "1 pod without accelerators runs" if len(others) == 1 else f"{len(others)} pods without accelerators run"
        effect = f"{run} there, of {shown}"
    else:
        effect = "any pod may be placed there"
    where = f"on the pool {pool}" if nodes[0].pool else "on them"
    return nodes[0].fault(
        f"{which} {have} no taint of {'their' if len(nodes) > 1 else 'its'} own: {effect}",
        at="spec.taints" if nodes[0].taints else "metadata.name",
        remediation=f"set the taint `{_taint(nodes[0])}` {where}, once the pods that need them tolerate it",
        severity=None if others else Severity.LOW,
    )


def _taint(node: Node) -> str:
    """What such a node is usually tainted with: the name of its resource, which admission plugins know, too."""
    key = next((one.key for one in node.devices if "/" in one.key and not one.key.startswith("nvidia.com/")), "nvidia.com/gpu")
    return f"{key}=present:NoSchedule"


def _is_other(pod: LivePod, snapshot: Snapshot) -> bool:
    """Whether a pod has no business on such a node: neither it nor its workload uses a device, and no DaemonSet put it there."""
    if pod.devices or pod.by_daemon_set or is_system_namespace(pod.ref.namespace) or mapping(pod.raw.get("spec")).get("resourceClaims"):
        return False
    workload = snapshot.workload_of_pod(pod)
    return not (pod.template().has_accelerator_fraction or (workload is not None and snapshot.asks_for_accelerator(workload)))


def _of_node_pool(document: Document) -> Iterator[Fault]:
    """A Karpenter NodePool that makes nodes with accelerators only, and gives them no taint."""
    spec = mapping(mapping(mapping(document.raw.get("spec")).get("template")).get("spec"))
    taints = [mapping(entry) for entry in sequence(spec.get("taints"))]
    asked = node_pool(document).asks_for_devices
    if asked is not None and not any(taint.get("effect") in ("NoSchedule", "NoExecute") for taint in taints):
        yield Fault(
            document,
            ("spec", "template", "spec"),
            f"makes nodes with accelerators ({asked.key}) and gives them no taint: any pod may be placed there, or have one made for it",
            "add `taints: [{key: nvidia.com/gpu, effect: NoSchedule}]` under spec.template.spec",
        )
