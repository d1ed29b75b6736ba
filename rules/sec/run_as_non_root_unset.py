"""Nothing keeps a pod's containers from running as root.

## Why it matters
With `runAsNonRoot: true` the kubelet refuses to start a container whose user is root. Without it the image decides, and most framework
images are root's: root in the container is root on the node wherever a runtime or kernel bug opens the way out, and files on shared volumes
belong to root. Pod Security admission demands it at level restricted, for the pod or for every container; an explicit `false` always
fails. Since version 1.35 a pod with `hostUsers: false` is free to choose, as its root is nobody on the node.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:  # finding
  containers:
  - name: main
    image: ghcr.io/example/serve:2.0
    securityContext: {runAsNonRoot: true}
  - name: sidecar
    image: ghcr.io/example/sidecar:1.0
```

```yaml
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  securityContext: {runAsNonRoot: true}
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    securityContext:
      runAsNonRoot: false  # finding
```

```yaml kubernetes=1.34
apiVersion: v1
kind: Pod
metadata: {name: before-user-namespaces-counted}
spec:
  hostUsers: false
  securityContext:  # finding
    fsGroup: 1000
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000}
  initContainers:
  - name: fetch
    image: ghcr.io/example/fetch:1.0
  containers:
  - name: main
    image: ghcr.io/example/serve:2.0
```

```yaml
apiVersion: v1
kind: Pod
metadata: {name: every-container-says-so}
spec:
  containers:
  - name: main
    image: ghcr.io/example/serve:2.0
    securityContext: {runAsNonRoot: true}
```

```yaml
apiVersion: v1
kind: Pod
metadata: {name: root-is-nobody-on-the-node}
spec:
  hostUsers: false
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
```

## When to ignore
For images that need root at start: many base images of frameworks, and init containers that change owners. Prefer an image with a user.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_runAsNonRoot.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_RESTRICTED, STRICT, Fault, Role, Severity, rule
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate
from auditor.workload.security import Offence, admits_absence, containers, everywhere, may_use_own_users, pod, report

_FIELD = "runAsNonRoot"


@rule(
    "run-as-non-root-unset",
    title="Nothing forbids running as root",
    severity=Severity.LOW,
    profiles={STRICT, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
)
def check(template: PodTemplate, snapshot: Snapshot) -> Iterator[Fault]:
    if snapshot.kubernetes_version >= (1, 35) and may_use_own_users(template):
        return
    offences = [holder.sets(_FIELD) for holder in everywhere(template) if holder.get(_FIELD) is False]
    offences = offences or _missing(template)
    if offences:
        yield report(
            template,
            offences,
            "the image decides, and root in a container is root on the node",
            remediation="set `securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000}` for the pod, or a user of the image",
        )


def _missing(template: PodTemplate) -> list[Offence]:
    """Containers that say nothing where the pod says nothing; the place is the pod, where one line serves all of them."""
    whole = pod(template)
    if whole.get(_FIELD) is not None:
        return []
    place = whole.lacks("").path
    return [
        Offence(holder.label, f"{_FIELD} not set", place)
        for holder in containers(template)
        if holder.get(_FIELD) is None and not admits_absence(template, holder.container)
    ]
