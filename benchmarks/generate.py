"""Many workload documents, the same for the same seed: what a large repository of ML manifests looks like.

``python -m benchmarks.generate DIRECTORY --documents 20000`` writes them, ten to a file.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

__all__ = ["documents", "write"]

_PER_FILE = 10
_TEAMS = ("nlp", "vision", "speech", "ranking", "forecast", "robotics")
_IMAGES = (
    "vllm/vllm-openai:v0.31.0",
    "nvcr.io/nvidia/tritonserver:26.03-py3",
    "ghcr.io/example/server:2.4.1",
    "ghcr.io/example/server:latest",
)
_TRAINERS = ("pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime", "ghcr.io/example/trainer:1.9.0", "nvcr.io/nvidia/pytorch:26.02-py3")


def _container(random_: random.Random, name: str, image: str, gpus: int, indent: int, *, serving: bool) -> str:
    memory = random_.choice((16, 32, 64, 128))
    lines = [
        f"- name: {name}",
        f"  image: {image}",
        "  resources:",
        "    requests:",
        f"      cpu: {random_.choice((2, 4, 8, 16))}",
        f"      memory: {memory}Gi",
        "    limits:",
        f"      memory: {memory}Gi",
        *([f"      nvidia.com/gpu: {gpus}"] if gpus else []),
        "  env:",
        "  - name: LOG_LEVEL",
        "    value: info",
        "  - name: MODEL_NAME",
        f"    value: {random_.choice(('base-8b', 'large-70b', 'tiny-1b'))}",
        "  volumeMounts:",
        "  - name: shm",
        "    mountPath: /dev/shm",
    ]
    if serving:
        lines += [
            "  ports:",
            "  - containerPort: 8000",
            "    name: http",
            "  readinessProbe:",
            "    httpGet:",
            "      path: /health",
            "      port: http",
        ]
    else:
        lines += [
            "  command:",
            "  - torchrun",
            f"  - --nproc-per-node={max(gpus, 1)}",
            "  - train.py",
            "  - --epochs",
            f'  - "{random_.randint(1, 20)}"',
        ]
    return "\n".join(" " * indent + line for line in lines)


def _pod(random_: random.Random, name: str, image: str, gpus: int, indent: int, *, serving: bool, restart: str = "") -> str:
    blank = " " * indent
    restart_line = f"{blank}restartPolicy: {restart}\n" if restart else ""
    return (
        f"{blank}containers:\n{_container(random_, name, image, gpus, indent, serving=serving)}\n{restart_line}"
        f"{blank}tolerations:\n{blank}- key: nvidia.com/gpu\n{blank}  operator: Exists\n{blank}  effect: NoSchedule\n"
        f"{blank}volumes:\n{blank}- name: shm\n{blank}  emptyDir:\n{blank}    medium: Memory\n{blank}    sizeLimit: 4Gi\n"
    )


def _head(version: str, kind: str, name: str, team: str) -> str:
    labels = f"    app: {name}\n    team: {team}\n"
    return f"apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: {team}\n  labels:\n{labels}spec:\n"


def _deployment(random_: random.Random, name: str, team: str) -> str:
    return (
        _head("apps/v1", "Deployment", name, team)
        + f"  replicas: {random_.randint(1, 4)}\n  selector:\n    matchLabels:\n      app: {name}\n"
        + f"  template:\n    metadata:\n      labels:\n        app: {name}\n    spec:\n"
        + _pod(random_, "server", random_.choice(_IMAGES), random_.choice((0, 1, 2)), 6, serving=True)
    )


def _job(random_: random.Random, name: str, team: str) -> str:
    return (
        _head("batch/v1", "Job", name, team)
        + "  backoffLimit: 2\n  ttlSecondsAfterFinished: 3600\n  template:\n    spec:\n"
        + _pod(random_, "train", random_.choice(_TRAINERS), random_.choice((1, 2, 8)), 6, serving=False, restart="Never")
    )


def _pytorchjob(random_: random.Random, name: str, team: str) -> str:
    body = (
        _head("kubeflow.org/v1", "PyTorchJob", name, team)
        + "  runPolicy:\n    backoffLimit: 2\n    cleanPodPolicy: Running\n  pytorchReplicaSpecs:\n"
    )
    for replica, number in (("Master", 1), ("Worker", random_.randint(1, 7))):
        body += f"    {replica}:\n      replicas: {number}\n      restartPolicy: OnFailure\n      template:\n        spec:\n"
        body += _pod(random_, "pytorch", random_.choice(_TRAINERS), 8, 10, serving=False)
    return body


def _raycluster(random_: random.Random, name: str, team: str) -> str:
    body = (
        _head("ray.io/v1", "RayCluster", name, team)
        + "  rayVersion: 2.52.0\n  headGroupSpec:\n    rayStartParams:\n      num-cpus: '0'\n    template:\n      spec:\n"
    )
    body += _pod(random_, "head", "rayproject/ray:2.52.0", 0, 8, serving=False)
    body += f"  workerGroupSpecs:\n  - groupName: gpu\n    replicas: {random_.randint(1, 8)}\n    rayStartParams: {{}}\n"
    body += "    template:\n      spec:\n"
    return body + _pod(random_, "worker", "rayproject/ray:2.52.0-gpu", 1, 8, serving=False)


def _service(random_: random.Random, name: str, team: str) -> str:
    return (
        _head("v1", "Service", name, team) + f"  selector:\n    app: {name}\n  ports:\n  - name: http\n    port: 80\n    targetPort: http\n"
    )


_MAKERS = (_deployment, _deployment, _job, _job, _pytorchjob, _raycluster)


def documents(number: int, seed: int = 1) -> Iterator[str]:
    """So many documents; every fifth Deployment has a Service behind it in the same count."""
    random_ = random.Random(seed)
    made = 0
    while made < number:
        maker = random_.choice(_MAKERS)
        team, name = random_.choice(_TEAMS), f"{maker.__name__.strip('_')}-{made}"
        yield maker(random_, name, team)
        made += 1
        if maker is _deployment and made % 5 == 0 and made < number:
            yield _service(random_, name, team)
            made += 1


def write(folder: Path, number: int, seed: int = 1) -> None:
    """Write the documents below a folder, ten to a file and a hundred files to a folder."""
    batch: list[str] = []
    file = 0
    for document in [*documents(number, seed), ""]:
        if document:
            batch.append(document)
        if batch and (len(batch) == _PER_FILE or not document):
            target = folder / f"team-{file // 100:03}" / f"workloads-{file:05}.yaml"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("---\n".join(batch), encoding="utf-8")
            batch, file = [], file + 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write(given.directory, given.documents, given.seed)
