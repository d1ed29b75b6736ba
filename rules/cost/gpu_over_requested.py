"""A workload holds more accelerators than it ever uses.

## Why it matters
A server that was started for one device, or a script that never moves its model to the second one, leaves the others idle for as long as it
runs. They cost as much as the one at work, and pods that would use them wait.

A device counts as never used when it was measured for at least two hours in the window and never busier than a hundredth of the time, while
another device of the same workload was at work.

## Bad
```yaml live
apiVersion: v1
kind: Pod
metadata: {name: finetune, namespace: team-a}
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "train:1.0", resources: {limits: {nvidia.com/gpu: 4}}}]  # finding
status: {phase: Running, startTime: "2026-11-20T08:00:00Z"}
---
measured:
  held: [{holder: Pod/team-a/finetune, idle: 360, active: 120, devices: 4, idle_hour: 3, idle_day: 3, unused: 3, observed: 4}]
```

## Good
Each of its devices was used at some time.

```yaml live
apiVersion: v1
kind: Pod
metadata: {name: finetune, namespace: team-a}
spec:
  nodeName: gpu-0
  containers: [{name: main, image: "train:1.0", resources: {limits: {nvidia.com/gpu: 4}}}]
status: {phase: Running, startTime: "2026-11-20T08:00:00Z"}
---
measured:
  held: [{holder: Pod/team-a/finetune, idle: 360, active: 120, devices: 4, idle_hour: 4, idle_day: 0, observed: 4}]
```

## When to ignore
Stages of a pipeline that take part only at the end of a long run, or devices held ready for a failure of others.

## References
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-compute.html
- https://docs.cloud.google.com/kubernetes-engine/docs/best-practices/optimize-ai-utilization
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from auditor.finding import Confidence, Fault, Severity, Skipped
from auditor.rule import Profile, rule, skip
from auditor.snapshot import Snapshot
from auditor.waste import unused_cost
from auditor.workload import Container, Workload

_LIFE = 24  # hours: a shorter window shows too little of what a workload does


@rule("gpu-over-requested", title="More accelerators held than ever used", severity=Severity.MEDIUM, profiles={Profile.COST}, live=True)
def check(workload: Workload, snapshot: Snapshot) -> Iterator[Fault | Skipped]:
    if not snapshot.asks_for_accelerator(workload):
        return
    usage, lately = snapshot.usage, snapshot.idling_of(workload)
    if usage is None:
        yield skip("measurements of its devices (--prometheus)")
        return
    if lately is None or usage.hours < _LIFE or not 0 < lately.unused < lately.observed:
        return
    container = _asking(workload)
    if container is None:
        return
    said = f"{lately.unused} of its {lately.observed} accelerators were never used in the {float(usage.hours):.0f} hours of the window"
    used = lately.observed - lately.unused
    yield container.fault(
        f"{said}, while {'one other was' if used == 1 else f'{used} others were'}",
        at="resources",
        remediation=f"ask for as many as it uses, or let it use them all (launcher, parallelism); {used} would have been enough",
        confidence=Confidence.HIGH if lately.observed >= lately.devices else Confidence.MEDIUM,
        cost=unused_cost(workload, Fraction(lately.unused, lately.observed), snapshot),
    )


def _asking(workload: Workload) -> Container | None:
    """The container that asks for the most devices."""
    asking = [container for template in workload.templates for container in template.containers if container.accelerators]
    return max(asking, key=lambda container: sum(request.count or 0 for request in container.accelerators), default=None)
