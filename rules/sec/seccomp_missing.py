"""A pod asks for no seccomp profile.

## Why it matters
Unless the node's kubelet is told otherwise (`seccompDefault`), a container without a profile may use every system call. `RuntimeDefault`
refuses some forty that no ordinary program uses and many escapes need. One line for the pod holds for all its containers, and blocks
neither CUDA nor NCCL. Pod Security admission demands RuntimeDefault or Localhost at level restricted, for the pod or for every container,
except for pods that declare `os: {name: windows}`.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:  # finding
  containers:
  - name: main
    image: ghcr.io/example/serve:2.0
    securityContext:
      seccompProfile: {type: RuntimeDefault}
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
      securityContext:  # finding
        runAsUser: 1000
      containers:
      - name: main
        image: ghcr.io/example/score:1.0
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: serve}
spec:
  securityContext:
    seccompProfile: {type: RuntimeDefault}
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
    securityContext:
      seccompProfile: {type: Localhost, localhostProfile: profiles/serve.json}
```

## When to ignore
On clusters whose kubelets run with `seccompDefault: true`, and for pods that are profiled with py-spy, perf or Nsight Systems.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/tutorials/security/seccomp/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_seccompProfile_restricted.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_RESTRICTED, STRICT, Fault, Role, Severity, rule
from auditor.workload import PodTemplate
from auditor.workload.security import Offence, admits_absence, containers, may_be_windows, pod, profile_offences, profile_type, report


@rule(
    "seccomp-missing",
    title="No seccomp profile",
    severity=Severity.LOW,
    profiles={STRICT, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
)
def check(template: PodTemplate) -> Iterator[Fault]:
    if may_be_windows(template):
        return
    forbidden = profile_offences(template, "seccompProfile")
    offences = forbidden or _missing(template)
    if offences:
        yield report(
            template,
            offences,
            "no profile keeps it from dangerous system calls",
            remediation="set `securityContext.seccompProfile: {type: RuntimeDefault}` for the pod",
            profiles={PSS_RESTRICTED} if forbidden else {STRICT, PSS_RESTRICTED},  # seccomp-unconfined speaks of the former
        )


def _missing(template: PodTemplate) -> list[Offence]:
    """Containers without a profile in a pod without one; the place is the pod, where one line serves all of them."""
    whole = pod(template)
    if profile_type(whole, "seccompProfile") is not None:
        return []
    place = whole.lacks("").path
    return [
        Offence(holder.label, "seccompProfile not set", place)
        for holder in containers(template)
        if profile_type(holder, "seccompProfile") is None and not admits_absence(template, holder.container)
    ]
