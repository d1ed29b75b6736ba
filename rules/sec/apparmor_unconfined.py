"""A pod switches AppArmor off.

## Why it matters
On nodes with AppArmor the container runtime confines every container by a default profile: no mounts, no writes to /proc and /sys, no
tracing of other containers. `Unconfined` takes that away, and with it the second line of defence when a library or a model file runs code
of somebody else. Nothing on the way to a GPU needs it. Pod Security admission allows, at level baseline, `RuntimeDefault` and `Localhost`
only, in the field as in the annotation `container.apparmor.security.beta.kubernetes.io/<container>` of older manifests.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: sandbox}
spec:
  securityContext:
    appArmorProfile:
      type: Unconfined  # finding
  containers:
  - name: main
    image: ghcr.io/example/sandbox:1.0
    securityContext:
      appArmorProfile: {type: RuntimeDefault}
```

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: fuse}
spec:
  selector: {matchLabels: {app: fuse}}
  template:
    metadata:
      labels: {app: fuse}
      annotations:
        container.apparmor.security.beta.kubernetes.io/main: unconfined  # finding
    spec:
      containers:
      - name: main
        image: ghcr.io/example/fuse:1.0
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata:
  name: sandbox
  annotations:
    container.apparmor.security.beta.kubernetes.io/main: runtime/default
    container.apparmor.security.beta.kubernetes.io/tool: localhost/tool
spec:
  containers:
  - name: main
    image: ghcr.io/example/sandbox:1.0
  - name: tool
    image: ghcr.io/example/tool:1.0
    securityContext:
      appArmorProfile: {type: Localhost, localhostProfile: tool}
```

## When to ignore
For FUSE mounts and container builds inside a pod, until a CSI driver or a rootless builder replaces them.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/tutorials/security/apparmor/
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_appArmorProfile.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, PSS_RESTRICTED, RECOMMENDED, Fault, Role, Severity, is_placeholder, rule
from auditor.workload import PodTemplate
from auditor.workload.security import Offence, profile_offences, report

_PREFIX = "container.apparmor.security.beta.kubernetes.io/"


@rule(
    "apparmor-unconfined",
    title="AppArmor profile outside the allowed ones",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, PSS_BASELINE, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
    mentions=("apparmor", "appArmorProfile"),
)
def check(template: PodTemplate) -> Iterator[Fault]:
    offences = [*profile_offences(template, "appArmorProfile"), *_annotations(template)]
    if offences:
        yield report(
            template,
            offences,
            "the container runtime's default profile no longer confines it",
            remediation="remove it, or set `appArmorProfile: {type: RuntimeDefault}`",
        )


def _annotations(template: PodTemplate) -> Iterator[Offence]:
    for key, value in template.annotations.items():
        if not key.startswith(_PREFIX) or not isinstance(value, str) or is_placeholder(value):
            continue
        if value not in ("", "runtime/default") and not value.startswith("localhost/"):
            where = (*template.metadata_path, "annotations", key)
            yield Offence(f"container {key.removeprefix(_PREFIX)}", f"AppArmor annotation {value}", where)
