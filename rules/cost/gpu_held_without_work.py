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
    lastState:
      terminated: {reason: OOMKilled, exitCode: 137, startedAt: "2026-11-25T11:56:00Z", finishedAt: "2026-11-25T11:57:00Z"}
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

Claims count like requests:
```yaml live
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: two-gpus, namespace: team-a}
status:
  reservedFor: [{resource: pods, name: by-claim, uid: pod-1}]
  allocation:
    devices:
      results:
      - {request: gpu, driver: gpu.nvidia.com, pool: gpu-3, device: gpu-0}
      - {request: gpu, driver: gpu.nvidia.com, pool: gpu-3, device: gpu-1}
---
apiVersion: v1
kind: Pod
metadata: {name: by-claim, namespace: team-a, uid: pod-1}  # finding
spec:
  nodeName: gpu-3
  resourceClaims: [{name: gpus, resourceClaimName: two-gpus}]
  containers: [{name: main, image: "ghcr.io/example/train:typo", resources: {claims: [{name: gpus}]}}]
status:
  phase: Pending
  startTime: "2026-11-25T09:00:00Z"
  containerStatuses: [{name: main, restartCount: 0, state: {waiting: {reason: ErrImagePull}}}]
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
---
apiVersion: v1
kind: Pod
metadata: {name: queued-for-a-day, namespace: team-a, creationTimestamp: "2026-11-24T09:00:00Z"}
spec:
  nodeName: gpu-3
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status:
  phase: Pending
  conditions: [{type: PodScheduled, status: "True", lastTransitionTime: "2026-11-25T11:58:00Z"}]
---
apiVersion: v1
kind: Pod
metadata: {name: worked-until-a-minute-ago, namespace: team-a}
spec:
  nodeName: gpu-4
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status:
  phase: Running
  startTime: "2026-11-20T08:00:00Z"
  containerStatuses:
  - name: main
    restartCount: 9
    state: {waiting: {reason: CrashLoopBackOff}}
    lastState:
      terminated: {reason: OOMKilled, exitCode: 137, startedAt: "2026-11-25T02:00:00Z", finishedAt: "2026-11-25T11:59:00Z"}
---
apiVersion: v1
kind: Pod
metadata: {name: first-crashes, namespace: team-a}
spec:
  nodeName: gpu-5
  containers: [{name: main, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status:
  phase: Running
  startTime: "2026-11-25T11:30:00Z"
  containerStatuses:
  - name: main
    restartCount: 2
    state: {waiting: {reason: CrashLoopBackOff}}
    lastState:
      terminated: {reason: Error, exitCode: 1, startedAt: "2026-11-25T11:59:00Z", finishedAt: "2026-11-25T11:59:20Z"}
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: just-done, namespace: team-a, uid: job-3}
spec:
  pytorchReplicaSpecs:
    Worker:
      replicas: 1
      template: {spec: {containers: [{name: pytorch, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]}}
status:
  conditions: [{type: Succeeded, status: "True", lastTransitionTime: "2026-11-25T11:59:00Z"}]
---
apiVersion: v1
kind: Pod
metadata:
  name: just-done-worker-0
  namespace: team-a
  ownerReferences: [{apiVersion: kubeflow.org/v1, kind: PyTorchJob, name: just-done, uid: job-3, controller: true}]
spec:
  nodeName: gpu-2
  containers: [{name: pytorch, image: "ghcr.io/example/train:2.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status:
  phase: Running
  startTime: "2026-11-20T08:00:00Z"
  containerStatuses: [{name: pytorch, restartCount: 0, state: {running: {startedAt: "2026-11-20T08:00:00Z"}}}]
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: llm, namespace: team-a, uid: rollout-1}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec: {containers: [{name: server, image: "vllm/vllm-openai:v0.19.0", resources: {limits: {nvidia.com/gpu: 1}}}]}
status:
  conditions: [{type: Completed, status: "True", lastTransitionTime: "2026-11-20T09:00:00Z"}]
---
apiVersion: v1
kind: Pod
metadata:
  name: llm-0
  namespace: team-a
  ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: llm, uid: rollout-1, controller: true}]
spec:
  nodeName: gpu-6
  containers: [{name: server, image: "vllm/vllm-openai:v0.19.0", resources: {limits: {nvidia.com/gpu: 1}}}]
status:
  phase: Running
  startTime: "2026-11-20T08:00:00Z"
  containerStatuses: [{name: server, restartCount: 0, state: {running: {startedAt: "2026-11-20T08:00:00Z"}}}]
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

from auditor.jobs import bounds
from auditor.live import ContainerStatus, LivePod, format_minutes, instant, minutes_between
from auditor.rule import COST, RECOMMENDED, Options, Result, Severity, mapping, rule
from auditor.snapshot import Snapshot
from auditor.waste import held_cost
from auditor.workload import ContainerRole, Workload

# What a container waits in that does not get going: its start is tried again with growing pauses.
STUCK = frozenset(
    {
        "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError",
        "CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun",
    }
)  # fmt: skip
# Pauses of a crash loop in seconds: doubled up to five minutes, and from the start again after ten minutes of work.
# https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
FIRST_PAUSE, LONGEST_PAUSE, FORGIVEN_MINUTES = 10, 300, 10
# By which a job says that it has ended: conditions, and fields of the status with their values and with the fields that say when.
ENDED = ("Succeeded", "Failed", "Complete", "Completed", "Finished")
FIELDS = {"jobStatus": ("SUCCEEDED", "FAILED", "STOPPED"), "phase": ("Succeeded", "Failed", "Error")}
WHEN = ("completionTime", "endTime", "finishedAt")
NAMED = 3


@dataclass(frozen=True, slots=True)
class Held:
    """Why a pod holds devices for nothing.

    Attributes:
        cause: in words that pods may share.
        details: what differs from pod to pod, in words that follow the cause.
        remedy: what to do about it.
        minutes: for how long.
        severity: the harm; None for the rule's own.
        since: what the minutes are counted from; empty where they are those of the cause.
    """

    cause: str
    details: str
    remedy: str
    minutes: float
    severity: Severity | None = None
    since: str = ""


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
    holding = [pod for pod in workload.pods if pod.placed and pod.devices]
    if listing is None or not holding:
        return
    ended = _ended(workload)
    by_cause: dict[str, list[tuple[Held, LivePod]]] = {}
    for pod in holding:
        held = _held(pod, ended, listing.taken, options)
        if held is not None:
            by_cause.setdefault(held.cause, []).append((held, pod))
    for cause, members in by_cause.items():
        held, _ = max(members, key=lambda member: member[0].minutes)
        names = ", ".join(pod.ref.name for _, pod in members[:NAMED]) + (" …" if len(members) > NAMED else "")
        total: Counter[str] = Counter()
        for _, pod in members:
            total.update(pod.devices)
        devices = ", ".join(f"{count} {key}" for key, count in sorted(total.items()))
        pods = f"pod {names} holds" if len(members) == 1 else f"{len(members)} pods ({names}) hold"
        lasts = f"{format_minutes(held.minutes)} after {held.since}" if held.since else f"for {format_minutes(held.minutes)} by now"
        yield workload.fault(
            f"{pods} {devices} without work: {cause}{held.details}, {lasts}",
            at="metadata.name",
            remediation=held.remedy,
            severity=held.severity,
            cost=held_cost((pod for _, pod in members), snapshot),
        )


def _ended(workload: Workload) -> tuple[str, datetime.datetime | None]:
    """How a job says that its work has ended, and when; empty where it does not, and for what is no job."""
    if bounds(workload) is None:
        return "", None
    status = mapping(workload.raw.get("status"))
    when = next((found for field in WHEN if (found := instant(status.get(field)))), None)
    for kind in ENDED:
        condition = workload.conditions.get(kind, {})
        if condition.get("status") == "True":
            return kind, instant(condition.get("lastTransitionTime")) or when
    return next((str(status[field]) for field, values in FIELDS.items() if status.get(field) in values), ""), when


def _held(pod: LivePod, ended: tuple[str, datetime.datetime | None], now: datetime.datetime, options: Options) -> Held | None:
    if pod.deleted is not None:
        late = minutes_between(pod.deleted, now)
        remedy = "look for finalizers and for a node that does not answer; `kubectl delete pod --force` only once its processes are gone"
        return Held("should have been gone", "", remedy, late) if late >= options["terminating_minutes"] else None
    how, when = ended
    over = minutes_between(when or pod.bound, now)
    if how and over >= options["waiting_minutes"]:
        remedy = "delete it, and have its pods cleaned up (`cleanPodPolicy`, `shutdownAfterJobFinishes`, a TTL)"
        return Held(f"the job is over ({how})", "", remedy, over, Severity.HIGH, "" if when else "they were placed")
    template = pod.template()
    users = {one.name for one in template.containers if one.accelerators or (pod.claimed and one.claims)}
    mine = [status for status in pod.containers if status.name in users]
    since_start = minutes_between(pod.bound, now)
    stuck = next((status for status in mine if status.state == "waiting" and status.reason in STUCK), None)
    if stuck is not None:
        waits = min(since_start, _at_least(stuck)) >= options["waiting_minutes"]
        return _stuck(stuck, since_start) if waits else None
    return _over(pod, mine, now, options) or _starting(pod, since_start, options)


def _at_least(status: ContainerStatus) -> float:
    """Minutes that a container has been starting again and again for certain; endless for one that has not started at all."""
    if status.reason != "CrashLoopBackOff":
        return float("inf")
    run = status.last_run or 0.0
    if run >= FORGIVEN_MINUTES:
        return 0.0
    return sum(min(FIRST_PAUSE << min(turn, 9), LONGEST_PAUSE) / 60 + run for turn in range(min(status.restarts, 1000)))


def _stuck(status: ContainerStatus, minutes: float) -> Held:
    last = f", the last end was {status.last_reason}" if status.last_reason else ""
    again = f" after {status.restarts} restarts" if status.restarts else ""
    remedy = "read `kubectl logs --previous`, mend it, or delete the workload until it is mended"
    if "Image" in status.reason:
        remedy = "write an image that exists and that the node may pull, or delete the workload until there is one"
    return Held(status.reason, f"{again}{last}", remedy, minutes, Severity.HIGH, "it was placed")


def _over(pod: LivePod, mine: list[ContainerStatus], now: datetime.datetime, options: Options) -> Held | None:
    """All containers with devices have ended, and another one keeps the pod."""
    main = [status for status in mine if not status.init]
    if pod.phase != "Running" or not main or any(status.state != "terminated" for status in main):
        return None
    minutes = min(minutes_between(status.since, now) for status in main)
    if minutes < options["terminating_minutes"]:
        return None
    others = ", ".join(status.name for status in pod.containers if status.state == "running") or "another container"
    remedy = "make the helper a native sidecar (an init container with `restartPolicy: Always`), which ends with the work"
    return Held("the container that has them ended", f" while {others} runs on", remedy, minutes, Severity.HIGH)


def _starting(pod: LivePod, minutes: float, options: Options) -> Held | None:
    if pod.phase != "Pending" or minutes < options["starting_minutes"]:
        return None
    remedy = "see `kubectl describe pod` for the image, the volume or the init container"
    return Held("not started yet", f" ({_start(pod)})", remedy, minutes, None, "it was placed")


def _start(pod: LivePod) -> str:
    """What a pod that has not started waits for."""
    sidecars = {container.name for container in pod.template().containers if container.role is ContainerRole.SIDECAR}
    for status in pod.containers:
        if status.init and status.name not in sidecars and status.state in ("running", "waiting") and status.reason != "PodInitializing":
            return f"init container {status.name} " + (
                "runs" if status.state == "running" else f"waits: {status.reason or 'no reason given'}"
            )
    return next((status.reason for status in pod.containers if status.reason and status.name not in sidecars), "no reason given")
