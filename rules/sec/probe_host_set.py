"""A probe or a lifecycle hook names a host.

## Why it matters
Probes and hooks are sent by the kubelet from the node. A `host` aims them at any address that the node reaches, which makes the kubelet
scan networks and call internal services for whoever may write a pod. Left out, they go to the pod's own address, which is nearly always
meant. `localhost` or `127.0.0.1` is the node and not the container: unless the pod uses the node's network such a probe probably never
worked, or asks somebody else. Pod Security admission forbids a host at level baseline since version 1.34.

## Bad
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: triton}
spec:
  selector: {matchLabels: {app: triton}}
  template:
    metadata: {labels: {app: triton}}
    spec:
      containers:
      - name: triton
        image: nvcr.io/nvidia/tritonserver:25.06-py3
        readinessProbe:
          httpGet:
            host: 127.0.0.1  # finding
            path: /v2/health/ready
            port: 8000
        lifecycle:
          preStop:
            httpGet: {host: drain.example.com, port: 80}
```

```yaml kubernetes=1.33
apiVersion: v1
kind: Pod
metadata: {name: before-the-standard-knew-it}
spec:
  containers:
  - name: main
    image: ghcr.io/example/serve:2.0
    livenessProbe:
      tcpSocket: {host: 10.0.0.1, port: 8080}  # finding
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
    readinessProbe:
      httpGet: {path: /health, port: 8000, host: ""}
    livenessProbe:
      tcpSocket: {port: 8000}
    startupProbe:
      httpGet: {path: /health, port: 8000, host: "{{ host }}"}
```

## When to ignore
For a pod with `hostNetwork: true` that listens on the loopback address alone; an `exec` probe does without the field there too.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#http-probes
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_hostProbesAndhostLifecycle.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, PSS_RESTRICTED, STRICT, Fault, Role, Severity, rule
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate
from auditor.workload.security import Holder, Offence, containers, read, report

_HANDLERS = (("livenessProbe",), ("readinessProbe",), ("startupProbe",), ("lifecycle", "postStart"), ("lifecycle", "preStop"))
_LOOPBACK = ("host: localhost", "host: 127.0.0.1", "host: ::1")


@rule(
    "probe-host-set",
    title="Probe or lifecycle hook aimed at a host",
    severity=Severity.LOW,
    profiles={STRICT, PSS_BASELINE, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
    mentions=("host",),
)
def check(template: PodTemplate, snapshot: Snapshot) -> Iterator[Fault]:
    offences = [offence for holder in containers(template) for offence in _hosts(holder)]
    if not offences:
        return
    why = "the kubelet sends it from the node to any address that the node reaches"
    if template.get("hostNetwork") is not True and any(offence.text.endswith(_LOOPBACK) for offence in offences):
        why = "the kubelet sends it from the node, so that the loopback address is the node's and not the container's"
    in_standard = snapshot.kubernetes_version >= (1, 34)
    yield report(
        template,
        offences,
        why,
        remediation="remove `host`: without it the pod's own address is used",
        profiles={STRICT, PSS_BASELINE, PSS_RESTRICTED} if in_standard else {STRICT},
    )


def _hosts(holder: Holder) -> Iterator[Offence]:
    container = holder.container
    if container is None:
        return
    for steps in _HANDLERS:
        if steps[0] in container.raw:
            for action in ("httpGet", "tcpSocket"):
                path = (*steps, action, "host")
                host = read(container.raw, *path)
                if isinstance(host, str) and host:
                    yield Offence(holder.label, f"{'.'.join(path)}: {host}", container.at(*path))
