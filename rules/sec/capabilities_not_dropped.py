"""A container keeps capabilities that it does not need.

## Why it matters
A container that starts as root holds up to fourteen capabilities, among them changing owners, forging packets and making device files.
Programs that listen on ports from 1024 up, read data and use a GPU need none. Pod Security admission demands, at level restricted, `drop:
[ALL]` in every container, with NET_BIND_SERVICE as the only one that may be added back, except for pods that declare `os: {name:
windows}`. Capabilities beyond the default set are reported by capability-added, and here only under `pss-restricted`.

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
      capabilities:
        drop: [NET_RAW]  # finding
  - name: sidecar
    image: ghcr.io/example/sidecar:1.0
```

```yaml
apiVersion: v1
kind: Pod
metadata: {name: prepare}
spec:
  containers:
  - name: main
    image: ghcr.io/example/prepare:1.0
    securityContext:
      capabilities:
        drop: [ALL]
        add: [NET_BIND_SERVICE, CHOWN]  # finding
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
      - name: main
        image: ghcr.io/example/score:1.0
        securityContext:  # finding
          allowPrivilegeEscalation: false
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
    securityContext:
      capabilities: {drop: [ALL]}
  containers:
  - name: main
    image: ghcr.io/example/serve:2.0
    securityContext:
      capabilities:
        drop: [NET_RAW, ALL]
        add: [NET_BIND_SERVICE]
  - name: decided-elsewhere
    image: ghcr.io/example/tool:1.0
    securityContext:
      capabilities: {drop: ["${DROPPED}"]}
```

## When to ignore
For images that change owners, install packages or run sshd at start; better, do that in the image.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#set-capabilities-for-a-container
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_capabilities_restricted.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_RESTRICTED, STRICT, Fault, Role, Severity, rule
from auditor.workload import PodTemplate
from auditor.workload.security import Holder, Offence, admits_absence, containers, may_be_windows, names, report

# Added beyond these, capability-added reports them.
_DEFAULT = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip


@rule(
    "capabilities-not-dropped",
    title="Capabilities not dropped",
    severity=Severity.LOW,
    profiles={STRICT, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
)
def check(template: PodTemplate) -> Iterator[Fault]:
    if may_be_windows(template):
        return
    kept: list[Offence] = []
    added: list[Offence] = []
    beyond: list[Offence] = []
    for holder in containers(template):
        dropped, complete = names(holder, "drop")
        if complete and "ALL" not in dropped and not (not dropped and admits_absence(template, holder.container)):
            kept.append(_keeps(holder))
        for name in names(holder, "add")[0]:
            if name != "NET_BIND_SERVICE":
                (added if name in _DEFAULT else beyond).append(holder.sets("capabilities", "add", value=name))
    if kept or added or beyond:
        yield report(
            template,
            [*kept, *added, *beyond],
            "level restricted leaves a container at most NET_BIND_SERVICE",
            remediation="set `securityContext.capabilities: {drop: [ALL]}` in every container, and add nothing but NET_BIND_SERVICE",
            profiles={STRICT, PSS_RESTRICTED} if kept or added else {PSS_RESTRICTED},
        )


def _keeps(holder: Holder) -> Offence:
    if holder.get("capabilities", "drop"):
        return Offence(holder.label, "capabilities.drop without ALL", (*holder.path, "capabilities", "drop"))
    return holder.lacks("capabilities.drop not set")
