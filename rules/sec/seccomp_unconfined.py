"""A pod switches seccomp off.

## Why it matters
The container runtime's seccomp profile refuses some forty system calls that no ordinary program uses and many escapes need (`mount`,
`bpf`, `keyctl`, `userfaultfd` …). `Unconfined` gives them all back, also on nodes whose kubelet applies the profile by default. CUDA,
NCCL and the usual frameworks run under `RuntimeDefault`. Pod Security admission allows, at level baseline, `RuntimeDefault` and
`Localhost` only.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: profile}
spec:
  initContainers:
  - name: fetch
    image: ghcr.io/example/fetch:1.0
    securityContext:
      seccompProfile: {type: RuntimeDefault}
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    securityContext:
      seccompProfile:
        type: Unconfined  # finding
```

```yaml
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: vllm}
spec:
  leaderWorkerTemplate:
    size: 2
    workerTemplate:
      spec:
        securityContext:
          seccompProfile: {type: Unconfined}  # finding
        containers:
        - name: vllm
          image: vllm/vllm-openai:v0.10.0
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata:
  name: profile
  annotations:
    seccomp.security.alpha.kubernetes.io/pod: unconfined  # no Kubernetes since 1.27 looks at it
spec:
  securityContext:
    seccompProfile: {type: RuntimeDefault}
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    securityContext:
      seccompProfile: {type: Localhost, localhostProfile: profiles/perf.json}
```

## When to ignore
While somebody profiles with `perf` or Nsight Systems; a Localhost profile that allows `perf_event_open` is narrower.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/tutorials/security/seccomp/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_seccompProfile_baseline.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, RECOMMENDED, Fault, Role, Severity, rule
from auditor.workload import PodTemplate
from auditor.workload.security import profile_offences, report


@rule(
    "seccomp-unconfined",
    title="Seccomp profile outside the allowed ones",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, PSS_BASELINE},  # under pss-restricted, seccomp-missing says it
    exempt={Role.INFRASTRUCTURE},
    mentions=("seccompProfile",),
)
def check(template: PodTemplate) -> Iterator[Fault]:
    offences = profile_offences(template, "seccompProfile")
    if offences:
        yield report(
            template,
            offences,
            "no profile that is allowed keeps it from dangerous system calls",
            remediation="set `seccompProfile: {type: RuntimeDefault}`",
        )
