"""An accelerator is requested without an equal limit, so that no pod is ever created.

## Why it matters
Accelerators are extended resources: Kubernetes does not overcommit them, and a request that differs from the limit is refused. For a Pod
and for built-in workloads the API server rejects the object itself ("Limit must be set for non overcommitable resources", "must be equal to
nvidia.com/gpu limit of 2"; executed on Kubernetes 1.36.3). A custom resource such as a PyTorchJob is accepted, and its pods never come to
exist. A limit alone is right: the request defaults to it.

## Bad
```yaml
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: finetune}
spec:
  pytorchReplicaSpecs:
    Worker:
      replicas: 2
      template:
        spec:
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            resources:
              requests:
                nvidia.com/gpu: 1  # finding
          - name: logger
            image: ghcr.io/example/logger:1.0
            resources:
              requests: {cpu: 100m}
              limits:
                nvidia.com/gpu: 1
```

```yaml
apiVersion: v1
kind: Pod
metadata: {name: two-of-one}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources:
      requests: {rdma/hca: 2}  # finding
      limits: {rdma/hca: 1}
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: limit-alone}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources:
      limits: {nvidia.com/gpu: 1}
  - name: template-not-filled-in
    image: ghcr.io/example/train:2.0
    resources:
      requests: {nvidia.com/gpu: "${GPUS}"}
      limits: {nvidia.com/gpu: 1}
```

## When to ignore
Where an admission webhook or a LimitRange that is not in view adds the limit.

## References
- https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/
- https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.accelerators import is_extended
from auditor.document import Unknown
from auditor.rule import COST, RECOMMENDED, Fault, Put, Severity, mapping, rule
from auditor.workload import Container


@rule(
    "gpu-request-not-equal-limit",
    title="GPU request differs from its limit",
    severity=Severity.CRITICAL,
    profiles={RECOMMENDED, COST},
    fixable=True,
)
def check(container: Container) -> Iterator[Fault]:
    workload = container.template.workload
    consequence = (
        "the API server rejects it" if workload.validated else f"the {workload.ref.kind} is accepted, but none of its pods is ever created"
    )
    for key in container.resource_keys("requests"):
        request, limit = container.request(key), container.limit(key)
        if not is_extended(key) or isinstance(request, Unknown) or isinstance(limit, Unknown) or request == limit:
            continue
        found = (
            f"requests {key}: {request} but sets no limit for it" if limit is None else f"requests {key}: {request} with a limit of {limit}"
        )
        yield container.fault(
            f"{found}; {consequence}",
            at=container.at(container.resources_key, "requests", key),
            remediation=f"set `{key}: {request}` under limits and drop it from requests",
            patch=_patch(container, key) if limit is None else (),  # of two numbers either may be meant
        )


def _patch(container: Container, key: str) -> tuple[Put, ...]:
    """The request copied to the limits, as it is written."""
    written = mapping(mapping(container.raw.get("resources")).get("requests")).get(key)
    if isinstance(written, bool) or not isinstance(written, int | str):
        return ()
    return (Put(container.at("resources", "limits", key), written),)
