"""A container's processes may gain more privileges than their parent.

## Why it matters
`allowPrivilegeEscalation: false` sets `no_new_privs`: setuid programs such as `sudo`, `su` and `ping` gain nothing, so that code which
runs as an ordinary user stays one. The default is true. Servers, training loops and data jobs need no setuid program. Pod Security
admission demands an explicit `false` in every container at level restricted, except for pods that declare `os: {name: windows}`. A
literal `true` is reported at severity medium, a missing value at low.

The field counts for nothing beside `privileged: true`, where the API server refuses `false`, or beside an added SYS_ADMIN: such containers
are reported by privileged-container and capability-added, and here only under `pss-restricted`.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  containers:
  - name: main
    image: ghcr.io/example/serve:2.0
    securityContext:
      allowPrivilegeEscalation: true  # finding
  - name: sidecar
    image: ghcr.io/example/sidecar:1.0
```

```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: score}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main  # finding
        image: ghcr.io/example/score:1.0
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  initContainers:
  - name: fetch
    image: ghcr.io/example/fetch:1.0
    securityContext: {allowPrivilegeEscalation: false}
  containers:
  - name: main
    image: ghcr.io/example/serve:2.0
    securityContext: {allowPrivilegeEscalation: false}
```

```yaml
apiVersion: v1
kind: Pod
metadata: {name: on-windows}
spec:
  os: {name: windows}
  containers:
  - name: main
    image: ghcr.io/example/score:1.0
```

```yaml
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: filled-in-by-others}
spec:
  containers:
  - name: kserve-container
    image: ghcr.io/example/server:1.0
```

## When to ignore
For images that switch users by setuid programs: MPI workers whose sshd separates privileges, notebooks with `GRANT_SUDO=yes`.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_allowPrivilegeEscalation.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_RESTRICTED, RECOMMENDED, STRICT, Fault, Profile, Role, Severity, rule
from auditor.workload import PodTemplate
from auditor.workload.security import Holder, admits_absence, containers, may_be_windows, names, report

_FIELD = "allowPrivilegeEscalation"


@rule(
    "privilege-escalation-allowed",
    title="Privilege escalation allowed",
    severity=Severity.LOW,
    profiles={RECOMMENDED, STRICT, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
)
def check(template: PodTemplate, profile: Profile | None) -> Iterator[Fault]:
    if may_be_windows(template):
        return
    if profile is not None and not profile.contains((STRICT, PSS_RESTRICTED)) and not any(h.get(_FIELD) is True for h in template.secured):
        return
    literal, missing = [], []
    for holder in containers(template):
        value = holder.get(_FIELD)
        if value is True:
            literal.append(holder)
        elif value is None and not admits_absence(template, holder.container):
            missing.append(holder)
    if not literal and not missing:
        return
    sshd = template.workload.ref.kind == "MPIJob" or any("sshd" in holder.container.command_line for holder in literal if holder.container)
    plain = any(not _powerful(holder) for holder in literal) and not sshd
    profiles = {STRICT, PSS_RESTRICTED}
    if plain:
        profiles = {RECOMMENDED, STRICT, PSS_RESTRICTED}
    elif all(_powerful(holder) for holder in (*literal, *missing)):
        profiles = {PSS_RESTRICTED}
    yield report(
        template,
        [*(holder.sets(_FIELD) for holder in literal), *(holder.lacks(f"{_FIELD} not set") for holder in missing)],
        "setuid programs can gain privileges that the process does not have",
        remediation=_remedy(template, sshd),
        severity=Severity.MEDIUM if plain else Severity.LOW,
        profiles=profiles,
    )


def _powerful(holder: Holder) -> bool:
    """The field counts for nothing beside what else the container is given: other rules speak of that."""
    return holder.get("privileged") is True or not {"SYS_ADMIN", "CAP_SYS_ADMIN"}.isdisjoint(names(holder, "add")[0])


def _remedy(template: PodTemplate, sshd: bool) -> str:
    remedy = f"set `securityContext.{_FIELD}: false` in every container"
    if sshd:
        return f"{remedy}, unless its sshd runs as root and separates privileges"
    if any(container.env_value("GRANT_SUDO") in ("yes", "1") for container in template.containers):
        return f"{remedy}; GRANT_SUDO stops working then: install packages in the image instead"
    return remedy
