"""A model server is meant to scale to zero, and cannot.

## Why it matters
A lower bound of zero says that the last accelerator is given back when nobody asks the model anything. Whether that happens is decided
elsewhere. KServe in Standard mode makes a HorizontalPodAutoscaler whose lower bound is 1 where the InferenceService says 0: the accelerator
is never given back, and nothing says so. An autoscaler that watches CPU and memory of the pods cannot scale to zero either, since without a
pod there is nothing to measure: the API server refuses a HorizontalPodAutoscaler of that kind (executed on 1.36.3), KEDA's webhook refuses
a ScaledObject, and where the webhook is not installed KEDA stays at one.

The mode of an InferenceService is the one that its status records, else that of its annotation, else the cluster's default, which is in the
ConfigMap `inferenceservice-config`. The chart sets Knative, in which zero works; where none of the three is in view nothing is found.

Object and External metrics allow a HorizontalPodAutoscaler to reach zero only where the feature gate HPAScaleToZero is on, as it is from
Kubernetes 1.37; before, a lower bound of 0 is refused with them too (executed on 1.36.3).

## Bad
```yaml
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: llama, annotations: {serving.kserve.io/deploymentMode: Standard}}
spec:
  predictor:
    minReplicas: 0  # finding
    maxReplicas: 4
    model:
      modelFormat: {name: huggingface}
      resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: by-keda-and-cpu
  annotations: {serving.kserve.io/deploymentMode: RawDeployment, serving.kserve.io/autoscalerClass: keda}
spec:
  predictor:
    minReplicas: 0  # finding
    autoScaling:
      metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
    model:
      modelFormat: {name: huggingface}
      resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: inferenceservice-config, namespace: kserve}
data:
  deploy: |
    {"defaultDeploymentMode": "Standard"}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: by-default, namespace: chat}
spec:
  predictor:
    minReplicas: 0  # finding
    model:
      modelFormat: {name: huggingface}
      resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {requests: {cpu: 4}, limits: {nvidia.com/gpu: 1}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: vllm}
spec:
  scaleTargetRef: {name: vllm}
  minReplicaCount: 0  # finding
  triggers:
  - type: cpu
    metricType: Utilization
    metadata: {value: "60"}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: vllm}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: vllm}
  minReplicas: 0  # finding
  maxReplicas: 4
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
```

```yaml kubernetes=1.36
apiVersion: apps/v1
kind: Deployment
metadata: {name: tgi}
spec:
  template:
    spec:
      containers:
      - name: tgi
        image: ghcr.io/huggingface/text-generation-inference:3.0.1
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: tgi}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: tgi}
  minReplicas: 0  # finding
  maxReplicas: 4
  metrics:
  - type: External
    external: {metric: {name: queued_requests}, target: {type: AverageValue, averageValue: 5}}
```

```yaml
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: embeddings}
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/class: hpa.autoscaling.knative.dev
        autoscaling.knative.dev/min-scale: "0"  # finding
    spec:
      containers:
      - image: ghcr.io/huggingface/text-embeddings-inference:1.7
        resources: {limits: {nvidia.com/gpu: 1}}
```

## Good
```yaml
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: knative, annotations: {serving.kserve.io/deploymentMode: Knative}}
spec:
  predictor:
    minReplicas: 0
    model:
      modelFormat: {name: huggingface}
      resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: mode-of-the-cluster}
spec:
  predictor:
    minReplicas: 0
    model:
      modelFormat: {name: huggingface}
      resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: by-keda
  annotations: {serving.kserve.io/deploymentMode: Standard, serving.kserve.io/autoscalerClass: keda}
spec:
  predictor:
    minReplicas: 0
    autoScaling:
      metrics:
      - type: External
        external:
          metric: {backend: prometheus, serverAddress: "http://prometheus:9090", query: "sum(vllm:num_requests_waiting)"}
          target: {type: Value, value: "5"}
    model:
      modelFormat: {name: huggingface}
      resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: vllm}
spec:
  scaleTargetRef: {name: vllm}
  minReplicaCount: 0
  triggers:
  - type: prometheus
    metadata: {serverAddress: "http://prometheus:9090", query: "sum(vllm:num_requests_waiting)", threshold: "5"}
```

```yaml kubernetes=1.37
apiVersion: apps/v1
kind: Deployment
metadata: {name: tgi}
spec:
  template:
    spec:
      containers:
      - name: tgi
        image: ghcr.io/huggingface/text-generation-inference:3.0.1
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: tgi}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: tgi}
  minReplicas: 0
  maxReplicas: 4
  metrics:
  - type: External
    external: {metric: {name: queued_requests}, target: {type: AverageValue, averageValue: 5}}
```

## When to ignore
For External metrics of a HorizontalPodAutoscaler on a cluster whose administrators turned HPAScaleToZero on before 1.37.

## References
- https://github.com/kserve/kserve/blob/master/pkg/controller/v1beta1/inferenceservice/reconcilers/hpa/hpa_reconciler.go
- https://kserve.github.io/website/docs/concepts/architecture/control-plane
- https://kubernetes.io/blog/2026/09/02/kubernetes-v1-37-hpa-scale-to-zero-beta/
- https://github.com/kedacore/keda/blob/main/apis/keda/v1alpha1/scaledobject_webhook.go
- https://docs.openshift.com/serverless/1.30/knative-serving/autoscaling/serverless-autoscaling-scale-to-zero.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.document import Document, mapping
from auditor.rule import COST, LLM_SERVING, RECOMMENDED, Confidence, Fault, Path, Result, Role, Severity, rule, skip
from auditor.scaling import KSERVE, Mode, deployment_mode, only_pod_resources, scale_target_of, sees_zero
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate
from auditor.workload.values import integer

HPA_REACHES_ZERO = (1, 37)
KNATIVE = "autoscaling.knative.dev/"
MIN_SCALE = (f"{KNATIVE}min-scale", f"{KNATIVE}minScale")
BY_KEDA = f"set the annotation {KSERVE}/autoscalerClass: keda with an External metric, or {KSERVE}/deploymentMode: Knative"
BY_QUEUE = "watch something that is there without pods, such as the length of a queue in Prometheus"


@rule(
    "scale-to-zero-ineffective",
    title="Lower bound of zero that is never reached",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, COST},
    tags={LLM_SERVING},
    kinds={"InferenceService", "HorizontalPodAutoscaler", "ScaledObject", "Service"},
    needs=("Deployment", "StatefulSet"),
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    match document.ref.group, document.ref.kind:
        case "serving.kserve.io", "InferenceService":
            yield from _inference_service(document, snapshot)
        case "serving.knative.dev", "Service":
            yield from _knative_service(document, snapshot)
        case ("autoscaling", "HorizontalPodAutoscaler") | ("keda.sh", "ScaledObject"):
            yield from _scaler(document, snapshot)


def _inference_service(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    workload = snapshot.workload_of(document)
    if workload is None or workload.annotations.get(f"{KSERVE}/stop") == "true":
        return
    asked = [one for one in workload.templates if len(one.path) == 2 and not one.row.partial and _is_zero(one.spec.get("minReplicas"))]
    mode = deployment_mode(document, snapshot) if asked else None
    for template in asked:
        annotations = {**workload.annotations, **template.annotations}
        if mode is None:
            yield skip("the deployment mode of an InferenceService that asks for zero pods: its status, or inferenceservice-config")
        elif mode is Mode.STANDARD and annotations.get(f"{KSERVE}/autoscalerClass", "hpa") == "hpa":
            said = f"{KSERVE}/deploymentMode" in workload.annotations or "deploymentMode" in mapping(workload.raw.get("status"))
            yield _fault(
                document, snapshot, template, (*template.path, "minReplicas"),
                "minReplicas 0 becomes 1 in Standard mode, whose HorizontalPodAutoscaler keeps the last pod",
                BY_KEDA, None if said else Confidence.MEDIUM,
            )  # fmt: skip
        elif mode is Mode.STANDARD and annotations.get(f"{KSERVE}/autoscalerClass") == "keda":
            if only_pod_resources(mapping(template.spec.get("autoScaling")).get("metrics")):
                message = "minReplicas is 0, but KEDA is told to watch only CPU and memory of the pods and keeps the last one"
                yield _fault(document, snapshot, template, (*template.path, "minReplicas"), message, BY_QUEUE)
        elif mode is Mode.KNATIVE and _is_scaled_by_hpa(annotations):
            message = "minReplicas is 0, but Knative's hpa class keeps the last pod"
            yield _fault(document, snapshot, template, (*template.path, "minReplicas"), message, f"drop the annotation {KNATIVE}class")


def _knative_service(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    workload = snapshot.workload_of(document)
    for template in () if workload is None else workload.templates:
        key = next((key for key in MIN_SCALE if _is_zero(template.annotations.get(key))), "")
        if key and _is_scaled_by_hpa(template.annotations) and _matters(template, snapshot):
            message = f"{key} is 0, but Knative's hpa class keeps the last pod"
            place = (*template.metadata_path, "annotations", key)
            yield _fault(document, snapshot, template, place, message, f"drop the annotation {KNATIVE}class")


def _scaler(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    spec, keda = mapping(document.raw.get("spec")), document.ref.kind == "ScaledObject"
    fields = ("minReplicaCount", "idleReplicaCount") if keda else ("minReplicas",)
    field = next((field for field in fields if _is_zero(spec.get(field))), "")
    sees = sees_zero(document) if field else None
    refused = not keda and sees is True and snapshot.listing is None and snapshot.kubernetes_version < HPA_REACHES_ZERO
    if not field or sees is None or (sees and not refused):
        return
    target = snapshot.scale_target(document)
    if target is None:
        if not snapshot.complete_for(scale_target_of(document), document):
            yield skip("the workload that an autoscaler is to scale to zero")
        return
    template = next((one for one in target.templates if _matters(one, snapshot)), None)
    if template is None or target.is_role(Role.INFRASTRUCTURE, Role.PLATFORM):
        return
    if refused:
        message = "minReplicas is 0, which the API server refuses before Kubernetes 1.37 unless HPAScaleToZero is on"
        yield _fault(document, snapshot, template, ("spec", field), message, "let KEDA scale it, or set 1", Confidence.MEDIUM)
        return
    who = "KEDA, which watches only CPU and memory of the pods, keeps the last one" if keda else "the API server refuses it"
    why = "" if keda else ": without pods none of the metrics is there"
    remedy = BY_QUEUE if keda else f"{BY_QUEUE}, by KEDA or, from Kubernetes 1.37, by an External metric"
    yield _fault(document, snapshot, template, ("spec", field), f"{field} is 0, but {who}{why}", remedy)


def _fault(
    document: Document, snapshot: Snapshot, template: PodTemplate, path: Path, message: str, remedy: str, sure: Confidence | None = None
) -> Fault:  # fmt: skip
    severity = None if snapshot.wants_accelerator(template) else Severity.LOW
    return Fault(document, path, message, remedy, severity=severity, confidence=sure)


def _matters(template: PodTemplate, snapshot: Snapshot) -> bool:
    return snapshot.wants_accelerator(template) or template.workload.is_role(Role.SERVING)


def _is_scaled_by_hpa(annotations: Mapping[str, Any]) -> bool:
    return annotations.get(f"{KNATIVE}class") == "hpa.autoscaling.knative.dev"


def _is_zero(value: object) -> bool:
    return integer(value) == 0
