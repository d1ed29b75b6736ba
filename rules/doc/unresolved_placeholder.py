"""A value that rules need is still to be filled in, so that they could not judge it.

## Why it matters
A placeholder is neither right nor wrong: rules pass over it. So a clean report for a file whose image, resources or replicas are
`${IMAGE}` or `<gpus>` says little about what will run. This finding says what was left out: it is the difference between "nothing is
wrong" and "nothing was checked".

## Bad
```yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: server
  namespace: ${NAMESPACE}  # finding
spec:
  replicas: $REPLICAS  # finding
  template:
    spec:
      containers:
      - name: server
        image: "{{ .Values.image }}"  # finding
        resources:
          requests:
            cpu: "2"
            memory: <memory>  # finding
          limits: {nvidia.com/gpu: REPLACE_ME}  # finding
        readinessProbe:
          periodSeconds: TODO  # finding
          httpGet: {path: /health, port: 8000}
```

In braces alone, YAML reads a mapping with one key:
```yaml
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: {IMAGE}  # finding
    resources: ${RESOURCES}  # finding
```

## Good
Names, arguments and environment variables are not among the values that are counted here; Kubernetes itself expands `$(NAME)` in them.
```yaml
apiVersion: v1
kind: Pod
metadata: {name: "${NAME}"}
spec:
  containers:
  - name: server
    image: ghcr.io/example/server:1.2
    args: ["--model", "$(MODEL)"]
    env:
    - {name: MODEL, value: "${MODEL}"}
```

A section without content is empty, and what the cluster fills in when it runs the object is no placeholder:
```yaml
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: train-}
spec:
  entrypoint: train
  templates:
  - name: empty
    container:
      image: ghcr.io/example/train:2.0
      resources: {limits: null}
  - name: train
    inputs: {parameters: [{name: image}, {name: gpus}]}
    container:
      image: "{{inputs.parameters.image}}"
      resources:
        limits: {nvidia.com/gpu: "{{inputs.parameters.gpus}}"}
---
apiVersion: kubeflow.org/v1beta1
kind: Experiment
metadata: {name: search}
spec:
  trialTemplate:
    trialSpec:
      apiVersion: batch/v1
      kind: Job
      spec:
        parallelism: ${trialParameters.workers}
```

## When to ignore
For templates that another tool fills in: scan what it renders instead, for example `envsubst < pod.yaml | mlaudit scan -`.

## References
- https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
- https://argo-workflows.readthedocs.io/en/latest/variables/
- https://www.kubeflow.org/docs/components/katib/user-guides/trial-template/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from auditor.document import Document, Path
from auditor.rule import STRICT, Fault, Severity, is_placeholder, mapping, rule

_FIELDS = frozenset(
    {"image", "resources", "replicas", "minReplicas", "maxReplicas", "parallelism", "completions", "initialDelaySeconds", "periodSeconds",
     "timeoutSeconds", "failureThreshold"}
)  # fmt: skip
_AMOUNTS = frozenset({"requests", "limits", "hard"})
_PARTS = frozenset({"limits", "requests", "claims", "repository", "registry", "name", "tag"})  # keys that a field may hold without a value
_NOT_WALKED = frozenset({"metadata", "status", "data", "stringData", "binaryData"})

# What a controller fills in when it runs the object, by API group: how such a text begins.
_FILLED_IN_BY = {
    "argoproj.io": "{{",
    "serving.kserve.io": "{{",
    "tekton.dev": "$(",
    "kubeflow.org": "${trialParameters.",
    "katib.kubeflow.org": "${trialParameters.",
}


@rule("unresolved-placeholder", title="Placeholder where rules need a value", severity=Severity.INFO, profiles={STRICT})
def check(document: Document) -> Iterator[Fault]:
    namespace = mapping(document.raw.get("metadata")).get("namespace")
    found: list[tuple[Path, Any]] = [(("metadata", "namespace"), namespace)] if _unresolved(namespace) else []
    for key, value in document.raw.items():
        if key not in _NOT_WALKED:
            found += _walk(value, (key,))
    resolved = _FILLED_IN_BY.get(document.ref.group)
    for path, value in found:
        text = value if isinstance(value, str) else "{" + next(iter(value)) + "}"
        if resolved is None or resolved not in text:
            yield Fault(
                document,
                path,
                f"`{path[-1]}` is still the placeholder `{text}`; no rule could judge it",
                remediation="scan what the template renders, or fill in the value",
            )


def _walk(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(node, list):
        for index, child in enumerate(node):
            if isinstance(child, dict | list):
                yield from _walk(child, (*path, index))
    elif isinstance(node, dict):
        amounts = path[-1] in _AMOUNTS
        for key, child in node.items():
            if (amounts or key in _FIELDS) and _unresolved(child):
                yield (*path, key), child
            elif isinstance(child, dict | list):
                yield from _walk(child, (*path, key))


def _unresolved(value: object) -> bool:
    """A placeholder as text, or ``{NAME}``, which YAML reads as a mapping with one key and no value."""
    if isinstance(value, str):
        return is_placeholder(value)
    return isinstance(value, dict) and len(value) == 1 and next(iter(value.values())) is None and not _PARTS & value.keys()
