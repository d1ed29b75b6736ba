"""NVIDIA NIM and NeMo microservices.

A spec is at once a container and a pod: ``image`` is a mapping ``{repository, tag}``, and ``nodeSelector`` stands beside it. The operator
gives every container liveness, readiness and startup probes, and NIM containers a memory-backed ``/dev/shm``.

Sources: https://docs.nvidia.com/nim-operator/ and https://github.com/NVIDIA/k8s-nim-operator/tree/main/api/apps/v1alpha1. Read in
August 2026.
"""

from __future__ import annotations

from auditor.kinds.model import Inject, Kind, Role, Spelling, Template

__all__ = ["KINDS"]

_GROUP = "apps.nvidia.com"
_FRAMEWORK = "nim-operator"
_PROBES = frozenset({Inject.READINESS, Inject.LIVENESS, Inject.STARTUP, Inject.COMMAND})
_BY_NIM = _PROBES | {Inject.SHARED_MEMORY}
_JOB = frozenset({Inject.COMMAND, Inject.RESTART_POLICY})
_SPLIT_IMAGE = Spelling(image="{image.repository}:{image.tag}")


def _service(at: str, component: str = "", *, enabled: str = "", injects: frozenset[Inject] = _BY_NIM) -> Template:
    """A NIM or NeMo service; a NIM too large for one node spans ``pipeline`` of them (``size`` in the first releases)."""
    factor = f"{enabled} * " if enabled else ""
    nodes = f"{at}.multiNode.parallelism.pipeline|{at}.multiNode.size=1"
    return Template(
        at, component, containers=("",), sidecars=("sidecarContainers[]",), metadata=at, spelling=_SPLIT_IMAGE, injects=injects,
        pods=f"{factor}{at}.replicas=1 * {nodes}",
        autoscaled=f"{at}.scale.enabled",
        pods_min=f"{factor}{at}.scale.hpa.minReplicas=1 * {nodes}",
        pods_max=f"{factor}{at}.scale.hpa.maxReplicas * {nodes}",
    )  # fmt: skip


_PLATFORM = tuple(
    Kind(_GROUP, kind, (_service("spec", injects=_PROBES),), Role.PLATFORM, _FRAMEWORK)
    for kind in ("NemoDatastore", "NemoEntitystore", "NemoEvaluator", "NemoGuardrail")
)

KINDS = (
    Kind(_GROUP, "NIMService", (_service("spec"),), Role.SERVING, _FRAMEWORK),
    Kind(
        _GROUP, "NIMPipeline",
        (_service("spec.services[].spec", "{spec.services[].name}", enabled="spec.services[].enabled?1"),), Role.SERVING, _FRAMEWORK,
    ),
    Kind(
        _GROUP, "NIMBuild",
        (Template("spec", containers=("",), metadata="spec", spelling=_SPLIT_IMAGE, injects=_BY_NIM | _JOB),),
        Role.BATCH, _FRAMEWORK, job=True,
    ),
    Kind(
        _GROUP, "NIMCache",
        (
            Template(
                "spec", containers=("",), metadata="spec", needs=("source",), injects=_JOB,
                spelling=Spelling("{source.ngc.modelPuller|source.dataStore.modelPuller|source.hf.modelPuller}", gpus="resources.gpus"),
            ),
        ),
        Role.BATCH, _FRAMEWORK, job=True,
    ),
    Kind(
        _GROUP, "NemoCustomizer",
        (
            _service("spec", injects=_PROBES),
            # Jobs that the service starts, on request: how many, no manifest tells.
            Template(
                "spec.trainingConfig", "training", containers=("",), pods="unknown", spelling=_SPLIT_IMAGE, injects=_JOB, scale_out=True,
            ),
            Template("spec.modelDownloadJobs", "model-download", containers=("",), pods="unknown", injects=_JOB),
        ),
        Role.PLATFORM, _FRAMEWORK,
    ),
    *_PLATFORM,
)  # fmt: skip
