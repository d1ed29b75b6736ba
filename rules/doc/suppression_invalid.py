"""A suppression cannot be followed, so that it silences nothing.

## Why it matters
Its author believes that a finding is dealt with. A misspelled rule, a missing reason or a date that is none would otherwise go
unnoticed until somebody wonders why the gate is still closed. A reason is required: without one, nobody can tell later whether the
suppression may go.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata:
  name: server
  annotations:
    ignore.mlaudit.io/image-tag-floatin: the rule is misspelled  # finding
    ignore.mlaudit.io/suppression-expired: ""  # finding
spec:
  containers:
  - name: server
    image: ghcr.io/example/server:latest  # mlaudit: ignore[suppression-unused]  # finding
  - name: helper
    # mlaudit: ignore[suppression-unused] the date is none, until 31.01.2027  # finding
    image: ghcr.io/example/helper:1.2
  - name: other
    image: ghcr.io/example/other:1.2  # mlaudit: off  # finding
```

## Good
One comment may name several rules. A comment that does not begin with `mlaudit:`, and text inside of a value, are no suppressions.
```yaml with=image-tag-floating
# mlaudit: ignore[image-tag-floating, trust-remote-code] a throw-away test, until 2099-12-31
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: ghcr.io/example/server:latest  # ignore this
    command:
    - sh
    - -c
    - |
      # mlaudit: this is a line of a script
      echo started
```

## When to ignore
Never: correct it or remove it.

## References
- https://docs.github.com/en/code-security/code-scanning/managing-code-scanning-alerts/resolving-code-scanning-alerts
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import RECOMMENDED, Fault, Severity, rule
from auditor.suppress import Suppression


@rule("suppression-invalid", title="Suppression that cannot be followed", severity=Severity.MEDIUM, profiles={RECOMMENDED})
def check(suppression: Suppression) -> Iterator[Fault]:
    if not suppression.problem:
        return
    usual = "write `# mlaudit: ignore[rule-name] reason, until 2027-01-31`; the date may be left out"
    if suppression.how == "annotation":
        usual = "write `ignore.mlaudit.io/rule-name: reason, until 2027-01-31`; the date may be left out"
    yield suppression.fault(
        f"this {suppression.named} {suppression.problem}; it silences nothing",
        remediation=suppression.remedy or usual,
    )
