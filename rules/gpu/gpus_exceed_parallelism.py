"""A container asks for more GPUs than its program uses.

## Why it matters
A model server or a launcher uses as many devices as it is told to, and many use one where nobody tells them: vLLM, SGLang and TensorRT-LLM
do, and `torchrun` starts one process. What the container asks for beyond that is given to it, is kept from everybody else and is paid for
around the clock, and never computes anything. The pod looks healthy, so that nobody notices.

Degrees multiply: tensor parallelism of 2 with data parallelism of 2 is 4 devices.

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
      - name: as-told
        image: vllm/vllm-openai:v0.10.2
        args:
        - --model=Qwen/Qwen3-32B
        - --tensor-parallel-size=2  # finding
        resources: {limits: {nvidia.com/gpu: 4}}
      - name: nobody-told-it
        image: vllm/vllm-openai:v0.10.2
        args: [--model, Qwen/Qwen3-8B]
        resources:
          limits:
            nvidia.com/gpu: 2  # finding
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
        - |
          pip install -r requirements.txt
          torchrun train.py
        resources:
          limits:
            nvidia.com/gpu: 8  # finding
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: finetune}
spec:
  nprocPerNode: "2"  # finding
  pytorchReplicaSpecs:
    Worker:
      replicas: 2
      template:
        spec:
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            command: [torchrun, train.py]
            resources: {limits: {nvidia.com/gpu: 8}}
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: all-of-them}
spec:
  containers:
  - name: equal
    image: vllm/vllm-openai:v0.10.2
    args: [--model, Qwen/Qwen3-32B, -tp, "2", --data-parallel-size, "2"]
    resources: {limits: {nvidia.com/gpu: 4}}
  - name: uses-what-it-finds
    image: ghcr.io/huggingface/text-generation-inference:3.0.1
    resources: {limits: {nvidia.com/gpu: 4}}
  - name: as-many-as-there-are
    image: ghcr.io/example/train:2.0
    command: [torchrun, --nproc-per-node=gpu, train.py]
    resources: {limits: {nvidia.com/gpu: 2}}
  - name: not-filled-in
    image: vllm/vllm-openai:v0.10.2
    command: [sh, -c, "vllm serve Qwen/Qwen3-8B $EXTRA_ARGS"]
    resources: {limits: {nvidia.com/gpu: 2}}
  - name: two-servers
    image: vllm/vllm-openai:v0.10.2
    command: [sh, -c, "CUDA_VISIBLE_DEVICES=0 vllm serve a --port 8000 & CUDA_VISIBLE_DEVICES=1 vllm serve b --port 8001 & wait"]
    resources: {limits: {nvidia.com/gpu: 2}}
  - name: plain-python
    image: ghcr.io/example/train:2.0
    command: [python, train.py]
    resources: {limits: {nvidia.com/gpu: 4}}
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: the-operator-says-auto}
spec:
  pytorchReplicaSpecs:
    Worker:
      template:
        spec:
          containers:
          - name: pytorch
            image: ghcr.io/example/finetune:1.4
            command: [torchrun, train.py]
            resources: {limits: {nvidia.com/gpu: 8}}
```

## When to ignore
Where something else in the container uses the other devices, or one process spreads a model over several of them by itself
(`device_map="auto"` of Transformers).

## References
- https://docs.vllm.ai/en/stable/serving/parallelism_scaling/
- https://docs.sglang.io/advanced_features/server_arguments.html
- https://docs.pytorch.org/docs/stable/elastic/run.html
- https://www.kubeflow.org/docs/components/trainer/legacy-v1/user-guides/pytorch/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.rule import COST, LLM_SERVING, RECOMMENDED, Confidence, Fault, Path, Severity, is_placeholder, rule
from auditor.workload import AcceleratorRequest, Container, Inject, Parallelism, processes_by_operator

# What raises the degree of each engine.
DEGREE = {
    "vLLM": "--tensor-parallel-size", "SGLang": "--tp-size", "TensorRT-LLM": "--tp_size", "TGI": "--num-shard", "DeepSpeed": "--num_gpus",
    "torchrun": "--nproc-per-node", "Accelerate": "--num_processes",
}  # fmt: skip

# Programs that may use a device: another one beside the server means that its degree is not the whole story.
WORKS = re.compile(r"python|vllm|sglang|trtllm|dynamo|torch|deepspeed|accelerate|serve|train|\.py\b")
INSTALLS = re.compile(r"(\S*/)?(pip3?|uv|apt|apt-get|conda|git|curl|wget|echo|export|cd|mkdir|cat|exec|source)\b|python3? -m pip\b")
# Several of one program, or one that does not use all devices that it sees.
SPLIT = re.compile(
    r"(CUDA|HIP|ROCR|NVIDIA|ASCEND_RT)_VISIBLE_DEVICES|(?<![\w-])(for|while|xargs|parallel|nvidia-cuda-mps-control)(?![\w-])"
    r"|--(data-parallel-(rank|start-rank|external-lb|hybrid-lb)|include|exclude|hostfile|device)\b"
)


@rule(
    "gpus-exceed-parallelism",
    title="Asks for more GPUs than its program uses",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, COST},
    confidence=Confidence.MEDIUM,
    tags={LLM_SERVING},
    accelerated=True,
)
def check(container: Container) -> Iterator[Fault]:
    request, *others = container.accelerators
    if others or not request.device.gpu or request.device.shared or (request.count or 0) < 2 or not container.is_main:
        return
    uses = container.parallelism
    if len(uses) != 1 or not _is_whole_story(container):
        return
    yield from _by_command(container, uses[0], request, request.count or 0)
    yield from _by_operator(container, uses[0], request, request.count or 0)


def _by_command(container: Container, use: Parallelism, request: AcceleratorRequest, count: int) -> Iterator[Fault]:
    if use.degree >= count or use.spans_pods:
        return
    told = [(name, value) for name, value in use.factors if _is_written(container, name)]
    if not told and (container.template.incomplete or Inject.COMMAND in container.template.injects):
        return  # somebody else writes the command
    product = f" = {use.degree}" if len(use.factors) > 1 else ""
    what = f"is told {use}{product}" if told else f"uses {use.degree} of them unless it is told otherwise"
    yield container.fault(
        f"asks for {request}, but {use.engine} {what}: {_idle(count - use.degree)}",
        at=_place(container, told[0][0]) if told else _place_of(container, request),
        remediation=_remedy(use, request, count),
    )


def _by_operator(container: Container, use: Parallelism, request: AcceleratorRequest, count: int) -> Iterator[Fault]:
    """Processes that the operator starts in each pod, where the launcher leaves their number to it. MPI starts what `mpirun` is told."""
    told = processes_by_operator(container)
    if told is None or told[1] >= count or use.engine != "torchrun" or use.factors or container.template.workload.ref.kind == "MPIJob":
        return
    path, processes = told
    yield container.fault(
        f"{path[-1]} is {processes}, but the container {container.name} asks for {request}: {_idle(count - processes)}",
        at=path,
        remediation=f"leave {path[-1]} to the operator or set it to {count}, or ask for {processes} of {request.key}",
    )


def _is_whole_story(container: Container) -> bool:
    """Whether the container runs one program that may use its devices, all of whose flags are known."""
    if SPLIT.search(container.command_line) or any(SPLIT.search(variable.name) for variable in container.env):
        return False
    commands = [command for command in container.commands if not INSTALLS.match(" ".join(command[:3]))]
    working = [command for command in commands if command[0].startswith("-") or WORKS.search(" ".join(command))]
    return len(working) <= 1 and not any(_has_loose_words(command) for command in working)


def _has_loose_words(command: tuple[str, ...]) -> bool:
    """Whether something is still to be filled in that may hold flags: neither the value of a flag nor the model to serve."""
    before = ("", *command)
    return any(
        (is_placeholder(word) or word.startswith("$")) and not before[index].startswith("-") and before[index] != "serve"
        for index, word in enumerate(command)
    )


def _is_written(container: Container, name: str) -> bool:
    return container.flag(name) is not None or container.env_value(name) is not None


def _place(container: Container, name: str) -> Path:
    if name.startswith("-"):
        return container.word_path(name)
    return next((variable.path for variable in container.env if variable.name == name), container.path)


def _place_of(container: Container, request: AcceleratorRequest) -> Path:
    section = "limits" if request.limit is not None else "requests"
    place = container.place_of(section)
    return (*place, request.key) if place[-1:] == (section,) else place


def _idle(count: int) -> str:
    return "one GPU stays idle" if count == 1 else f"{count} GPUs stay idle"


def _remedy(use: Parallelism, request: AcceleratorRequest, count: int) -> str:
    flag = DEGREE[use.engine]
    if use.engine == "Accelerate" and len(use.factors) > 1:
        return f"ask for {use.degree} of {request.key}, or raise {flag}"
    own = next((value for name, value in use.factors if name.startswith(flag[:4])), 1)
    raised, rest = divmod(count * own, use.degree)
    more = f"set {flag} to {raised}" if not rest else f"raise {flag}"
    return f"ask for {use.degree} of {request.key}, or {more}"
