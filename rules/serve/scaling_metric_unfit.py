"""An autoscaler watches CPU or memory of a model server, which say little about its load.

## Why it matters
A server that computes on an accelerator waits for it: its CPU is nearly idle, or busy polling, however many requests queue up. Scaled by
CPU alone, it gets replicas too late or never, and keeps accelerators that nobody needs. Google advises against CPU and memory as the only
metrics of inference on GPUs. Memory is worse still, on any device: weights, caches and the pools of allocators stay allocated when requests
end, so that the number of replicas goes up and hardly ever comes down. Of several metrics the one that asks for most replicas wins.

An autoscaler without metrics scales by CPU at 80 %, and so does KServe in Standard mode for a component whose `maxReplicas` is higher than
its `minReplicas`. A metric as a share of the request (`Utilization`) further needs that request: without it the autoscaler cannot compute
anything, and the finding says so.

CPU alone is a good metric for a server that computes on the CPU, and yields nothing.

## Bad
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.0
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: vllm}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: vllm}
  minReplicas: 1
  maxReplicas: 8
  metrics:  # finding
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
```

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: classifier}
spec:
  template:
    spec:
      containers:
      - name: serving
        image: tensorflow/serving:2.19.0
        resources: {requests: {cpu: 2, memory: 4Gi}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: classifier}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: classifier}
  maxReplicas: 5
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
  - type: Resource  # finding
    resource: {name: memory, target: {type: Utilization, averageUtilization: 80}}
```

KServe and KEDA make the same autoscaler.

```yaml
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: llama}
spec:
  predictor:
    minReplicas: 1
    maxReplicas: 4
    scaleMetric: cpu  # finding
    model:
      modelFormat: {name: huggingface}
      resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: qwen, annotations: {serving.kserve.io/deploymentMode: Standard}}
spec:
  predictor:
    minReplicas: 1
    maxReplicas: 3  # finding
    model:
      modelFormat: {name: huggingface}
      resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sglang}
spec:
  template:
    spec:
      containers:
      - name: sglang
        image: lmsysorg/sglang:v0.4.9
        resources: {requests: {cpu: 4}, limits: {nvidia.com/gpu: 1}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: sglang}
spec:
  scaleTargetRef: {name: sglang}
  triggers:  # finding
  - type: cpu
    metricType: Utilization
    metadata: {value: "60"}
```

## Good
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.0
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: vllm}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: vllm}
  minReplicas: 1
  maxReplicas: 8
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 90}}
  - type: Pods
    pods:
      metric: {name: "vllm:num_requests_waiting"}
      target: {type: AverageValue, averageValue: 5}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: llama}
spec:
  predictor:
    maxReplicas: 4
    scaleMetric: concurrency
    scaleTarget: 8
    model:
      modelFormat: {name: huggingface}
      resources: {limits: {nvidia.com/gpu: 1}}
```

A server on the CPU scales by CPU, and an autoscaler of something that serves no model is not judged.

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: classifier}
spec:
  template:
    spec:
      containers:
      - name: serving
        image: tensorflow/serving:2.19.0
        resources: {requests: {cpu: 2}}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: classifier}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: classifier}
  maxReplicas: 5
  targetCPUUtilizationPercentage: 70
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: web
        image: ghcr.io/example/web:1.0
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
  metrics:
  - type: Resource
    resource: {name: memory, target: {type: Utilization, averageUtilization: 80}}
```

## When to ignore
Where a load test has shown that CPU rises and falls with the requests, as it may when tokenising or decoding images is the larger part.

## References
- https://docs.cloud.google.com/kubernetes-engine/docs/best-practices/machine-learning/inference/autoscaling
- https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
- https://github.com/kserve/kserve/blob/master/pkg/controller/v1beta1/inferenceservice/reconcilers/hpa/hpa_reconciler.go
- https://keda.sh/docs/latest/scalers/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.document import Document, Path, mapping, sequence
from auditor.rule import LLM_SERVING, RECOMMENDED, Fault, Result, Role, Severity, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import Image, Inject, PodTemplate

_RESOURCES = ("cpu", "memory")
# What measures the load, by a word of the image or the command.
_BETTER = (
    (re.compile(r"vllm"), "vllm:num_requests_waiting"),
    (re.compile(r"sglang"), "sglang:num_queue_reqs"),
    (re.compile(r"text-generation"), "tgi_queue_size"),
    (re.compile(r"text-embeddings"), "te_queue_size"),
    (re.compile(r"tritonserver"), "nv_inference_queue_duration_us"),
)
_KSERVE = "serving.kserve.io/"


@dataclass(frozen=True, slots=True)
class Metric:
    """What an autoscaler watches: ``cpu`` or ``memory``, whether as a share of the request, of one container or the pod, and where."""

    resource: str
    share: bool
    container: str
    path: Path


@rule(
    "scaling-metric-unfit",
    title="Model server scaled by CPU or memory",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    tags={LLM_SERVING},
    kinds={"HorizontalPodAutoscaler", "ScaledObject", "InferenceService"},
    needs=("Deployment", "StatefulSet"),
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    group, kind = document.ref.group, document.ref.kind
    if kind == "InferenceService":
        if group == "serving.kserve.io":
            yield from _inference_service(document, snapshot)
        return
    if group != ("keda.sh" if kind == "ScaledObject" else "autoscaling"):
        return
    spec = mapping(document.raw.get("spec"))
    metrics = _triggers(spec) if kind == "ScaledObject" else _metrics(document, spec)
    low, high = ("minReplicaCount", "maxReplicaCount") if kind == "ScaledObject" else ("minReplicas", "maxReplicas")
    if not metrics or (spec.get(high) is not None and spec.get(high) == spec.get(low, 1)):
        return
    target = snapshot.scale_target(document)
    if target is None:
        reference = mapping(spec.get("scaleTargetRef")).get("kind", "Deployment")
        if isinstance(reference, str) and not snapshot.complete_for(reference, document):
            yield skip("the workload that an autoscaler scales by CPU or memory is not in view")
        return
    if target.is_role(Role.INFRASTRUCTURE, Role.PLATFORM):
        return
    template = next((one for one in target.templates if one.accelerated), next(iter(target.templates), None))
    if template is not None:
        yield from _judge(document, snapshot, template, metrics)


def _judge(document: Document, snapshot: Snapshot, template: PodTemplate, metrics: Sequence[Metric]) -> Iterator[Fault]:
    """The fault of scaling a pod by nothing but these metrics."""
    missing = _missing_requests(template, snapshot, metrics)
    if snapshot.wants_accelerator(template):
        names = " and ".join(dict.fromkeys(metric.resource for metric in metrics))
        yield Fault(
            document,
            metrics[0].path[:-1] if isinstance(metrics[0].path[-1], int) else metrics[0].path,
            f"scales pods with an accelerator by {names} alone, which does not follow their load{missing}",
            f"scale by {_better(template)}: a Pods or External metric, or a KEDA trigger of type prometheus",
        )
        return
    memory = next((metric for metric in metrics if metric.resource == "memory"), None)
    if memory is not None and template.workload.is_role(Role.SERVING) and template.component != "transformer":
        yield Fault(
            document,
            memory.path,
            f"scales a model server by memory, which stays allocated when requests end: replicas are hardly ever taken away{missing}",
            "drop the memory metric; keep cpu for a server on the CPU, or scale by queue length or concurrency",
            severity=Severity.LOW,
        )


def _better(template: PodTemplate) -> str:
    text = " ".join(
        f"{container.image.repository if isinstance(container.image, Image) else ''} {container.command_line}"
        for container in template.main_containers
    )
    name = next((metric for pattern, metric in _BETTER if pattern.search(text)), "")
    return f"`{name}`" if name else "the length of the queue, the batch size or the concurrency of the server"


def _missing_requests(template: PodTemplate, snapshot: Snapshot, metrics: Sequence[Metric]) -> str:
    """What the message adds where the autoscaler needs a request that a container lacks."""
    if template.incomplete or Inject.REQUESTS in template.injects or "resources" in template.spec:
        return ""
    given = snapshot.given_by_limit_range(template.workload.document, "requests")
    lacking = {
        metric.resource: container.name
        for metric in metrics
        if metric.share and metric.resource not in given
        for container in template.main_containers
        if metric.container in ("", container.name) and container.effective_request(metric.resource) is None
    }
    if not lacking:
        return ""
    return f"; nor can it compute a share of {' and '.join(lacking)}, which {next(iter(lacking.values()))} does not request"


# -- what each of the three kinds watches ------------------------------------------------------------------------------------------------


def _metrics(document: Document, spec: Mapping[str, Any]) -> list[Metric]:
    """The metrics of a HorizontalPodAutoscaler where all are cpu or memory, else none. Without any it scales by CPU.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
    """
    if document.ref.version == "v1":
        if "autoscaling.alpha.kubernetes.io/metrics" in mapping(mapping(document.raw.get("metadata")).get("annotations")):
            return []
        value = spec.get("targetCPUUtilizationPercentage", 80)
        place = "targetCPUUtilizationPercentage" if "targetCPUUtilizationPercentage" in spec else "maxReplicas"
        return [Metric("cpu", True, "", ("spec", place))] if isinstance(value, int) else []
    if "metrics" not in spec or spec["metrics"] == []:
        return [Metric("cpu", True, "", ("spec", "metrics" if "metrics" in spec else "maxReplicas"))]
    return _resource_metrics(spec["metrics"], ("spec", "metrics"))


def _resource_metrics(entries: object, path: Path) -> list[Metric]:
    """The metrics of a list where all are cpu or memory, else none."""
    found = []
    for index, entry in enumerate(sequence(entries)):
        kind = mapping(entry).get("type")
        resource = mapping(mapping(entry).get("containerResource" if kind == "ContainerResource" else "resource"))
        if kind not in ("Resource", "ContainerResource") or resource.get("name") not in _RESOURCES:
            return []
        share = mapping(resource.get("target")).get("type") == "Utilization" or "targetAverageUtilization" in resource
        container = resource.get("container")
        found.append(Metric(resource["name"], share, container if isinstance(container, str) else "", (*path, index)))
    return found


def _triggers(spec: Mapping[str, Any]) -> list[Metric]:
    """The triggers of a ScaledObject where all are cpu or memory, else none. KEDA makes metrics of an autoscaler of them."""
    found = []
    for index, entry in enumerate(sequence(spec.get("triggers"))):
        kind, metadata = mapping(entry).get("type"), mapping(mapping(entry).get("metadata"))
        if kind not in _RESOURCES:
            return []
        share = "Utilization" in (mapping(entry).get("metricType"), metadata.get("type"))
        container = metadata.get("containerName")
        found.append(Metric(kind, share, container if isinstance(container, str) else "", ("spec", "triggers", index)))
    return found


def _inference_service(document: Document, snapshot: Snapshot) -> Iterator[Fault]:
    annotations = mapping(mapping(document.raw.get("metadata")).get("annotations"))
    workload = snapshot.workload_of(document)
    if workload is None or annotations.get(f"{_KSERVE}autoscalerClass") in ("external", "none"):
        return
    for template in workload.templates:
        if len(template.path) != 2 or template.row.partial:
            continue
        metrics = _component_metrics(template.spec, annotations, template.path)
        if metrics:
            yield from _judge(document, snapshot, template, metrics)


def _component_metrics(component: Mapping[str, Any], annotations: Mapping[str, Any], path: Path) -> list[Metric]:
    """What KServe scales a component by where that is cpu or memory, else nothing."""
    low, high = component.get("minReplicas", 1), component.get("maxReplicas")
    standard = annotations.get(f"{_KSERVE}deploymentMode") in ("Standard", "RawDeployment")
    scales = isinstance(low, int) and isinstance(high, int) and high > max(low, 1)
    if not scales and (standard or high):
        return []
    if "autoScaling" in component:
        return _resource_metrics(mapping(component["autoScaling"]).get("metrics"), (*path, "autoScaling", "metrics"))
    if "scaleMetric" in component:
        name, place = component["scaleMetric"], (*path, "scaleMetric")
    elif f"{_KSERVE}metric" in annotations:
        name, place = annotations[f"{_KSERVE}metric"], ("metadata", "annotations", f"{_KSERVE}metric")
    else:
        name, place = "cpu" if standard else None, (*path, "maxReplicas")
    return [Metric(name, True, "", place)] if name in _RESOURCES else []
