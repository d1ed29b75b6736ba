"""How many pods a workload keeps when nobody needs it: whether what scales it can take away the last one.

A pod's own metrics cannot say that the first pod is needed: at zero there is nothing to measure. So an autoscaler that watches nothing but
them stays at one, whatever its lower bound says.

Sources, read in November 2026:

- HorizontalPodAutoscaler: a lower bound of 0 needs an Object or External metric, and the feature gate HPAScaleToZero, which is off before
  Kubernetes 1.37: https://kubernetes.io/blog/2026/09/02/kubernetes-v1-37-hpa-scale-to-zero-beta/
- KEDA: ``verifyCPUMemoryScalers`` in https://github.com/kedacore/keda/blob/main/apis/keda/v1alpha1/scaledobject_webhook.go;
  ``minReplicaCount`` is 0 where it is not set, and ``idleReplicaCount`` goes below it: https://keda.sh/docs/latest/reference/scaledobject-spec/
- KServe: ``GetDeploymentMode`` (what the status records wins, then the annotation, then the cluster's setting) in
  https://github.com/kserve/kserve/blob/master/pkg/controller/v1beta1/inferenceservice/utils/utils.go. The chart sets Knative as default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from auditor.document import Document, mapping, sequence
from auditor.snapshot import Snapshot, same_branch
from auditor.workload.values import integer

__all__ = ["KSERVE", "Mode", "deployment_mode", "floor_of", "only_pod_resources", "scale_target_of", "sees_zero"]

KSERVE = "serving.kserve.io"
_RESOURCES = ("cpu", "memory")
_WITHOUT_PODS, _OF_PODS = ("Object", "External"), ("Resource", "ContainerResource", "Pods")


class Mode(StrEnum):
    """How KServe runs an InferenceService."""

    STANDARD = "Standard"
    KNATIVE = "Knative"
    MODEL_MESH = "ModelMesh"


_MODES = {
    "Standard": Mode.STANDARD, "RawDeployment": Mode.STANDARD, "Knative": Mode.KNATIVE, "Serverless": Mode.KNATIVE,
    "ModelMesh": Mode.MODEL_MESH,
}  # fmt: skip
_DEFAULT_MODE = re.compile(r'^[^#\n]*"defaultDeploymentMode"\s*:\s*"(\w+)"', re.MULTILINE)


def deployment_mode(document: Document, snapshot: Snapshot) -> Mode | None:
    """The mode of an InferenceService; None where only a setting of the cluster that is not in view decides."""
    recorded = mapping(document.raw.get("status")).get("deploymentMode")
    if isinstance(recorded, str) and recorded:
        return _MODES.get(recorded)
    written = mapping(mapping(document.raw.get("metadata")).get("annotations")).get(f"{KSERVE}/deploymentMode")
    if written is not None:
        return _MODES.get(written) if isinstance(written, str) else None
    settings = [one for one in snapshot.by_kind("ConfigMap", "") if one.ref.name == "inferenceservice-config"]
    near = [one for one in settings if snapshot.listing is not None or same_branch(document, one)]
    found = {_MODES.get(mode) for one in near for mode in _DEFAULT_MODE.findall(_text(one, "deploy"))}
    return found.pop() if len(found) == 1 else None


def _text(document: Document, key: str) -> str:
    text = mapping(document.raw.get("data")).get(key)
    return text if isinstance(text, str) else ""


def scale_target_of(scaler: Document) -> str:
    """The kind of what an autoscaler scales; empty where that is not known."""
    kind = mapping(mapping(scaler.raw.get("spec")).get("scaleTargetRef")).get("kind", "Deployment")
    return kind if isinstance(kind, str) else ""


def only_pod_resources(entries: object) -> bool:
    """Whether a list of metrics or triggers holds nothing but CPU and memory of the pods. An empty list says nothing."""
    found = [mapping(entry) for entry in sequence(entries)]
    return bool(found) and all(map(_is_resource, found))


def _is_resource(entry: Mapping[str, Any]) -> bool:
    return entry.get("type") in ("Resource", "ContainerResource", *_RESOURCES)


def sees_zero(scaler: Document) -> bool | None:
    """Whether a HorizontalPodAutoscaler or a ScaledObject watches something that is there without pods; None where that is not known."""
    spec = mapping(scaler.raw.get("spec"))
    if scaler.ref.kind == "ScaledObject":
        return None if not sequence(spec.get("triggers")) else not only_pod_resources(spec.get("triggers"))
    metrics = spec.get("metrics")
    if metrics is None:  # CPU; before v2 others stood in an annotation
        return None if _has_old_metrics(scaler) else False
    kinds = [mapping(entry).get("type") for entry in metrics] if isinstance(metrics, list) else [None]
    if any(kind in _WITHOUT_PODS for kind in kinds):
        return True
    return False if all(kind in _OF_PODS for kind in kinds) else None


def _has_old_metrics(scaler: Document) -> bool:
    annotations = mapping(mapping(scaler.raw.get("metadata")).get("annotations"))
    return any(str(key).startswith("autoscaling.alpha.kubernetes.io/") for key in annotations)


def floor_of(scaler: Document) -> tuple[int, str] | None:
    """The number of pods that an autoscaler keeps when there is nothing to do, and the field that says so; None where it is not known."""
    spec = mapping(scaler.raw.get("spec"))
    if scaler.ref.kind != "ScaledObject":
        low = integer(spec.get("minReplicas"), 1)
        return (low, "minReplicas") if isinstance(low, int) else None
    low, idle = integer(spec.get("minReplicaCount"), 0), integer(spec.get("idleReplicaCount"))
    if not isinstance(low, int):
        return None
    if sees_zero(scaler) is False:
        return max(low, 1), "minReplicaCount"
    return (low, "minReplicaCount") if idle is None else (idle, "idleReplicaCount") if isinstance(idle, int) else None
