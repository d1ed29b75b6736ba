"""Ray is told a number of GPUs that differs from what its container gets.

## Why it matters
KubeRay passes the GPUs of the Ray container to Ray by itself. `num-gpus` in `rayStartParams`, or `GPU` in the `resources` of the group,
takes the place of that number. Too large, and Ray starts more tasks than there are devices, which then fail or share one; too small or
zero, and Ray never uses devices that the pod holds and you pay for. KubeRay takes the first container of the pod as Ray's: accelerators
of a container further down are not seen at all.

## Bad
```yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: mismatch}
spec:
  headGroupSpec:
    rayStartParams: {}
    template:
      spec:
        containers:
        - name: ray-head
          image: rayproject/ray:2.46.0
  workerGroupSpecs:
  - groupName: too-many
    replicas: 2
    rayStartParams:
      num-gpus: "2"  # finding
    template:
      spec:
        containers:
        - name: ray-worker
          image: rayproject/ray:2.46.0-gpu
          resources:
            limits: {nvidia.com/gpu: 1}
  - groupName: too-few
    replicas: 2
    resources: {CPU: "8", GPU: "4"}  # finding
    template:
      spec:
        containers:
        - name: ray-worker
          image: rayproject/ray:2.46.0-gpu
          resources:
            limits: {nvidia.com/gpu: 8}
  - groupName: not-the-first
    replicas: 1
    rayStartParams: {}
    template:
      spec:
        containers:
        - name: metrics
          image: ghcr.io/example/metrics:1.0
        - name: ray-worker  # finding
          image: rayproject/ray:2.46.0-gpu
          resources:
            limits: {nvidia.com/gpu: 1}
```

## Good
```yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: match}
spec:
  headGroupSpec:
    rayStartParams: {num-cpus: "0", num-gpus: "0"}
    template:
      spec:
        containers:
        - name: ray-head
          image: rayproject/ray:2.46.0
  workerGroupSpecs:
  - groupName: by-kuberay
    replicas: 2
    rayStartParams: {}
    template:
      spec:
        containers:
        - name: ray-worker
          image: rayproject/ray:2.46.0-gpu
          resources:
            limits: {nvidia.com/gpu: 4}
  - groupName: a-partition-each
    replicas: 2
    rayStartParams: {num-gpus: "2"}
    template:
      spec:
        containers:
        - name: ray-worker
          image: rayproject/ray:2.46.0-gpu
          resources:
            limits: {nvidia.com/mig-1g.10gb: 2}
  - groupName: by-claim
    replicas: 2
    rayStartParams: {num-gpus: "1"}
    template:
      spec:
        resourceClaims: [{name: gpu, resourceClaimTemplateName: one-gpu}]
        containers:
        - name: ray-worker
          image: rayproject/ray:2.46.0-gpu
          resources:
            claims: [{name: gpu}]
```

## When to ignore
Where tasks are meant to share a device and ask Ray for whole ones; asking for a fraction (`num_gpus=0.5`) says the same without the
mismatch. Where the number is a stand-in on a machine without GPUs.

## References
- https://docs.ray.io/en/latest/cluster/kubernetes/user-guides/config.html#num-gpus
- https://github.com/ray-project/kuberay/blob/master/ray-operator/controllers/ray/common/pod.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.quantity import Quantity
from auditor.rule import COST, RECOMMENDED, Fault, Path, Severity, mapping, rule
from auditor.workload import Container, PodTemplate
from auditor.workload.values import amount


@rule(
    "ray-gpu-count-mismatch",
    title="Ray is told another number of GPUs than it has",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, COST},
)
def check(template: PodTemplate) -> Iterator[Fault]:
    path = template.path[:-2]
    if path[-1:] != ("headGroupSpec",) and path[-2:-1] != ("workerGroupSpecs",):
        return
    first = (*template.path, "containers", 0)
    ray = next((container for container in template.containers if container.path == first), None)
    if ray is None or template.resource_claims or template.has_accelerator_fraction:
        return
    gpus = _gpus(ray)
    other = next((c for c in template.containers if c is not ray and c.path[-2] == "containers" and _gpus(c)), None)
    if gpus == 0 and other is not None:
        yield other.fault(
            f"has the GPUs, but KubeRay takes the first container, {ray.name}, as Ray's: Ray sees no GPU",
            remediation="put the Ray container first in `containers`",
        )
        return
    group = _at(template.workload.raw, path)
    where, told = _told(group, path)
    if gpus is None or not isinstance(told, Quantity) or not told.whole or told == gpus:
        return
    effect = "Ray starts tasks for devices that do not exist" if told > gpus else "Ray never uses the rest"
    yield template.fault(
        f"sets {where[-1]}: {told} for a Ray container that asks for {gpus or 'no'} {'GPU' if gpus == 1 else 'GPUs'}: {effect}",
        at=where,
        remediation=f'set `{where[-1]}: "{gpus}"`' + (", or leave it out: KubeRay reads the limits of the container" if _seen(ray) else ""),
    )


def _seen(ray: Container) -> bool:
    """KubeRay finds the GPUs of the container without help: names that end in gpu, and MIG profiles."""
    return all(request.key.endswith("gpu") or request.device.partition for request in ray.accelerators)


def _gpus(container: Container) -> int | None:
    """How many GPUs a container asks for; None where that is unknown."""
    counts = [request.count for request in container.accelerators if request.device.gpu]
    return None if None in counts else sum(count for count in counts if count)


def _told(group: Mapping[str, Any], path: Path) -> tuple[Path, object]:
    """Where a group states its number of GPUs, and the number. KubeRay refuses a group that does so in both places."""
    for key, value in mapping(group.get("resources")).items():
        if key.lower().endswith("gpu"):
            return (*path, "resources", key), amount(value)
    value = mapping(group.get("rayStartParams")).get("num-gpus")
    return (*path, "rayStartParams", "num-gpus"), None if value is None else amount(value)


def _at(raw: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    node: Any = raw
    for step in path:
        node = node[step]
    return mapping(node)
