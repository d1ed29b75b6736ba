"""KServe, and KFServing as it was called before.

A predictor is a PodSpec whose model server may also be written by framework (``sklearn:``, ``model:``); then the image and arguments come
from a ServingRuntime. KServe gives every model server cpu and memory, from its own configuration, where the manifest sets none, and a
readiness probe. A LLMInferenceService is laid over LLMInferenceServiceConfig presets, which bring image, command, probes, ``/dev/shm`` and
a security context.

Sources: https://kserve.github.io/website/docs/reference/crd-api and https://github.com/kserve/kserve/tree/master/pkg/apis/serving. Read in
August 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from auditor.kinds.model import Inject, Kind, Role, Template
from auditor.kinds.paths import number, value_at

__all__ = ["KINDS"]

Keys = tuple[str | int, ...]

_GROUP = "serving.kserve.io"
_BY_KSERVE = frozenset({Inject.READINESS, Inject.IMAGE, Inject.COMMAND, Inject.REQUESTS, Inject.LIMITS})
_BY_PRESET = frozenset(
    {
        Inject.READINESS, Inject.LIVENESS, Inject.STARTUP, Inject.SHARED_MEMORY, Inject.IMAGE, Inject.COMMAND, Inject.SECURITY_CONTEXT,
    }
)  # fmt: skip

_SERVERS = {
    "predictor": (
        "containers[]", "model", "huggingface", "lightgbm", "onnx", "paddle", "pmml", "pytorch", "sklearn", "tensorflow", "tensorrt",
        "triton", "xgboost", "custom.container",
    ),
    "transformer": ("containers[]", "feast", "custom.container"),
    "explainer": ("containers[]", "alibi", "aix", "art", "custom.container"),
}  # fmt: skip

# Where predictor, transformer and explainer stand: v1beta1, its canaries, and the endpoints of v1alpha2.
_ENDPOINTS = ("spec", "spec.canary[]", "spec.default", "spec.canary")


def _bounds(at: str) -> tuple[str, str]:
    return f"{at}.minReplicas=1", f"{at}.maxReplicas:=unbounded"


def _multi_node_workers(raw: Mapping[str, Any], keys: Keys, at: str) -> int | None:
    """Pods beside the head; unknown where only the ServingRuntime tells."""
    nodes = number(raw, f"{at}.pipelineParallelSize", keys)
    return number(raw, f"{at}.size", keys) if nodes is None else max(nodes - 1, 0)


def _workers(at: str) -> Template:
    low, high = _bounds(at)
    return Template(
        f"{at}.workerSpec", "worker", pods=low, pods_max=high, metadata=at, injects=_BY_KSERVE, partial=True, scale_out=True,
        times=partial(_multi_node_workers, at=f"{at}.workerSpec"),
    )  # fmt: skip


def _inference_service() -> Iterator[Template]:
    for endpoint in _ENDPOINTS:
        for component, servers in _SERVERS.items():
            at = f"{endpoint}.{component}"
            low, high = _bounds(at)
            name = f"canary-{component}" if "canary" in endpoint else component
            yield Template(at, name, servers, metadata=at, pods=low, pods_max=high, injects=_BY_KSERVE)
    yield _workers("spec.predictor")
    yield _workers("spec.canary[].predictor")


def _llm_workers(raw: Mapping[str, Any], keys: Keys, at: str) -> int | None:
    """Pods beside the leader of one replica: the group's size is data over local data parallelism, else the pipeline's length.

    Source: ParallelismSpec.GetSize in https://github.com/kserve/kserve/blob/master/pkg/apis/serving/v1alpha1/llm_inference_service_types_func.go
    """
    parallelism = f"{at}.parallelism"
    if value_at(raw, f"{parallelism}.data|{parallelism}.dataLocal", keys) is None:
        size = number(raw, f"{parallelism}.pipeline", keys)
    else:
        data, local = number(raw, f"{parallelism}.data", keys, 1), number(raw, f"{parallelism}.dataLocal", keys, 1)
        size = None if data is None or local is None else max(data // max(local, 1), 1)
    return None if size is None else max(size - 1, 0)


def _llm_workload(at: str, component: str, worker: str) -> tuple[Template, Template]:
    """The pods of a WorkloadSpec: one a replica, or a leader and its workers where it has a ``worker``."""
    pods, low, high, switch = f"{at}.replicas=1", f"{at}.scaling.minReplicas=1", f"{at}.scaling.maxReplicas", f"{at}.scaling"
    return (
        Template(
            f"{at}.template", component, metadata=at, pods=pods, pods_min=low, pods_max=high, autoscaled=switch, injects=_BY_PRESET,
            partial=True,
        ),
        Template(
            f"{at}.worker", worker, metadata=at, pods=pods, pods_min=low, pods_max=high, autoscaled=switch, injects=_BY_PRESET,
            partial=True, scale_out=True, times=partial(_llm_workers, at=at),
        ),
    )  # fmt: skip


_SCHEDULER = "spec.router.scheduler"
_LLM = (
    *_llm_workload("spec", "server", "worker"),
    *_llm_workload("spec.prefill", "prefill", "prefill-worker"),
    Template(
        f"{_SCHEDULER}.template", "scheduler", metadata=_SCHEDULER, pods=f"{_SCHEDULER}.replicas=1", injects=_BY_PRESET, partial=True,
    ),
    Template(f"{_SCHEDULER}.tokenizer.template", "tokenizer", injects=_BY_PRESET, partial=True),
)  # fmt: skip

_RUNTIME = (
    Template("spec", "predictor", metadata="spec"),
    Template("spec.workerSpec", "worker", metadata="spec", scale_out=True),
)
_SERVICE = tuple(_inference_service())
_LOW, _HIGH = _bounds("spec")

KINDS = (
    Kind(_GROUP, "InferenceService", _SERVICE, Role.SERVING, "kserve"),
    Kind("serving.kubeflow.org", "InferenceService", _SERVICE, Role.SERVING, "kserve"),
    Kind(_GROUP, "ServingRuntime", _RUNTIME, Role.SERVING, "kserve", incomplete=True),
    Kind(_GROUP, "ClusterServingRuntime", _RUNTIME, Role.SERVING, "kserve", incomplete=True),
    Kind(_GROUP, "LLMInferenceService", _LLM, Role.SERVING, "kserve"),
    Kind(_GROUP, "LLMInferenceServiceConfig", _LLM, Role.SERVING, "kserve", incomplete=True),
    Kind(
        _GROUP, "InferenceGraph",
        (Template("spec", "router", containers=("",), metadata="metadata", pods=_LOW, pods_max=_HIGH, injects=_BY_KSERVE),),
        Role.SERVING, "kserve",
    ),
    Kind(
        _GROUP, "ClusterStorageContainer",
        (Template("spec", containers=(), init_containers=("container",), metadata="spec"),), Role.SERVING, "kserve", incomplete=True,
    ),
)  # fmt: skip
