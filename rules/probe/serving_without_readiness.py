"""A model server has no readiness probe, so that it gets requests before its model is loaded.

## Why it matters
A container without a readiness probe counts as ready as soon as it runs. A model server then still reads weights, often for minutes, while
its Service already sends it a share of the requests: every rollout, every scale-up and every node failure shows as refused connections. A
rolling update is worse off still, because it takes the old pods away as soon as the new ones claim to be ready.

A startup probe alone covers the loading, because a pod is not ready before it has succeeded. The server can then only not say later that it
is out of order: that is reported at severity low, and from profile `production` on.

## Bad
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      containers:
      - name: vllm  # finding
        image: vllm/vllm-openai:v0.10.0
        args: [--model, Qwen/Qwen3-8B]
        ports: [{containerPort: 8000}]
        livenessProbe:
          httpGet: {path: /health, port: 8000}
          initialDelaySeconds: 600
```

A Service leads to a container that declares no port.

```yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: triton}
spec:
  serviceName: triton
  selector: {matchLabels: {app: triton}}
  template:
    metadata: {labels: {app: triton}}
    spec:
      containers:
      - name: triton  # finding
        image: nvcr.io/nvidia/tritonserver:25.08-py3
        args: [tritonserver, --model-repository=/models]
---
apiVersion: v1
kind: Service
metadata: {name: triton}
spec:
  selector: {app: triton}
  ports: [{port: 8000}]
```

The leader of a group takes the requests.

```yaml
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: sglang}
spec:
  leaderWorkerTemplate:
    size: 2
    leaderTemplate:
      spec:
        containers:
        - name: leader  # finding
          image: lmsysorg/sglang:v0.4.9
          ports: [{containerPort: 30000}]
          resources: {limits: {nvidia.com/gpu: 8}}
          startupProbe:
            httpGet: {path: /health, port: 30000}
            failureThreshold: 120
    workerTemplate:
      spec:
        containers:
        - name: worker
          image: lmsysorg/sglang:v0.4.9
          ports: [{containerPort: 5000}]
          resources: {limits: {nvidia.com/gpu: 8}}
```

## Good
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      initContainers:
      - name: download
        image: ghcr.io/example/downloader:1.0
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.0
        ports: [{containerPort: 8000}]
        readinessProbe:
          httpGet: {path: /health, port: 8000}
      - name: exporter  # the readiness of the pod is that of the server
        image: ghcr.io/example/exporter:1.0
        ports: [{containerPort: 9400}]
```

Nothing runs, nothing is served, or an operator adds the probe.

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: switched-off}
spec:
  replicas: 0
  template:
    spec:
      containers:
      - name: tgi
        image: ghcr.io/huggingface/text-generation-inference:3.3
        ports: [{containerPort: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: consumer}
spec:
  template:
    spec:
      containers:
      - name: worker
        image: ghcr.io/example/vllm:1.0
        ports: [{name: metrics, containerPort: 9090}]
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: a-group-of-anything}
spec:
  leaderWorkerTemplate:
    leaderTemplate:
      spec:
        containers:
        - name: leader
          image: nginx:1.29
          ports: [{containerPort: 80}]
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: custom}
spec:
  predictor:
    containers:
    - name: kserve-container
      image: ghcr.io/example/predictor:2.1
      ports: [{containerPort: 8080}]
```

## When to ignore
Where clients find replicas without Kubernetes, for example through a registry in which the server enters itself once its model is loaded.

## References
- https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
- https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.rule import PRODUCTION, RECOMMENDED, Confidence, Result, Role, Severity, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import Container, Image, Inject, Port

# What answers only once the model is loaded, by a word of the image or the command, with the port the server listens on by default.
_PATHS = (
    (re.compile(r"text-generation|text-embeddings"), "/health", 80),
    (re.compile(r"vllm"), "/health", 8000),
    (re.compile(r"sglang"), "/health", 30000),
    (re.compile(r"llama[.-]?cpp|llama-server"), "/health", 8080),
    (re.compile(r"tritonserver"), "/v2/health/ready", 8000),
    (re.compile(r"mlserver|kserve|huggingfaceserver"), "/v2/health/ready", 8080),
    (re.compile(r"tensorflow_model_server|tensorflow/serving|tf-?serving"), "/v1/models/<name>", 8501),
    (re.compile(r"torchserve"), "/ping", 8080),
    (re.compile(r"(^|/)nim/"), "/v1/health/ready", 8000),
    (re.compile(r"ollama"), "/", 11434),
)
_GRPC = frozenset({7070, 7071, 8001, 8500})  # of TorchServe, Triton and TensorFlow Serving
_OBSERVED = re.compile(r"metrics?|prom(etheus)?|.*-metrics")


@rule(
    "serving-without-readiness",
    title="Model server without a readiness probe",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    roles={Role.SERVING},
    needs=("Service",),
)
def check(container: Container, snapshot: Snapshot) -> Iterator[Result]:
    template = container.template
    if not container.is_main or container.probe("readinessProbe") is not None:
        return
    if template.incomplete or Inject.READINESS in template.injects or template.row.scale_out or template.workload.job:
        return
    if template.pods.high == 0 or _only_a_group(container) or _answers_for_nothing(container):
        return
    if not _takes_requests(container, snapshot):
        if not container.ports and not snapshot.complete_for("Service", template.workload.document):
            yield skip("the Services that may lead to a model server without declared ports are not in view")
        return
    starts = container.probe("startupProbe") is not None or Inject.STARTUP in template.injects
    yield container.fault(
        f"{container.name or 'the container'} has no readinessProbe; {_harm(starts)}",
        at=container.path,
        remediation=_remedy(container),
        severity=Severity.LOW if starts else None,
        profiles={PRODUCTION} if starts else (),
    )


def _harm(starts: bool) -> str:
    if starts:
        return "once its startupProbe has succeeded, requests keep coming whatever its state"
    return "requests reach it while it is still loading its model"


def _only_a_group(container: Container) -> bool:
    """Whether nothing but the kind LeaderWorkerSet speaks for a model server: groups without accelerators may be anything."""
    workload = container.template.workload
    return workload.framework == "lws" and workload.role_confidence < Confidence.HIGH and not (container.accelerators or workload.served)


def _answers_for_nothing(container: Container) -> bool:
    """Whether the readiness of the pod is another container's: one that holds the accelerators, or that has a probe."""
    others = (other for other in container.template.main_containers if other is not container)
    return not container.accelerators and any(other.accelerators or other.probe("readinessProbe") is not None for other in others)


def _takes_requests(container: Container, snapshot: Snapshot) -> bool:
    """Whether requests come to this container: it declares a port, or a Service leads to its pod and no other container takes them."""
    template = container.template
    port = _server_port(container)
    if port is not None and template.workload.ref.kind != "Pod":
        return True
    alone = not any(other.ports for other in template.main_containers if other is not container)
    return (port is not None or alone) and bool(snapshot.services_of(template))


def _server_port(container: Container) -> Port | None:
    return next((port for port in container.ports if not _OBSERVED.fullmatch(port.name)), None)


def _remedy(container: Container) -> str:
    """The probe that fits the server which the container runs."""
    repository = container.image.repository if isinstance(container.image, Image) else ""
    text = f"{repository} {container.command_line}"
    path, usual = next(((path, number) for pattern, path, number in _PATHS if pattern.search(text)), ("", 0))
    ports = [port for port in container.ports if port.number and not _OBSERVED.fullmatch(port.name)]
    numbers = [port.number for port in ports if "grpc" not in port.name and port.number not in _GRPC]
    if path:
        number = usual if usual in numbers or not numbers else numbers[0]
        return f"add `readinessProbe: {{httpGet: {{path: {path}, port: {number}}}}}`, which succeeds once the model is loaded"
    where = f" on port {(numbers or [port.number for port in ports])[0]}" if ports else ""
    return f"add a readinessProbe{where} that succeeds only once the model is loaded"
