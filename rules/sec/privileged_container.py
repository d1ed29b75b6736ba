"""A container is privileged.

## Why it matters
A privileged container has every capability, every device of the node and no seccomp, AppArmor or SELinux confinement: whoever controls its
image or its notebook controls the node. A GPU needs none of that. The device plugin hands over exactly the devices that were requested,
while a privileged container sees all GPUs of the node whatever it requested, so that scheduler and quota count for nothing. RDMA needs at
most `IPC_LOCK` and the network card as a resource; FUSE file systems need their CSI driver; TPUs needed it only on old versions of GKE, and
need a higher limit of locked memory today. Pod Security admission forbids it at level baseline.

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
          initContainers:
          - name: tune
            image: ghcr.io/example/tune:1.0
            securityContext: {privileged: true}
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            resources:
              limits: {nvidia.com/gpu: 1}
            securityContext:
              privileged: true  # finding
```

```yaml
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: lab}
spec:
  template:
    spec:
      containers:
      - name: lab
        image: kubeflownotebookswg/jupyter-scipy:v1.10.0
      - name: docker
        image: docker:27-dind
        securityContext: {privileged: true}  # finding
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: finetune}
spec:
  containers:
  - name: main
    image: ghcr.io/example/finetune:1.4
    resources:
      limits: {nvidia.com/gpu: 1, rdma/hca: 1}
    securityContext:
      privileged: false
      capabilities: {add: [IPC_LOCK]}
  - name: helper
    image: ghcr.io/example/helper:1.0
    securityContext: {privileged: null}
```

```yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: nvidia-device-plugin}
spec:
  selector: {matchLabels: {app: plugin}}
  template:
    metadata: {labels: {app: plugin}}
    spec:
      containers:
      - name: plugin
        image: nvcr.io/nvidia/k8s-device-plugin:v0.17.4
        securityContext: {privileged: true}
```

## When to ignore
For drivers, device plugins and other agents of the node, which are infrastructure and not reported outside the `pss-*` profiles.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_privileged.go
- https://github.com/NVIDIA/k8s-device-plugin
- https://cloud.google.com/kubernetes-engine/docs/how-to/tpus#privileged-mode
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, PSS_RESTRICTED, RECOMMENDED, Fault, Role, Severity, rule
from auditor.workload import PodTemplate
from auditor.workload.security import report

_WORST = (Role.TRAINING, Role.SERVING, Role.NOTEBOOK, Role.BATCH, Role.PLATFORM)


@rule(
    "privileged-container",
    title="Privileged container",
    severity=Severity.CRITICAL,
    profiles={RECOMMENDED, PSS_BASELINE, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
    mentions=("privileged",),
)
def check(template: PodTemplate) -> Iterator[Fault]:
    offences = [holder.sets("privileged") for holder in template.secured if holder.container and holder.get("privileged") is True]
    if not offences:
        return
    why, remedy = "whoever controls it controls the node", "remove `privileged`"
    devices = [request.device for container in template.containers for request in container.accelerators]
    if devices:
        why += ", and it sees all accelerators of the node whatever it requested"
        if any(device.gpu for device in devices):
            remedy += ": a GPU needs no privilege, RDMA at most the capability IPC_LOCK, FUSE its CSI driver"
        elif any(device.vendor == "google" for device in devices):
            remedy += ": a TPU needs at most a higher limit of locked memory (`ulimit -l`, with the capability SYS_RESOURCE)"
    yield report(
        template,
        offences,
        why,
        remediation=remedy,
        severity=Severity.CRITICAL if template.workload.role in _WORST else Severity.HIGH,
    )
