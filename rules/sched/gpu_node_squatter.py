"""A workload without accelerators is made for, or runs on, nodes that have them.

## Why it matters
It takes CPU and memory that the accelerators need, and keeps the node from being given back when the real work is done. It got there by a
toleration that was copied with a manifest, or by a label that selects GPU nodes.

## Bad
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: dashboard}
spec:
  selector: {matchLabels: {app: dashboard}}
  template:
    metadata: {labels: {app: dashboard}}
    spec:
      tolerations:
      - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}  # finding
      containers: [{name: web, image: "ghcr.io/example/dashboard:1.0"}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: tokenize}
spec:
  template:
    spec:
      restartPolicy: Never
      nodeSelector:
        cloud.google.com/gke-accelerator: nvidia-h100-80gb  # finding
      containers: [{name: main, image: "ghcr.io/example/tokenize:1.0"}]
```

```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
spec: {taints: [{key: sku, value: gpu, effect: NoSchedule}]}
status:
  capacity: {nvidia.com/gpu: "8", cpu: "96", memory: 1Ti}
  allocatable: {nvidia.com/gpu: "8", cpu: "96", memory: 1Ti}
---
apiVersion: v1
kind: Pod
metadata: {name: etl-0, namespace: data}
spec:
  nodeName: gpu-0
  tolerations:
  - {operator: Exists}  # finding
  containers: [{name: main, image: "ghcr.io/example/etl:1.0", resources: {requests: {cpu: "48", memory: 256Gi}}}]
status: {phase: Running}
```

## Good
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      tolerations: [{key: nvidia.com/gpu, operator: Exists}]
      containers: [{name: server, image: "vllm/vllm-openai:v0.19.0", resources: {limits: {nvidia.com/gpu: 1}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: by-claim}
spec:
  tolerations: [{key: nvidia.com/gpu, operator: Exists}]
  resourceClaims: [{name: gpu, resourceClaimTemplateName: one-gpu}]
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {claims: [{name: gpu}]}}]
---
apiVersion: v1
kind: Pod
metadata: {name: by-fraction, annotations: {gpu-fraction: "0.5"}}
spec:
  tolerations: [{key: nvidia.com/gpu, operator: Exists}]
  containers: [{name: main, image: "ghcr.io/example/train:2.0"}]
---
apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata: {name: pretrain}
spec:
  mpiReplicaSpecs:
    Launcher:
      template:
        spec:
          tolerations: [{key: nvidia.com/gpu, operator: Exists}]
          containers: [{name: launcher, image: "mpioperator/mpi-pi:v0.6"}]
    Worker:
      replicas: 2
      template:
        spec:
          tolerations: [{key: nvidia.com/gpu, operator: Exists}]
          containers: [{name: worker, image: "mpioperator/mpi-pi:v0.6", resources: {limits: {nvidia.com/gpu: 8}}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: gpu-logs}
spec:
  selector: {matchLabels: {app: gpu-logs}}
  template:
    metadata: {labels: {app: gpu-logs}}
    spec:
      nodeSelector: {nvidia.com/gpu.present: "true"}
      containers: [{name: main, image: "ghcr.io/example/logs:1.0"}]
---
apiVersion: v1
kind: Pod
metadata: {name: anywhere-but}
spec:
  nodeSelector: {nvidia.com/gpu.present: "false"}
  tolerations: [{operator: Exists}]
  containers: [{name: main, image: "ghcr.io/example/web:1.0"}]
```

On a cluster, what counts is where the pods are:
```yaml live
apiVersion: v1
kind: Node
metadata: {name: cpu-0}
status:
  capacity: {cpu: "96"}
  allocatable: {cpu: "96"}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: shop}
spec:
  nodeName: cpu-0
  tolerations: [{key: nvidia.com/gpu, operator: Exists}]
  containers: [{name: web, image: "nginx:1.29"}]
status: {phase: Running}
```

Where no taint of the accelerators keeps pods off a node, it is not the workload's fault that it is there:
```yaml live
apiVersion: v1
kind: Node
metadata: {name: gpu-0}
spec: {taints: [{key: cloud.google.com/gke-spot, value: "true", effect: NoSchedule}]}
status:
  capacity: {nvidia.com/gpu: "8", cpu: "96"}
  allocatable: {nvidia.com/gpu: "8", cpu: "96"}
---
apiVersion: v1
kind: Pod
metadata: {name: render-0, namespace: media}
spec:
  nodeName: gpu-0
  tolerations:
  - {key: cloud.google.com/gke-spot, operator: Equal, value: "true", effect: NoSchedule}
  - {key: dedicated, operator: Equal, value: media, effect: NoSchedule}
  containers: [{name: main, image: "ghcr.io/example/render:1.0", resources: {requests: {cpu: "4"}}}]
status: {phase: Running}
```

## When to ignore
For what has to be near the accelerators: loaders of data beside a training, caches of models.

## References
- https://learn.microsoft.com/azure/aks/best-practices-gpu#enforce-gpu-workload-placement
- https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from auditor.live import LivePod, Node
from auditor.live.scheduling import is_passing, tolerations_of
from auditor.quantity import format_bytes
from auditor.rule import COST, RECOMMENDED, Confidence, Path, Result, Role, Severity, mapping, rule
from auditor.selectors import Requirement, Selector, label_selector, node_terms
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate, Workload

# Keys of the taints that GPU nodes have, with the values of those that could mean something else.
TAINTS = re.compile(
    r"(nvidia|amd)\.com/gpu|google\.com/tpu|habana\.ai/gaudi|aws\.amazon\.com/neuron(core|device)?|gpu\.intel\.com/.+|(nvidia-)?gpu"
)
BY_VALUE = {"sku": ("gpu",), "dedicated": ("gpu", "gpus")}
# Keys of taints that say that the cloud may take a node away: they guard nothing that it has.
SPOT = re.compile(r"spot|preemptible|scalesetpriority|capacity-?type|lifecycle", re.IGNORECASE)
# Labels that only nodes with accelerators have.
LABELS = re.compile(
    r"nvidia\.com/(gpu|mig|cuda)[.\w-]*|amd\.com/gpu[.\w-]*|cloud\.google\.com/gke-(accelerator|tpu)[\w-]*|k8s\.amazonaws\.com/accelerator"
    r"|karpenter\.k8s\.aws/instance-(gpu|accelerator)-[\w-]+|karpenter\.azure\.com/sku-gpu-[\w-]+|kubernetes\.azure\.com/accelerator"
    r"|gpu\.intel\.com/[.\w-]+"
)
# Values by which such a label says that there is none.
NONE = frozenset({"false", "0", "none", ""})
NAMED = 3


@rule(
    "gpu-node-squatter",
    title="Workload without accelerators on nodes that have them",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    profiles={RECOMMENDED, COST},
    exempt={Role.INFRASTRUCTURE},
    needs={"Node", "Pod"},
)
def check(template: PodTemplate, snapshot: Snapshot) -> Iterator[Result]:
    workload = template.workload
    if workload.ref.kind == "DaemonSet" or template.incomplete or _uses_devices(template, snapshot):
        return
    if snapshot.listing is None:
        found = _by_toleration(template) or _by_label(template)
        if found is not None:
            at, how = found
            yield template.fault(
                f"asks for no accelerator, and {how}",
                at=at,
                remediation="take that out, so that it runs on nodes without accelerators, or ask for the accelerator that it uses",
            )
        return
    nodes = snapshot.derived(_accelerated)
    placed = [(pod, nodes[pod.node]) for pod in workload.pods if pod.placed and pod.node in nodes]
    found = _by_label(template) or _past_a_taint(template, [node for _, node in placed])
    if placed and found is not None:
        at, how = found
        yield template.fault(
            f"asks for no accelerator, and {how}; {_holds(placed)}",
            at=at,
            remediation="take that out, so that it runs on nodes without accelerators",
            confidence=Confidence.HIGH,
        )


def _uses_devices(template: PodTemplate, snapshot: Snapshot) -> bool:
    """Whether it, or what it works together with, has an accelerator; a claim that is not in view may be one."""
    workload: Workload = template.workload
    return (
        workload.accelerated
        or any(other.resource_claims for other in workload.templates)
        or snapshot.asks_for_accelerator(workload)
        or any(pod.accelerators for pod in workload.pods)
    )


def _by_toleration(template: PodTemplate) -> tuple[Path, str] | None:
    """A toleration of a taint that nodes with accelerators have."""
    for index, toleration in enumerate(tolerations_of(template)):
        if TAINTS.fullmatch(toleration.key) or toleration.value in BY_VALUE.get(toleration.key, ()):
            return template.at("tolerations", index), f"tolerates the taint {toleration.key} of nodes that have some"
    return None


def _past_a_taint(template: PodTemplate, nodes: list[Node]) -> tuple[Path, str] | None:
    """The toleration that lets it on one of these nodes, past a taint that guards more than what the cloud may take away."""
    guards = dict.fromkeys(
        taint for node in nodes for taint in node.taints if taint.hard and not is_passing(taint) and not SPOT.search(taint.key)
    )
    for index, toleration in enumerate(tolerations_of(template)):
        taint = next(filter(toleration.tolerates, guards), None)
        if taint is not None:
            what = f"the taint {taint}" if toleration.key else f"every taint, and so {taint},"
            return template.at("tolerations", index), f"tolerates {what} of the nodes that have some"
    return None


def _by_label(template: PodTemplate) -> tuple[Path, str] | None:
    """A label by which it chooses nodes with accelerators."""
    selector = label_selector({"matchLabels": template.get("nodeSelector")})
    key = _device_label(selector)
    if key:
        return template.at("nodeSelector", key), f"chooses nodes by the label {key}, which only nodes with some have"
    affinity = mapping(mapping(template.get("affinity")).get("nodeAffinity"))
    terms = node_terms(affinity.get("requiredDuringSchedulingIgnoredDuringExecution"))
    keys = [_device_label(term.labels) for term in terms]
    if keys and all(keys):
        return template.at("affinity", "nodeAffinity"), f"chooses nodes by the label {keys[0]}, which only nodes with some have"
    return None


def _device_label(selector: Selector) -> str:
    return next((one.key for one in selector.requirements if LABELS.fullmatch(one.key) and _wants_it(one)), "")


def _wants_it(requirement: Requirement) -> bool:
    return requirement.operator in ("Exists", "Gt") or (requirement.operator == "In" and not NONE & set(requirement.values))


def _accelerated(snapshot: Snapshot) -> dict[str, Node]:
    return {node.name: node for node in snapshot.nodes if node.accelerated}


def _holds(placed: list[tuple[LivePod, Node]]) -> str:
    """Where the pods are, and what they take there."""
    names = list(dict.fromkeys(node.name for _, node in placed))
    total = {"cpu": Fraction(0), "memory": Fraction(0)}
    for pod, _ in placed:
        for key, amount in pod.requests().items():
            if key in total:
                total[key] += amount
    takes = [f"{float(total['cpu']):g} CPUs"] if total["cpu"] else []
    takes += [f"{format_bytes(total['memory'])} of memory"] if total["memory"] else []
    where = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
    pods = "1 pod is" if len(placed) == 1 else f"{len(placed)} pods are"
    return f"{pods} on {where}" + (f" and take{'s' if len(placed) == 1 else ''} {' and '.join(takes)}" if takes else "")
