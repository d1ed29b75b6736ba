"""A container holds an accelerator and only waits.

## Why it matters
An accelerator is given to a container for as long as it runs, whether it computes or not. A pod that sleeps until somebody opens a shell
in it keeps an accelerator from everybody else around the clock, and is forgotten on Friday. A Deployment never ends and comes back when
its pod is deleted; a Job ends with its sleep, or with its deadline, and is a smaller fault.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: debug}
spec:
  containers:
  - name: shell
    image: pytorch/pytorch:2.6.0-cuda12.4-cudnn9-devel
    command: [sleep, infinity]  # finding
    resources: {limits: {nvidia.com/gpu: 1}}
  - name: loop
    image: ubuntu:24.04
    command:
    - sh
    - -c
    - |  # finding
      nvidia-smi -L
      while true; do sleep 30; done
    resources: {limits: {nvidia.com/gpu: 1}}
  - name: interactive
    image: ubuntu:24.04
    command: [/bin/bash]  # finding
    stdin: true
    tty: true
    resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: hold}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: hold
        image: ubuntu:24.04
        command: [sh, -c, "apt-get update && apt-get install -y git; tail -f /dev/null"]  # finding
        resources: {limits: {amd.com/gpu: 8}}
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: work}
spec:
  containers:
  - name: after-a-wait
    image: ghcr.io/example/train:2.0
    command: [sh, -c, "sleep 3600 && python train.py"]
    resources: {limits: {nvidia.com/gpu: 1}}
  - name: in-the-background
    image: ghcr.io/example/serve:2.0
    command: [sh, -c, "python serve.py & sleep infinity"]
    resources: {limits: {nvidia.com/gpu: 1}}
  - name: for-a-moment
    image: ghcr.io/example/train:2.0
    command: [sleep, "60"]
    resources: {limits: {nvidia.com/gpu: 1}}
  - name: without-a-gpu
    image: ubuntu:24.04
    command: [sleep, infinity]
---
apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata: {name: the-launcher-starts-the-work}
spec:
  mpiReplicaSpecs:
    Worker:
      replicas: 2
      template:
        spec:
          containers:
          - name: worker
            image: mpioperator/tensorflow-benchmarks:latest
            command: [sleep, infinity]
            resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: culled-when-idle}
spec:
  template:
    spec:
      containers:
      - name: notebook
        image: quay.io/jupyter/pytorch-notebook:cuda12-2025-01-20
        command: [sh, -c, "start-notebook.py & sleep infinity"]
        resources: {limits: {nvidia.com/gpu: 1}}
```

## When to ignore
Where somebody debugs on the accelerator now, and something deletes the pod afterwards.

## References
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-compute.html
- https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup
- https://www.kubeflow.org/docs/components/notebooks/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.rule import COST, RECOMMENDED, Fault, Role, Severity, rule
from auditor.snapshot import Snapshot
from auditor.waste import waiting_cost
from auditor.workload import Container

MAY_WAIT = re.compile(r"\b(sleep|tail|pause|cat|read|sh|bash)\b")
LONG = 1000  # seconds
DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)([smhd]?)")
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
FOREVER = ("infinity", "inf", "∞")
INTERACTIVE = ("cat", "read", "sh", "bash", "zsh")

# What stands before the program of a command.
LEADING = re.compile(r"do|then|else|if|while|until|exec|nohup|sudo|env|time|!|\{|tini|--|\w+=.*", re.DOTALL)

# Programs that prepare, print or wait, and leave the accelerator alone.
IDLE_PROGRAMS = frozenset({
    "sleep", "tail", "pause", "wait", "true", ":", "[", "[[", "test", "done", "fi", "}", "for", "trap", "set", "export", "ulimit",
    "umask", "cd", "pwd", "source", ".", "echo", "printf", "date", "ls", "env", "printenv", "hostname", "uname", "id", "whoami", "cat",
    "read", "mkdir", "cp", "mv", "ln", "rm", "touch", "chmod", "chown", "sed", "ldconfig", "apt", "apt-get", "apk", "dnf", "yum", "pip",
    "pip3", "git", "curl", "wget", "service", "sshd", "ssh-keygen", "nvidia-smi", "rocm-smi", "npu-smi", "ixsmi", "mx-smi", "xpu-smi",
})  # fmt: skip


@rule(
    "gpu-sleep-command",
    title="Holds an accelerator and only waits",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, COST},
    exempt={Role.INFRASTRUCTURE},
    needs=("ResourceClaimTemplate", "ResourceClaim"),
)
def check(container: Container, snapshot: Snapshot) -> Iterator[Fault]:
    template, workload = container.template, container.template.workload
    if not container.is_main or template.incomplete or not MAY_WAIT.search(container.command_line):
        return
    devices = [str(request) for request in container.accelerators if request.count != 0]
    if not devices and not (container.claims and snapshot.claims_accelerator(template)):
        return
    wait = _wait(container)
    if not wait or _started_from_outside(container) or workload.is_role(Role.NOTEBOOK):
        return
    bounded = workload.job or template.get("activeDeadlineSeconds") is not None
    yield container.fault(
        f"runs `{wait}`, which only waits, and holds {', '.join(devices) or 'a claimed accelerator'}",
        at=container.word_path(wait.split()[0]),
        remediation="use a notebook that is culled when idle, or a Job with a deadline that runs the work itself",
        severity=Severity.LOW if bounded else Severity.MEDIUM,
        cost=waiting_cost(container, snapshot),
    )


def _wait(container: Container) -> str:
    """The command that the container waits in; empty where it does something else too."""
    found, endless = "", False
    for command in container.commands:
        start = next((index for index, word in enumerate(command) if not LEADING.fullmatch(word)), len(command))
        words = command[start:]
        if not words:
            continue
        program = words[0].rpartition("/")[2]
        alone = len(container.commands) == 1 and len(words) == 1
        if program not in IDLE_PROGRAMS and not (alone and program in INTERACTIVE):
            return ""
        endless = endless or ("while" in command[:start] and words[0] in ("true", ":"))
        if _waits(program, words[1:], container) or (endless and program == "sleep"):
            found = found or " ".join(words)[:60]
    return found


def _waits(program: str, arguments: tuple[str, ...], container: Container) -> bool:
    if program == "sleep":
        return any(argument in FOREVER for argument in arguments) or sum(map(_seconds, arguments)) >= LONG
    if program == "tail":
        return "/dev/null" in arguments
    if program in INTERACTIVE:
        return not arguments and (container.raw.get("stdin") is True or container.raw.get("tty") is True)
    return program == "pause"


def _seconds(argument: str) -> float:
    match = DURATION.fullmatch(argument)
    return float(match[1]) * UNITS[match[2]] if match else 0


def _started_from_outside(container: Container) -> bool:
    """Whether an operator or a launcher starts the work inside the waiting container."""
    workload = container.template.workload
    if workload.framework == "kuberay" or workload.ref.kind == "MPIJob":
        return True
    return workload.job and any(word.rpartition("/")[2] == "sshd" for command in container.commands for word in command)
