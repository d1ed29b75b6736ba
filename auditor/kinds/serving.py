"""Model servers and services that scale with requests, other than KServe.

Sources, read from custom resource definitions and published manifests in August 2026:

- NIM operator: https://docs.nvidia.com/nim-operator/ and https://github.com/NVIDIA/k8s-nim-operator/tree/main/api/apps/v1alpha1
- Dynamo: https://github.com/ai-dynamo/dynamo/tree/main/deploy/operator/api; BentoML: https://github.com/bentoml/yatai-deployment
- vLLM production stack: https://github.com/vllm-project/production-stack/tree/main/operator/api/v1alpha1
- Seldon: https://docs.seldon.io/projects/seldon-core/en/latest/reference/seldon-deployment.html and, for version 2,
  https://docs.seldon.ai/seldon-core-2
- llmaz: https://github.com/InftyAI/llmaz/tree/main/api; KAITO: https://github.com/kaito-project/kaito/tree/main/api
- Knative: https://knative.dev/docs/serving/reference/serving-api/; KEDA: https://keda.sh/docs/latest/reference/scaledjob-spec/
- Argo Rollouts: https://argo-rollouts.readthedocs.io/en/stable/features/specification/
- Gateway API inference extension: https://gateway-api-inference-extension.sigs.k8s.io/reference/spec/
"""

from __future__ import annotations

from auditor.kinds.model import Inject, Kind, Role, Spelling, Template
from auditor.kinds.training import group_leader, group_workers

__all__ = ["KINDS"]

_PROBES = frozenset({Inject.READINESS, Inject.LIVENESS, Inject.STARTUP})
_BY_DYNAMO = _PROBES | {Inject.COMMAND, Inject.SHARED_MEMORY}
_BY_LLMAZ = _PROBES | {Inject.IMAGE, Inject.COMMAND}
_BY_KAITO = frozenset({Inject.SHARED_MEMORY, Inject.LIVENESS, Inject.READINESS, Inject.IMAGE, Inject.COMMAND})
_BY_SELDON = frozenset({Inject.READINESS, Inject.LIVENESS, Inject.IMAGE, Inject.COMMAND})
_BY_VLLM = _PROBES | {Inject.COMMAND}
_BY_KNATIVE = frozenset({Inject.READINESS})

_YATAI = Spelling(gpus="resources.limits.gpu|resources.requests.gpu", env="envs")
_VLLM = Spelling(image="{image.registry}/{image.name}", gpus="resources.gpu")
_LLMAZ = Spelling(image="{image}:{version}", env="envs")


def _dynamo(at: str, component: str) -> Template:
    """A Dynamo component as v1alpha1 writes it: beside a whole PodSpec, GPUs and environment of its container called main."""
    return Template(
        at, component, containers=("extraPodSpec.mainContainer", "", "extraPodSpec.containers[]"), main="main",
        init_containers=("extraPodSpec.initContainers[]",), inherit=f"{at}.extraPodSpec", metadata=at,
        pods=f"{at}.replicas=1 * {at}.multinode.nodeCount=1", spelling=_YATAI, injects=_BY_DYNAMO, scale_out=True,
    )  # fmt: skip


def _bento(at: str, component: str) -> Template:
    return Template(
        at, component, containers=("", "extraPodSpec.mainContainer", "extraPodSpec.containers[]"), main="main",
        init_containers=("extraPodSpec.initContainers[]",), inherit=f"{at}.extraPodSpec", metadata=f"{at}.extraPodMetadata",
        pods=f"{at}.autoscaling.minReplicas=1", pods_max=f"{at}.autoscaling.maxReplicas=unknown", autoscaled=f"{at}.autoscaling",
        spelling=_YATAI, injects=_PROBES | {Inject.IMAGE, Inject.COMMAND},
    )  # fmt: skip


_DYNAMO = (
    Kind(
        "nvidia.com", "DynamoGraphDeployment",
        (
            _dynamo("spec.services.*", "*"),
            Template(
                "spec.components[].podTemplate.spec", "{spec.components[].name}", main="main", injects=_BY_DYNAMO, scale_out=True,
                pods="spec.components[].replicas=1 * spec.components[].multinode.nodeCount=1",
            ),
        ),
        Role.SERVING, "dynamo",
    ),
    Kind(
        "nvidia.com", "DynamoComponentDeployment",
        (
            Template(
                "spec", main="main",
                containers=("extraPodSpec.mainContainer", "", "extraPodSpec.containers[]", "podTemplate.spec.containers[]"),
                init_containers=("extraPodSpec.initContainers[]", "podTemplate.spec.initContainers[]"),
                inherit="spec.podTemplate.spec|spec.extraPodSpec", metadata="spec.podTemplate.metadata|spec",
                pods="spec.replicas=1 * spec.multinode.nodeCount=1", spelling=_YATAI, injects=_BY_DYNAMO, scale_out=True,
            ),
        ),
        Role.SERVING, "dynamo",
    ),
    Kind(
        "serving.yatai.ai", "BentoDeployment", (_bento("spec", ""), _bento("spec.runners[]", "{spec.runners[].name}")),
        Role.SERVING, "yatai",
    ),
)  # fmt: skip

_DEPLOYMENT = "spec.deploymentConfig"

_VLLM_STACK = (
    Kind(
        "production-stack.vllm.ai", "VLLMRuntime",
        (
            # Everything stood directly in spec before deploymentConfig came.
            Template(
                "spec", main="vllm", metadata="spec.podTemplate.metadata",
                containers=("deploymentConfig", "", "podTemplate.spec.containers[]"),
                sidecars=("deploymentConfig.sidecarConfig",), init_containers=("podTemplate.spec.initContainers[]",),
                inherit=f"spec.podTemplate.spec|{_DEPLOYMENT}", pods=f"{_DEPLOYMENT}.replicas|spec.replicas=1",
                autoscaled="spec.autoscalingConfig.enabled", pods_min="spec.autoscalingConfig.minReplicas=1",
                pods_max="spec.autoscalingConfig.maxReplicas", spelling=_VLLM, injects=_BY_VLLM,
                injects_where=((f"{_DEPLOYMENT}.shmSize|spec.shmSize", Inject.SHARED_MEMORY),),
            ),
        ),
        Role.SERVING, "vllm-production-stack",
    ),
    *(
        Kind(
            "production-stack.vllm.ai", kind,
            (Template("spec", containers=("",), metadata="spec", pods="spec.replicas=1", spelling=_VLLM, injects=_BY_VLLM),),
            Role.PLATFORM, "vllm-production-stack",
        )
        for kind in ("VLLMRouter", "CacheServer")
    ),
)  # fmt: skip

_PREDICTOR = "spec.predictors[]"
_COMPONENT = f"{_PREDICTOR}.componentSpecs[]"

_SELDON = (
    Kind(
        "machinelearning.seldon.io", "SeldonDeployment",
        (
            Template(
                f"{_COMPONENT}.spec", f"{{{_PREDICTOR}.name}}", sidecars=(f"/{_PREDICTOR}.svcOrchSpec",), injects=_BY_SELDON,
                pods=f"{_COMPONENT}.replicas|{_PREDICTOR}.replicas|spec.replicas=1", autoscaled=f"{_COMPONENT}.hpaSpec",
                pods_min=f"{_COMPONENT}.hpaSpec.minReplicas=1", pods_max=f"{_COMPONENT}.hpaSpec.maxReplicas",
            ),
            Template(
                f"{_PREDICTOR}.explainer", "explainer", containers=("containerSpec",), pods=f"{_PREDICTOR}.explainer.replicas=1",
                injects=_BY_SELDON,
            ),
        ),
        Role.SERVING, "seldon",
    ),
    # Version 2: a Server changes what its ServerConfig says, and a Model is loaded into a Server's pods.
    Kind("mlops.seldon.io", "Server", (Template("spec.podSpec", pods="spec.replicas=1", partial=True),), Role.SERVING, "seldon"),
    Kind("mlops.seldon.io", "ServerConfig", (Template("spec.podSpec"),), Role.SERVING, "seldon", incomplete=True),
    Kind("mlops.seldon.io", "Model", (), Role.SERVING, "seldon"),
)  # fmt: skip

_BACKEND = "spec.backendRuntimeConfig"
_LLMAZ_PODS = "spec.replicas|spec.workloadTemplate.replicas=1"

_LLM_PLATFORMS = (
    Kind(
        "inference.llmaz.io", "Playground",
        (
            Template(
                _BACKEND, containers=("",), pods="spec.replicas=1", spelling=_LLMAZ, injects=_BY_LLMAZ, partial=True,
                autoscaled="spec.elasticConfig", pods_min="spec.elasticConfig.minReplicas=0",
                pods_max="spec.elasticConfig.maxReplicas=unbounded",
                injects_where=((f"{_BACKEND}.sharedMemorySize", Inject.SHARED_MEMORY),),
            ),
        ),
        Role.SERVING, "llmaz",
    ),
    Kind(
        "inference.llmaz.io", "Service",
        (
            group_leader("spec.workloadTemplate", _LLMAZ_PODS),
            group_workers("spec.workloadTemplate", _LLMAZ_PODS),
            group_leader("spec.workloadTemplate.leaderWorkerTemplate", _LLMAZ_PODS),
            group_workers("spec.workloadTemplate.leaderWorkerTemplate", _LLMAZ_PODS),
        ),
        Role.SERVING, "llmaz",
    ),
    Kind(
        "inference.llmaz.io", "BackendRuntime",
        (
            Template("spec", containers=("",), metadata="spec", spelling=_LLMAZ),
            Template("spec.recommendedConfigs[]", "{spec.recommendedConfigs[].name}", containers=("",), spelling=_LLMAZ, partial=True),
        ),
        Role.SERVING, "llmaz", incomplete=True,
    ),
    # KAITO's Workspace has no spec; GPUs are those of resource.instanceType.
    Kind(
        "kaito.sh", "Workspace",
        (Template("inference.template.spec", "inference", pods="resource.count=1", injects=_BY_KAITO, scale_out=True),),
        Role.SERVING, "kaito",
    ),
    Kind(
        "kaito.sh", "InferenceSet",
        (Template("spec.template.inference.template.spec", "inference", pods="spec.replicas=1", injects=_BY_KAITO),), Role.SERVING, "kaito",
    ),
    Kind("kaito.sh", "RAGEngine", (), Role.SERVING, "kaito"),
    Kind(
        "inference.networking.x-k8s.io", "InferenceModel",
        (Template("spec", containers=("",), metadata="spec", needs=("image", "resources")),), Role.SERVING, incomplete=True,
    ),
)  # fmt: skip

_ANNOTATIONS = "spec.template.metadata.annotations"


def _knative(at: str, annotations: str) -> Template:
    """A revision's pods. Zero is the default of the lower bound, and of the upper one, where it means none.

    Source: https://knative.dev/docs/serving/autoscaling/scale-bounds/; the second spelling of each is the one before version 1.0.
    """
    scale = f'{annotations}["autoscaling.knative.dev/'
    return Template(
        at, injects=_BY_KNATIVE, pods=f'{scale}min-scale"]|{scale}minScale"]=0',
        pods_max=f'{scale}max-scale"]|{scale}maxScale"]:=unbounded',
    )  # fmt: skip


_SCALED = "spec.jobTargetRef.parallelism=1"

_GENERAL = (
    Kind("serving.knative.dev", "Service", (_knative("spec.template.spec", _ANNOTATIONS),), framework="knative"),
    Kind("serving.knative.dev", "Configuration", (_knative("spec.template.spec", _ANNOTATIONS),), framework="knative"),
    Kind("serving.knative.dev", "Revision", (_knative("spec", "metadata.annotations"),), framework="knative"),
    Kind("argoproj.io", "Rollout", (Template("spec.template.spec", pods="spec.replicas=1"),), framework="argo-rollouts"),
    Kind(
        "keda.sh", "ScaledJob",
        (
            Template(
                "spec.jobTargetRef.template.spec", pods=f"spec.minReplicaCount=0 * {_SCALED}",
                pods_max=f"spec.maxReplicaCount=100 * {_SCALED}",
            ),
        ),
        framework="keda", job=True,
    ),
)  # fmt: skip

KINDS = (*_DYNAMO, *_VLLM_STACK, *_SELDON, *_LLM_PLATFORMS, *_GENERAL)
