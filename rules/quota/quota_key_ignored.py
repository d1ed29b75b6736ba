"""A quota names an extended resource without the prefix `requests.`, so that it limits nothing.

## Why it matters
For extended resources, GPUs among them, the quota controller counts one spelling only: `requests.nvidia.com/gpu`. Request and limit of an
extended resource are equal, so there is no quota on limits. `limits.nvidia.com/gpu` and `nvidia.com/gpu` are accepted by the API server
without a warning and never counted: with `limits.nvidia.com/gpu: "1"` as the only key a pod with 8 GPUs was admitted (executed on
Kubernetes 1.36.3). Beside the right key the wrong one is only misleading.

## Bad
```yaml
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpus, namespace: team-a}
spec:
  hard:
    limits.nvidia.com/gpu: "8"  # finding
    amd.com/gpu: "4"  # finding
    request.google.com/tpu: "4"  # finding
```

```yaml
apiVersion: v1
kind: ResourceQuota
metadata: {name: misleading, namespace: team-b}
spec:
  hard:
    requests.nvidia.com/gpu: "8"
    limits.nvidia.com/gpu: "8"  # finding
```

```yaml
apiVersion: kubeflow.org/v1
kind: Profile
metadata: {name: team-c}
spec:
  owner: {kind: User, name: ada@example.com}
  resourceQuotaSpec:
    hard:
      nvidia.com/gpu: "2"  # finding
```

## Good
```yaml
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpus, namespace: team-a}
spec:
  hard:
    requests.nvidia.com/gpu: "8"
    gpu.nvidia.com.deviceclass.resource.k8s.io/devices: "8"
    limits.cpu: "100"
    hugepages-2Mi: 1Gi
    count/jobs.batch: "50"
    fast.storageclass.storage.k8s.io/requests.storage: 1Ti
    openshift.io/imagestreams: "10"
```

The scheduler of HAMi has quotas of its own on device memory and cores, and reads these keys:
```yaml
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpu-memory, namespace: team-a}
spec:
  hard:
    limits.nvidia.com/gpumem: "40960"
    limits.nvidia.com/gpucores: "200"
```

## When to ignore
Where a controller of your own reads the key.

## References
- https://kubernetes.io/docs/concepts/policy/resource-quotas/
- https://github.com/kubernetes/kubernetes/blob/master/pkg/quota/v1/evaluator/core/pods.go
- https://github.com/Project-HAMi/HAMi/blob/master/pkg/device/quota.go
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from auditor.accelerators import is_companion, is_extended
from auditor.document import Document
from auditor.rule import RECOMMENDED, Confidence, Fault, Rename, Severity, is_placeholder, mapping, rule
from auditor.snapshot import Snapshot

# Kinds that hold a quota, by group, with the place of its amounts.
_HARD: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "ResourceQuota"): ("spec", "hard"),
    ("kubeflow.org", "Profile"): ("spec", "resourceQuotaSpec", "hard"),
    ("quota.openshift.io", "ClusterResourceQuota"): ("spec", "quota", "hard"),
}
_WRONG_PREFIX = re.compile(r"(limits?|request)\.")
# Prefixed names that quotas count though they are no requests: numbers of objects, storage by class, devices by class, OpenShift's objects.
_COUNTED = re.compile(r"count/|[^/]*\.k8s\.io/|openshift\.io/")


@rule(
    "quota-key-ignored",
    title="Quota on an extended resource that is never counted",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    kinds={"ResourceQuota", "Profile", "ClusterResourceQuota"},
    needs={"ResourceQuota"},
    fixable=True,
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Fault]:
    path = _HARD.get((document.ref.group, document.ref.kind))
    if path is None:
        return
    own = _hard(document, path)
    for key, value in own.items():
        resource = _WRONG_PREFIX.sub("", key, count=1)
        if value is None or not is_extended(key) or _COUNTED.match(key) or is_placeholder(key):
            continue
        if key.startswith("limits.") and is_companion(resource):
            continue
        right = f"requests.{resource}"
        others = (_hard(other, path) for other in snapshot.beside(document, document.ref.kind, document.ref.group))
        beside = right in own or any(right in hard for hard in others)
        effect = f"only `{right}` beside it limits anything" if beside else f"nothing limits {resource}"
        once = sum(_WRONG_PREFIX.sub("", other, count=1) == resource for other in own) == 1
        yield Fault(
            document,
            (*path, key),
            f"the quota on {key} is accepted and never counted; {effect}",
            remediation=f"remove `{key}`" if beside else f"rename `{key}` to `{right}`",
            severity=Severity.LOW if beside else Severity.HIGH,
            confidence=Confidence.HIGH if snapshot.device(resource) else Confidence.MEDIUM,
            patch=(Rename((*path, key), right),) if once and not beside and snapshot.device(resource) else (),
        )


def _hard(document: Document, path: tuple[str, ...]) -> Mapping[str, object]:
    node: object = document.raw
    for step in path:
        node = mapping(node).get(step)
    return mapping(node)
