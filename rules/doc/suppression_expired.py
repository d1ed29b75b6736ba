"""A suppression has passed its last day, and no longer silences anything.

## Why it matters
`until` is a promise: the fault is tolerated up to that day. The finding is reported again from the day after, so that it is not
forgotten, and this one says why it came back. Where the fault is gone by then, only the suppression is left to remove.

## Bad
```yaml with=image-tag-floating
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    # mlaudit: ignore[image-tag-floating] pinned with the next release, until 2025-06-30  # finding
    image: ghcr.io/example/server:latest
```

```yaml
apiVersion: v1
kind: Pod
metadata:
  name: server
  annotations:
    ignore.mlaudit.io/image-tag-floating: pinned with the next release, until 2025-06-30  # finding
spec:
  containers:
  - name: server
    image: ghcr.io/example/server:latest
```

## Good
```yaml with=image-tag-floating
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    # mlaudit: ignore[image-tag-floating] pinned with the next release, until 2099-12-31
    image: ghcr.io/example/server:latest
  - name: helper
    image: ghcr.io/example/helper:latest  # mlaudit: ignore[image-tag-floating] a suppression needs no end
```

## When to ignore
Never: mend the fault and remove the suppression, or give it a new date and say why.

## References
- https://trivy.dev/latest/docs/configuration/filtering/ (the same idea in another scanner)
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import RECOMMENDED, Fault, Severity, rule
from auditor.suppress import Suppression


@rule("suppression-expired", title="Suppression past its last day", severity=Severity.MEDIUM, profiles={RECOMMENDED})
def check(suppression: Suppression) -> Iterator[Fault]:
    if not suppression.expired or suppression.problem:
        return
    if suppression.used:
        now, remedy = f"what {suppression.rule} finds is reported again", f"mend what {suppression.rule} reports, or decide on a new date"
    elif suppression.active:
        now, remedy = f"{suppression.rule} finds nothing there any more", "remove it"
    else:
        now, remedy = f"it no longer silences {suppression.rule}", "remove it, or decide on a new date"
    yield suppression.fault(
        f"this {suppression.named} ended on {suppression.until}; {now}",
        remediation=remedy,
    )
