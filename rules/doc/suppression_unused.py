"""A suppression silences nothing: the finding that it was written for is gone, or never was there.

## Why it matters
A suppression that outlives its finding is a trap. It says that something is wrong where nothing is, and the day the same fault comes
back, at that line or in that object, it is silenced without anybody having decided so.

## Bad
The image is pinned by now; the comment may go.
```yaml with=image-tag-floating
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: ghcr.io/example/server:1.2  # mlaudit: ignore[image-tag-floating] rebuilt every night on purpose  # finding
```

The comment stands on the wrong line:
```yaml with=image-tag-floating
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  # mlaudit: ignore[image-tag-floating] rebuilt every night on purpose  # finding
  - name: server
    image: ghcr.io/example/server:latest
```

```yaml with=image-tag-floating
apiVersion: v1
kind: Pod
metadata:
  name: server
  annotations:
    ignore.mlaudit.io/image-tag-floating: rebuilt every night on purpose  # finding
spec:
  containers:
  - name: server
    image: ghcr.io/example/server:1.2
```

## Good
```yaml with=image-tag-floating
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: ghcr.io/example/server:latest  # mlaudit: ignore[image-tag-floating] rebuilt every night on purpose
```

A suppression of a rule that was not asked in this run cannot be used in it, and one that is over has a finding of its own:
```yaml
apiVersion: v1
kind: Pod
metadata:
  name: server
  annotations:
    ignore.mlaudit.io/image-tag-floating: rebuilt every night on purpose
spec:
  containers:
  - name: server
    image: ghcr.io/example/server:1.2
```

```yaml with=image-tag-floating
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: ghcr.io/example/server:1.2  # mlaudit: ignore[image-tag-floating] until the release, until 2025-06-30
```

## When to ignore
Where the same manifest is scanned in two ways, and the finding arises in only one of them (only with `--complete`, or only in the
profile `strict`): leave this rule out with `--exclude-rule suppression-unused`.

## References
- https://docs.astral.sh/ruff/rules/unused-noqa/ (the same idea in another linter)
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import RECOMMENDED, Fault, Severity, rule
from auditor.suppress import Suppression


@rule("suppression-unused", title="Suppression that silences nothing", severity=Severity.LOW, profiles={RECOMMENDED})
def check(suppression: Suppression) -> Iterator[Fault]:
    if suppression.used or suppression.expired or suppression.problem or not suppression.active:
        return
    where = suppression.place or (f"line {suppression.target}" if suppression.target else "this object")
    yield suppression.fault(
        f"this {suppression.named} silences {suppression.rule}, which finds nothing in {where}",
        remediation="remove it, or put it on the line of the finding" if suppression.target else "remove it",
    )
