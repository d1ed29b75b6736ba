"""Pods hold accelerators and do no work: they never started, crash, end too slowly, or have finished.

## Why it matters
A pod holds its accelerators from the moment it is bound to a node until it is gone, whatever its containers do. An image that cannot be
pulled, a crash that is tried again every five minutes, a volume that does not come free, a sidecar that outlives the training beside it, a
job whose operator leaves the workers: each keeps devices that nobody else gets, and nothing alerts.

Pods that wait for a node hold nothing, and neither do those that have ended.

## Bad
```yaml live
apiVersion: batch/v1
kind: Job
metadata: {name: finetune, namespace: team-a, uid: job-1}  # finding
spec:
  template:
    spec:
      restartPolicy: OnFailure
      containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
---
apiVersion: v1
kind: Pod
metadata:
  name: finetune-x7k2p
  namespace: team-a
  ownerReferences: [{apiVersion: batch/v1, kind: Job, name: finetune, uid: job-1, controller: true}]
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status:
  phase: Running
  startTime: "2026-11-25T10:00:00Z"
  containerStatuses:
  - name: main
    restartCount: 24
    state: {waiting: {reason: CrashLoopBackOff}}
    lastState: {terminated: {reason: OOMKilled, exitCode: 137}}
```

```yaml live
apiVersion: v1
kind: Pod
metadata: {name: with-a-sidecar, namespace: team-a}  # finding
spec:
  nodeName: gpu-0
  containers:
  - {name: train, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 4}}}
  - {name: logs, image: "ghcr.io/example/logs:1.0"}
status:
  phase: Running
  startTime: "2026-11-25T08:00:00Z"
  containerStatuses:
  - {name: train, restartCount: 0, state: {terminated: {reason: Completed, finishedAt: "2026-11-25T09:00:00Z"}}}
  - {name: logs, restartCount: 0, state: {running: {startedAt: "2026-11-25T08:00:00Z"}}}
---
apiVersion: v1
kind: Pod
metadata: {name: pulls-for-ever, namespace: team-a}  # finding
spec:
  nodeName: gpu-1
  containers: [{name: main, image: "ghcr.io/example/train:typo", resources: {limits: {nvidia.com/gpu: 1}}}]
status:
  phase: Pending
  startTime: "2026-11-25T09:00:00Z"
  containerStatuses: [{name: main, restartCount: 0, state: {waiting: {reason: ImagePullBackOff}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: does-not-go, namespace: team-a, deletionTimestamp: "2026-11-25T10:00:00Z"}  # finding
spec:
  nodeName: gpu-1
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 1}}}]
status:
  phase: Running
  startTime: "2026-11-25T08:00:00Z"
  containerStatuses: [{name: main, restartCount: 0, state: {running: {startedAt: "2026-11-25T08:00:00Z"}}}]
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: done, namespace: team-a, uid: job-2}  # finding
spec:
  pytorchReplicaSpecs:
    Worker:
      replicas: 1
      template: {spec: {containers: [{name: pytorch, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]}}
status:
  conditions: [{type: Succeeded, status: "True", lastTransitionTime: "2026-11-25T09:00:00Z"}]
---
apiVersion: v1
kind: Pod
metadata:
  name: done-worker-0
  namespace: team-a
  ownerReferences: [{apiVersion: kubeflow.org/v1, kind: PyTorchJob, name: done, uid: job-2, controller: true}]
spec:
  nodeName: gpu-2
  containers: [{name: pytorch, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status:
  phase: Running
  startTime: "2026-11-25T08:00:00Z"
  containerStatuses: [{name: pytorch, restartCount: 0, state: {running: {startedAt: "2026-11-25T08:00:00Z"}}}]
```

## Good
```yaml live
apiVersion: v1
kind: Pod
metadata: {name: works, namespace: team-a}
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status:
  phase: Running
  startTime: "2026-11-25T08:00:00Z"
  containerStatuses: [{name: main, restartCount: 3, state: {running: {startedAt: "2026-11-25T09:00:00Z"}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: just-started, namespace: team-a}
spec:
  nodeName: gpu-1
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 1}}}]
status:
  phase: Pending
  startTime: "2026-11-25T11:50:00Z"
  containerStatuses: [{name: main, restartCount: 0, state: {waiting: {reason: ContainerCreating}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: waits-for-a-node, namespace: team-a, creationTimestamp: "2026-11-24T09:00:00Z"}
spec:
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status: {phase: Pending}
---
apiVersion: v1
kind: Pod
metadata: {name: has-ended, namespace: team-a}
spec:
  nodeName: gpu-2
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status: {phase: Succeeded, startTime: "2026-11-25T08:00:00Z"}
```

## When to ignore
Where a start is known to take that long: a model of a terabyte, a node that is being made.

## References
- https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
- https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.live import ContainerStatus, LivePod, minutes_between
from auditor.rule import COST, RECOMMENDED, Options, Result, Severity, mapping, rule
from auditor.snapshot import Snapshot
from auditor.workload import Workload

# What a container waits in that does not get going: its start is tried again with growing pauses.
STUCK = frozenset(
    {
        "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError",
        "CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun",
    }
)  # fmt: skip
# By which a job says that it has ended: conditions, and fields of the status with their values.
ENDED = ("Succeeded", "Failed", "Complete", "Completed", "Finished")
FIELDS = {"jobStatus": ("SUCCEEDED", "FAILED", "STOPPED"), "phase": ("Succeeded", "Failed", "Completed")}
NAMED = 3


@dataclass(frozen=True, slots=True)
class Held:
    """Why a pod holds devices for nothing.

    Attributes:
        cause: in words that pods may share.
        details: what differs from pod to pod, in words that follow the cause.
        remedy: what to do about it.
        severity: the harm; None for the rule's own.
        minutes: for how long, at least.
    """

    cause: str
    details: str
    remedy: str
    severity: Severity | None
    minutes: float


@rule(
    "gpu-held-without-work",
    title="Pods hold accelerators and do not work",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED, COST},
    live=True,
    needs={"Pod"},
    options={"starting_minutes": 15, "waiting_minutes": 15, "terminating_minutes": 10},
)
def check(workload: Workload, snapshot: Snapshot, options: Options) -> Iterator[Result]:
    listing = snapshot.listing
    if listing is None:
        return
    ended = _ended(workload)
    by_cause: dict[str, list[tuple[Held, LivePod]]] = {}
    for pod in workload.pods:
        if pod.placed and pod.accelerators:
            held = _held(pod, ended, listing.taken, options)
            if held is not None:
                by_cause.setdefault(held.cause, []).append((held, pod))
    for cause, members in by_cause.items():
        held = members[0][0]
        names = ", ".join(pod.ref.name for _, pod in members[:NAMED]) + (" …" if len(members) > NAMED else "")
        total: Counter[str] = Counter()
        for _, pod in members:
            total.update(pod.accelerators)
        devices = ", ".join(f"{count} {key}" for key, count in sorted(total.items()))
        pods = f"pod {names}" if len(members) == 1 else f"{len(members)} pods ({names})"
        lasts = int(max(one.minutes for one, _ in members))
        yield workload.fault(
            f"{pods} hold{'s' if len(members) == 1 else ''} {devices} without work: {cause}{held.details}, for {_time(lasts)} by now",
            at="metadata.name",
            remediation=held.remedy,
            severity=held.severity,
        )


def _ended(workload: Workload) -> str:
    """How the object says that its work has ended; empty where it does not."""
    for kind in ENDED:
        if workload.conditions.get(kind, {}).get("status") == "True":
            return kind
    status = mapping(workload.raw.get("status"))
    return next((str(status[field]) for field, values in FIELDS.items() if status.get(field) in values), "")


def _held(pod: LivePod, ended: str, now: datetime.datetime, options: Options) -> Held | None:
    since_start = minutes_between(pod.started or pod.created, now)
    if pod.deleted is not None:
        late = minutes_between(pod.deleted, now)
        if late < options["terminating_minutes"]:
            return None
        remedy = "look for finalizers and for a node that does not answer; `kubectl delete pod --force` only once its processes are gone"
        return Held("should have been gone", "", remedy, None, late)
    if ended and pod.root.kind != "Pod" and since_start >= options["waiting_minutes"]:
        remedy = "delete it, and have its pods cleaned up (`cleanPodPolicy`, `shutdownAfterJobFinishes`, a TTL)"
        return Held(f"the job is over ({ended})", "", remedy, Severity.HIGH, since_start)
    devices = {container.name for container in pod.template().containers if container.accelerators}
    mine = [status for status in pod.containers if status.name in devices]
    stuck = next((status for status in mine if status.state == "waiting" and status.reason in STUCK), None)
    if stuck is not None:
        return _stuck(stuck, since_start) if since_start >= options["waiting_minutes"] else None
    over = [status for status in mine if status.state == "terminated" and not status.init]
    if pod.phase == "Running" and over and len(over) == sum(not status.init for status in mine):
        minutes = minutes_between(over[-1].since, now)
        others = ", ".join(status.name for status in pod.containers if status.state == "running") or "another container"
        remedy = "make the helper a native sidecar (an init container with `restartPolicy: Always`), which ends with the work"
        return (
            Held("the container that has them ended", f" while {others} runs on", remedy, Severity.HIGH, minutes) if minutes >= 1 else None
        )
    if pod.phase == "Pending" and since_start >= options["starting_minutes"]:
        remedy = "see `kubectl describe pod` for the image, the volume or the init container"
        return Held("not started yet", f" ({_start(pod)})", remedy, None, since_start)
    return None


def _stuck(status: ContainerStatus, minutes: float) -> Held:
    last = f", the last end was {status.last_reason}" if status.last_reason else ""
    again = f" after {status.restarts} restarts" if status.restarts else ""
    remedy = "read `kubectl logs --previous`, mend it, or delete the workload until it is mended"
    if "Image" in status.reason:
        remedy = "write an image that exists and that the node may pull, or delete the workload until there is one"
    return Held(status.reason, f"{again}{last}", remedy, Severity.HIGH, minutes)


def _start(pod: LivePod) -> str:
    """What a pod that has not started waits for."""
    for status in pod.containers:
        if status.init and status.state in ("running", "waiting") and status.reason != "PodInitializing":
            return (
                f"init container {status.name} {'runs' if status.state == 'running' else 'waits: ' + (status.reason or 'no reason given')}"
            )
    return next((status.reason for status in pod.containers if status.reason), "no reason given")


def _time(minutes: int) -> str:
    return f"{minutes // 1440} days" if minutes >= 2880 else f"{minutes // 60} hours" if minutes >= 120 else f"{minutes} minutes"
