"""A container opens a port on its node.

## Why it matters
A hostPort is reachable at the node's address by everybody who reaches the node, past Services, Ingress authentication and, with some
network plugins, NetworkPolicies. It also allows only one such pod on each node, so that replicas, rolling updates and preempted training
jobs wait for a node with the port free. Pod Security admission forbids it at level baseline. Under `hostNetwork: true` the API server
itself copies each containerPort into hostPort: that consequence is not reported in addition to host-namespaces.

## Bad
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm}
spec:
  replicas: 4
  selector: {matchLabels: {app: vllm}}
  template:
    metadata: {labels: {app: vllm}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.0
        ports:
        - containerPort: 8000
        - containerPort: 8001
          hostPort: 8001  # finding
```

## Good
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm}
spec:
  replicas: 4
  selector: {matchLabels: {app: vllm}}
  template:
    metadata: {labels: {app: vllm}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.0
        ports:
        - {containerPort: 8000, hostPort: 0}
```

```yaml
apiVersion: v1
kind: Pod
metadata: {name: written-out-by-the-api-server}
spec:
  hostNetwork: true
  containers:
  - name: main
    image: ghcr.io/example/serve:2.0
    ports:
    - {containerPort: 8000, hostPort: 8000}
```

## When to ignore
For ingress controllers and agents that must be found at the node's address.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#ports
- https://github.com/kubernetes/pod-security-admission/blob/master/policy/check_hostPorts.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import PSS_BASELINE, PSS_RESTRICTED, RECOMMENDED, Fault, Role, Severity, mapping, rule, sequence
from auditor.workload import Container, PodTemplate
from auditor.workload.security import Offence, holder_of, read, report


@rule(
    "host-port",
    title="Port opened on the node",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, PSS_BASELINE, PSS_RESTRICTED},
    exempt={Role.INFRASTRUCTURE},
    mentions=("hostPort",),
)
def check(template: PodTemplate) -> Iterator[Fault]:
    defaulted = template.get("hostNetwork") is True
    offences = [offence for container in template.containers if container.raw.get("ports") for offence in _ports(container, defaulted)]
    if offences:
        yield report(
            template,
            offences,
            "everybody who reaches the node reaches the port, and each node can hold only one such pod",
            remediation="remove `hostPort` and lead traffic to the pod through a Service",
        )


def _ports(container: Container, defaulted: bool) -> Iterator[Offence]:
    """Ports of the node, without those that the API server copies from the container's ports under hostNetwork."""
    for index, entry in enumerate(sequence(container.raw.get("ports"))):
        port = mapping(entry).get("hostPort")
        if type(port) is int and port and not (defaulted and port == read(entry, "containerPort")):
            yield Offence(holder_of(container).label, f"hostPort: {port}", container.at("ports", index, "hostPort"))
