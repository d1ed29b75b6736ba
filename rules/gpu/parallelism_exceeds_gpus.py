"""A program is told to use more GPUs than its container asks for.

## Why it matters
Model servers and launchers start one worker for each device that they are told to use. Where the container has fewer, the worker that finds
no device of its own ends with an error such as "invalid device ordinal", and the pod crash-loops while it holds the GPUs that it did get.
Degrees multiply: tensor parallelism of 4 with pipeline parallelism of 2 is 8 devices, and data parallelism multiplies them again.

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
        image: vllm/vllm-openai:v0.10.2
        args:
        - --model=Qwen/Qwen3-32B
        - -tp  # finding
        - "4"
        - --pipeline_parallel_size=2
        resources: {limits: {nvidia.com/gpu: 4}}
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
        image: ghcr.io/example/train:2.0
        command:
        - sh
        - -c
        - |  # finding
          set -e
          torchrun --nproc_per_node=8 train.py
        resources: {limits: {nvidia.com/gpu: 4}}
      - name: shards
        image: ghcr.io/huggingface/text-generation-inference:3.0.1
        env:
        - {name: MODEL_ID, value: mistralai/Mixtral-8x7B-Instruct-v0.1}
        - name: NUM_SHARD  # finding
          value: "4"
        resources: {limits: {nvidia.com/gpu: 2}}
```

```yaml
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: finetune}
spec:
  nprocPerNode: "4"  # finding
  pytorchReplicaSpecs:
    Worker:
      replicas: 2
      template:
        spec:
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            resources: {limits: {nvidia.com/gpu: 2}}
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: as-many}
spec:
  containers:
  - name: equal
    image: vllm/vllm-openai:v0.10.2
    args: [--model, Qwen/Qwen3-32B, -tp, "2", --data-parallel-size, "2"]
    resources: {limits: {nvidia.com/gpu: 4}}
  - name: as-many-as-there-are
    image: ghcr.io/example/train:2.0
    command: [torchrun, --nproc-per-node=gpu, train.py]
    resources: {limits: {nvidia.com/gpu: 2}}
  - name: not-filled-in
    image: ghcr.io/example/train:2.0
    command: [sh, -c, 'torchrun --nproc-per-node=$GPUS train.py']
    resources: {limits: {nvidia.com/gpu: 2}}
  - name: one-node-of-two
    image: vllm/vllm-openai:v0.10.2
    args: [--model, Qwen/Qwen3-32B, --tensor-parallel-size=8, --nnodes=2, --node-rank=0]
    resources: {limits: {nvidia.com/gpu: 4}}
  - name: on-cpus
    image: ghcr.io/example/train:2.0
    command: [torchrun, --nproc-per-node=4, train.py]
```

```yaml
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: two-nodes}
spec:
  leaderWorkerTemplate:
    size: 2
    leaderTemplate:
      spec:
        containers:
        - name: leader
          image: vllm/vllm-openai:v0.10.2
          command: [sh, -c, "ray start --head && vllm serve Qwen/Qwen3-235B --tensor-parallel-size 8 --pipeline-parallel-size 2"]
          resources: {limits: {nvidia.com/gpu: 8}}
    workerTemplate:
      spec:
        containers:
        - name: worker
          image: vllm/vllm-openai:v0.10.2
          command: [sh, -c, ray start --address=$LWS_LEADER_ADDRESS --block]
          resources: {limits: {nvidia.com/gpu: 8}}
```

## When to ignore
Where a wrapper script takes the flags for something else, or several ranks share a GPU on purpose.

## References
- https://docs.vllm.ai/en/stable/serving/parallelism_scaling/
- https://docs.pytorch.org/docs/stable/elastic/run.html
- https://huggingface.co/docs/text-generation-inference/reference/launcher
- https://www.kubeflow.org/docs/components/trainer/legacy-v1/user-guides/pytorch/
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import LLM_SERVING, RECOMMENDED, Confidence, Fault, Path, Severity, rule
from auditor.workload import AcceleratorRequest, Container, processes_by_operator


@rule(
    "parallelism-exceeds-gpus",
    title="Told to use more GPUs than the container asks for",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    tags={LLM_SERVING},
    accelerated=True,
)
def check(container: Container) -> Iterator[Fault]:
    request, *others = container.accelerators
    if others or not request.device.gpu or not request.count:
        return
    for use in container.parallelism:
        if use.degree > request.count and not use.spans_pods:
            product = f" = {use.degree}" if len(use.factors) > 1 else ""
            yield container.fault(
                f"{use.engine} is told {use}{product}, but the container asks for {_found(request)}",
                at=_place(container, use.factors[0][0]),
                remediation=f"ask for {use.degree} of {request.key}, or lower the degree to {request.count}",
            )
    yield from _by_operator(container, request, request.count)


def _by_operator(container: Container, request: AcceleratorRequest, count: int) -> Iterator[Fault]:
    """Processes that the operator starts in each pod."""
    told = processes_by_operator(container)
    if told is None or told[1] <= count:
        return
    path, processes = told
    mpi = container.template.workload.ref.kind == "MPIJob"  # ranks may share a GPU, or compute on the CPU
    yield container.fault(
        f"{path[-1]} is {processes}, but the container {container.name} asks for {_found(request)}",
        at=path,
        remediation=f"set {path[-1]} to {count}, or ask for {processes} of {request.key}",
        severity=Severity.MEDIUM if mpi else None,
        confidence=Confidence.MEDIUM if mpi else None,
    )


def _found(request: AcceleratorRequest) -> str:
    return f"{request}, shares that may be of one device" if request.device.shared else str(request)


def _place(container: Container, name: str) -> Path:
    if name.startswith("-"):
        return container.word_path(name)
    return next((variable.path for variable in container.env if variable.name == name), container.path)
