"""A pod sets a kernel parameter that Kubernetes does not count as safe.

## Why it matters
Parameters outside the safe list are not isolated between pods or can starve the node, so the kubelet refuses pods that set them (status
`SysctlForbidden`) unless an administrator has allowed each on that node. High-performance jobs set `net.core.*` or `kernel.shm*` this way:
such tuning belongs to the node, where it is set once (node configuration, a tuning DaemonSet, the Node Tuning Operator). Pod Security
admission forbids them at level baseline. The safe list grows: 1.27 added ip_local_reserved_ports, 1.29 the keepalive and fin timeouts, 1.32
tcp_rmem and tcp_wmem, 1.37 tcp_slow_start_after_idle and tcp_notsent_lowat.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: allreduce}
spec:
  securityContext:
    sysctls:
    - {name: net.ipv4.ip_local_port_range, value: "1024 65535"}
    - {name: net.core.somaxconn, value: "4096"}  # finding
    - {name: kernel.shmmax, value: "68719476736"}
  containers:
  - name: main
    image: ghcr.io/example/allreduce:1.0
```

```yaml kubernetes=1.31
apiVersion: v1
kind: Pod
metadata: {name: download}
spec:
  securityContext:
    sysctls:
    - name: net.ipv4.tcp_rmem  # finding
      value: "4096 131072 33554432"
  containers:
  - name: main
    image: ghcr.io/example/download:1.0
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: download}
spec:
  securityContext:
    sysctls:
    - {name: net.ipv4.tcp_rmem, value: "4096 131072 33554432"}
    - {name: net.ipv4.tcp_keepalive_time, value: "60"}
  containers:
  - name: main
    image: ghcr.io/example/download:1.0
```

```yaml kubernetes=1.37
apiVersion: v1
kind: Pod
metadata: {name: stream}
spec:
  securityContext:
    sysctls:
    - {name: net.ipv4.tcp_notsent_lowat, value: "16384"}
  containers:
  - name: main
    image: ghcr.io/example/stream:1.0
```

## When to ignore
On node pools whose kubelets allow the parameter (`--allowed-unsafe-sysctls`), for the pods that are scheduled only there.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_sysctls.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, PSS_RESTRICTED, RECOMMENDED, Fault, Role, Severity, rule, sequence
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate
from auditor.workload.security import Offence, pod, read, report

# The version of the standard that first allows a name.
_SAFE = {
    "kernel.shm_rmid_forced": (1, 0),
    "net.ipv4.ip_local_port_range": (1, 0),
    "net.ipv4.tcp_syncookies": (1, 0),
    "net.ipv4.ping_group_range": (1, 0),
    "net.ipv4.ip_unprivileged_port_start": (1, 0),
    "net.ipv4.ip_local_reserved_ports": (1, 27),
    "net.ipv4.tcp_keepalive_time": (1, 29),
    "net.ipv4.tcp_fin_timeout": (1, 29),
    "net.ipv4.tcp_keepalive_intvl": (1, 29),
    "net.ipv4.tcp_keepalive_probes": (1, 29),
    "net.ipv4.tcp_rmem": (1, 32),
    "net.ipv4.tcp_wmem": (1, 32),
    "net.ipv4.tcp_slow_start_after_idle": (1, 37),
    "net.ipv4.tcp_notsent_lowat": (1, 37),
}
_NEVER = (99, 0)


@rule(
    "unsafe-sysctl",
    title="Kernel parameter outside the safe list",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, PSS_BASELINE, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
    mentions=("sysctls",),
)
def check(template: PodTemplate, snapshot: Snapshot) -> Iterator[Fault]:
    holder = pod(template)
    offences = []
    for index, entry in enumerate(sequence(holder.get("sysctls"))):
        name = read(entry, "name") if isinstance(entry, dict) else None
        if isinstance(name, str) and snapshot.kubernetes_version < _SAFE.get(name, _NEVER):
            offences.append(Offence("", f"sysctl {name}", (*holder.path, "sysctls", index)))
    if offences:
        yield report(
            template,
            offences,
            "kubelets refuse the pod unless their administrator has allowed it",
            remediation="remove it and tune the nodes instead, for example by a DaemonSet or the Node Tuning Operator",
        )
