"""A document is not YAML, so that nothing in it can be applied, and nothing of it was judged.

## Why it matters
`kubectl apply` refuses the file. A linter that skips what it cannot parse would call it clean, and a scan of a directory would hide it.
The place that a parser names is where it could not go on; the fault often lies a line or more above. The finding stands on the line
that holds the fault, where a small repair shows which one that is: with it, the parser reads on. The other documents of the file are
judged.

## Bad
The parser stops at the colon of `persistentVolumeClaim`; the fault is the missing colon in the line above.
```yaml
apiVersion: v1
kind: Pod
metadata: {name: training}
spec:
  volumes:
  - name model-volume  # finding
    persistentVolumeClaim: {claimName: models}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: this-one-is-judged}
```

A value that begins with `{` opens a mapping; a placeholder in single braces has to be quoted, or filled in.
```yaml
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: torchserve}
spec:
  predictor:
    containers:
    - image: {username}/torchserve:latest  # finding
      name: torchserve
```

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: server}
spec:
  template:
    spec:
      containers:
      - name: server
         image: ghcr.io/example/server:1.2  # finding
        args: ["--port", "8000"]
```

```yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: server}
data:
  endpoint: "http://models.example.com  # finding
  model: "resnet"
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: training}
spec:
  volumes:
  - name: model-volume
    persistentVolumeClaim: {claimName: models}
```

A template of Helm or Jinja is recognised and counted as not judged; scan what it renders.
```yaml
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-training
{{- if .Values.gpu }}
spec: {}
{{- end }}
```

## When to ignore
A file that is broken on purpose, such as a test case: leave its folder out of the scan.

## References
- https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.document import Location, Unread
from auditor.rule import COST, PSS_BASELINE, PSS_RESTRICTED, RECOMMENDED, Fault, Severity, rule


@rule(
    "yaml-syntax-error",
    title="YAML that cannot be parsed",
    severity=Severity.HIGH,
    profiles={RECOMMENDED, COST, PSS_BASELINE, PSS_RESTRICTED},
)
def check(unread: Unread) -> Iterator[Fault]:
    if not unread.syntax:
        return
    line, column = (unread.culprit, 1) if unread.culprit else (unread.line, unread.column)
    yield Fault(
        None,
        (),
        f"the YAML parser stops at {unread.line}:{unread.column}: {unread.reason}",
        remediation=unread.remedy or "correct that line or the one above it",
        location=Location(unread.file, line, column, ()),
    )
