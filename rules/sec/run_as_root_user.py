"""A pod says that it runs as root.

## Why it matters
`runAsUser: 0` overrides the user of the image: also an image that was built for an ordinary user then runs as root, which is root on the
node wherever a runtime or kernel bug opens the way out, and leaves files on shared volumes that nobody else can change. Servers and
notebooks, which take input from others, are reported at severity medium. Jupyter images that start as root to become the user of `NB_UID`
are reported as info. Pod Security admission forbids 0 at level restricted; since version 1.35 not for pods with `hostUsers: false`.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  securityContext:
    runAsUser: 0  # finding
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
```

```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: prepare}
spec:
  template:
    spec:
      restartPolicy: Never
      securityContext: {runAsUser: 1000}
      initContainers:
      - name: own
        image: busybox:1.37
        command: [chown, -R, "1000", /data]
        securityContext:
          runAsUser: 0  # finding
      containers:
      - name: main
        image: ghcr.io/example/prepare:1.0
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  securityContext: {runAsUser: 1000, runAsGroup: 0, fsGroup: 1000}
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    securityContext: {runAsUser: null}
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
    securityContext: {runAsUser: 0}
```

## When to ignore
For an init container that changes the owner of a volume; `fsGroup` does that on most volumes.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://jupyter-docker-stacks.readthedocs.io/en/latest/using/common.html
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_runAsUser.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_RESTRICTED, STRICT, Fault, Role, Severity, rule
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate
from auditor.workload.security import everywhere, may_use_own_users, report


@rule(
    "run-as-root-user",
    title="Runs as root by name",
    severity=Severity.LOW,
    profiles={STRICT, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
    mentions=("runAsUser",),
)
def check(template: PodTemplate, snapshot: Snapshot) -> Iterator[Fault]:
    if snapshot.kubernetes_version >= (1, 35) and may_use_own_users(template):
        return
    offences = []
    for holder in everywhere(template):
        user = holder.get("runAsUser")
        if type(user) is int and user == 0:
            offences.append(holder.sets("runAsUser"))
    if offences:
        yield report(
            template,
            offences,
            "whatever user the image was built for, it runs as root",
            remediation="set `runAsUser` to a user that the image has, and `fsGroup` for its volumes",
            severity=_severity(template),
        )


def _severity(template: PodTemplate) -> Severity:
    if any(container.env_value("NB_UID") is not None for container in template.containers):
        return Severity.INFO  # start.sh becomes that user: it has to begin as root
    return Severity.MEDIUM if template.workload.is_role(Role.SERVING, Role.NOTEBOOK) else Severity.LOW
