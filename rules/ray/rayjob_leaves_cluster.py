"""A RayJob leaves the Ray cluster behind that it made for itself.

## Why it matters
KubeRay creates a cluster for a RayJob and, unless told otherwise, keeps it after the job has succeeded or failed: head and workers go on
running, with their GPUs, until somebody deletes the RayJob. `shutdownAfterJobFinishes: true` deletes the cluster; the RayJob itself and
its status stay. Workers that the autoscaler takes away when they are idle are not counted: without them the finding is low. A RayCronJob
leaves one more cluster behind each time it fires. Without that field KubeRay refuses `ttlSecondsAfterFinished`, which would have nothing
to delete, and `suspend`, and Kueue refuses the job altogether.

## Bad
```yaml
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: batch-inference}
spec:  # finding
  entrypoint: python infer.py
  rayClusterSpec:
    headGroupSpec:
      rayStartParams: {}
      template:
        spec:
          containers:
          - name: ray-head
            image: rayproject/ray:2.46.0
    workerGroupSpecs:
    - groupName: gpu
      replicas: 4
      rayStartParams: {}
      template:
        spec:
          containers:
          - name: ray-worker
            image: rayproject/ray:2.46.0-gpu
            resources:
              limits: {nvidia.com/gpu: 1}
---
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: refused}
spec:
  entrypoint: python infer.py
  shutdownAfterJobFinishes: false
  ttlSecondsAfterFinished: 600  # finding
  rayClusterSpec:
    headGroupSpec:
      rayStartParams: {}
      template:
        spec:
          containers:
          - name: ray-head
            image: rayproject/ray:2.46.0
```

## Good
```yaml
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: shuts-down}
spec:
  entrypoint: python infer.py
  shutdownAfterJobFinishes: true
  ttlSecondsAfterFinished: 600
  rayClusterSpec:
    headGroupSpec:
      rayStartParams: {}
      template:
        spec:
          containers:
          - name: ray-head
            image: rayproject/ray:2.46.0-gpu
            resources:
              limits: {nvidia.com/gpu: 1}
---
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: uses-a-cluster-that-is-there}
spec:
  entrypoint: python infer.py
  clusterSelector: {ray.io/cluster: shared}
---
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: keeps-the-head-for-its-logs}
spec:
  entrypoint: python infer.py
  deletionStrategy:
    deletionRules:
    - policy: DeleteWorkers
      condition: {jobStatus: FAILED, ttlSeconds: 60}
    - policy: DeleteCluster
      condition: {jobStatus: SUCCEEDED, ttlSeconds: 0}
  rayClusterSpec:
    headGroupSpec:
      rayStartParams: {}
      template:
        spec:
          containers:
          - name: ray-head
            image: rayproject/ray:2.46.0
```

## When to ignore
While you debug a job and want to look at its cluster afterwards.

## References
- https://docs.ray.io/en/latest/cluster/kubernetes/getting-started/rayjob-quick-start.html
- https://github.com/ray-project/kuberay/blob/master/ray-operator/controllers/ray/utils/validation.go
- https://kueue.sigs.k8s.io/docs/tasks/run/rayjobs/
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import COST, RECOMMENDED, Fault, Put, Severity, mapping, rule
from auditor.workload import Workload

_WHERE = {"RayJob": ("spec",), "RayCronJob": ("spec", "jobTemplate")}


@rule(
    "rayjob-leaves-cluster",
    title="RayJob leaves its cluster behind",
    severity=Severity.HIGH,
    profiles={RECOMMENDED, COST},
    kinds=_WHERE,
    fixable=True,
)
def check(workload: Workload) -> Iterator[Fault]:
    at = _WHERE[workload.ref.kind]
    spec = workload.spec if len(at) == 1 else mapping(workload.spec.get(at[1]))
    if spec.get("shutdownAfterJobFinishes", False) is not False or spec.get("clusterSelector") or not mapping(spec.get("rayClusterSpec")):
        return
    remedy = f"set `{'.'.join(at)}.shutdownAfterJobFinishes: true`"
    patch = (Put((*at, "shutdownAfterJobFinishes"), True),)
    place = (*at, "shutdownAfterJobFinishes") if "shutdownAfterJobFinishes" in spec else at
    ttl = spec.get("ttlSecondsAfterFinished")
    if isinstance(ttl, int) and not isinstance(ttl, bool) and ttl > 0:
        yield workload.fault(
            f"sets ttlSecondsAfterFinished: {ttl} without shutdownAfterJobFinishes: true; KubeRay rejects it",
            at=(*at, "ttlSecondsAfterFinished"),
            remediation=remedy,
            patch=() if spec.get("deletionStrategy") else patch,  # KubeRay takes one of the two
        )
    elif spec.get("deletionStrategy"):
        return
    elif spec.get("suspend") is True:
        yield workload.fault(
            "is suspended without shutdownAfterJobFinishes: true; KubeRay rejects it",
            at=(*at, "suspend"),
            remediation=remedy,
            patch=patch,
        )
    else:
        # Workers that an autoscaler takes away when they idle do not count: accelerators are those of its lower end.
        devices = ", ".join(f"{count} {key}" for key, count in workload.accelerators.items() if count)
        what = f"its cluster with {devices}" if devices else "its cluster"
        when = "each time it has finished" if workload.ref.kind == "RayCronJob" else "after it has finished"
        yield workload.fault(
            f"keeps {what} {when}, because shutdownAfterJobFinishes is not true",
            at=place,
            remediation=f"{remedy} and, to look at it for a while, `ttlSecondsAfterFinished`",
            severity=None if devices or any(template.has_accelerator_fraction for template in workload.templates) else Severity.LOW,
            patch=() if place != at or spec.get("submissionMode") == "InteractiveMode" else patch,  # somebody wants the cluster
        )
