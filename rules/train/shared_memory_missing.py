"""A training container has the 64 MiB of shared memory that the container runtime gives it.

## Why it matters
Data loader workers of PyTorch hand batches to the training process through `/dev/shm`, and NCCL talks through it between the GPUs of a
node. Container runtimes make it 64 MiB, whatever the pod's memory. Once it is full the process dies with "bus error" or "No space left on
device", often after minutes, with the first large batch. A volume of type `emptyDir` with `medium: Memory` at `/dev/shm` lifts that limit;
what is written there counts towards the container's memory limit. `hostIPC` would lift it too, and share the node's memory segments with
the pod.

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
        command: [torchrun, --nproc-per-node=2, train.py]
        resources: {limits: {memory: 64Gi, nvidia.com/gpu: 2}}
        volumeMounts:  # finding
        - {name: data, mountPath: /data}
      volumes:
      - {name: data, persistentVolumeClaim: {claimName: data}}
```

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      containers:
      - name: vllm  # finding
        image: vllm/vllm-openai:v0.10.2
        args: [--model, Qwen/Qwen3-32B, --tensor-parallel-size, "2"]
        resources: {limits: {nvidia.com/gpu: 2}}
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: too-small}
spec:
  pytorchReplicaSpecs:
    Worker:
      template:
        spec:
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            resources: {limits: {nvidia.com/gpu: 4}}
            volumeMounts:
            - {name: shm, mountPath: /dev/shm}
          volumes:
          - name: shm
            emptyDir:
              medium: Memory
              sizeLimit: 128Mi  # finding
```

## Good
```yaml
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: finetune}
spec:
  pytorchReplicaSpecs:
    Worker:
      template:
        spec:
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            resources: {limits: {memory: 64Gi, nvidia.com/gpu: 2}}
            volumeMounts:
            - {name: shm, mountPath: /dev/shm/}
          volumes:
          - name: shm
            emptyDir: {medium: Memory, sizeLimit: 16Gi}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: one-gpu}
spec:
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        args: [--model, Qwen/Qwen3-0.6B]
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: mounted-by-kuberay}
spec:
  entrypoint: python train.py
  rayClusterSpec:
    headGroupSpec:
      template:
        spec:
          containers:
          - name: head
            image: rayproject/ray:2.52.0
            resources: {limits: {nvidia.com/gpu: 2}}
---
apiVersion: kubeflow.org/v1
kind: JAXJob
metadata: {name: one-process-for-all-devices}
spec:
  jaxReplicaSpecs:
    Worker:
      template:
        spec:
          containers:
          - name: jax
            image: ghcr.io/example/jax:1.0
            resources: {limits: {nvidia.com/gpu: 8}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: train-on-tpus}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: train
        image: ghcr.io/example/train:2.0
        command: [python, train.py]
        resources: {limits: {google.com/tpu: 4}}
```

## When to ignore
Where training reads its data in the main process (`num_workers=0`) on one GPU, or a webhook mounts the volume.

## References
- https://docs.vllm.ai/en/stable/deployment/k8s/
- https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html#shared-memory
- https://huggingface.co/docs/text-generation-inference
- https://z2jh.jupyter.org/en/stable/jupyterhub/customizing/user-resources.html#modifying-user-shared-memory-size
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from auditor.quantity import Quantity, format_bytes, parse_quantity
from auditor.rule import RECOMMENDED, Confidence, Fault, Path, Role, Severity, rule
from auditor.workload import Container, Image, Inject, Mount
from auditor.workload.values import amount

SHM = "/dev/shm"
VENDORS = ("nvidia", "amd")
ENOUGH = parse_quantity("1Gi")


@rule(
    "shared-memory-missing",
    title="No shared memory for data loaders and NCCL",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    accelerated=True,
    exempt={Role.INFRASTRUCTURE, Role.PLATFORM},
)
def check(container: Container) -> Iterator[Fault]:
    template, workload = container.template, container.template.workload
    gpus = sum(1 if request.count is None else request.count for request in container.accelerators if request.device.vendor in VENDORS)
    if not gpus or not container.is_main or template.incomplete or Inject.SHARED_MEMORY in template.injects or _jax(container):
        return
    mount = next((mount for mount in container.mounts if _covers(mount)), None)
    small = [] if mount is None else list(_too_small(container, mount, gpus))
    if mount is not None and not small:
        return
    if not workload.is_role(Role.TRAINING) and max((use.degree for use in container.parallelism), default=1) < 2:
        return
    if mount is not None:
        yield from small
    elif not _elsewhere(container):
        yield container.fault(
            f"nothing is mounted at {SHM}, so that {_users(container, gpus)} share the 64 MiB of the container runtime",
            at=_place(container),
            remediation=f"mount a volume `emptyDir: {{medium: Memory, sizeLimit: {_size(container)}}}` at {SHM}",
            severity=Severity.MEDIUM if gpus > 1 else Severity.LOW,
            confidence=Confidence.MEDIUM if gpus == 1 and "tensorflow" in container.command_line + str(container.image) else None,
        )


def _users(container: Container, gpus: int) -> str:
    if not container.template.workload.is_role(Role.TRAINING):
        return f"the processes of {gpus} GPUs"
    return "data loaders and NCCL" if gpus > 1 else "data loaders"


def _jax(container: Container) -> bool:
    """JAX drives all devices from one process, and reads data without shared memory."""
    repository = container.image.repository if isinstance(container.image, Image) else ""
    return container.template.workload.ref.kind == "JAXJob" or repository.rpartition("/")[2] in ("jax", "maxtext")


def _covers(mount: Mount) -> bool:
    """Whether a volume is mounted at /dev/shm or above it, or at a place that nobody knows."""
    return mount.mount_path.rstrip("/") in (SHM, "/dev", "")


def _elsewhere(container: Container) -> bool:
    """Whether shared memory comes from the host, or what is mounted cannot be known."""
    return container.template.get("hostIPC") not in (None, False) or not isinstance(container.raw.get("volumeMounts"), list | None)


def _too_small(container: Container, mount: Mount, gpus: int) -> Iterator[Fault]:
    volume = container.template.volume(mount.volume)
    if volume is None or volume.kind != "emptyDir" or gpus < 2 or volume.source.get("sizeLimit") is None:
        return
    limit = amount(volume.source["sizeLimit"])
    if isinstance(limit, Quantity) and limit < ENOUGH:
        yield container.fault(
            f"{SHM} holds {limit} for {gpus} GPUs and their data loaders",
            at=(*volume.path, "emptyDir", "sizeLimit"),
            remediation=f"raise sizeLimit to at least {ENOUGH}, better to a quarter of the memory limit",
            severity=Severity.LOW,
        )


def _size(container: Container) -> str:
    """A quarter of the memory limit, for the loaders and for their copies elsewhere in memory."""
    limit = container.limit("memory")
    if not isinstance(limit, Quantity) or limit < 4 * ENOUGH:
        return "8Gi"
    return format_bytes(Fraction(limit // (4 * ENOUGH)) * ENOUGH)


def _place(container: Container) -> Path:
    return container.at("volumeMounts") if container.raw.get("volumeMounts") else container.path
