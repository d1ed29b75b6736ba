"""A quota limits one sort of accelerator, and the namespace can take others without a limit.

## Why it matters
A quota counts what it names. Beside `requests.nvidia.com/gpu` the same GPUs are to be had as MIG slices (`nvidia.com/mig-1g.10gb`), as
shares (`nvidia.com/gpu.shared`) or by a claim on a DeviceClass, each under a key of its own: whoever asks for one of those is not limited
at all. The quota looks complete, and the first team to notice has all the devices.

## Bad
```yaml
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpus, namespace: team-a}
spec:
  hard:  # finding
    requests.nvidia.com/gpu: "4"
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: slices, namespace: team-a}
spec:
  replicas: 40
  selector: {matchLabels: {app: slices}}
  template:
    metadata: {labels: {app: slices}}
    spec:
      containers:
      - name: server
        image: vllm/vllm-openai:v0.19.0
        resources: {limits: {nvidia.com/mig-1g.10gb: 1}}
```

What the cluster offers, where it is in view:
```yaml complete
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpus, namespace: team-a}
spec:
  hard:  # finding
    requests.nvidia.com/gpu: "4"
---
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
status:
  allocatable: {cpu: "96", nvidia.com/gpu: "4", nvidia.com/gpu.shared: "16"}
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: mig.nvidia.com}
spec: {}
```

## Good
```yaml complete
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpus, namespace: team-a}
spec:
  hard:
    requests.nvidia.com/gpu: "4"
    requests.nvidia.com/gpu.shared: "0"
    mig.nvidia.com.deviceclass.resource.k8s.io/devices: "0"
---
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
status:
  allocatable: {cpu: "96", nvidia.com/gpu: "4", nvidia.com/gpu.shared: "16", nvidia.com/mig-1g.10gb: "0", rdma/ib: "8"}
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: mig.nvidia.com}
spec: {}
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: gpu.nvidia.com}
spec: {extendedResourceName: nvidia.com/gpu}
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: compute-domain-default-channel.nvidia.com}
spec: {}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: no-gpus, namespace: team-b}
spec: {hard: {requests.cpu: "64"}}
```

## When to ignore
Where node selectors or taints keep the namespace away from the nodes that offer the rest.

## References
- https://kubernetes.io/docs/concepts/policy/resource-quotas/
- https://docs.nvidia.com/datacenter/cloud-native/kubernetes/latest/index.html
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.accelerators import is_accelerator_class
from auditor.document import Document
from auditor.quantity import Quantity
from auditor.quotas import CLAIMED, Quota, device_keys, quotas_beside, quotas_from_elsewhere
from auditor.rule import MULTI_TENANT, RECOMMENDED, Fault, Result, Severity, mapping, rule, skip
from auditor.snapshot import Namespace, Snapshot, same_branch
from auditor.workload.values import amount

_SHOWN = 3
_ANY_CLASS = f"<class>{CLAIMED}"


@rule(
    "quota-bypassed",
    title="Accelerator quota leaves other accelerators free",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    tags={MULTI_TENANT},
    needs=("ResourceQuota", "Node", "DeviceClass"),
)
def check(namespace: Namespace, snapshot: Snapshot) -> Iterator[Result]:
    own = (Quota.read(document, "spec") for document in namespace.documents if _is_quota(document))
    quota = next((one for one in own if device_keys(one, snapshot.device_table)), None)
    if quota is None or namespace.system:
        return
    quotas = [*quotas_beside(quota.document, snapshot), *quotas_from_elsewhere(namespace.name, snapshot)]
    limited = {key for one in quotas for key in device_keys(one, snapshot.device_table)}
    free: dict[str, str] = {}
    for key, where in (*_used(namespace, snapshot), *_offered(quota.document, snapshot, limited)):
        claimed = key == _ANY_CLASS and any(other.endswith(CLAIMED) for other in limited)
        if key not in limited and not claimed:
            free.setdefault(key, where)
    if free:
        yield _fault(quota, device_keys(quota, snapshot.device_table)[0], free)
    elif not snapshot.by_kind("Node", ""):
        yield skip("the accelerators that the nodes offer")


def _is_quota(document: Document) -> bool:
    return document.ref.kind == "ResourceQuota" and not document.ref.group


def _used(namespace: Namespace, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """The quota keys of what workloads of the namespace ask for, with who asks."""
    for workload in namespace.workloads:
        if workload.incomplete or not snapshot.asks_for_accelerator(workload):
            continue
        for template in workload.templates:
            yield from ((f"requests.{key}", f"used by {workload.ref}") for key in template.accelerators)
            if snapshot.claims_accelerator(template):
                yield _ANY_CLASS, f"claimed by {workload.ref}"


def _offered(quota: Document, snapshot: Snapshot, limited: set[str]) -> Iterator[tuple[str, str]]:
    """The quota keys of what nodes advertise and DeviceClasses stand for, with who offers it."""
    for node in snapshot.by_kind("Node", ""):
        for key, written in mapping(mapping(node.raw.get("status")).get("allocatable")).items():
            number = amount(written)
            if snapshot.device(key) and isinstance(number, Quantity) and number > 0 and _in_reach(quota, node, snapshot):
                yield f"requests.{key}", f"offered by node {node.ref.name}"
    for one in snapshot.by_kind("DeviceClass", "resource.k8s.io"):
        extended = mapping(one.raw.get("spec")).get("extendedResourceName")  # counted under that name as well
        if is_accelerator_class(one.ref.name) and f"requests.{extended}" not in limited and _in_reach(quota, one, snapshot):
            yield f"{one.ref.name}{CLAIMED}", f"offered by DeviceClass {one.ref.name}"


def _in_reach(quota: Document, other: Document, snapshot: Snapshot) -> bool:
    """Whether two objects are meant for one cluster."""
    return snapshot.complete or same_branch(quota, other)


def _fault(quota: Quota, key: str, free: dict[str, str]) -> Fault:
    names = [f"{one.removeprefix('requests.').removesuffix(CLAIMED)} ({where})" for one, where in free.items()]
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    missing = ", ".join(f"`{one}`" for one in list(free)[:_SHOWN])
    return Fault(
        quota.document,
        quota.path,
        f"limits {key.removeprefix('requests.')} and leaves free {shown}, of which the namespace can take all there are",
        remediation=f"add {missing} to the quota, 0 where the namespace shall have none",
    )
