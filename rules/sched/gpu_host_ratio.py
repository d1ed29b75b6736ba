"""A pod asks for so much CPU or memory beside its accelerators that others of the node can never be used.

## Why it matters
A node has so many CPUs and so much memory for each of its accelerators. A pod with one of eight devices that asks for half of the CPUs
leaves room for one more pod like it, and six devices stay empty: paid for, free, and of no use to this workload at any number of replicas.

## Bad
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
status:
  capacity: {nvidia.com/gpu: "8", cpu: "96", memory: 1Ti, pods: "110"}
  allocatable: {nvidia.com/gpu: "8", cpu: "96", memory: 1Ti, pods: "110"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm, namespace: team-a}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      containers:  # finding
      - name: server
        image: vllm/vllm-openai:v0.19.0
        resources: {requests: {cpu: "40", memory: 64Gi}, limits: {nvidia.com/gpu: 1}}
```

## Good
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
status:
  capacity: {nvidia.com/gpu: "8", cpu: "96", memory: 1Ti, pods: "110"}
  allocatable: {nvidia.com/gpu: "8", cpu: "96", memory: 1Ti, pods: "110"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: an-eighth, namespace: team-a}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      containers:
      - name: server
        image: vllm/vllm-openai:v0.19.0
        resources: {requests: {cpu: "11", memory: 100Gi}, limits: {nvidia.com/gpu: 1}}
---
apiVersion: v1
kind: Pod
metadata: {name: all-of-it, namespace: team-a}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources: {requests: {cpu: "90", memory: 900Gi}, limits: {nvidia.com/gpu: 8}}
---
apiVersion: v1
kind: Pod
metadata: {name: too-large-anyway, namespace: team-a}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources: {requests: {cpu: "200"}, limits: {nvidia.com/gpu: 1}}
```

Shares of a device need not all be used:
```yaml live
apiVersion: v1
kind: Node
metadata: {name: time-sliced, labels: {nvidia.com/gpu.sharing-strategy: time-slicing, nvidia.com/gpu.replicas: "10"}}
status:
  capacity: {nvidia.com/gpu: "10", cpu: "16", memory: 64Gi, pods: "110"}
  allocatable: {nvidia.com/gpu: "10", cpu: "16", memory: 64Gi, pods: "110"}
---
apiVersion: v1
kind: Pod
metadata: {name: notebook, namespace: team-a}
spec:
  containers:
  - name: main
    image: ghcr.io/example/notebook:2.0
    resources: {requests: {cpu: "4", memory: 8Gi}, limits: {nvidia.com/gpu: 1}}
```

## When to ignore
Where the work really needs the CPUs, as decoding images does, and other workloads use the devices that are left with little CPU.

## References
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-compute.html
- https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-requests-are-scheduled
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from auditor.live import Node
from auditor.live.scheduling import can_ever_fit, needs_of
from auditor.quantity import format_bytes
from auditor.rule import COST, PRODUCTION, Confidence, Result, Severity, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate

HOST = ("cpu", "memory")


@dataclass(frozen=True, slots=True)
class Fit:
    """How many pods of one sort a node could take.

    Attributes:
        node: the node.
        pods: how many, by CPU and memory.
        left: the devices that such pods can never reach.
        short: the resource that runs out first.
    """

    node: Node
    pods: int
    left: int
    short: str


@rule(
    "gpu-host-ratio",
    title="CPU or memory beside a GPU leaves other GPUs unusable",
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    profiles={PRODUCTION, COST},
    accelerated=True,
    live=True,
    needs={"Node"},
)
def check(template: PodTemplate, snapshot: Snapshot) -> Iterator[Result]:
    if template.incomplete or len(template.accelerators) != 1:
        return
    if not snapshot.nodes:
        yield skip("the nodes of the cluster")
        return
    ((key, count),) = template.accelerators.items()
    requests = template.total_requests
    host = {name: amount for name in HOST if isinstance(amount := requests.get(name), Fraction) and amount > 0}
    best = _best(template, snapshot.derived(_sorts).get(key, ()), (key, count), host) if host else None
    if best is None or best.left <= 0:
        return
    asks = " and ".join(f"{_amount(name, amount)} of {name}" for name, amount in host.items())
    total = int(best.node.allocatable[key])
    fair = _amount(best.short, best.node.allocatable[best.short] * count / total, down=True)
    yield template.fault(
        f"asks for {asks} with {count} of the {total} {key} of a node: {best.pods} such pods fill {best.node.name}, and {best.left} devices"
        " stay unused",
        at="containers",
        remediation=f"ask for at most {fair} of {best.short} for {count} {key}, less what DaemonSets need on the node",
    )


def _sorts(snapshot: Snapshot) -> dict[str, list[list[Node]]]:
    """By device, nodes that have the same amounts. Shares of devices are left out: some of them may well stay unused."""
    found: dict[str, dict[tuple[Fraction | None, ...], list[Node]]] = {}
    for node in snapshot.nodes:
        for devices in () if node.shared else node.devices:
            amounts = tuple(map(node.allocatable.get, (devices.key, *HOST)))
            if amounts[0]:
                found.setdefault(devices.key, {}).setdefault(amounts, []).append(node)
    return {key: list(several.values()) for key, several in found.items()}


def _best(template: PodTemplate, sorts: Iterable[list[Node]], wants: tuple[str, int], host: dict[str, Fraction]) -> Fit | None:
    """The fit on the sort of node on which the least is lost, of those that could take the pod."""
    needs = needs_of(template)
    ordered = sorted(((_fit(nodes[0], *wants, host), nodes) for nodes in sorts), key=lambda entry: (entry[0].left, entry[0].node.name))
    for fit, nodes in ordered:
        for node in nodes:
            if can_ever_fit(needs, [node]):
                return replace(fit, node=node)
    return None


def _fit(node: Node, key: str, count: int, host: dict[str, Fraction]) -> Fit:
    """How many of the pods fit on an empty node. One that needs no less than the whole device count leaves nothing."""
    by_resource = {name: int(node.allocatable.get(name, Fraction(0)) // amount) for name, amount in host.items()}
    devices = int(node.allocatable[key])
    short = min(by_resource, key=lambda name: (by_resource[name], name), default="")
    pods = min([*by_resource.values(), devices // count])
    whole = devices // count * count  # of three devices in a pod of two, one is left by the devices themselves
    return Fit(node, pods, whole - pods * count if pods and count < devices else 0, short)


def _amount(name: str, amount: Fraction, *, down: bool = False) -> str:
    if name == "memory":
        return format_bytes(int(amount // 2**30) * 2**30 if down and amount >= 2**30 else amount)
    return str(int(amount)) if down and amount >= 1 else f"{float(amount):g}"
