"""A Karpenter NodePool may order nodes with accelerators without a limit.

## Why it matters
Karpenter buys a node for every pod that finds no place. A sweep with one zero too many, or a job that is created again and again, orders
accelerators until the cloud has none left, and each node is billed from its first second. `spec.limits` is the only upper bound that
Karpenter has; a quota bounds one namespace.

A pool that makes other nodes too is reported where a workload in view asks for accelerators and could be given a node of it.

## Bad
```yaml
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:  # finding
  template:
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: gpu}
      taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
      requirements:
      - {key: karpenter.k8s.aws/instance-family, operator: In, values: [p5, p5en]}
```

Nothing keeps this pool from making whatever a pod asks for, and one asks for GPUs:
```yaml
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: default}
spec:
  limits: {}  # finding
  template:
    spec:
      requirements:
      - {key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: sweep, namespace: ml}
spec:
  parallelism: 64
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {nvidia.com/gpu: 1}}
```

## Good
```yaml complete
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  limits: {nvidia.com/gpu: "32"}
  template:
    spec:
      requirements:
      - {key: karpenter.k8s.aws/instance-family, operator: In, values: [p5, p5en]}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: cpu}
spec:
  template:
    spec:
      requirements:
      - {key: karpenter.k8s.aws/instance-category, operator: In, values: [c, m, r]}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: of-another-team}
spec:
  template:
    spec:
      taints: [{key: team, value: web, effect: NoSchedule}]
      requirements: []
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: fixed-size}
spec:
  replicas: 2
  template:
    spec:
      requirements:
      - {key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ["0"]}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: reserved}
spec:
  template:
    spec:
      requirements:
      - {key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ["0"]}
      - {key: karpenter.sh/capacity-type, operator: In, values: [reserved]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: sweep, namespace: ml}
spec:
  parallelism: 64
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {nvidia.com/gpu: 1}}
```

## When to ignore
Where the cloud account's own quota is the limit that you want. What bounds node groups of other autoscalers stands outside of the cluster,
and is not looked at.

## References
- https://karpenter.sh/docs/concepts/nodepools/#speclimits
- https://docs.aws.amazon.com/eks/latest/best-practices/karpenter.html
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.document import Document
from auditor.live.provisioning import NodePool, node_pool
from auditor.live.scheduling import needs_of
from auditor.rule import COST, RECOMMENDED, Confidence, Fault, Severity, mapping, rule
from auditor.snapshot import Snapshot, same_branch

# Resources beside accelerators that every node has some of, so that a limit on one is a limit on nodes.
OF_EVERY_NODE = frozenset({"cpu", "memory", "nodes", "pods", "ephemeral-storage"})


@rule(
    "gpu-nodepool-unbounded",
    title="NodePool with accelerators has no limit",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, COST},
    kinds={"NodePool"},
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Fault]:
    spec = mapping(document.raw.get("spec"))
    limits = spec.get("limits")
    if document.ref.group != "karpenter.sh" or spec.get("replicas") is not None or not isinstance(limits, dict | None):
        return
    if any(key in OF_EVERY_NODE or snapshot.device(str(key)) is not None for key in mapping(limits)):
        return
    pool = node_pool(document)
    asked = pool.asks_for_devices
    if pool.reserved:
        return  # there are no more than were reserved
    user = "" if asked or not pool.may_have_devices else _user(pool, document, snapshot)
    if not asked and not user:
        return
    what = f"makes nodes with accelerators ({asked})" if asked else f"may make nodes with accelerators, as {user} asks for them,"
    names = ", ".join(map(str, mapping(limits)))
    yield Fault(
        document,
        ("spec", "limits") if "limits" in spec else ("spec",),
        f"{what} and limits {f'only {names}' if names else 'nothing'}: whatever pods ask for is bought",
        'set `limits: {nvidia.com/gpu: "N"}` under spec, with the resource of its devices, or a limit on cpu',
        confidence=Confidence.HIGH if asked else Confidence.MEDIUM,
    )


def _user(pool: NodePool, document: Document, snapshot: Snapshot) -> str:
    """A workload that asks for accelerators, and could be given a node of the pool for them."""
    everywhere = snapshot.complete or snapshot.listing is not None
    for workload in snapshot.accelerated_workloads:
        if workload.incomplete or not (everywhere or same_branch(document, workload.document)):
            continue
        for template in workload.templates:
            holds = snapshot.wants_accelerator(template)
            if holds and pool.could_add(needs_of(template)):
                return str(workload.ref)
    return ""
