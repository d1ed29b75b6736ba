"""A node has free accelerators, but too little CPU or memory left for a pod that would use them.

## Why it matters
Accelerators are of no use without the CPU that feeds them. Where pods without accelerators, or one greedy pod with one, have taken the
host's CPU or memory, the devices that are left are paid for and can be given to nobody: the scheduler says "Insufficient cpu", and people
buy another node.

What is compared with is the smallest pod that waits for such a device; where none waits, the median of those in the cluster.

## Bad
```yaml live
apiVersion: v1
kind: Node
metadata:
  name: gpu-0  # finding
status:
  capacity: {nvidia.com/gpu: "4", cpu: "32", memory: 256Gi}
  allocatable: {nvidia.com/gpu: "4", cpu: "32", memory: 256Gi}
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
  capacity: {nvidia.com/mig-1g.10gb: "3", cpu: "32", memory: 256Gi}
  allocatable: {nvidia.com/mig-1g.10gb: "3", cpu: "32", memory: 256Gi}
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
  capacity: {nvidia.com/gpu: "4", cpu: "32", memory: 256Gi}
  allocatable: {nvidia.com/gpu: "4", cpu: "32", memory: 256Gi}
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
  capacity: {nvidia.com/gpu: "1", cpu: "8", memory: 64Gi}
  allocatable: {nvidia.com/gpu: "1", cpu: "8", memory: 64Gi}
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

## When to ignore
Where the pods that will use the devices are known to need less CPU and memory than those of today.

## References
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-compute.html
- https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-requests-are-scheduled
- https://docs.nvidia.com/datacenter/tesla/mig-user-guide/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from auditor.accelerators import device
from auditor.live import LivePod, Node
from auditor.quantity import format_bytes
from auditor.rule import COST, Result, Severity, rule, skip
from auditor.snapshot import Snapshot

HOST = ("cpu", "memory")
NAMED = 3


@dataclass(frozen=True, slots=True)
class Want:
    """A pod that stands for those that would use a free device.

    Attributes:
        count: of the device.
        requests: of the pod, by resource name.
        waits: it has no node yet; else it is the median of those that have.
        pod: it.
    """

    count: int
    requests: Mapping[str, Fraction]
    waits: bool
    pod: LivePod


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
    wants = snapshot.derived(_wants)
    for devices in free:
        want = wants.get(devices.key)
        if want is None:
            yield from _left_over(node, devices.key, devices.free, wants)
            continue
        short = [key for key in HOST if want.requests.get(key, 0) > node.spare(key)]
        if short and want.count <= devices.free:
            left = " and ".join(f"{_amount(key, node.spare(key))} of {key}" for key in short)
            needed = " and ".join(f"{_amount(key, want.requests[key])} of {key}" for key in short)
            who = f"{want.pod.ref.namespace}/{want.pod.ref.name}, which waits," if want.waits else "a pod of the cluster's usual size"
            yield node.fault(
                f"has {devices.free} free {devices.key}, but {left} left, where {who} needs {needed}{_takers(node, short[0])}",
                at="metadata.name",
                remediation="move pods without accelerators to other nodes (taint this one), or ask for less CPU and memory by device",
            )


def _wants(snapshot: Snapshot) -> Mapping[str, Want]:
    """By device, the smallest pod that waits for it, else the median of those that have it."""
    pods: dict[str, list[LivePod]] = {}
    for pod in snapshot.pods:
        if not pod.finished:
            for key in pod.accelerators:
                pods.setdefault(key, []).append(pod)
    found = {}
    for key, members in pods.items():
        waiting = [pod for pod in members if pod.waiting_for_node]
        ordered = sorted((Want(pod.accelerators[key], pod.requests(), bool(waiting), pod) for pod in waiting or members), key=_size)
        found[key] = ordered[0 if waiting else len(ordered) // 2]
    return found


def _size(want: Want) -> tuple[Fraction, Fraction, int, str]:
    return want.requests.get("cpu", Fraction(0)), want.requests.get("memory", Fraction(0)), want.count, str(want.pod.ref)


def _left_over(node: Node, key: str, free: int, wants: Mapping[str, Want]) -> Iterator[Result]:
    """A partition that nobody asks for, while pods wait for others of the same maker."""
    known = device(key)
    others = sorted(
        other
        for other, want in wants.items()
        if want.waits and (found := device(other)) is not None and found.partition and known is not None and found.vendor == known.vendor
    )
    if known is not None and known.partition and others:
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
