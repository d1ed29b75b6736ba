"""Nodes with accelerators are kept when nothing uses them.

## Why it matters
An autoscaler gives a node back as soon as nothing on it is needed any more, unless somebody told it not to: a NodePool that never
consolidates, an annotation that was set for one night and forgotten, a server that may not be moved. A node with eight GPUs that is idle
from Friday to Monday costs as much as a month of most other machines.

A job with an end should be protected from the autoscaler, and is not reported. Servers, notebooks and other pods without an end pin their
node for as long as they exist.

## Bad
```yaml
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: never}
spec:
  disruption:
    consolidationPolicy: WhenEmpty
    consolidateAfter: Never  # finding
  template:
    spec:
      requirements:
      - {key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ["0"]}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: frozen}
spec:
  disruption:
    consolidationPolicy: WhenEmptyOrUnderutilized
    consolidateAfter: 5m
    budgets:
    - {nodes: 10%}
    - nodes: "0"  # finding
  template:
    spec:
      requirements:
      - {key: eks.amazonaws.com/instance-family, operator: In, values: [p5]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm, namespace: ml}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata:
      labels: {app: llm}
      annotations:
        karpenter.sh/do-not-disrupt: "true"  # finding
    spec:
      containers:
      - name: main
        image: vllm/vllm-openai:v0.11.0
        resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml live
apiVersion: v1
kind: Node
metadata:
  name: gpu-0
  labels: {eks.amazonaws.com/nodegroup: h100}
  annotations:
    cluster-autoscaler.kubernetes.io/scale-down-disabled: "true"  # finding
spec: {providerID: "aws:///eu-west-1a/i-0123456789abcdef0"}
status: {capacity: {nvidia.com/gpu: "8"}, allocatable: {nvidia.com/gpu: "8"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: scaler, namespace: kube-system}
spec:
  template:
    spec: {containers: [{name: main, image: "registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.0"}]}
```

In a cloud where an autoscaler would be seen, there is none:
```yaml live
apiVersion: v1
kind: Node
metadata:
  name: gpu-0  # finding
  labels: {eks.amazonaws.com/nodegroup: h100}
spec: {providerID: "aws:///eu-west-1a/i-0123456789abcdef0"}
status: {capacity: {nvidia.com/gpu: "8"}, allocatable: {nvidia.com/gpu: "8"}}
```

## Good
```yaml
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  disruption:
    consolidationPolicy: WhenEmpty
    consolidateAfter: 5m
    budgets:
    - {nodes: "0", schedule: "0 9 * * mon-fri", duration: 8h}
    - {nodes: "0", reasons: [Drifted, Underutilized]}
  template:
    spec:
      requirements:
      - {key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ["0"]}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: paid-for-anyway}
spec:
  disruption: {consolidationPolicy: WhenEmpty, consolidateAfter: Never}
  template:
    spec:
      requirements:
      - {key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ["0"]}
      - {key: karpenter.sh/capacity-type, operator: In, values: [reserved]}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: cpu}
spec:
  disruption: {consolidationPolicy: WhenEmpty, consolidateAfter: Never}
  template:
    spec:
      requirements:
      - {key: karpenter.k8s.aws/instance-category, operator: In, values: [m]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: pretrain, namespace: ml}
spec:
  activeDeadlineSeconds: 86400
  template:
    metadata: {annotations: {karpenter.sh/do-not-disrupt: "true"}}
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {nvidia.com/gpu: 8}}
```

Nodes of one's own are not billed by the hour:
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
status: {capacity: {nvidia.com/gpu: "8"}, allocatable: {nvidia.com/gpu: "8"}}
```

## When to ignore
Where nodes are kept warm on purpose, because a new one takes too long or might not be had.

## References
- https://karpenter.sh/docs/concepts/disruption/
- https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md#what-types-of-pods-can-prevent-ca-from-removing-a-node
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.document import Document, along
from auditor.live import Node, pinned_by
from auditor.live.provisioning import node_pool
from auditor.rule import COST, Fault, Path, Result, Role, Severity, mapping, rule, sequence, skip
from auditor.snapshot import Snapshot
from auditor.workload import Workload

# A cloud that runs no autoscaler of its own behind the API server: it is in view, or there is none. HyperPod's machines are leased.
AWS = re.compile(r"aws://(?!.*sagemaker).+")
AUTOSCALER = re.compile(r"autoscaler|karpenter|castai|cast\.ai|spotinst|spot\.io|ocean-controller|escalator", re.IGNORECASE)
ENDS = (Role.TRAINING, Role.BATCH, Role.PIPELINE)
PINNED = (b"safe-to-evict", b"do-not-disrupt")
NAMED = 3


@rule(
    "gpu-nodes-never-scale-down",
    title="Idle nodes with accelerators are never given back",
    severity=Severity.MEDIUM,
    profiles={COST},
    needs={"NodePool", "Node", "Pod"},
)
def check(snapshot: Snapshot) -> Iterator[Result]:
    nodes = [node for node in snapshot.nodes if node.accelerated and not node.committed]
    with_devices = {node.labels.get("karpenter.sh/nodepool") for node in nodes}
    for document in snapshot.by_kind("NodePool", "karpenter.sh"):
        yield from _of_node_pool(document, has_devices=document.ref.name in with_devices)
    yield from _of_kept_nodes(nodes)
    for workload in snapshot.accelerated_workloads:
        if any(word in workload.document.blob for word in PINNED):  # before it is derived: there may be thousands
            yield from _of_workload(workload)
    yield from _without_autoscaler(nodes, snapshot)


def _of_node_pool(document: Document, *, has_devices: bool) -> Iterator[Fault]:
    """A Karpenter NodePool that never takes an idle node away. One of fixed size, or whose nodes something else orders, is no such pool."""
    spec, pool = mapping(document.raw.get("spec")), node_pool(document)
    ordered_elsewhere = any(str(value) == "0" for _, value in pool.limits)
    if pool.reserved or ordered_elsewhere or spec.get("replicas") is not None or not (has_devices or pool.asks_for_devices):
        return
    template = mapping(mapping(mapping(spec.get("template")).get("metadata")).get("annotations"))
    key = "karpenter.sh/do-not-disrupt"
    disruption, where = mapping(spec.get("disruption")), ("spec", "disruption")
    for index, budget in enumerate(map(mapping, sequence(disruption.get("budgets")))):
        reasons = sequence(budget.get("reasons"))
        if str(budget.get("nodes")) in ("0", "0%") and not budget.get("schedule") and (not reasons or "Empty" in reasons):
            yield _of_pool(document, (*where, "budgets", index), f'a budget of `nodes: "{budget["nodes"]}"` at all times')
            return
    if disruption.get("consolidateAfter") == "Never":
        yield _of_pool(document, (*where, "consolidateAfter"), "`consolidateAfter: Never`")
    elif template.get(key) == "true":
        yield _of_pool(document, ("spec", "template", "metadata", "annotations", key), f"the annotation {key} on its nodes")


def _of_pool(document: Document, path: Path, what: str) -> Fault:
    return Fault(
        document,
        path,
        f"makes nodes with accelerators and has {what}: nodes that nothing uses stay, at best until they expire",
        "set `consolidationPolicy: WhenEmpty` with `consolidateAfter: 10m`, and let budgets of zero have a schedule or the reason Drifted",
    )


def _of_kept_nodes(nodes: list[Node]) -> Iterator[Fault]:
    """One finding for all nodes of a pool with the same annotation, at the first of them."""
    kept: dict[tuple[str, str], list[Node]] = {}
    for node in nodes:
        if node.kept_by:
            kept.setdefault((node.pool, node.kept_by), []).append(node)
    for (_, key), group in sorted(kept.items()):
        yield group[0].fault(
            f"{_count(group)} {'are' if len(group) > 1 else 'is'} kept by the annotation {key}, used or not",
            at=("metadata", "annotations", key),
            remediation="remove the annotation once its reason is gone",
        )


def _of_workload(workload: Workload) -> Iterator[Fault]:
    """Pods without an end that may not be evicted, so that their node cannot be taken away or made full."""
    if workload.role in (*ENDS, Role.INFRASTRUCTURE) or (workload.job and not workload.is_role(Role.SERVING, Role.NOTEBOOK)):
        return
    for template in workload.templates:
        key = pinned_by(template.annotations)
        if key and not template.incomplete:
            yield workload.fault(
                f"asks for accelerators, has no end, and pins its node by the annotation {key}: the node is kept however little it is used",
                at=(*template.metadata_path, "annotations", key),
                remediation="remove the annotation, and let a PodDisruptionBudget say how many of its pods may be moved at a time",
                severity=Severity.LOW,
            )
            return


def _without_autoscaler(nodes: list[Node], snapshot: Snapshot) -> Iterator[Result]:
    """Nodes that are billed by the hour, in a cluster where nothing would take them away."""
    listing = snapshot.listing
    cloud = [node for node in nodes if AWS.fullmatch(_provider(node)) and not node.kept_by]
    if listing is None or not cloud or snapshot.by_kind("NodePool", "karpenter.sh"):
        return
    if not listing.whole or not (listing.complete_for("Deployment", "apps") and listing.complete_for("NodePool", "karpenter.sh")):
        yield skip("the Deployments and NodePools of the whole cluster, one of which may be an autoscaler")
    elif not any(map(_is_autoscaler, snapshot.workloads)):
        yield cloud[0].fault(
            f"{_count(cloud)} in a cloud {'have' if len(cloud) > 1 else 'has'} no autoscaler in view: billed whether used or not",
            at="metadata.name",
            remediation="let an autoscaler (Karpenter, cluster-autoscaler) take nodes away that nothing uses",
            severity=Severity.INFO,
        )


def _is_autoscaler(workload: Workload) -> bool:
    if workload.ref.kind not in ("Deployment", "StatefulSet", "DaemonSet", "Pod"):
        return False
    containers = along(workload.document.raw, ("spec", "template", "spec", "containers"))[-1]
    images = (mapping(one).get("image") for one in sequence(containers))
    return any(AUTOSCALER.search(str(text)) for text in (workload.ref.name, *images))


def _provider(node: Node) -> str:
    provider = mapping(node.document.raw.get("spec")).get("providerID")
    return provider if isinstance(provider, str) else ""


def _count(nodes: list[Node]) -> str:
    devices = sum(node.physical_devices for node in nodes)
    names = ", ".join(node.name for node in nodes[:NAMED]) + (" …" if len(nodes) > NAMED else "")
    return f"{names} with {devices} accelerator{'' if devices == 1 else 's'}"
