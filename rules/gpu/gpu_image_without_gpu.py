"""An image or a command that is made for GPUs runs in a pod that asks for none.

## Why it matters
The scheduler takes the pod for one without an accelerator. On a node without GPUs the program fails at start, or computes on the CPU at a
fraction of the speed. On a node with GPUs it is worse: where the runtime lets it, the container sees every GPU of the node, also those that
were given to other pods, because images for GPUs ask for all of them and nothing narrows that down.

## Bad
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
      - name: vllm
        image: vllm/vllm-openai:v0.10.2  # finding
        args: [--model, Qwen/Qwen3-0.6B]
```

```yaml
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: finetune}
spec:
  pytorchReplicaSpecs:
    Master:
      template:
        spec:
          containers:
          - name: pytorch
            image: pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime  # finding
            command: [python, train.py]
    Worker:
      template:
        spec:
          containers:
          - name: pytorch
            image: pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime
            command: [python, train.py]
            resources: {limits: {nvidia.com/gpu: 1}}
```

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
        image: ghcr.io/example/llm:3.1
        command:
        - sh
        - -c
        - |  # finding
          deepspeed train.py --deepspeed ds_config.json
```

## Good
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: cpu-on-purpose}
spec:
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      containers:
      - name: image-for-cpus
        image: public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:v0.10.2
        args: [--model, Qwen/Qwen3-0.6B, --gpu-memory-utilization, "0.5"]
      - name: flag
        image: vllm/vllm-openai:v0.10.2
        args: [--model, Qwen/Qwen3-0.6B, --device, cpu]
      - name: variable
        image: tensorflow/tensorflow:2.15.0-gpu
        command: [python, train.py]
        env: [{name: CUDA_VISIBLE_DEVICES, value: ""}]
      - name: client
        image: vllm/vllm-openai:v0.10.2
        command: [vllm, bench, serve]
---
apiVersion: v1
kind: Pod
metadata:
  name: part-of-a-gpu
  annotations: {gpu-fraction: "0.5"}
spec:
  containers:
  - name: chat
    image: vllm/vllm-openai:v0.10.2
---
apiVersion: v1
kind: Pod
metadata: {name: claims-a-gpu}
spec:
  resourceClaims: [{name: gpu, resourceClaimTemplateName: one-gpu}]
  containers:
  - name: chat
    image: vllm/vllm-openai:v0.10.2
    resources: {claims: [{name: gpu}]}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: gpus-come-from-the-runtime}
spec:
  predictor:
    model:
      modelFormat: {name: huggingface}
      args: [--tensor-parallel-size=2]
```

```yaml
apiVersion: ray.io/v1
kind: RayService
metadata: {name: head-without-gpu}
spec:
  rayClusterConfig:
    headGroupSpec:
      template:
        spec:
          containers: [{name: head, image: "rayproject/ray-llm:2.52.0-py311-cu128"}]
    workerGroupSpecs:
    - groupName: gpu
      template:
        spec:
          containers:
          - name: worker
            image: rayproject/ray-llm:2.52.0-py311-cu128
            resources: {limits: {nvidia.com/gpu: 1}}
```

## When to ignore
Where the same image serves a stage that needs no GPU, such as writing code in a notebook or converting a checkpoint.

## References
- https://github.com/NVIDIA/k8s-device-plugin#running-gpu-jobs
- https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.rule import RECOMMENDED, Confidence, Fault, Role, Severity, Unknown, rule
from auditor.workload import Container, Image, Inject

SERVERS = re.compile(r"(^|/)vllm-openai|text-generation-inference")
FRAMEWORKS = re.compile(r"nvcr\.io/nvidia/(pytorch|tensorflow|jax|nemo|mxnet|paddlepaddle|tensorrt(-llm/.*)?)$")
MADE_FOR_GPUS = re.compile(r"gpu|cuda[\d.]*|cu1[1-9]\d|rocm[\d.]*")
MADE_FOR_OTHERS = re.compile(r"cpu|tpu|xpu|hpu|gaudi|neuronx?|arm64cpu")
STARTS_SERVER = re.compile(r"\bvllm serve\b|\bvllm\.entrypoints\b|\btext-generation-launcher\b")

# A resource that may be an accelerator, or a part of one, under a name of its own.
DEVICE_LIKE = re.compile(r"gpu|npu|tpu|xpu|mlu|dcu|accelerator", re.IGNORECASE)

CPU_VARIABLES = {
    "CUDA_VISIBLE_DEVICES": ("", "-1"),
    "JAX_PLATFORMS": ("cpu",),
    "JAX_PLATFORM_NAME": ("cpu",),
    "VLLM_TARGET_DEVICE": ("cpu",),
    "ACCELERATE_USE_CPU": ("true", "1"),
}
CPU_FLAGS = ("--cpu", "--use-cpu", "--no-cuda", "--cpu-only")


@rule(
    "gpu-image-without-gpu",
    title="Made for GPUs, but the pod asks for none",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    profiles={RECOMMENDED},
    roles={Role.TRAINING, Role.SERVING, Role.NOTEBOOK},
)
def check(container: Container) -> Iterator[Fault]:
    if not container.is_main or not _without_gpu(container):
        return
    image = container.image
    if isinstance(image, Image) and any(MADE_FOR_OTHERS.fullmatch(part) for part in _parts(image)):
        return
    if isinstance(image, Image) and _image_for_gpus(image, container):
        found, path = f"image {image} is made for GPUs", container.at("image")
    elif (flag := _flag_for_gpus(container)) is not None:
        found, path = f"{flag} needs a GPU", container.word_path(flag, "deepspeed")
    else:
        return
    if not _on_purpose(container):
        amd = isinstance(image, Image) and "rocm" in image.text
        yield container.fault(
            f"{found}, but the pod asks for none: it runs on the CPU, or on a node with GPUs sees all of them",
            at=path,
            remediation=f"set `{'amd.com/gpu' if amd else 'nvidia.com/gpu'}: 1` under resources.limits, or use an image for CPUs",
        )


def _without_gpu(container: Container) -> bool:
    """Whether nothing gives the pod an accelerator, now or later."""
    template, workload = container.template, container.template.workload
    if template.accelerated or template.resource_claims or template.incomplete:
        return False
    if workload.ref.kind == "DaemonSet" or workload.framework == "kaito" or isinstance(container.resources, Unknown):
        return False
    if workload.framework == "kserve" and not isinstance(container.path[-1], int):
        return False  # a ServingRuntime supplies what a model lacks
    if workload.accelerated and workload.ref.kind != "PyTorchJob":
        return False  # a launcher, a head or a router often has the image of the pods that do the work
    return not any(DEVICE_LIKE.search(key) for section in ("limits", "requests") for key in container.resource_keys(section))


def _parts(image: Image) -> list[str]:
    return re.split(r"[-_.+]", f"{image.name}-{image.tag}".lower())


def _image_for_gpus(image: Image, container: Container) -> bool:
    if SERVERS.search(image.repository):
        own_entrypoint = container.raw.get("command") is None and Inject.COMMAND not in container.template.injects
        return own_entrypoint or STARTS_SERVER.search(container.command_line) is not None
    if FRAMEWORKS.search(image.repository):
        return True
    return any(MADE_FOR_GPUS.fullmatch(part) for part in re.split(r"[-_+]", image.tag.lower()))


def _flag_for_gpus(container: Container) -> str | None:
    """What in the command line only makes sense with a GPU."""
    for flag in ("--gpu-memory-utilization", "--tensor-parallel-size", "--fp8", "--deepspeed"):
        if container.flag(flag) not in (None, "0"):
            return flag
    return "deepspeed" if any(word.rpartition("/")[2] == "deepspeed" for command in container.commands for word in command[:2]) else None


def _on_purpose(container: Container) -> bool:
    """Whether the container is told to compute on the CPU, or its devices are the business of another rule."""
    if container.flag("--device") == "cpu" or any(container.flag(flag) is not None for flag in CPU_FLAGS):
        return True
    if any(container.env_value(name) in values for name, values in CPU_VARIABLES.items()):
        return True
    return container.env_value("NVIDIA_VISIBLE_DEVICES") is not None
