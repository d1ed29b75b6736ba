"""A job with accelerators has no deadline, no limit of retries and no TTL.

## Why it matters
Nothing ends such a job but its own code. A process that waits for a peer that never comes, or a data loader that hangs, keeps every GPU
of the job until somebody looks: the scheduler counts a reserved device as used. A Job that fails is tried again six times by default, a
PyTorchJob without an end. `activeDeadlineSeconds` belongs to the job and not to its pod: the deadline of a pod kills that pod, and the
job starts another. The limits of a CronJob's history remove what has finished, and Kueue's label `kueue.x-k8s.io/max-exec-time-seconds`
is a deadline, as is the annotation `provreq.kueue.x-k8s.io/maxRunDurationSeconds`.

The option `require: [deadline]` also reports, in the profile `strict`, a job that has other bounds but no deadline.

## Bad
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: finetune}
spec:  # finding
  template:
    spec:
      activeDeadlineSeconds: 7200
      restartPolicy: Never
      containers:
      - name: trainer
        image: ghcr.io/example/finetune:1.4
        resources:
          limits: {nvidia.com/gpu: 8}
```

```yaml
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: pretrain}
spec:
  runPolicy: {cleanPodPolicy: None}  # finding
  pytorchReplicaSpecs:
    Worker:
      replicas: 4
      template:
        spec:
          containers:
          - name: pytorch
            image: ghcr.io/example/pretrain:1.4
            resources:
              limits: {nvidia.com/gpu: 8}
```

## Good
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: retries-are-limited}
spec:
  backoffLimit: 3
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: trainer
        image: ghcr.io/example/finetune:1.4
        resources:
          limits: {nvidia.com/gpu: 2}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: history-is-limited}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
          - name: evaluate
            image: ghcr.io/example/evaluate:1.4
            resources:
              limits: {nvidia.com/gpu: 1}
---
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata:
  name: queue-has-a-limit
  labels: {kueue.x-k8s.io/queue-name: gpus, kueue.x-k8s.io/max-exec-time-seconds: "86400"}
spec:
  suspend: true
  replicatedJobs:
  - name: workers
    template:
      spec:
        template:
          spec:
            containers:
            - name: trainer
              image: ghcr.io/example/finetune:1.4
              resources:
                limits: {nvidia.com/gpu: 8}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: workers-0
  ownerReferences: [{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, name: parent, uid: a1}]
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: trainer
        image: ghcr.io/example/finetune:1.4
        resources:
          limits: {nvidia.com/gpu: 8}
---
apiVersion: batch/v1
kind: Job
metadata: {name: started-by-hand}
spec:
  suspend: true
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: trainer
        image: ghcr.io/example/finetune:1.4
        resources:
          limits: {nvidia.com/gpu: 8}
```

## When to ignore
For a job that is meant to run on, such as a server in a Job: set the annotation `mlaudit.io/role: serving`, which says so. Where another
program watches the job and deletes it.

## References
- https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup
- https://kueue.sigs.k8s.io/docs/concepts/workload/#maximum-execution-time
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.jobs import JobBounds, bounds
from auditor.rule import COST, RECOMMENDED, STRICT, Fault, Options, Path, Role, Severity, mapping, rule
from auditor.workload import Workload

_QUEUE = "kueue.x-k8s.io/queue-name"
_ELASTIC = "kueue.x-k8s.io/elastic-job"
_RUNS_ON = (Role.SERVING.value, Role.NOTEBOOK.value)


@rule(
    "job-unbounded",
    title="Accelerator job without deadline, retry limit or TTL",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, COST},
    accelerated=True,
    options={"require": ()},
)
def check(workload: Workload, options: Options) -> Iterator[Fault]:
    if not workload.job or workload.incomplete or workload.framework == "argo" or _is_meant_so(workload):
        return  # workflows have a rule of their own
    found = bounds(workload)
    if found is None:
        return
    devices = ", ".join(f"{count} {key}" for key, count in workload.accelerators.items() if count) or "accelerators"
    if found.unbounded:
        deadline = "deadline, " if found.deadline_seconds.path else ""
        yield workload.fault(
            f"holds {devices} with no {deadline}retry limit or TTL: a hang or a crash loop keeps them until somebody notices",
            at=_place(workload, found),
            remediation=_remedy(workload, found),
        )
    elif "deadline" in (options["require"] or ()) and found.deadline_seconds.path and not found.deadline_seconds.written:
        yield workload.fault(
            f"holds {devices} with no deadline: a hang keeps them until somebody notices",
            at=_place(workload, found),
            remediation=f"set `{found.deadline_seconds.field}` to the longest run that you accept, in seconds",
            severity=Severity.LOW,
            profiles={STRICT},
        )


def _is_meant_so(workload: Workload) -> bool:
    """It was made by another object, waits to be started by hand, or says that it runs on."""
    suspended = workload.suspended or mapping(workload.spec.get("runPolicy")).get("suspend") is True
    annotations = workload.annotations
    return (
        bool(workload.metadata.get("ownerReferences"))
        or (suspended and _QUEUE not in workload.labels)
        or annotations.get(_ELASTIC) == "true"
        or annotations.get("mlaudit.io/role") in _RUNS_ON
    )


def _place(workload: Workload, found: JobBounds) -> Path:
    """The mapping that lacks the fields, as far as it is there."""
    path = (found.deadline_seconds.path or found.ttl_seconds.path)[:-1]
    node = workload.raw
    for number, step in enumerate(path):
        if not isinstance(step, str) or not isinstance(node.get(step), dict):
            return path[:number]
        node = mapping(node.get(step))
    return path


def _remedy(workload: Workload, found: JobBounds) -> str:
    deadline = f"`{found.deadline_seconds.field}` (the longest run that you accept), " if found.deadline_seconds.path else ""
    advice = f"set {deadline}`{found.retries.field}: 3` and `{found.ttl_seconds.field}: 86400`"
    return advice + (" with `shutdownAfterJobFinishes: true`" if workload.framework == "kuberay" else "")
