"""A container of an ML workload may take all the memory of its node.

## Why it matters
Without a limit, a data loader that leaks or a batch that is too large fills the node's memory. The kernel then kills what it finds
largest, often in another pod, and the kubelet evicts further ones: one job takes down every job on an expensive node. With a limit only
the container that leaks is killed, and says why (OOMKilled). A VerticalPodAutoscaler does not help: it keeps the ratio of a limit to its
request, and sets no limit where there is none.

## Bad
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: train}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: train
        image: ghcr.io/example/train:2.0
        resources:
          requests: {cpu: 8, memory: 32Gi}
          limits:  # finding
            nvidia.com/gpu: 1
```

```yaml
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: explore}
spec:
  template:
    spec:
      containers:
      - name: explore  # finding
        image: quay.io/jupyter/scipy-notebook:2025-01-20
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: bounded}
spec:
  initContainers:
  - {name: download, image: ghcr.io/example/download:1.0}
  containers:
  - name: train
    image: ghcr.io/example/train:2.0
    resources:
      limits: {memory: 32Gi, nvidia.com/gpu: 1}
  - name: not-filled-in
    image: ghcr.io/example/train:2.0
    resources:
      limits: {memory: "{{ memory }}"}
---
apiVersion: v1
kind: Pod
metadata: {name: bounded-as-a-whole}
spec:
  resources:
    limits: {memory: 32Gi}
  containers:
  - name: train
    image: ghcr.io/example/train:2.0
    resources:
      limits: {nvidia.com/gpu: 1}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: filled-in-by-kserve}
spec:
  predictor:
    model: {modelFormat: {name: sklearn}, storageUri: "s3://models/iris"}
```

```yaml
apiVersion: v1
kind: LimitRange
metadata: {name: defaults}
spec:
  limits:
  - type: Container
    max: {memory: 64Gi}
---
apiVersion: v1
kind: Pod
metadata: {name: filled-in-by-the-limit-range}
spec:
  containers:
  - name: train
    image: ghcr.io/example/train:2.0
    resources:
      limits: {nvidia.com/gpu: 1}
```

## When to ignore
Where one pod has the node to itself, or a LimitRange or an admission policy that is not in view sets limits.

## References
- https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
- https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
- https://kubernetes.io/docs/concepts/policy/limit-range/
- https://github.com/kubernetes/autoscaler/tree/master/vertical-pod-autoscaler
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.quantity import Quantity
from auditor.rule import RECOMMENDED, Confidence, Fault, Role, Severity, mapping, rule
from auditor.snapshot import Snapshot
from auditor.workload import Container, Inject


@rule(
    "memory-limit-missing",
    title="No memory limit",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    exempt={Role.INFRASTRUCTURE},
    needs=("LimitRange", "ResourceClaimTemplate", "ResourceClaim"),
)
def check(container: Container, snapshot: Snapshot) -> Iterator[Fault]:
    template, workload = container.template, container.template.workload
    if not container.is_main or template.incomplete or Inject.LIMITS in template.injects:
        return
    if container.limit("memory") is not None or "memory" in mapping(template.resources.get("limits")):
        return
    gpu = snapshot.wants_accelerator(template)
    if not gpu and not workload.is_role(Role.SERVING, Role.NOTEBOOK):
        return
    if "memory" in snapshot.given_by_limit_range(workload.document, "limits"):
        return
    request = container.request("memory")
    amount = f"`memory: {request}`, as requested," if isinstance(request, Quantity) else "the memory of one replica at its peak"
    who = f"container {container.name}" if container.name else "the container"
    yield container.fault(
        f"{who} has no memory limit: a leak takes down the other pods of its node",
        at=container.place_of("limits"),
        about=container.amounts("limits"),
        remediation=f"set {amount} under resources.limits",
        confidence=Confidence.MEDIUM if workload.kind is None else None,
    )
