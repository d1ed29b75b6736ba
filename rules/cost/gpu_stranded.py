"""A node has free accelerators, but too little CPU or memory left for a pod that would use them.

## Why it matters
Accelerators are of no use without the CPU that feeds them. Where pods without accelerators, or one greedy pod with one, have taken the
host's CPU or memory, the devices that are left are paid for and can be given to nobody: the scheduler says "Insufficient cpu", and people
buy another node.

What is compared with is the smallest pod that waits for such a device and could stand on this node if it were empty; where none waits,
the median of those in the cluster that could.

## Bad
```yaml live
apiVersion: v1
kind: Node
metadata:
  name: gpu-0  # finding
status:
  capacity: {nvidia.com/gpu: "4", cpu: "32", memory: 256Gi, pods: "110"}
  allocatable: {nvidia.com/gpu: "4", cpu: "32", memory: 256Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata: {name: etl-0, namespace: data}
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "ghcr.io/example/etl:1.0", resources: {requests: {cpu: "20", memory: 64Gi}}}]
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: train-0, namespace: team-a}
spec:
  nodeName: gpu-0
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources: {requests: {cpu: "8", memory: 32Gi}, limits: {nvidia.com/gpu: 1}}
status: {phase: Running}
```

```yaml live
apiVersion: v1
kind: Node
metadata:
  name: gpu-mig  # finding
status:
  capacity: {nvidia.com/mig-1g.10gb: "3", cpu: "32", memory: 256Gi, pods: "110"}
  allocatable: {nvidia.com/mig-1g.10gb: "3", cpu: "32", memory: 256Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata: {name: wants-more, namespace: team-a}
spec:
  containers:
  - name: main
    image: ghcr.io/example/serve:2.0
    resources: {requests: {cpu: "1"}, limits: {nvidia.com/mig-3g.40gb: 1}}
status:
  phase: Pending
  conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: Insufficient nvidia.com/mig-3g.40gb}]
```

## Good
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-1}
status:
  capacity: {nvidia.com/gpu: "4", cpu: "32", memory: 256Gi, pods: "110"}
  allocatable: {nvidia.com/gpu: "4", cpu: "32", memory: 256Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata: {name: train-1, namespace: team-a}
spec:
  nodeName: gpu-1
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources: {requests: {cpu: "8", memory: 32Gi}, limits: {nvidia.com/gpu: 1}}
status: {phase: Running}
---
apiVersion: v1
kind: Node
metadata: {name: full}
status:
  capacity: {nvidia.com/gpu: "1", cpu: "8", memory: 64Gi, pods: "110"}
  allocatable: {nvidia.com/gpu: "1", cpu: "8", memory: 64Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata: {name: train-2, namespace: team-a}
spec:
  nodeName: full
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources: {requests: {cpu: "8", memory: 32Gi}, limits: {nvidia.com/gpu: 1}}
status: {phase: Running}
```

Pods of other nodes are no measure, and shares of a device that somebody uses are not free devices:
```yaml live
apiVersion: v1
kind: Node
metadata: {name: small-and-empty}
status:
  capacity: {nvidia.com/gpu: "1", cpu: "8", memory: 64Gi, pods: "110"}
  allocatable: {nvidia.com/gpu: "1", cpu: "8", memory: 64Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Node
metadata: {name: large, labels: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}}
status:
  capacity: {nvidia.com/gpu: "8", cpu: "192", memory: 2Ti, pods: "110"}
  allocatable: {nvidia.com/gpu: "8", cpu: "192", memory: 2Ti, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata: {name: pretrain-0, namespace: team-a}
spec:
  nodeName: large
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources: {requests: {cpu: "180", memory: 1Ti}, limits: {nvidia.com/gpu: 8}}
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: pretrain-1, namespace: team-a}
spec:
  nodeSelector: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources: {requests: {cpu: "12", memory: 100Gi}, limits: {nvidia.com/gpu: 1}}
status:
  phase: Pending
  conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: Insufficient cpu}]
---
apiVersion: v1
kind: Node
metadata: {name: time-sliced, labels: {nvidia.com/gpu.sharing-strategy: time-slicing, nvidia.com/gpu.replicas: "4"}}
status:
  capacity: {nvidia.com/gpu: "4", cpu: "8", memory: 64Gi, pods: "110"}
  allocatable: {nvidia.com/gpu: "4", cpu: "8", memory: 64Gi, pods: "110"}
  conditions: [{type: Ready, status: "True"}]
---
apiVersion: v1
kind: Pod
metadata: {name: notebook-0, namespace: team-a}
spec:
  nodeName: time-sliced
  containers:
  - name: main
    image: ghcr.io/example/notebook:2.0
    resources: {requests: {cpu: "7", memory: 32Gi}, limits: {nvidia.com/gpu: 1}}
status: {phase: Running}
```

## When to ignore
Where the pods that will use the devices are known to need less CPU and memory than those of today.

## References
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-compute.html
- https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-requests-are-scheduled
- https://docs.nvidia.com/datacenter/tesla/mig-user-guide/
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from auditor.live import Node
from auditor.quantity import format_bytes
from auditor.rule import COST, Result, Severity, rule, skip
from auditor.snapshot import Snapshot
from auditor.stranding import Stranded, stranded
from auditor.waste import free_cost

NAMED = 3


@rule(
    "gpu-stranded",
    title="Free accelerators without CPU or memory to use them",
    severity=Severity.MEDIUM,
    profiles={COST},
    live=True,
    needs={"Node", "Pod"},
)
def check(node: Node, snapshot: Snapshot) -> Iterator[Result]:
    free = any(devices.free and devices.key in node.allocatable for devices in node.devices)
    if not free or not node.ready or node.cordoned or node.deleted:
        return
    if not snapshot.sees_all_pods:
        yield skip("the pods of all namespaces")
        return
    for one in stranded(node, snapshot):
        cost = free_cost(node, one.key, one.free, snapshot)
        if one.others:
            yield node.fault(
                f"has {one.free} free {one.key}, which no pod asks for, while pods wait for {', '.join(one.others)}",
                at="metadata.name",
                remediation="choose a MIG configuration with the profiles that are asked for (label nvidia.com/mig.config)",
                cost=cost,
            )
        else:
            yield node.fault(
                f"has {one.free} free {one.key}, but {_missing(node, one)}{_takers(node, one.short[0])}",
                at="metadata.name",
                remediation="move pods without accelerators to other nodes (taint this one), or ask for less CPU and memory by device",
                cost=cost,
            )


def _missing(node: Node, one: Stranded) -> str:
    """What is short, and who would need it."""
    assert one.want is not None
    left = " and ".join(f"{_amount(key, node.spare(key))} of {key}" for key in one.short)
    needed = " and ".join(f"{_amount(key, one.want.amount(key))} of {key}" for key in one.short)
    first = one.want.waiting[0].ref if one.want.waiting else None
    who = f"{first.namespace}/{first.name}, which waits," if first else "a pod of the cluster's usual size"
    return f"{left} left, where {who} needs {needed}"


def _takers(node: Node, key: str) -> str:
    """Who has most of what is short: first the pods that use no accelerator."""
    ordered = sorted(((pod.requests().get(key, Fraction(0)), pod) for pod in node.pods), key=lambda entry: (-entry[0], str(entry[1].ref)))
    idle = [(amount, pod) for amount, pod in ordered if not pod.accelerators and amount]
    shown = (idle or ordered)[:NAMED]
    if not shown:
        return ""
    names = ", ".join(f"{pod.ref.namespace}/{pod.ref.name} ({_amount(key, amount)})" for amount, pod in shown)
    return f"; {'pods without accelerators have it' if idle else 'most of it has'}: {names}"


def _amount(key: str, amount: Fraction) -> str:
    return format_bytes(amount) if key == "memory" else str(amount) if amount.denominator == 1 else f"{float(amount):g}"
