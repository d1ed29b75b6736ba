"""The number of accelerators is no whole number of devices, or is zero.

## Why it matters
Accelerators are extended resources: they are given out in whole devices. The API server rejects a Pod or a built-in workload that asks
for half of one, for fewer than none or for something that is no quantity ("must be an integer"; executed on Kubernetes 1.36.3 with
`0.5`, `500m` and `-1`); a custom resource is accepted, and its pods never come to exist. `1.0` and `1k` are whole numbers.

Zero is accepted, and is an error of another kind: the device plugin allocates nothing, so that nothing restricts which devices the
container sees. With an image that sets `NVIDIA_VISIBLE_DEVICES=all`, as CUDA images do, that is every GPU of the node. Kubernetes reads
an explicit null as zero.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: half-a-gpu}
spec:
  containers:
  - name: embed
    image: ghcr.io/example/embed:1.4
    resources:
      limits:
        nvidia.com/gpu: 0.5  # finding
  - name: rerank
    image: ghcr.io/example/rerank:1.4
    resources:
      requests:
        nvidia.com/gpu: 500m
      limits:
        nvidia.com/gpu: 500m  # finding
```

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: none-at-all}
spec:
  selector: {matchLabels: {app: none}}
  template:
    metadata: {labels: {app: none}}
    spec:
      containers:
      - name: zero
        image: nvcr.io/nvidia/pytorch:25.01-py3
        resources:
          limits:
            nvidia.com/gpu: "0"  # finding
      - name: nothing
        image: nvcr.io/nvidia/pytorch:25.01-py3
        resources:
          limits:
            nvidia.com/gpu:  # finding
      - name: word
        image: ghcr.io/example/embed:1.4
        resources:
          requests:
            amd.com/gpu: one  # finding
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: whole-gpus}
spec:
  containers:
  - name: embed
    image: ghcr.io/example/embed:1.4
    resources:
      limits: {nvidia.com/gpu: 1.0}
  - name: share
    image: ghcr.io/example/embed:1.4
    resources:
      limits: {nvidia.com/gpu: "1", nvidia.com/gpucores: 30, nvidia.com/gpumem-percentage: 12.5}
  - name: template-not-filled-in
    image: ghcr.io/example/embed:1.4
    resources:
      limits: {nvidia.com/gpu: "${GPUS}", amd.com/gpu: {gpus}}
```

## When to ignore
A zero that keeps a LimitRange from giving the container GPUs, in an image without CUDA.

## References
- https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources
- https://github.com/NVIDIA/k8s-device-plugin#running-gpu-jobs
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.quantity import Quantity
from auditor.rule import RECOMMENDED, Fault, Path, Severity, Unknown, mapping, rule
from auditor.workload import Container

WHOLE = "ask for whole devices; for a part of one use MIG, time-slicing, MPS, DRA or a fraction of the KAI scheduler"
ZERO = "is zero"


@rule(
    "gpu-quantity-invalid",
    title="Number of GPUs is not a positive whole number",
    severity=Severity.CRITICAL,
    profiles={RECOMMENDED},
)
def check(container: Container) -> Iterator[Fault]:
    for request in container.accelerators:
        for section, value in (("limits", request.limit), ("requests", request.request)):
            written = mapping(mapping(container.resources).get(section))
            wrong = _wrong(value, written.get(request.key))
            if wrong:
                path = container.at(container.resources_key, section, request.key)
                yield _fault(container, f"{section} {request.key}: {value} {wrong}", path)
                break


def _wrong(value: Quantity | Unknown | None, written: object) -> str:
    """What is wrong with an amount; empty where nothing is, or nobody can know."""
    if isinstance(value, Quantity):
        if value <= 0:
            return "is negative" if value else ZERO
        return "" if value.whole else "is no whole number of devices"
    if value is None or value.why == "placeholder" or (isinstance(written, dict) and written and not any(written.values())):
        return ""  # a lone key in braces, {gpus}, is a placeholder of some template language
    return ZERO if value.why == "null" else "is no quantity"


def _fault(container: Container, found: str, path: Path) -> Fault:
    if found.endswith(ZERO):
        return container.fault(
            f"{found}: no device is allocated, and an image made for GPUs sees every GPU of the node",
            at=path,
            remediation="ask for at least 1, or delete the key and use an image for CPUs",
            severity=Severity.LOW,
        )
    workload = container.template.workload
    refused = (
        "the API server rejects it" if workload.validated else f"the {workload.ref.kind} is accepted, but none of its pods is ever created"
    )
    return container.fault(f"{found}; {refused}", at=path, remediation=WHOLE)
