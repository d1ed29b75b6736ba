"""A container adds a Linux capability beyond those that container runtimes grant by default.

## Why it matters
Each capability is a part of root's power over the node. `SYS_ADMIN` is close to all of it, `SYS_PTRACE` reads other processes,
`SYS_MODULE` and `SYS_RAWIO` reach the kernel, `NET_ADMIN` the network, `DAC_READ_SEARCH` files of the node. Pod Security admission at
level baseline allows only AUDIT_WRITE, CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, MKNOD, NET_BIND_SERVICE, SETFCAP, SETGID, SETPCAP,
SETUID and SYS_CHROOT.

`IPC_LOCK`, which RDMA needs to pin memory, is not among them: it violates the standard and is documented all the same. With an RDMA network
card, or NCCL configured for one, it is reported at severity low. Names in the API have no prefix: `CAP_NET_ADMIN` is accepted as a name
that nobody knows, and violates the standard as well.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: profile}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    securityContext:
      capabilities:
        add: [CHOWN, SYS_ADMIN, CAP_SYS_NICE]  # finding
  - name: sidecar
    image: ghcr.io/example/tunnel:1.0
    securityContext:
      capabilities: {add: [NET_ADMIN]}
```

```yaml
apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata: {name: allreduce}
spec:
  mpiReplicaSpecs:
    Worker:
      replicas: 2
      template:
        spec:
          containers:
          - name: worker
            image: ghcr.io/example/allreduce:1.0
            resources:
              limits: {nvidia.com/gpu: 8, rdma/hca: 1}
            securityContext:
              capabilities: {add: [IPC_LOCK]}  # finding
```

## Good
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
        add: [NET_BIND_SERVICE, CHOWN]
        drop: [NET_RAW]
  - name: chosen-elsewhere
    image: ghcr.io/example/serve:2.0
    securityContext:
      capabilities: {add: ["${CAPABILITY}"]}
```

## When to ignore
For IPC_LOCK where the network needs it, and SYS_PTRACE while a profiler or debugger is attached on purpose.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_capabilities_baseline.go
- https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#set-capabilities-for-a-container
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, RECOMMENDED, Fault, Role, Severity, rule
from auditor.workload import PodTemplate
from auditor.workload.security import names, report, uses_rdma

_ALLOWED = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
    "SETUID", "SYS_CHROOT",
})  # fmt: skip
_SEVERE = frozenset({
    "ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SYS_RAWIO", "NET_ADMIN", "BPF", "PERFMON", "DAC_READ_SEARCH",
})  # fmt: skip


@rule(
    "capability-added",
    title="Capability beyond the default set",
    severity=Severity.HIGH,
    profiles={RECOMMENDED, PSS_BASELINE},
    exempt={Role.INFRASTRUCTURE},
    mentions=("capabilities",),
)
def check(template: PodTemplate) -> Iterator[Fault]:
    offences, added = [], set()
    for holder in template.secured:
        if holder.container is None:
            continue
        bad = [name for name in names(holder, "add")[0] if name not in _ALLOWED]
        if bad:
            added.update(bad)
            offences.append(holder.sets("capabilities", "add", value=", ".join(name or '""' for name in bad)))
    if not offences:
        return
    why = "Pod Security's level baseline allows nothing beyond the default set"
    if any(name.startswith("CAP_") for name in added):
        why += ", and names in the API have no prefix CAP_"
    remedy = f"remove {'it' if len(added) == 1 else 'them'} from `capabilities.add`"
    severity = Severity.HIGH if any(name.removeprefix("CAP_").upper() in _SEVERE for name in added) else Severity.MEDIUM
    if added == {"IPC_LOCK"} and uses_rdma(template):
        severity, why = Severity.LOW, f"{why}, although RDMA needs it to pin memory"
        remedy = "keep it where the network needs it, in a namespace of its own for pods that exceed baseline"
    yield report(template, offences, why, remediation=remedy, severity=severity)
