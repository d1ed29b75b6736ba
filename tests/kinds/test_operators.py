"""What operators add to the pods of a manifest, and what stands beside the main containers."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.document import format_path
from auditor.kinds import (
    KINDS,
    Inject,
    Match,
    Template,
    component_of,
    containers_at,
    find,
    image_text,
    injected,
    matches,
    pods_in,
    value_at,
)


def pods_by_component(group: str, kind: str, raw: dict[str, Any]) -> dict[str, tuple[Template, Match]]:
    row = find(group, kind)
    assert row is not None
    return {component_of(template, raw, match): (template, match) for template in row.templates for match in pods_in(raw, template)}


def places(raw: dict[str, Any], match: Match, patterns: tuple[str, ...]) -> list[str]:
    return [format_path(container.path) for container in containers_at(raw, match, patterns)]


def test_containers_that_kuberay_adds_from_the_cluster() -> None:
    group = {"template": {"spec": {"containers": [{"name": "ray"}]}}}
    raw = {
        "spec": {
            "headGroupSpec": group, "workerGroupSpecs": [group],
            "autoscalerOptions": {"resources": {}}, "historyServerOptions": {"collectorOptions": {"image": "collector:1"}},
        }
    }  # fmt: skip
    pods = pods_by_component("ray.io", "RayCluster", raw)
    (head, at_head), (worker, at_worker) = pods["head"], pods["worker"]
    assert places(raw, at_head, head.sidecars) == ["spec.autoscalerOptions", "spec.historyServerOptions.collectorOptions"]
    assert places(raw, at_worker, worker.sidecars) == ["spec.historyServerOptions.collectorOptions"]
    assert {Inject.READINESS, Inject.LIVENESS, Inject.SHARED_MEMORY} <= head.injects
    assert worker.injects == head.injects and worker.scale_out and not head.scale_out


def test_containers_from_the_object_belong_to_the_pod_that_was_matched() -> None:
    predictor: dict[str, Any] = {"componentSpecs": [{"spec": {"containers": []}}]}
    raw = {"spec": {"predictors": [{"name": "a", **predictor}, {"name": "b", **predictor, "svcOrchSpec": {"env": []}}]}}
    pods = pods_by_component("machinelearning.seldon.io", "SeldonDeployment", raw)
    assert [places(raw, match, template.sidecars) for template, match in pods.values()] == [[], ["spec.predictors[1].svcOrchSpec"]]


def test_init_containers_and_sidecars_of_operators() -> None:
    container = {"name": "x", "image": "x:1"}
    template_of_pod = {"spec": {"initContainers": [container]}}
    raw: dict[str, Any] = {"spec": {"executor": {"sidecars": [container], "initContainers": [container], "template": template_of_pod}}}
    template, match = pods_by_component("sparkoperator.k8s.io", "SparkApplication", raw)["executor"]
    assert places(raw, match, template.sidecars) == ["spec.executor.sidecars[0]"]
    assert places(raw, match, template.init_containers) == [
        "spec.executor.initContainers[0]", "spec.executor.template.spec.initContainers[0]",
    ]  # fmt: skip
    raw = {"spec": {"driver": {"image": "driver", "manager": {"image": "k8s-driver-manager"}}}}
    template, match = pods_by_component("nvidia.com", "ClusterPolicy", raw)["driver"]
    assert places(raw, match, template.init_containers) == ["spec.driver.manager"]


def test_pod_fields_are_inherited_from_the_pod_that_was_matched() -> None:
    raw = {"spec": {"services": {"A": {"replicas": 1}, "B": {"extraPodSpec": {"nodeSelector": {"zone": "b"}}}}}}
    pods = pods_by_component("nvidia.com", "DynamoGraphDeployment", raw)
    found = {name: value_at(raw, template.inherit, match.keys) for name, (template, match) in pods.items()}
    assert found == {"a": None, "b": {"nodeSelector": {"zone": "b"}}}


def test_an_argo_template_inherits_from_the_defaults_and_then_from_the_workflow() -> None:
    raw: dict[str, Any] = {"spec": {"volumes": [], "templates": [{"name": "main", "container": {}}]}}
    template, match = pods_by_component("argoproj.io", "Workflow", raw)["main"]
    assert value_at(raw, template.inherit, match.keys) is raw["spec"]
    raw["spec"]["templateDefaults"] = {"nodeSelector": {}}
    assert value_at(raw, template.inherit, match.keys) is raw["spec"]["templateDefaults"]
    assert [found.path for found in matches(raw, template.inherit)] == [("spec", "templateDefaults"), ("spec",)]


@pytest.mark.parametrize(
    ("template", "metadata"),
    [
        (Template("spec"), "metadata"), (Template("spec.template.spec"), "spec.template.metadata"), (Template("spec.trainer"), ""),
        (Template(""), ""), (Template("spec.tasks[].template.spec"), "spec.tasks[].template.metadata"),
        (Template("spec", metadata="spec"), "spec"),
    ],
)  # fmt: skip
def test_where_the_metadata_of_the_pods_stands(template: Template, metadata: str) -> None:
    assert template.metadata_path == metadata


def test_what_an_operator_fills_in_only_when_asked() -> None:
    raw: dict[str, Any] = {"spec": {"deploymentConfig": {"image": {"name": "vllm"}}}}
    template, match = pods_by_component("production-stack.vllm.ai", "VLLMRuntime", raw)[""]
    assert Inject.SHARED_MEMORY not in injected(template, raw, match) and Inject.READINESS in injected(template, raw, match)
    raw["spec"]["deploymentConfig"]["shmSize"] = "2Gi"
    assert Inject.SHARED_MEMORY in injected(template, raw, match)


INJECTIONS = [
    ("ray.io", "RayService", "SHARED_MEMORY LIVENESS READINESS"),
    ("apps.nvidia.com", "NIMService", "SHARED_MEMORY LIVENESS READINESS STARTUP"),
    ("serving.kserve.io", "InferenceService", "READINESS IMAGE COMMAND"), ("kaito.sh", "Workspace", "SHARED_MEMORY LIVENESS READINESS"),
    ("serving.kserve.io", "LLMInferenceService", "SHARED_MEMORY READINESS LIVENESS SECURITY_CONTEXT"),
    ("inference.llmaz.io", "Playground", "READINESS LIVENESS STARTUP"),
    ("production-stack.vllm.ai", "VLLMRuntime", "READINESS LIVENESS STARTUP"),
]  # fmt: skip


@pytest.mark.parametrize(("group", "kind", "what"), INJECTIONS)
def test_operators_fill_in(group: str, kind: str, what: str) -> None:
    row = find(group, kind)
    assert row is not None and {Inject[name] for name in what.split()} <= row.templates[0].injects


def test_nobody_else_gives_shared_memory() -> None:
    kinds = "JobSet PyTorchJob TrainJob MPIJob LeaderWorkerSet PodCliqueSet Workload"
    for row in KINDS:
        if row.kind in kinds.split() or row.group == "batch.volcano.sh":
            assert not any(Inject.SHARED_MEMORY in template.injects for template in row.templates)


IMAGES = [
    ("batch", "Job", {"image": "a:1"}, "a:1"), ("apps.nvidia.com", "NIMService", {"image": {"repository": "nim", "tag": "1.3"}}, "nim:1.3"),
    ("apps.nvidia.com", "NIMService", {"image": {"repository": "nim"}}, "nim"), ("apps.nvidia.com", "NIMService", {"image": {}}, None),
    ("apps.nvidia.com", "NIMService", {"image": "nim:1"}, None),
    ("apps.nvidia.com", "NIMCache", {"source": {"dataStore": {"modelPuller": "pull:1"}}}, "pull:1"),
    ("nvidia.com", "ClusterPolicy", {"repository": "nvcr.io/nvidia", "image": "driver", "version": "550"}, "nvcr.io/nvidia/driver:550"),
    ("nvidia.com", "ClusterPolicy", {"repository": "r", "image": "driver", "version": "sha256:abc"}, "r/driver@sha256:abc"),
    ("nvidia.com", "ClusterPolicy", {"image": "driver", "version": 550}, None), ("nvidia.com", "ClusterPolicy", {"enabled": True}, None),
    ("production-stack.vllm.ai", "VLLMRuntime", {"image": {"registry": "docker.io", "name": "vllm:1"}}, "docker.io/vllm:1"),
    ("inference.llmaz.io", "BackendRuntime", {"image": "vllm/vllm-openai", "version": "v1"}, "vllm/vllm-openai:v1"),
]  # fmt: skip


@pytest.mark.parametrize(("group", "kind", "container", "image"), IMAGES)
def test_image(group: str, kind: str, container: dict[str, Any], image: str | None) -> None:
    row = find(group, kind)
    assert row is not None and image_text(container, row.templates[0].spelling) == image
