"""A pod shares the network, the processes or the inter-process memory of its node.

## Why it matters
- `hostNetwork: true`: the pod has the node's addresses. It reaches what listens on the node's loopback and the cloud's metadata service
  with the node's identity, its ports collide with other pods', and most network plugins apply no NetworkPolicy to it.
- `hostPID: true`: the pod sees every process of the node, and as root their environment, with the tokens of other tenants.
- `hostIPC: true`: the pod shares shared memory and semaphores with the node and every other such pod. On GPU pods it is nearly always
  there because data loaders and NCCL ran out of /dev/shm; a memory volume at /dev/shm gives them what they need and shares nothing.

Pod Security admission forbids all three at level baseline. Host networking is documented for some RoCE and EFA hosts: with such a network
card, or NCCL configured for one, a training pod that shares only the network is reported at severity low.

## Bad
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: finetune}
spec:
  template:
    spec:
      restartPolicy: Never
      hostIPC: true  # finding
      containers:
      - name: main
        image: ghcr.io/example/finetune:1.4
        resources:
          limits: {nvidia.com/gpu: 8}
```

```yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: shared}
spec:
  headGroupSpec:
    rayStartParams: {}
    template:
      spec:
        hostNetwork: true  # finding
        hostPID: true
        containers:
        - name: ray-head
          image: rayproject/ray:2.48.0
  workerGroupSpecs:
  - groupName: gpu
    rayStartParams: {}
    template:
      spec:
        hostNetwork: false
        containers:
        - name: ray-worker
          image: rayproject/ray:2.48.0-gpu
```

## Good
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: finetune}
spec:
  template:
    spec:
      restartPolicy: Never
      hostPID: false
      containers:
      - name: main
        image: ghcr.io/example/finetune:1.4
        resources:
          limits: {nvidia.com/gpu: 8}
        volumeMounts:
        - {name: shm, mountPath: /dev/shm}
      volumes:
      - name: shm
        emptyDir: {medium: Memory, sizeLimit: 64Gi}
```

```yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: dcgm-exporter, namespace: gpu-operator}
spec:
  selector: {matchLabels: {app: dcgm-exporter}}
  template:
    metadata: {labels: {app: dcgm-exporter}}
    spec:
      hostPID: true
      containers:
      - name: dcgm-exporter
        image: nvcr.io/nvidia/k8s/dcgm-exporter:4.2.3-4.1.3-ubuntu22.04
```

## When to ignore
For multi-node training over RoCE or EFA whose documentation asks for the host's network, until a secondary network (Multus with SR-IOV, or
a network driver for dynamic resource allocation) replaces it; for node agents, which are infrastructure and not reported.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_hostNamespaces.go
- https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-and-hostnetwork-pods
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, PSS_RESTRICTED, RECOMMENDED, Fault, Role, Severity, rule
from auditor.workload import PodTemplate
from auditor.workload.security import Offence, report, uses_rdma

_SHARES = {"hostIPC": "the node's shared memory", "hostPID": "the node's processes", "hostNetwork": "the node's network"}


@rule(
    "host-namespaces",
    title="Pod shares namespaces of its node",
    severity=Severity.HIGH,
    profiles={RECOMMENDED, PSS_BASELINE, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
    mentions=("hostNetwork", "hostPID", "hostIPC"),
)
def check(template: PodTemplate) -> Iterator[Fault]:
    fields = [field for field in template.spec if field in _SHARES]
    fields += [field for field in _SHARES if field not in fields]
    found = [field for field in fields if template.get(field) is True]
    if found:
        yield report(
            template,
            [Offence("", f"{field}: true", template.at(field)) for field in found],
            f"the pod shares {' and '.join(_SHARES[field] for field in found)}",
            remediation="; ".join(_remedy(template, field) for field in found),
            severity=_severity(template, found),
        )


def _severity(template: PodTemplate, found: list[str]) -> Severity:
    if found != ["hostNetwork"]:
        return Severity.HIGH
    return Severity.LOW if _fast_network(template) else Severity.MEDIUM


def _fast_network(template: PodTemplate) -> bool:
    return template.workload.role is Role.TRAINING and uses_rdma(template, "NCCL_SOCKET_IFNAME")


def _remedy(template: PodTemplate, field: str) -> str:
    if field == "hostIPC":
        return "remove `hostIPC` and mount an `emptyDir: {medium: Memory}` volume at /dev/shm, which is what it is used for on GPU pods"
    if field == "hostPID":
        return "remove `hostPID`; only agents that watch the node need it"
    if _fast_network(template):
        return "it is documented for RoCE and EFA hosts; a secondary network (Multus with SR-IOV, or DRANET) does without `hostNetwork`"
    return "remove `hostNetwork` and reach the pod through a Service"
