"""A workload is submitted to a queue that does not exist, so that it never starts.

## Why it matters
A job with Kueue's label is suspended at once and waits for its LocalQueue; when nobody has made one of that name in the namespace, it waits
for ever, and only its Workload object says why. KAI leaves the pods Pending, Volcano refuses the job. The same holds one step further up:
jobs of a LocalQueue whose ClusterQueue is missing are not looked at.

## Bad
```yaml
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: team-a}
spec:
  clusterQueue: gpus  # finding
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: shared-gpus}
spec: {namespaceSelector: {}}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: finetune
  labels:
    kueue.x-k8s.io/queue-name: teama  # finding
spec:
  suspend: true
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: "ghcr.io/example/finetune:1.4"}
```

```yaml complete
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: pretrain}
spec:
  queue: research  # finding
  tasks: []
---
apiVersion: v1
kind: Pod
metadata:
  name: notebook
  labels:
    kai.scheduler/queue: team-b  # finding
spec:
  schedulerName: kai-scheduler
  containers:
  - {name: main, image: "ghcr.io/example/notebook:2.0"}
---
apiVersion: scheduling.run.ai/v2
kind: Queue
metadata: {name: team-c}
spec:
  parentQueue: department  # finding
```

## Good
```yaml
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: team-a}
spec: {clusterQueue: shared-gpus}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: shared-gpus}
spec: {namespaceSelector: {}}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: finetune
  labels: {kueue.x-k8s.io/queue-name: team-a}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: "ghcr.io/example/finetune:1.4"}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: to-be-filled-in
  labels: {kueue.x-k8s.io/queue-name: "${QUEUE}"}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: "ghcr.io/example/finetune:1.4"}
```

Queues that come with the schedulers:
```yaml complete
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: pretrain}
spec:
  queue: default
  tasks: []
---
apiVersion: v1
kind: Pod
metadata:
  name: notebook
  labels: {kai.scheduler/queue: default-queue}
spec:
  schedulerName: kai-scheduler
  containers:
  - {name: main, image: "ghcr.io/example/notebook:2.0"}
```

No queue is in view, so that nothing can be said:
```yaml
apiVersion: batch/v1
kind: Job
metadata:
  name: finetune
  labels: {kueue.x-k8s.io/queue-name: team-a}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: "ghcr.io/example/finetune:1.4"}
```

## When to ignore
Where another repository or an operator creates the queue.

## References
- https://kueue.sigs.k8s.io/docs/concepts/local_queue/
- https://volcano.sh/en/docs/queue/
- https://github.com/NVIDIA/KAI-Scheduler/tree/main/docs/queues
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from auditor.document import Document
from auditor.queues import KAI, KUEUE, VOLCANO, queue_names
from auditor.rule import RECOMMENDED, Confidence, Fault, Path, Result, Severity, is_placeholder, mapping, rule, skip
from auditor.snapshot import Snapshot

# Objects that lead to a queue: (group, kind) → field under spec, kind and group of the queue, and what comes of its absence.
_LEADS = {
    (KUEUE, "LocalQueue"): ("clusterQueue", "ClusterQueue", KUEUE, "none of its jobs is admitted"),
    (VOLCANO, "Queue"): ("parent", "Queue", VOLCANO, "Volcano refuses it"),
    (VOLCANO, "PodGroup"): ("queue", "Queue", VOLCANO, "its pods stay Pending"),
    (KAI, "Queue"): ("parentQueue", "Queue", KAI, "its pods stay Pending"),
}
# Queues that the schedulers, or the charts that install them, create.
_PROVIDED = {VOLCANO: ("default", "root"), KAI: ("default-queue", "default-parent-queue"), KUEUE: ()}


@rule(
    "queue-not-found",
    title="Queue does not exist",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    mentions=("queue", "Queue", "parent"),
    needs=("LocalQueue", "ClusterQueue", "Queue"),
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    lead = _LEADS.get((document.ref.group, document.ref.kind))
    if lead is not None:
        field, kind, group, effect = lead
        name = mapping(document.raw.get("spec")).get(field)
        if isinstance(name, str) and name:
            yield from _missing(document, kind, group, name, ("spec", field), effect, snapshot)
    workload = snapshot.workload_of(document)
    if workload is None or workload.incomplete:
        return
    for named in queue_names(workload):
        kind = "LocalQueue" if named.group == KUEUE else "Queue"
        yield from _missing(document, kind, named.group, named.name, named.path, _effect(document, named.group), snapshot)


def _effect(document: Document, group: str) -> str:
    if group == KUEUE:
        return "Kueue never admits it"
    return "Volcano refuses it" if document.ref.group == "batch.volcano.sh" else "its pods stay Pending"


def _missing(document: Document, kind: str, group: str, name: str, path: Path, effect: str, snapshot: Snapshot) -> Iterator[Result]:
    if name in _PROVIDED[group] or is_placeholder(name) or snapshot.get(kind, name, document, group) is not None:
        return
    presumed = bool(document.line) and not snapshot.complete  # files that hold some queues, perhaps not all
    elsewhere = presumed and any(other.ref.name == name for other in snapshot.by_kind(kind, group))  # applied with another `-n`, perhaps
    if elsewhere or not snapshot.complete_for(kind, document, group):
        yield skip(f"the {kind}s of the {'namespace' if kind == 'LocalQueue' else 'cluster'}")
        return
    known = snapshot.beside(document, kind, group) if kind == "LocalQueue" else snapshot.by_kind(kind, group)
    near = next(iter(difflib.get_close_matches(name, [other.ref.name for other in known], 1, 0.8)), "")
    yield Fault(
        document,
        path,
        f"names the {kind} {name}, which does not exist{' in the namespace' if kind == 'LocalQueue' else ''}; {effect}",
        remediation=f"write `{near}`" if near else f"create the {kind} {name}, or name one that exists",
        confidence=Confidence.MEDIUM if presumed else None,
    )
