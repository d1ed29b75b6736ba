"""A container of an ML workload requests no CPU or no memory.

## Why it matters
The scheduler counts requests only. A pod without them is placed beside others as if it needed nothing: data loaders and tokenizers then
share what is left of the node's CPUs, and the GPU waits for them. When the node runs short of memory, the kubelet first evicts pods that
use more than they request, which is any pod that requests none, so that hours of training go before anything else. A limit counts as a
request.

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
        resources:  # finding
          limits: {nvidia.com/gpu: 1}
```

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: classify}
spec:
  selector: {matchLabels: {app: classify}}
  template:
    metadata: {labels: {app: classify}}
    spec:
      containers:
      - name: server  # finding
        image: tensorflow/serving:2.15.0
      - name: postprocess
        image: ghcr.io/example/postprocess:1.0
        resources:
          requests: {memory: 2Gi}  # finding
          limits: {memory: 2Gi}
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: limits-are-requests}
spec:
  initContainers:
  - {name: download, image: ghcr.io/example/download:1.0}
  containers:
  - name: train
    image: ghcr.io/example/train:2.0
    resources:
      limits: {cpu: 8, memory: 32Gi, nvidia.com/gpu: 1}
  - name: not-filled-in
    image: ghcr.io/example/train:2.0
    resources: "${RESOURCES}"
  - name: istio-proxy
    image: docker.io/istio/proxyv2:1.24.0
---
apiVersion: v1
kind: Pod
metadata: {name: for-the-whole-pod}
spec:
  resources:
    requests: {cpu: 8, memory: 32Gi}
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
    defaultRequest: {cpu: 2, memory: 8Gi}
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

```yaml
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: classify}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: classify}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: classify}
spec:
  selector: {matchLabels: {app: classify}}
  template:
    metadata: {labels: {app: classify}}
    spec:
      containers:
      - name: server
        image: tensorflow/serving:2.15.0
```

## When to ignore
Where a LimitRange or an admission policy that is not in view sets them.

## References
- https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
- https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#pod-selection-for-kubelet-eviction
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-compute.html
- https://github.com/kubernetes/autoscaler/tree/master/vertical-pod-autoscaler
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.rule import RECOMMENDED, Confidence, Fault, Role, Severity, mapping, rule, sequence
from auditor.snapshot import Snapshot
from auditor.workload import Container, Inject

ML = (Role.TRAINING, Role.SERVING, Role.NOTEBOOK)


@rule(
    "requests-missing",
    title="No CPU or memory request",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    exempt={Role.INFRASTRUCTURE},
    needs=("LimitRange", "VerticalPodAutoscaler", "ResourceClaimTemplate", "ResourceClaim"),
)
def check(container: Container, snapshot: Snapshot) -> Iterator[Fault]:
    template, workload = container.template, container.template.workload
    if not container.is_main or template.incomplete or Inject.REQUESTS in template.injects:
        return
    missing = [key for key in ("cpu", "memory") if container.effective_request(key) is None and not _of_pod(container, key)]
    if not missing:
        return
    gpu = snapshot.wants_accelerator(template)
    if not gpu and not workload.is_role(*ML):
        return
    given = snapshot.given_by_limit_range(workload.document, "requests")
    missing = [key for key in missing if key not in given and not _of_autoscaler(container, key, snapshot)]
    if missing:
        who = f"container {container.name}" if container.name else "the container"
        yield container.fault(
            f"{who} requests no {' and no '.join(missing)}; {_consequence(missing, gpu=gpu)}",
            at=container.place_of("requests"),
            about=container.amounts("requests"),
            remediation=f"set {' and '.join(f'resources.requests.{key}' for key in missing)} to what one replica needs at its peak",
            confidence=Confidence.MEDIUM if workload.kind is None else None,
        )


def _consequence(missing: list[str], *, gpu: bool) -> str:
    if "memory" in missing:
        return "the pod is among the first to be evicted when the node runs short of memory"
    return "the accelerator waits while other pods take the CPU" if gpu else "other pods may take its CPU"


def _of_pod(container: Container, key: str) -> bool:
    """Whether the pod as a whole requests the resource."""
    return any(key in mapping(container.template.resources.get(section)) for section in ("requests", "limits"))


def _of_autoscaler(container: Container, key: str, snapshot: Snapshot) -> bool:
    """Whether a VerticalPodAutoscaler sets the request."""
    ref = container.template.workload.ref
    for autoscaler in snapshot.beside(container.template.workload.document, "VerticalPodAutoscaler", "autoscaling.k8s.io"):
        spec = mapping(autoscaler.raw.get("spec"))
        target, mode = mapping(spec.get("targetRef")), mapping(spec.get("updatePolicy")).get("updateMode")
        if target.get("kind") == ref.kind and target.get("name") == ref.name and mode not in ("Off", False):
            policy = _policy(spec, container.name)
            return policy.get("mode") not in ("Off", False) and key in (sequence(policy.get("controlledResources")) or ("cpu", "memory"))
    return False


def _policy(spec: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The policy for a container: its own, else the one for all."""
    policies = [mapping(policy) for policy in sequence(mapping(spec.get("resourcePolicy")).get("containerPolicies"))]
    return next((policy for wanted in (name, "*") for policy in policies if policy.get("containerName") == wanted), {})
