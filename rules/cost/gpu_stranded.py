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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from auditor.accelerators import device
from auditor.live import LivePod, Node
from auditor.live.scheduling import Needs, can_ever_fit, needs_of
from auditor.quantity import format_bytes
from auditor.rule import COST, Result, Severity, rule, skip
from auditor.snapshot import Snapshot

HOST = ("cpu", "memory")
NAMED = 3


@dataclass(slots=True)
class Wants:
    """Pods that want the same of a node.

    Attributes:
        needs: what they want.
        count: how many of the device.
        waiting: those without a node.
        placed: how many have one.
    """

    needs: Needs
    count: int
    waiting: list[LivePod] = field(default_factory=list)
    placed: int = 0

    def amount(self, key: str) -> Fraction:
        """What they request of a resource."""
        return dict(self.needs.requests).get(key, Fraction(0))


@rule(
    "gpu-stranded",
    title="Free accelerators without CPU or memory to use them",
    severity=Severity.MEDIUM,
    profiles={COST},
    live=True,
    needs={"Node", "Pod"},
)
def check(node: Node, snapshot: Snapshot) -> Iterator[Result]:
    free = [devices for devices in node.devices if devices.free and devices.key in node.allocatable]
    if not free or not node.ready or node.cordoned or node.deleted:
        return
    if not snapshot.sees_all_pods:
        yield skip("the pods of all namespaces")
        return
    for devices in free:
        if node.shared and devices.allocated:
            continue  # which of the devices behind the free shares is idle cannot be seen
        everybody = snapshot.derived(_wants)
        fitting = [wants for wants in everybody.get(devices.key, ()) if can_ever_fit(wants.needs, [node])]
        want = _usual(fitting)
        if want is None:
            yield from _left_over(node, devices.key, devices.free, everybody)
            continue
        short = [key for key in HOST if want.amount(key) > node.spare(key)]
        if short and want.count <= devices.free:
            left = " and ".join(f"{_amount(key, node.spare(key))} of {key}" for key in short)
            needed = " and ".join(f"{_amount(key, want.amount(key))} of {key}" for key in short)
            first = want.waiting[0].ref if want.waiting else None
            who = f"{first.namespace}/{first.name}, which waits," if first else "a pod of the cluster's usual size"
            yield node.fault(
                f"has {devices.free} free {devices.key}, but {left} left, where {who} needs {needed}{_takers(node, short[0])}",
                at="metadata.name",
                remediation="move pods without accelerators to other nodes (taint this one), or ask for less CPU and memory by device",
            )


def _wants(snapshot: Snapshot) -> Mapping[str, list[Wants]]:
    """By device, what pods want that have it or wait for it: thousands of pods want the same few things."""
    found: dict[str, dict[Needs, Wants]] = {}
    for pod in snapshot.pods:
        if not pod.finished and pod.accelerators:
            needs = replace(needs_of(pod.template()), node_name="")  # where it stands is not what it asks for
            for key, count in pod.accelerators.items():
                wants = found.setdefault(key, {}).setdefault(needs, Wants(needs, count))
                if pod.waiting_for_node:
                    wants.waiting.append(pod)
                else:
                    wants.placed += 1
    return {key: sorted(several.values(), key=_size) for key, several in found.items()}


def _size(wants: Wants) -> tuple[Fraction, Fraction, int, str]:
    return wants.amount("cpu"), wants.amount("memory"), wants.count, str(wants.needs)


def _usual(ordered: list[Wants]) -> Wants | None:
    """The smallest that waits, else the median of those that have a node."""
    for wants in ordered:
        if wants.waiting:
            return wants
    half = sum(wants.placed for wants in ordered) / 2
    for wants in ordered:
        half -= wants.placed
        if half <= 0:
            return wants
    return None


def _left_over(node: Node, key: str, free: int, everybody: Mapping[str, list[Wants]]) -> Iterator[Result]:
    """A partition that nobody asks for, while pods wait for others of the same maker."""
    known = device(key)
    if known is None or not known.partition or key in everybody:
        return
    others = sorted(
        other
        for other, several in everybody.items()
        if any(wants.waiting for wants in several)
        and (found := device(other)) is not None
        and found.partition
        and found.vendor == known.vendor
    )
    if others:
        yield node.fault(
            f"has {free} free {key}, which no pod asks for, while pods wait for {', '.join(others)}",
            at="metadata.name",
            remediation="choose a MIG configuration with the profiles that are asked for (label nvidia.com/mig.config)",
        )


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
