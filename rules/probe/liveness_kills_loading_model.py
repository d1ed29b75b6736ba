"""A liveness probe gives up before the model is loaded, so that the server is killed and starts over without end.

## Why it matters
The kubelet restarts a container whose liveness probe has failed `failureThreshold` times in a row; by default that is 30 seconds after its
start. Large models take minutes: weights come over the network, go to the device, and kernels are compiled for them. The server is then
killed while it loads, begins anew, and is killed again: a crash loop that holds an accelerator and never answers a request. The
documentation of vLLM names too short a threshold as the cause when a container is killed during startup; its own example allows 90 seconds.

A startup probe holds the liveness probe back until it succeeds once, and kills likewise. With one, its own budget counts:
`initialDelaySeconds` + `failureThreshold` × `periodSeconds`, with the defaults 0, 3 and 10. Servers of language models and servers with an
accelerator are expected to get 120 seconds (option `min_startup_seconds`), others 30 (option `min_startup_seconds_cpu`).

Triton and MLServer are different: `/v2/health/live` can answer before the models are loaded. That is reported at severity low.

## Bad
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: mistral-7b}
spec:
  selector: {matchLabels: {app: mistral-7b}}
  template:
    metadata: {labels: {app: mistral-7b}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.0
        args: [--model, mistralai/Mistral-7B-Instruct-v0.3]
        ports: [{containerPort: 8000}]
        resources: {limits: {nvidia.com/gpu: 1}}
        livenessProbe:  # finding
          httpGet: {path: /health, port: 8000}
          initialDelaySeconds: 60
          periodSeconds: 10
```

The startup probe is there, but shorter than the loading.

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: embeddings}
spec:
  template:
    spec:
      containers:
      - name: tei
        image: ghcr.io/huggingface/text-embeddings-inference:1.8
        startupProbe:  # finding
          httpGet: {path: /health, port: 80}
          periodSeconds: 5
          failureThreshold: 12
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: classifier}
spec:
  template:
    spec:
      containers:
      - name: serving
        image: tensorflow/serving:2.19.0
        livenessProbe:  # finding
          tcpSocket: {port: 8501}
          periodSeconds: 5
```

## Good
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: mistral-7b}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.0
        resources: {limits: {nvidia.com/gpu: 1}}
        startupProbe:
          httpGet: {path: /health, port: 8000}
          periodSeconds: 10
          failureThreshold: 60
        livenessProbe:
          httpGet: {path: /health, port: 8000}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: classifier}
spec:
  template:
    spec:
      containers:
      - name: serving
        image: tensorflow/serving:2.19.0
        livenessProbe:
          httpGet: {path: /v1/models/classifier, port: 8501}
          initialDelaySeconds: 60
          periodSeconds: 30
```

A server that listens before it loads anything, a process that only has to exist, and numbers that are not known.

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: several}
spec:
  template:
    spec:
      containers:
      - name: ollama
        image: ollama/ollama:0.35.0
        resources: {limits: {nvidia.com/gpu: 1}}
        livenessProbe:
          httpGet: {path: /, port: 11434}
      - name: sglang
        image: lmsysorg/sglang:v0.4.9
        livenessProbe:
          exec: {command: [pgrep, -f, sglang]}
      - name: vllm
        image: vllm/vllm-openai:v0.10.0
        livenessProbe:
          httpGet: {path: /health, port: 8000}
          initialDelaySeconds: "${DELAY}"
```

## When to ignore
Where the model is small (below about 1 GB) and lies in the image, so that the server is up within seconds on any node.

## References
- https://docs.vllm.ai/en/stable/deployment/k8s/
- https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
- https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#configure-probes
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.document import mapping, strings
from auditor.rule import LLM_SERVING, RECOMMENDED, Confidence, Fault, Options, Role, Severity, rule
from auditor.snapshot import Snapshot
from auditor.workload import Container, Image, Inject, Probe

_LLM = re.compile(
    r"vllm|sglang|text-generation|text-embeddings|huggingfaceserver|lmdeploy|llama[.-]?cpp|llama-server|tensorrt-?llm|trtllm|(^|/)nim/"
)
_LISTENS_FIRST = re.compile(r"(^|/)ollama\s|\bollama serve\b")
_ASKS_SERVER = re.compile(r"curl|wget|https?|localhost|127\.0\.0\.1|grpc_health_probe|\bnc\b")


@rule(
    "liveness-kills-loading-model",
    title="Liveness probe kills the server while it loads its model",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    tags={LLM_SERVING},
    roles={Role.SERVING},
    options={"min_startup_seconds": 120, "min_startup_seconds_cpu": 30},
    mentions=("livenessProbe", "startupProbe"),
)
def check(container: Container, snapshot: Snapshot, options: Options) -> Iterator[Fault]:
    startup, template = container.probe("startupProbe"), container.template
    probe, field = (container.probe("livenessProbe"), "livenessProbe") if startup is None else (startup, "startupProbe")
    if not isinstance(probe, Probe) or not container.is_main or not _asks_server(probe):
        return
    if startup is None and (template.incomplete or Inject.STARTUP in template.injects):
        return
    text = f"{container.image.repository if isinstance(container.image, Image) else ''} {container.command_line}"
    if probe.budget is None or _LISTENS_FIRST.search(text):
        return
    slow = _what_is_slow(container, snapshot, text)
    needed = options["min_startup_seconds" if slow else "min_startup_seconds_cpu"]
    if probe.budget < needed:
        early = probe.http_path.rstrip("/") == "/v2/health/live"
        yield container.fault(
            f"{field} gives up {probe.budget} s after the start ({probe.initial_delay} + {probe.failures} × {probe.period}), but "
            f"{slow or 'a model server'} may take {needed} s and more to load its model; the kubelet then restarts it without end",
            at=field,
            remediation=_remedy(field, probe),
            severity=Severity.LOW if early else None,
            confidence=Confidence.HIGH if slow and not early else Confidence.MEDIUM,
        )


def _asks_server(probe: Probe) -> bool:
    """Whether the probe talks to the server, rather than running a command that may succeed at once."""
    if probe.handler != "exec":
        return probe.handler != ""
    return _ASKS_SERVER.search(" ".join(strings(mapping(probe.raw.get("exec")).get("command")))) is not None


def _what_is_slow(container: Container, snapshot: Snapshot, text: str) -> str:
    """What makes the server slow to start, for the message; empty where nothing shows it."""
    if _LLM.search(text):
        return "the server of a large model"
    template = container.template
    claims = bool(container.claims) and snapshot.claims_accelerator(template)
    if claims or template.has_accelerator_fraction or any(request.count != 0 for request in container.accelerators):
        return "a model server on an accelerator"
    return ""


def _remedy(field: str, probe: Probe) -> str:
    if field == "livenessProbe":
        return (
            "add a startupProbe with the same handler, `periodSeconds: 10` and `failureThreshold: 60`: liveness then waits up to 10 minutes"
        )
    failures = -(-600 // max(int(str(probe.period)), 1))
    return f"raise failureThreshold of the startupProbe to {failures}, so that it allows 10 minutes"
