"""Every node that could take a GPU pod has a taint that the pod does not tolerate, so that it waits for ever.

## Why it matters
GPU nodes carry a taint to keep other pods away, and a pod that asks for a GPU is kept away as well unless it tolerates it or admission
adds the toleration. GKE adds it, and so does the admission plugin `ExtendedResourceToleration` where the taint's key is the resource; AKS,
EKS and most clusters on premises do not. The pod stays Pending with "had untolerated taint(s)", among the reasons of all other nodes. What
is judged is a pod that waits, with what admission gave it; without pods it is the template. The remedy was executed on Kubernetes 1.36.3:
of a generated set of pods, each that had a finding was placed with its tolerations.

## Bad
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
spec:
  taints: [{key: nvidia.com/gpu, value: present, effect: NoSchedule}]
status:
  allocatable: {cpu: "96", memory: 1Ti, pods: "110", nvidia.com/gpu: "8"}
---
apiVersion: v1
kind: Node
metadata: {name: cpu-0}
status:
  allocatable: {cpu: "16", memory: 64Gi, pods: "110"}
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: team-a}
spec:
  tolerations:  # finding
  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources:
      limits: {nvidia.com/gpu: 1}
status: {phase: Pending}
```

## Good
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
spec:
  taints: [{key: nvidia.com/gpu, value: present, effect: NoSchedule}]
status:
  allocatable: {cpu: "96", memory: 1Ti, pods: "110", nvidia.com/gpu: "8"}
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: team-a}
spec:
  tolerations:
  - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources:
      limits: {nvidia.com/gpu: 1}
status: {phase: Pending}
```

On GKE admission adds the toleration to every pod that asks for a GPU:
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gke-0, labels: {cloud.google.com/gke-nodepool: gpus}}
spec:
  taints: [{key: nvidia.com/gpu, value: present, effect: NoSchedule}]
status:
  allocatable: {cpu: "12", memory: 80Gi, pods: "110", nvidia.com/gpu: "1"}
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
Where a webhook adds the toleration and no pod of the workload exists yet to show it, or where an untainted GPU pool is scaled to zero.

## References
- https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
- https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#extendedresourcetoleration
- https://learn.microsoft.com/azure/aks/best-practices-gpu
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.live import Taint
from auditor.placement import Cause, Unplaceable, nodes_known, unplaceable
from auditor.rule import RECOMMENDED, Result, Severity, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate

_NAMED = 3


@rule(
    "gpu-toleration-missing",
    title="Taint of the GPU nodes is not tolerated",
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
    if found is None or found.cause is not Cause.TAINTS or not found.for_accelerators(template, snapshot):
        return
    taints = {str(taint): None for node in found.nodes for taint in found.untolerated(node)}
    named = ", ".join(list(taints)[:_NAMED]) + (" …" if len(taints) > _NAMED else "")
    asks = snapshot.wants_accelerator(template)
    instead = "" if asks else "choose other nodes or, if it is meant for these, "
    yield template.fault(
        f"{_nodes(found, template)} the taint {named}, which the pod does not tolerate{found.growth}",
        at=template.at("tolerations"),
        remediation=f"{instead}add to tolerations: {', '.join(map(_toleration, found.fewest_taints()))}",
        severity=found.severity,
        confidence=found.confidence,
    )


def _nodes(found: Unplaceable, template: PodTemplate) -> str:
    """Which nodes are in question, as the beginning of a sentence that goes on with a taint."""
    wanted = ", ".join(template.accelerators) or "an accelerator"
    what = f"asks for {wanted}, and" if template.accelerators or not found.needs.chooses else "chooses GPU nodes by label, and"
    names = ", ".join(node.name for node in found.nodes[:_NAMED]) + (" …" if len(found.nodes) > _NAMED else "")
    if len(found.nodes) == 1:
        return f"{what} the only node that could take it, {names}, has"
    return f"{what} each of the {len(found.nodes)} nodes that could take it ({names}) has"


def _toleration(taint: Taint) -> str:
    return f"`{{key: {taint.key}, operator: Exists, effect: {taint.effect}}}`"
