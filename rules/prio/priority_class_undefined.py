"""A workload names a priority class that does not exist, so that its pods are refused.

## Why it matters
Admission looks the class up for every pod: "no PriorityClass with name … was found". A Pod is refused at once; a Deployment or a custom
resource is accepted and never gets a pod, and only the events of its controller say why (executed on Kubernetes 1.36.3). A job with Kueue's
label `kueue.x-k8s.io/priority-class` waits for ever for a WorkloadPriorityClass that is not there.

## Bad
```yaml
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: inference-high}
value: 2000
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      priorityClassName: inference-hi  # finding
      containers:
      - name: server
        image: vllm/vllm-openai:v0.19.0
```

```yaml complete
apiVersion: batch/v1
kind: Job
metadata:
  name: finetune
  labels:
    kueue.x-k8s.io/queue-name: team-a
    kueue.x-k8s.io/priority-class: research  # finding
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: "ghcr.io/example/finetune:1.4"}
```

## Good
```yaml
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: training}
value: 1000
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: finetune}
spec:
  pytorchReplicaSpecs:
    Master:
      template:
        spec:
          priorityClassName: training
          containers: [{name: pytorch, image: "ghcr.io/example/finetune:1.4"}]
    Worker:
      template:
        spec:
          priorityClassName: "${PRIORITY}"
          containers: [{name: pytorch, image: "ghcr.io/example/finetune:1.4"}]
---
apiVersion: v1
kind: Pod
metadata: {name: exporter}
spec:
  priorityClassName: system-node-critical
  containers: [{name: main, image: "ghcr.io/example/exporter:1.0"}]
```

No PriorityClass is in view, so that nothing can be said:
```yaml
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  priorityClassName: training
  containers: [{name: main, image: "ghcr.io/example/train:2.0"}]
```

## When to ignore
Where another repository, the cloud provider or an operator creates the class.

## References
- https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
- https://kueue.sigs.k8s.io/docs/concepts/workload_priority_class/
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import RECOMMENDED, Path, Result, Severity, is_placeholder, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import Workload

# Classes that every cluster has, and those that OpenShift and GKE create.
_PROVIDED = frozenset({"system-cluster-critical", "system-node-critical", "openshift-user-critical", "gmp-critical"})
_KUEUE_LABEL = "kueue.x-k8s.io/priority-class"
_NAMED = 5


@rule(
    "priority-class-undefined",
    title="Priority class does not exist",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    needs={"PriorityClass", "WorkloadPriorityClass"},
)
def check(workload: Workload, snapshot: Snapshot) -> Iterator[Result]:
    kind = workload.ref.kind
    refused = "the API server rejects it" if kind == "Pod" else f"the {kind} is accepted, but none of its pods is ever created"
    for template in workload.templates:
        name = template.priority_class
        if isinstance(name, str) and name not in _PROVIDED and not is_placeholder(name):
            yield from _missing(workload, "PriorityClass", "scheduling.k8s.io", name, template.at("priorityClassName"), refused, snapshot)
    label = workload.labels.get(_KUEUE_LABEL)
    if isinstance(label, str) and label and not is_placeholder(label):
        at = ("metadata", "labels", _KUEUE_LABEL)
        yield from _missing(workload, "WorkloadPriorityClass", "kueue.x-k8s.io", label, at, "Kueue never admits it", snapshot)


def _missing(workload: Workload, kind: str, group: str, name: str, at: Path, effect: str, snapshot: Snapshot) -> Iterator[Result]:
    if snapshot.get(kind, name, workload.document, group) is not None:
        return
    if not snapshot.complete_for(kind, workload.document):
        yield skip(f"the {'PriorityClasses' if kind == 'PriorityClass' else 'WorkloadPriorityClasses'} of the cluster")
        return
    known = sorted({other.ref.name for other in snapshot.by_kind(kind, group)})
    instead = f"name one that exists ({', '.join(known[:_NAMED])}{' …' if len(known) > _NAMED else ''}), or create" if known else "create"
    yield workload.fault(f"names the {kind} {name}, which does not exist; {effect}", at=at, remediation=f"{instead} a {kind} {name}")
