"""A pod requests more than any node that it may stand on can give, even an empty one.

## Why it matters
The scheduler compares what a pod requests as a whole with what a node may give (`status.allocatable`), which is less than the machine has:
the kubelet and the system keep a part. A pod beyond that stays Pending for ever, and so does one that asks for a resource which no node
advertises, such as a MIG profile that no GPU is cut into: "Insufficient nvidia.com/gpu", in words that look as if one only had to wait. In
a queue such a job may be admitted, since the quota suffices, and then holds the quota without ever running. What is judged is the pod that
waits: containers, start, sidecars, overhead and pod-level requests together, as Kubernetes 1.36.3 counts them.

## Bad
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
status:
  allocatable: {cpu: "94", memory: 1000Gi, pods: "110", nvidia.com/gpu: "8"}
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: team-a}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources:
      requests: {cpu: "96", memory: 800Gi, nvidia.com/gpu: 8}  # finding
      limits: {memory: 800Gi, nvidia.com/gpu: 8}
status: {phase: Pending}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: slice, namespace: team-a}
spec:
  replicas: 1
  selector: {matchLabels: {app: slice}}
  template:
    metadata: {labels: {app: slice}}
    spec:
      containers:
      - name: main
        image: ghcr.io/example/serve:2.0
        resources:
          limits:
            nvidia.com/mig-1g.10gb: 1  # finding
```

## Good
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
status:
  allocatable: {cpu: "94", memory: 1000Gi, pods: "110", nvidia.com/gpu: "8"}
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: team-a}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources:
      requests: {cpu: "88", memory: 800Gi, nvidia.com/gpu: 8}
      limits: {memory: 800Gi, nvidia.com/gpu: 8}
status: {phase: Pending}
```

A NodePool of Karpenter may add a node; how large it would be is not known:
```yaml live
apiVersion: v1
kind: Node
metadata: {name: system-0}
status:
  allocatable: {cpu: "4", memory: 16Gi, pods: "110"}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpus}
spec:
  template:
    spec:
      requirements:
      - {key: karpenter.k8s.aws/instance-category, operator: In, values: [g, p]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: evaluate, namespace: team-a}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
          - name: main
            image: ghcr.io/example/evaluate:1.0
            resources:
              limits: {nvidia.com/gpu: 1}
```

## When to ignore
Where an autoscaler has a pool of larger nodes that is scaled to zero: the finding then has medium confidence.

## References
- https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-requests-are-scheduled
- https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from auditor.accelerators import device, is_extended
from auditor.document import Unknown
from auditor.live import Node
from auditor.live.scheduling import Obstacle, ObstacleKind
from auditor.placement import Cause, Unplaceable, nodes_known, unplaceable
from auditor.quantity import format_bytes
from auditor.rule import RECOMMENDED, Path, Result, Severity, mapping, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate

_BYTES = ("memory", "ephemeral-storage", "hugepages-")


@rule(
    "pod-larger-than-any-node",
    title="Pod requests more than any node has",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    live=True,
    needs={"Node", "Pod", "NodePool"},
)
def check(template: PodTemplate, snapshot: Snapshot) -> Iterator[Result]:
    if not nodes_known(snapshot):
        yield skip("the nodes and the pods of the cluster")
        return
    found = unplaceable(template, snapshot)
    if found is None or found.cause is not Cause.SIZE:
        return
    node, lacking = _nearest(found)
    key, message, remedy = _nobody_has(found, snapshot) or (lacking[0].what, *_too_large(found, node, lacking))
    yield template.fault(
        message + found.growth,
        at=_place(template, key),
        remediation=remedy,
        severity=found.severity,
        confidence=found.confidence,
    )


def _nearest(found: Unplaceable) -> tuple[Node, tuple[Obstacle, ...]]:
    """The node that lacks least, and what it lacks, accelerators first. Nodes that the pod tolerates come before others."""

    def distance(pair: tuple[Node, tuple[Obstacle, ...]]) -> tuple[bool, bool, Fraction, str]:
        node, lacking = pair
        share = max((one.needed - one.available) / one.needed for one in lacking)
        devices = any(device(one.what) is not None and not one.available for one in lacking)
        return devices, bool(found.untolerated(node)), share, node.name

    pairs = [(node, found.in_the_way(node, ObstacleKind.RESOURCES)) for node in found.nodes]
    node, lacking = min(pairs, key=distance)
    return node, tuple(sorted(lacking, key=lambda one: (device(one.what) is None, one.what)))


def _nobody_has(found: Unplaceable, snapshot: Snapshot) -> tuple[str, str, str] | None:
    """Resource, message and remedy where none of the nodes in question has any of it."""
    for key, amount in found.needs.requests:
        if key in found.needs.delegated or not is_extended(key) or any(node.allocatable.get(key) for node in found.nodes):
            continue
        elsewhere = [node.name for node in snapshot.nodes if node.allocatable.get(key)]
        asked = f"requests {_amount(key, amount)} {key}"
        if elsewhere:
            return key, f"{asked}, which none of the nodes it chooses by label has", f"choose a node that has it, such as {elsewhere[0]}"
        vendor = key.partition("/")[0]
        similar = sorted(
            {one for node in snapshot.nodes for one in node.allocatable if one.startswith(f"{vendor}/") and snapshot.device(one)}
        )
        instead = f"request what the nodes advertise ({', '.join(similar)})" if similar else "add nodes with it, or their device plugin"
        return key, f"{asked}, which no node advertises", instead
    return None


def _too_large(found: Unplaceable, node: Node, lacking: tuple[Obstacle, ...]) -> tuple[str, str]:
    asked = " and ".join(f"{_amount(one.what, one.needed)} {one.what}" for one in lacking)
    given = " and ".join(_amount(one.what, one.available) for one in lacking)
    if lacking[0].what == "pods":
        return f"can stand on no node: {node.name}, which comes nearest, takes no pods", "raise the kubelet's maxPods"
    chosen = found.needs.chooses
    if len(found.nodes) > 1:
        nearest = f"of {'the nodes it chooses' if chosen else 'all nodes'} {node.name}, which comes nearest,"
    else:
        nearest = f"the only node {'it chooses' if chosen else 'there is'}, {node.name},"
    message = f"requests {asked}, and {nearest} can give {given} even when it is empty"
    remedy = ", ".join(f"`{one.what}: {_amount(one.what, one.available)}`" for one in lacking)
    return message, f"request at most {remedy} for the whole pod, or add larger nodes"


def _amount(key: str, amount: Fraction) -> str:
    if key.startswith(_BYTES):
        return format_bytes(amount)
    if amount.denominator == 1:
        return str(amount)
    return f"{-(-amount * 1000 // 1)}m"


def _place(template: PodTemplate, key: str) -> Path:
    """Where the largest request for a resource is written."""
    whole = mapping(template.resources.get("requests"))
    if key in whole:
        return template.at("resources", "requests", key)
    asking = [(amount, container) for container in template.containers if (amount := container.effective_request(key)) is not None]
    known = [(amount, container) for amount, container in asking if not isinstance(amount, Unknown)]
    if not known:
        return template.path
    _, container = max(known, key=lambda pair: pair[0])
    by_limit = container.request(key) is None or (is_extended(key) and container.limit(key) is not None)
    section = "limits" if by_limit else "requests"  # of an extended resource people write the limit, and the API server the request
    return container.at(container.resources_key, section, key)
