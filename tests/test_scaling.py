"""What autoscalers keep when there is nothing to do, and in which mode KServe runs a service."""

from __future__ import annotations

import pytest

from auditor.document import Document
from auditor.scaling import Mode, deployment_mode, floor_of, sees_zero
from auditor.snapshot import Snapshot
from auditor.source.text import read_text

CPU = "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}"
PODS = "{type: Pods, pods: {metric: {name: q}, target: {type: AverageValue, averageValue: 5}}}"
EXTERNAL = "{type: External, external: {metric: {name: q}, target: {type: AverageValue, averageValue: 5}}}"


def documents(text: str, file: str = "a.yaml") -> list[Document]:
    return [item for item in read_text(text, file) if isinstance(item, Document)]


def hpa(spec: str, annotations: str = "{}") -> Document:
    metadata = f"{{name: one, annotations: {annotations}}}"
    (found,) = documents(f"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {metadata}\nspec: {spec}\n")
    return found


def scaled(spec: str) -> Document:
    (found,) = documents(f"apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{name: one}}\nspec: {spec}\n")
    return found


@pytest.mark.parametrize(
    ("spec", "sees", "floor"),
    [
        ("{}", False, (1, "minReplicas")),
        ("null", False, (1, "minReplicas")),
        (f"{{minReplicas: 0, metrics: [{CPU}]}}", False, (0, "minReplicas")),
        (f"{{minReplicas: 2, metrics: [{PODS}]}}", False, (2, "minReplicas")),
        (f"{{minReplicas: 0, metrics: [{CPU}, {EXTERNAL}]}}", True, (0, "minReplicas")),
        ("{minReplicas: '${MIN}', metrics: [{type: '${TYPE}'}]}", None, None),
        ("{metrics: [{}]}", None, (1, "minReplicas")),
        ("{metrics: '${METRICS}'}", None, (1, "minReplicas")),
    ],
)
def test_horizontal_pod_autoscaler(spec: str, sees: bool | None, floor: tuple[int, str] | None) -> None:
    assert (sees_zero(hpa(spec)), floor_of(hpa(spec))) == (sees, floor)


def test_metrics_of_old_versions_stand_in_an_annotation() -> None:
    assert sees_zero(hpa("{}", "{autoscaling.alpha.kubernetes.io/metrics: '[]'}")) is None


@pytest.mark.parametrize(
    ("spec", "sees", "floor"),
    [
        ("{}", None, (0, "minReplicaCount")),
        ("{triggers: [{type: prometheus}]}", True, (0, "minReplicaCount")),
        ("{minReplicaCount: 2, triggers: [{type: cpu}, {type: prometheus}]}", True, (2, "minReplicaCount")),
        ("{minReplicaCount: 2, idleReplicaCount: 0, triggers: [{type: prometheus}]}", True, (0, "idleReplicaCount")),
        ("{minReplicaCount: 0, triggers: [{type: cpu}, {type: memory}]}", False, (1, "minReplicaCount")),
        ("{minReplicaCount: 2, idleReplicaCount: 0, triggers: [{type: cpu}]}", False, (2, "minReplicaCount")),
        ("{minReplicaCount: '${MIN}', triggers: [{type: prometheus}]}", True, None),
    ],
)
def test_scaled_object(spec: str, sees: bool | None, floor: tuple[int, str] | None) -> None:
    assert (sees_zero(scaled(spec)), floor_of(scaled(spec))) == (sees, floor)


def service(annotations: str = "{}", status: str = "{}") -> str:
    return f"""
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {{name: one, annotations: {annotations}}}
spec: {{predictor: {{minReplicas: 0}}}}
status: {status}
"""


def setting(deploy: str) -> str:
    return f"""
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: inferenceservice-config, namespace: kserve}}
data:
  deploy: |
    {deploy}
"""


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (service(), None),
        (service("{serving.kserve.io/deploymentMode: RawDeployment}"), Mode.STANDARD),
        (service("{serving.kserve.io/deploymentMode: Serverless}"), Mode.KNATIVE),
        (service("{serving.kserve.io/deploymentMode: '${MODE}'}"), None),
        (service("{serving.kserve.io/deploymentMode: Standard}", "{deploymentMode: Knative}"), Mode.KNATIVE),
        (service() + setting('{"defaultDeploymentMode": "Standard"}'), Mode.STANDARD),
        (service() + setting('# "defaultDeploymentMode": "Standard"'), None),
        (service("{serving.kserve.io/deploymentMode: Knative}") + setting('{"defaultDeploymentMode": "Standard"}'), Mode.KNATIVE),
    ],
)
def test_deployment_mode(text: str, mode: Mode | None) -> None:
    found = documents(text)
    assert deployment_mode(found[0], Snapshot(found)) is mode


def test_setting_of_another_branch_says_nothing() -> None:
    found = [*documents(service(), "one/a.yaml"), *documents(setting('{"defaultDeploymentMode": "Standard"}'), "two/b.yaml")]
    assert deployment_mode(found[0], Snapshot(found)) is None
