"""A pod runs Windows processes on the node itself.

## Why it matters
A HostProcess container is a process of the Windows node with the node's file system, registry, network and users. It is meant for what
manages nodes; whoever controls the image controls the node and every pod on it. Pod Security admission forbids it at level baseline.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: driver-check}
spec:
  os: {name: windows}
  hostNetwork: true
  securityContext:
    windowsOptions:
      hostProcess: true  # finding
      runAsUserName: NetworkService
  containers:
  - name: main
    image: ghcr.io/example/driver-check:1.0
```

```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: score}
spec:
  template:
    spec:
      restartPolicy: Never
      os: {name: windows}
      initContainers:
      - name: prepare
        image: ghcr.io/example/prepare:1.0
        securityContext:
          windowsOptions: {hostProcess: true}  # finding
      containers:
      - name: main
        image: ghcr.io/example/score:1.0
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: score}
spec:
  os: {name: windows}
  securityContext:
    windowsOptions: {runAsUserName: ContainerUser}
  containers:
  - name: main
    image: ghcr.io/example/score:1.0
    securityContext:
      windowsOptions: {hostProcess: false}
```

## When to ignore
For what installs and manages Windows nodes, such as a network plugin or a driver.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/tasks/configure-pod-container/create-hostprocess-pod/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_windowsHostProcess.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, PSS_RESTRICTED, RECOMMENDED, Fault, Role, Severity, rule
from auditor.workload import PodTemplate
from auditor.workload.security import report

_FIELD = ("windowsOptions", "hostProcess")


@rule(
    "windows-host-process",
    title="Windows HostProcess container",
    severity=Severity.HIGH,
    profiles={RECOMMENDED, PSS_BASELINE, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
    mentions=("hostProcess",),
)
def check(template: PodTemplate) -> Iterator[Fault]:
    offences = [holder.sets(*_FIELD) for holder in template.secured if holder.get(*_FIELD) is True]
    if offences:
        yield report(
            template,
            offences,
            "it runs as a process of the node, outside of any container",
            remediation="remove `hostProcess` and run as `runAsUserName: ContainerUser`",
        )
