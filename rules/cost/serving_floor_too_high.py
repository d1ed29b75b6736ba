"""A model server keeps more accelerators than it needs when nobody asks it anything.

## Why it matters
The lower bound of a model server is paid for every hour, with or without requests. Production buys its answer times with it. In a namespace
for development or tests it buys nothing at night and at weekends, which are three quarters of the week: there the last pod should go when
nobody uses it, or at fixed hours.

Nor does a floor help that is only low on paper. An autoscaler that must not scale down, or that waits for hours, keeps whatever the busiest
moment needed; and a group of Ray workers whose lower bound equals its upper one has no autoscaler at all.

Whether production needs its floor can be measured: where load never took the number of pods above it for a day or more, and the devices of
those pods were idle for at least half of that time, fewer would have done.

## Bad
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat, namespace: chat-dev}
spec:
  replicas: 2  # finding
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: llama, namespace: staging}
spec:
  predictor:
    minReplicas: 1  # finding
    model:
      modelFormat: {name: huggingface}
      resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: tgi, namespace: team-a-test}
spec:
  template:
    spec:
      containers:
      - name: tgi
        image: ghcr.io/huggingface/text-generation-inference:3.0.1
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: tgi, namespace: team-a-test}
spec:
  scaleTargetRef: {name: tgi}
  minReplicaCount: 1  # finding
  triggers:
  - type: prometheus
    metadata: {serverAddress: "http://prometheus:9090", query: sum(tgi_queue_size), threshold: "5"}
```

In every namespace:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm, namespace: production}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: vllm, namespace: production}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: vllm}
  minReplicas: 2
  maxReplicas: 16
  metrics:
  - type: Pods
    pods: {metric: {name: "vllm:num_requests_waiting"}, target: {type: AverageValue, averageValue: 5}}
  behavior:
    scaleDown:
      selectPolicy: Disabled  # finding
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: vllm, namespace: production}
spec:
  scaleTargetRef: {name: vllm}
  minReplicaCount: 0
  cooldownPeriod: 14400  # finding
  triggers:
  - type: prometheus
    metadata: {serverAddress: "http://prometheus:9090", query: "sum(vllm:num_requests_waiting)", threshold: "5"}
```

```yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: shared}
spec:
  enableInTreeAutoscaling: true
  autoscalerOptions:
    idleTimeoutSeconds: 86400  # finding
  headGroupSpec:
    template:
      spec:
        containers: [{name: head, image: "rayproject/ray:2.46.0"}]
  workerGroupSpecs:
  - groupName: fixed
    minReplicas: 4  # finding
    maxReplicas: 4
    template:
      spec:
        containers: [{name: worker, image: "rayproject/ray:2.46.0-gpu", resources: {limits: {nvidia.com/gpu: 1}}}]
```

Measured (`--prometheus`): four pods all week, of which one would have done the work.

```yaml live
apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm, namespace: production, uid: d-1, creationTimestamp: "2026-10-01T08:00:00Z"}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 2}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: vllm, namespace: production, creationTimestamp: "2026-10-01T08:00:00Z"}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: vllm}
  minReplicas: 4  # finding
  maxReplicas: 16
  metrics:
  - type: Pods
    pods: {metric: {name: "vllm:num_requests_waiting"}, target: {type: AverageValue, averageValue: 5}}
status: {currentReplicas: 4, desiredReplicas: 4, lastScaleTime: "2026-10-01T08:05:00Z"}
---
measured:
  held: [{holder: Deployment/production/vllm, idle: 1050, active: 294, devices: 8, idle_hour: 6}]
  rates: {gpu-0: 6.88}
```

## Good
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat, namespace: chat-production}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: at-fixed-hours, namespace: chat-dev, annotations: {downscaler/uptime: "Mon-Fri 08:00-19:00 Europe/Berlin"}}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: on-the-cpu, namespace: chat-dev}
spec:
  template:
    spec:
      containers:
      - name: tei
        image: ghcr.io/huggingface/text-embeddings-inference:cpu-1.7
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: to-zero-by-default, namespace: chat-dev}
spec:
  template:
    spec:
      containers:
      - image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: to-zero, namespace: chat-dev}
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
metadata: {name: to-zero, namespace: chat-dev}
spec:
  scaleTargetRef: {name: to-zero}
  minReplicaCount: 0
  cooldownPeriod: 900
  triggers:
  - type: prometheus
    metadata: {serverAddress: "http://prometheus:9090", query: "sum(vllm:num_requests_waiting)", threshold: "5"}
---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: shared}
spec:
  enableInTreeAutoscaling: true
  headGroupSpec:
    template:
      spec:
        containers: [{name: head, image: "rayproject/ray:2.46.0"}]
  workerGroupSpecs:
  - groupName: elastic
    minReplicas: 0
    maxReplicas: 4
    template:
      spec:
        containers: [{name: worker, image: "rayproject/ray:2.46.0-gpu", resources: {limits: {nvidia.com/gpu: 1}}}]
```

The first comes down to its floor after busy hours, and the second is at work.

```yaml live
apiVersion: apps/v1
kind: Deployment
metadata: {name: up-and-down, namespace: production, creationTimestamp: "2026-10-01T08:00:00Z"}
spec: {template: {spec: {containers: [{name: vllm, image: "vllm/vllm-openai:v0.10.2", resources: {limits: {nvidia.com/gpu: 1}}}]}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: up-and-down, namespace: production, creationTimestamp: "2026-10-01T08:00:00Z"}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: up-and-down}
  minReplicas: 2
  maxReplicas: 8
status: {currentReplicas: 2, desiredReplicas: 2, lastScaleTime: "2026-11-24T20:00:00Z"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: at-work, namespace: production, creationTimestamp: "2026-10-01T08:00:00Z"}
spec: {template: {spec: {containers: [{name: vllm, image: "vllm/vllm-openai:v0.10.2", resources: {limits: {nvidia.com/gpu: 1}}}]}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: at-work, namespace: production, creationTimestamp: "2026-10-01T08:00:00Z"}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: at-work}
  minReplicas: 2
  maxReplicas: 8
status: {currentReplicas: 2, desiredReplicas: 2}
---
measured:
  held:
  - {holder: Deployment/production/up-and-down, idle: 250, active: 100}
  - {holder: Deployment/production/at-work, idle: 100, active: 236}
```

## When to ignore
Where people on other continents use the namespace, where the model takes longer to load than its users wait, or where the namespace is only
called after tests. Where two pods are kept so that one may fail, their idle hours are what availability costs.

## References
- https://keda.sh/docs/latest/concepts/scaling-deployments/
- https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior
- https://docs.ray.io/en/latest/cluster/kubernetes/user-guides/configuring-autoscaling.html
- https://kube-green.dev/docs/
- https://codeberg.org/hjacobs/kube-downscaler
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from auditor.document import Document, along, mapping
from auditor.live import instant
from auditor.quantity import format_usd
from auditor.rule import COST, LLM_SERVING, Confidence, Fault, Path, Result, Role, Severity, rule, sequence, skip
from auditor.scaling import KSERVE, Mode, deployment_mode, floor_of, scale_target_of, sees_zero
from auditor.snapshot import Snapshot, is_development_namespace
from auditor.waste import idle_cost
from auditor.workload import PodTemplate, Workload
from auditor.workload.values import integer

DAY, MONTH = 24, 730  # hours; a window shorter than a day shows too little of what is asked of a model
ENOUGH, TOLERANCE = Fraction(60, 100), Fraction(2, 100)  # of what ran, the part that is measured; of what was kept, what rollouts change
LONG = 3600  # seconds without work after which pods should be gone
SCHEDULES = ("downscaler/", "kube-green.dev/")  # annotations of what stops workloads at fixed hours
BEHAVIOR = {
    "HorizontalPodAutoscaler": ("spec", "behavior"),
    "ScaledObject": ("spec", "advanced", "horizontalPodAutoscalerConfig", "behavior"),
}  # fmt: skip
RAY = {"RayCluster": ("spec",), "RayService": ("spec", "rayClusterConfig")}
AT_NIGHT = "or stop it outside working hours with kube-green or kube-downscaler"


@rule(
    "serving-floor-too-high",
    title="Keeps accelerators that an idle model server could give back",
    severity=Severity.LOW,
    profiles={COST},
    confidence=Confidence.MEDIUM,
    tags={LLM_SERVING},
    needs=("Deployment", "HorizontalPodAutoscaler", "Namespace", "ScaledObject", "SleepInfo"),
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    if (document.ref.group, document.ref.kind) in (("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject")):
        yield from _scaler(document, snapshot)
        return
    is_ray, is_development = document.ref.group == "ray.io" and document.ref.kind in RAY, is_development_namespace(document.ref.namespace)
    workload = snapshot.workload_of(document) if is_ray or is_development else None
    if workload is None or workload.incomplete or workload.suspended or workload.metadata.get("ownerReferences"):
        return
    if is_ray:
        yield from _ray(workload)
    if is_development and not snapshot.scalers_of(workload):
        yield from _workload_in_development(workload, snapshot)


# -- what an autoscaler keeps ------------------------------------------------------------------------------------------------------------


def _scaler(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    late = [*_never_comes_down(document), *_comes_down_late(document)]
    floor, field = floor_of(document) or (0, "")
    by_day = floor > 0 and is_development_namespace(document.ref.namespace) and not _has_cron(document)
    measurable = floor > 1 and snapshot.listing is not None
    if not late and not by_day and not measurable:
        return
    target = snapshot.scale_target(document)
    if target is None:
        if (late or by_day) and not snapshot.complete_for(scale_target_of(document), document):
            yield skip("the workload that an autoscaler keeps up")
        return
    template = _accelerated(target, snapshot)
    if template is None or target.is_role(Role.INFRASTRUCTURE, Role.PLATFORM):
        return
    yield from late
    if by_day and target.is_role(Role.SERVING) and not _is_scheduled(document, target, snapshot):
        where = "minReplicaCount: 0" if document.ref.kind == "ScaledObject" else "a ScaledObject with minReplicaCount: 0"
        trigger = "" if sees_zero(document) else " and a trigger that is there without pods"
        yield Fault(document, ("spec", field), _kept(template, floor, document), f"use {where}{trigger}, {AT_NIGHT}")
    elif measurable:
        yield from _never_needed(document, template, floor, field, snapshot)


def _never_needed(document: Document, template: PodTemplate, floor: int, field: str, snapshot: Snapshot) -> Iterator[Result]:
    """A floor that was never left in the whole window, with devices that were idle for at least half of it."""
    usage, activity = snapshot.usage, snapshot.activity_of(template.workload)
    if usage is None:
        yield skip("measurements of its devices (--prometheus)")
        return
    scaled = instant(mapping(document.raw.get("status")).get("lastScaleTime"))
    if activity is None or usage.hours < DAY or (scaled is not None and scaled > usage.start):
        return
    devices = sum(template.accelerators.values())
    kept = floor * devices * usage.hours
    stayed = abs(activity.total - kept) <= kept * TOLERANCE  # pods of a rollout are there twice
    if not kept or not stayed or activity.measured < activity.running * ENOUGH or activity.idle * 2 < activity.running:
        return
    enough = max(math.ceil(floor * activity.active / activity.measured), 1)
    cost = idle_cost(template.workload, snapshot)
    price = f": {format_usd(cost.usd * MONTH / cost.window)} a month" if cost and cost.usd else ""
    yield Fault(
        document,
        ("spec", field),
        f"never kept more than its {floor} pods in {float(usage.hours):.0f} hours, and their {floor * devices} devices were idle for "
        f"{activity.idle_part}{price}",
        f"lower {field} to {enough}, and let load add pods: what idles above that is the price of availability",
        Severity.MEDIUM,
        cost=cost,
    )


def _never_comes_down(document: Document) -> Iterator[Fault]:
    path: Path = (*BEHAVIOR[document.ref.kind], "scaleDown", "selectPolicy")
    if along(document.raw, path)[-1] == "Disabled":
        message = "scaleDown.selectPolicy is Disabled: accelerators that a busy moment needed are never given back"
        yield Fault(document, path, message, "drop it, or limit how fast pods go by policies and stabilizationWindowSeconds")


def _comes_down_late(document: Document) -> Iterator[Fault]:
    """KEDA waits before the last pod goes; between one and many the autoscaler's own behavior holds."""
    spec = mapping(document.raw.get("spec"))
    wait, floor = integer(spec.get("cooldownPeriod")), floor_of(document)
    if document.ref.kind == "ScaledObject" and isinstance(wait, int) and wait > LONG and floor is not None and floor[0] == 0:
        message = f"cooldownPeriod is {wait}: the last accelerator is held for {_hours(wait)} after the last request"
        yield Fault(document, ("spec", "cooldownPeriod"), message, f"set {LONG} seconds or less; 300 is the default")


# -- what a workload keeps by itself ------------------------------------------------------------------------------------------------------


def _workload_in_development(workload: Workload, snapshot: Snapshot) -> Iterator[Fault]:
    if not workload.is_role(Role.SERVING) or not snapshot.asks_for_accelerator(workload):
        return
    if workload.annotations.get(f"{KSERVE}/autoscalerClass") == "external" or _is_scheduled(workload.document, workload, snapshot):
        return
    template = next((one for one in workload.templates if snapshot.wants_accelerator(one) and one.pods.low), None)
    if template is not None and template.pods.low:
        place, remedy = _place(template), _remedy(workload, snapshot)
        yield workload.fault(_kept(template, template.pods.low, workload.document), at=place, remediation=remedy)


def _place(template: PodTemplate) -> Path:
    """The field that says how many pods there are at least."""
    if template.workload.framework == "kserve" and "minReplicas" in template.spec:
        return (*template.path, "minReplicas")
    key = next((key for key in template.annotations if key.lower().replace("-", "").endswith("knative.dev/minscale")), "")
    return (*template.metadata_path, "annotations", key) if key else ("spec", "replicas")


def _remedy(workload: Workload, snapshot: Snapshot) -> str:
    if workload.ref.kind == "InferenceService":
        standard = deployment_mode(workload.document, snapshot) is Mode.STANDARD
        return f"set minReplicas: 0{f', with the annotation {KSERVE}/autoscalerClass: keda' if standard else ''}, {AT_NIGHT}"
    if workload.framework == "knative":
        return "drop the annotation, so that Knative scales to zero"
    return f"let KEDA scale it to zero when nobody asks it anything, {AT_NIGHT}"


# -- Ray ----------------------------------------------------------------------------------------------------------------------------------


def _ray(workload: Workload) -> Iterator[Fault]:
    at: Path = RAY[workload.ref.kind]
    cluster = mapping(along(workload.raw, at)[-1])
    groups = [template for template in workload.templates if template.component == "worker" and template.accelerated]
    if cluster.get("enableInTreeAutoscaling") is not True or not groups:
        return
    path: Path = (*at, "autoscalerOptions")
    yield from _idle_timeout(workload, mapping(cluster.get("autoscalerOptions")), path)
    for template in groups:
        path = template.path[:-2]
        group = mapping(along(workload.raw, path)[-1])
        yield from _idle_timeout(workload, group, path)
        low = integer(group.get("minReplicas"))
        if isinstance(low, int) and low > 0 and low == integer(group.get("maxReplicas")):
            yield workload.fault(
                f"minReplicas and maxReplicas are both {low}, so that the autoscaler can never give back {_devices(template)} of each pod",
                at=(*path, "minReplicas"),
                remediation="lower minReplicas to what is needed when the cluster is idle, 0 where nothing is",
            )


def _idle_timeout(workload: Workload, holder: Mapping[str, Any], path: Path) -> Iterator[Fault]:
    wait = integer(holder.get("idleTimeoutSeconds"))
    if isinstance(wait, int) and wait > LONG:
        yield workload.fault(
            f"idleTimeoutSeconds is {wait}: workers without work hold their accelerators for {_hours(wait)}",
            at=(*path, "idleTimeoutSeconds"),
            remediation=f"set {LONG} seconds or less; 60 is the default",
        )


# -- wording and small questions ----------------------------------------------------------------------------------------------------------


def _kept(template: PodTemplate, pods: int, document: Document) -> str:
    many = "one pod" if pods == 1 else f"{pods} pods"
    return f"keeps {many} with {_devices(template)} around the clock in {document.ref.namespace}, a namespace for development or tests"


def _devices(template: PodTemplate) -> str:
    return ", ".join(f"{key}: {count}" for key, count in template.accelerators.items()) or "an accelerator"


def _hours(seconds: int) -> str:
    return f"{seconds // 3600} hours" if seconds % 3600 == 0 and seconds > 3600 else f"{seconds // 60} minutes"


def _accelerated(workload: Workload, snapshot: Snapshot) -> PodTemplate | None:
    return next((template for template in workload.templates if snapshot.wants_accelerator(template)), None)


def _has_cron(scaler: Document) -> bool:
    """KEDA is told the hours."""
    return any(mapping(entry).get("type") == "cron" for entry in sequence(mapping(scaler.raw.get("spec")).get("triggers")))


def _is_scheduled(document: Document, workload: Workload, snapshot: Snapshot) -> bool:
    """Whether something stops the workload at fixed hours: by annotations on it, on what scales it or on its namespace, by a SleepInfo
    beside it, or by a downscaler with rules of its own."""
    namespaces = (one for one in snapshot.by_kind("Namespace", "") if one.ref.name == document.ref.namespace)
    annotated = (document, workload.document, *namespaces)
    if any(str(key).startswith(SCHEDULES) for one in annotated for key in mapping(mapping(one.raw.get("metadata")).get("annotations"))):
        return True
    return any(snapshot.beside(document, "SleepInfo", "kube-green.com")) or any(
        "downscaler" in other.ref.name for other in snapshot.workloads
    )
