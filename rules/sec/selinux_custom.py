"""A pod asks for an SELinux type, user or role of its own.

## Why it matters
On nodes with SELinux (OpenShift, Fedora, RHEL) the type decides what a container may touch on the node. `spc_t` is the type of privileged
containers and confines nothing; a custom type such as `nvidia_container_t` has to be installed on every node, and gives what its module
happens to give. With the container toolkit of today, or with CDI, GPU containers run as plain `container_t`. Pod Security admission
allows, at level baseline, the types container_t, container_init_t, container_kvm_t and (since version 1.31) container_engine_t, and
neither user nor role.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  securityContext:
    seLinuxOptions:
      level: "s0:c1,c2"
      type: spc_t  # finding
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    securityContext:
      seLinuxOptions: {user: system_u, type: container_t}
```

```yaml kubernetes=1.30
apiVersion: v1
kind: Pod
metadata: {name: build}
spec:
  containers:
  - name: main
    image: ghcr.io/example/build:2.0
    securityContext:
      seLinuxOptions:
        type: container_engine_t  # finding
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: build}
spec:
  securityContext:
    seLinuxOptions: {level: "s0:c1,c2", user: "", role: null}
  containers:
  - name: main
    image: ghcr.io/example/build:2.0
    securityContext:
      seLinuxOptions: {type: container_engine_t}
```

## When to ignore
Where an administrator has installed the type on every node and reviewed what it allows.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#assign-selinux-labels-to-a-container
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_seLinuxOptions.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, PSS_RESTRICTED, RECOMMENDED, Fault, Role, Severity, rule
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate
from auditor.workload.security import report

_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})
_SINCE_1_31 = _TYPES | {"container_engine_t"}


@rule(
    "selinux-custom",
    title="SELinux type, user or role of its own",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, PSS_BASELINE, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
    mentions=("seLinuxOptions",),
)
def check(template: PodTemplate, snapshot: Snapshot) -> Iterator[Fault]:
    types = _SINCE_1_31 if snapshot.kubernetes_version >= (1, 31) else _TYPES
    offences = []
    for holder in template.secured:
        for field, allowed in (("type", types), ("user", {""}), ("role", {""})):
            value = holder.get("seLinuxOptions", field)
            if isinstance(value, str) and value not in allowed:
                offences.append(holder.sets("seLinuxOptions", field))
    if offences:
        yield report(
            template,
            offences,
            "SELinux then allows it more on the node than a container gets by default",
            remediation="remove `type`, `user` and `role`; the container runtime sets container_t",
        )
