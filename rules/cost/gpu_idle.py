"""A workload holds accelerators that it does not use.

## Why it matters
A device that is held costs as much idle as at work, and nobody else can have it: a notebook that was left open, a model that nobody asks, a
job that hangs or waits for its input. It is the largest part of what goes for nothing on most clusters, and no alert tells, because the
pods are healthy.

This is measured and not guessed: every device of the workload was idle (never busier than a hundredth of the time, by the maximum of every
five minutes) for the last hour, and for at least half of the time that its pods ran in the window. What has no measurement is unknown, and
never idle: with less than 60 % of its device-hours measured, nothing is said.

What was idle is told in device-hours, and in money where every node concerned has a price: an average of what went for nothing on each day
of the window, at the prices that `mlaudit prices` lists or the file of `--prices` gives. What has been idle for a day is of high severity,
and so is, with the option `usd_a_day`, whatever costs so much or more; without it, amounts weigh nothing, since listed prices are a guess.

## Bad
```yaml live
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: alice, namespace: research, uid: n-1}  # finding
spec: {template: {spec: {containers: [{name: alice, image: "jupyter:1.0", resources: {limits: {nvidia.com/gpu: 2}}}]}}}
---
apiVersion: v1
kind: Pod
metadata:
  name: alice-0
  namespace: research
  ownerReferences: [{apiVersion: kubeflow.org/v1, kind: Notebook, name: alice, uid: n-1, controller: true}]
spec:
  nodeName: gpu-0
  containers: [{name: alice, image: "jupyter:1.0", resources: {limits: {nvidia.com/gpu: 2}}}]
status: {phase: Running, startTime: "2026-11-20T08:00:00Z"}
---
measured:
  held: [{holder: Notebook/research/alice, idle: 230, active: 16, devices: 2, idle_hour: 2, idle_day: 2}]
```

For 100 USD a day or more, an hour is enough to be urgent:
```yaml live usd_a_day=100
apiVersion: v1
kind: Pod
metadata: {name: hangs, namespace: research}  # finding
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "train:1.0", resources: {limits: {nvidia.com/gpu: 8}}}]
status: {phase: Running, startTime: "2026-11-25T08:00:00Z"}
---
measured:
  held: [{holder: Pod/research/hangs, idle: 120, active: 8, devices: 8, idle_hour: 8}]
  rates: {gpu-0: 6.88}
```

## Good
Another pod uses its device now and then, and of a third only half is measured.

```yaml live
apiVersion: v1
kind: Pod
metadata: {name: busy, namespace: research}
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "train:1.0", resources: {limits: {nvidia.com/gpu: 1}}}]
status: {phase: Running, startTime: "2026-11-20T08:00:00Z"}
---
apiVersion: v1
kind: Pod
metadata: {name: half, namespace: research}
spec:
  nodeName: gpu-1
  containers: [{name: main, image: "train:1.0", resources: {limits: {nvidia.com/gpu: 2}}}]
status: {phase: Running, startTime: "2026-11-20T08:00:00Z"}
---
measured:
  held:
  - {holder: Pod/research/busy, idle: 20, active: 100, devices: 1}
  - {holder: Pod/research/half, node: gpu-1, idle: 120, unknown: 120, devices: 1, idle_hour: 1, idle_day: 1}
```

## When to ignore
A warm standby that has to answer within seconds, or a device kept for a person who pays for it: say so with
`mlaudit.io/ignore.gpu-idle: "<reason>"` on the object.

## References
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-compute.html
- https://docs.cloud.google.com/kubernetes-engine/docs/best-practices/optimize-ai-utilization
- https://github.com/NVIDIA/dcgm-exporter (DCGM_FI_PROF_GR_ENGINE_ACTIVE, DCGM_FI_DEV_GPU_UTIL)
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from auditor.finding import Confidence, Fault, Severity, Skipped
from auditor.live import LivePod, minutes_between
from auditor.quantity import format_usd
from auditor.rule import Options, Profile, rule, skip
from auditor.snapshot import Snapshot
from auditor.usage import Activity, Idling
from auditor.waste import idle_cost
from auditor.workload import Role, Workload

_ENOUGH, _WELL = Fraction(60, 100), Fraction(95, 100)  # of what ran, the part that is measured
_HOUR, _DAY = 60, 24 * 60
_REMEDY = {
    Role.NOTEBOOK: "stop it when nobody works in it, and let the controller cull idle notebooks",
    Role.SERVING: "scale it to zero when nobody asks (KEDA, Knative), run fewer replicas, or share a device (MIG, time-slicing)",
    Role.TRAINING: "look whether it hangs or waits for its input, and stop it when it is done",
    Role.BATCH: "look whether it waits for its input, and stop it when it is done",
}


@rule(
    "gpu-idle",
    title="Accelerators held and not used",
    severity=Severity.MEDIUM,
    profiles={Profile.COST},
    live=True,
    options={"usd_a_day": 0},
)
def check(workload: Workload, snapshot: Snapshot, options: Options) -> Iterator[Fault | Skipped]:
    if not snapshot.asks_for_accelerator(workload):
        return
    if snapshot.usage is None:
        yield skip("measurements of its devices (--prometheus)")
        return
    activity, lately = snapshot.activity_of(workload), snapshot.idling_of(workload)
    pods = [pod for pod in workload.pods if pod.placed and pod.devices]
    if activity is None or lately is None or not activity.running or not pods:
        return
    measured = activity.measured / activity.running
    if measured < _ENOUGH:
        yield skip("measurements of most of its devices")
        return
    youngest = min(minutes_between(pod.bound, snapshot.usage.end) for pod in pods)
    if youngest < _HOUR or not _idle_now(lately, pods) or activity.idle * 2 < activity.running:
        return
    whole_day = lately.idle_day == lately.devices and youngest >= _DAY
    cost, limit = idle_cost(workload, snapshot), options["usd_a_day"]
    a_day = cost.usd * 24 / cost.window if cost and cost.usd is not None else None
    dear = a_day is not None and 0 < limit <= a_day
    yield workload.fault(
        _said(activity, lately, whole_day=whole_day) + (f": {format_usd(a_day)} a day" if a_day else ""),
        at="metadata",
        remediation=_REMEDY.get(workload.role, "stop it, or give its devices back until it has work"),
        severity=Severity.HIGH if whole_day or dear else Severity.MEDIUM,
        confidence=Confidence.HIGH if measured >= _WELL else Confidence.MEDIUM,
        cost=cost,
    )


def _idle_now(lately: Idling, pods: list[LivePod]) -> bool:
    """All of its devices are measured and idle."""
    held = sum(count for pod in pods for count in pod.devices.values())
    return 0 < held <= lately.devices == lately.idle_hour


def _said(activity: Activity, lately: Idling, *, whole_day: bool) -> str:
    time = "24 hours" if whole_day else "hour"
    devices = "its accelerator was" if lately.devices == 1 else f"its {lately.devices} accelerators were"
    warm = ", with a model or context in their memory" if activity.warm * 2 > activity.idle else ""
    return f"{devices} not used in the last {time}, and idle in {activity.idle_part}{warm}"
