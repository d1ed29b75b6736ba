"""A container sees /proc unmasked.

## Why it matters
The container runtime hides parts of /proc (`/proc/kcore`, `/proc/keys`, `/proc/sysrq-trigger` …) and makes others read-only. `procMount:
Unmasked` shows them all, which lets root in the container read the kernel's memory map and change the node. It is meant for containers
inside containers, and only in a user namespace of their own (`hostUsers: false`), where root in the pod is nobody on the node. Pod Security
admission forbids it at level baseline; since version 1.35 not for pods with `hostUsers: false`, whereas level restricted always does.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: build}
spec:
  containers:
  - name: main
    image: ghcr.io/example/build:1.0
    securityContext:
      procMount: Unmasked  # finding
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: build}
spec:
  hostUsers: false
  containers:
  - name: main
    image: ghcr.io/example/build:1.0
    securityContext: {procMount: Default}
```

## When to ignore
For builds and sandboxes that run containers inside their container, with `hostUsers: false`.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#proc-access
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_procMount_baseline.go
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_procMount_restricted.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, PSS_RESTRICTED, RECOMMENDED, Fault, Role, Severity, rule
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate
from auditor.workload.security import may_use_own_users, report


@rule(
    "proc-mount-unmasked",
    title="Unmasked /proc",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, PSS_BASELINE, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
    mentions=("procMount",),
)
def check(template: PodTemplate, snapshot: Snapshot) -> Iterator[Fault]:
    offences = []
    for holder in template.secured:
        if holder.container is None:
            continue
        value = holder.get("procMount")
        if isinstance(value, str) and value != "Default":
            offences.append(holder.sets("procMount"))
    if not offences:
        return
    profiles = {RECOMMENDED, PSS_BASELINE, PSS_RESTRICTED}
    if may_use_own_users(template):  # what it is meant for: only the standard objects, and baseline no longer does
        profiles = {PSS_RESTRICTED} if snapshot.kubernetes_version >= (1, 35) else {PSS_BASELINE, PSS_RESTRICTED}
    yield report(
        template,
        offences,
        "root in the container can read and change the kernel's state on the node",
        remediation="remove `procMount`",
        profiles=profiles,
    )
