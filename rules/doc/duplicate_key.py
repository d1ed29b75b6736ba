"""A mapping holds the same key twice, and all but the last are dropped without a word.

## Why it matters
kubectl turns YAML into JSON and keeps the last of equal keys, so that the API server never sees the other one (executed with kubectl
and Kubernetes 1.36.3). Usually the second one was pasted in, and the settings of the first, often a whole `resources` or `env` block,
have no effect. Only YAML that is sent as it is, under strict field validation, is refused.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: training}
spec:
  containers:
  - name: train
    image: ghcr.io/example/train:2.0
    resources:
      limits: {nvidia.com/gpu: 1}
    env:
    - {name: EPOCHS, value: "3"}
    resources:  # finding
      requests: {cpu: "4"}
```

```yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  batch_size: "8"
  learning_rate: "1e-4"
  batch_size: "16"  # finding
  "batch_size": "32"  # finding
```

## Good
Merge keys repeat nothing, and equal keys in different mappings are different keys.
```yaml
apiVersion: v1
kind: Pod
metadata: {name: training}
spec:
  containers:
  - &base
    name: one
    image: ghcr.io/example/train:2.0
  - <<: *base
    name: two
```

## When to ignore
Never: remove one of them.

## References
- https://yaml.org/spec/1.2.2/#3213-node-comparison
- https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.document import Document, Location
from auditor.rule import RECOMMENDED, Fault, Severity, rule


@rule("duplicate-key", title="Key that stands twice", severity=Severity.MEDIUM, profiles={RECOMMENDED})
def check(document: Document) -> Iterator[Fault]:
    for twice in document.duplicates:
        key = twice.path[-1] if twice.path else ""
        yield Fault(
            document,
            twice.path,
            f"`{key}` stands in line {twice.first_line} and again in line {twice.line}; only the last one has an effect",
            remediation=f"remove one `{key}`, or bring what both hold together under one",
            location=Location(document.file, twice.line, twice.column, twice.path),
        )
