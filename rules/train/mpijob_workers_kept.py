"""The workers of a finished MPIJob keep their GPUs, because nothing removes them.

## Why it matters
The workers of an MPIJob run an SSH server and never exit: only the launcher ends. Both operators leave them running unless
`cleanPodPolicy` says otherwise, for the default is `None`. So after the launcher has succeeded or failed every GPU of the workers stays
reserved, and paid for, until somebody deletes the job. `Running` removes the pods that still run and keeps the finished launcher with its
log. Parameter servers and evaluators of a TFJob do not exit either, and no policy is its default too; they seldom hold a GPU, and then
the finding is low.

## Bad
```yaml
apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata: {name: allreduce}
spec:  # finding
  slotsPerWorker: 8
  mpiReplicaSpecs:
    Launcher:
      replicas: 1
      template:
        spec:
          containers:
          - name: launcher
            image: mpioperator/tensorflow-benchmarks:latest
            command: [mpirun, -np, "16", python, train.py]
    Worker:
      replicas: 2
      template:
        spec:
          containers:
          - name: worker
            image: mpioperator/tensorflow-benchmarks:latest
            resources:
              limits: {nvidia.com/gpu: 8}
```

```yaml
apiVersion: kubeflow.org/v1
kind: TFJob
metadata: {name: parameter-servers}
spec:
  runPolicy:
    cleanPodPolicy: None  # finding
  tfReplicaSpecs:
    PS:
      replicas: 2
      template:
        spec:
          containers:
          - name: tensorflow
            image: ghcr.io/example/wide-and-deep:1.1
    Worker:
      replicas: 4
      template:
        spec:
          containers:
          - name: tensorflow
            image: ghcr.io/example/wide-and-deep:1.1
            resources:
              limits: {nvidia.com/gpu: 1}
```

## Good
```yaml
apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata: {name: allreduce}
spec:
  runPolicy: {cleanPodPolicy: Running}
  mpiReplicaSpecs:
    Worker:
      replicas: 2
      template:
        spec:
          containers:
          - name: worker
            image: ghcr.io/example/allreduce:1.2
            resources:
              limits: {nvidia.com/gpu: 8}
---
apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata: {name: processors-only}
spec:
  mpiReplicaSpecs:
    Worker:
      replicas: 2
      template:
        spec:
          containers:
          - name: worker
            image: ghcr.io/example/simulate:1.2
```

## When to ignore
Where another program deletes the job as soon as it has finished. A `ttlSecondsAfterFinished` of ten minutes or less does that by itself;
the finding is then low.

## References
- https://github.com/kubeflow/mpi-operator/blob/master/pkg/apis/kubeflow/v2beta1/default.go
- https://github.com/kubeflow/training-operator/blob/release-1.9/pkg/apis/kubeflow.org/v1/mpi_defaults.go
- https://github.com/kubeflow/training-operator/blob/release-1.9/pkg/apis/kubeflow.org/v1/tensorflow_defaults.go
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.jobs import bounds
from auditor.rule import COST, RECOMMENDED, Fault, Path, Put, Severity, Unknown, mapping, rule
from auditor.workload import Workload

_SOON = 600
# Replicas that wait for others and never exit by themselves.
_STAY = {"MPIJob": {"worker": "workers"}, "TFJob": {"ps": "parameter servers", "evaluator": "evaluators"}}


@rule(
    "mpijob-workers-kept",
    title="Workers of a finished MPIJob keep their GPUs",
    severity=Severity.HIGH,
    profiles={RECOMMENDED, COST},
    kinds=_STAY,
    fixable=True,
)
def check(workload: Workload) -> Iterator[Fault]:
    names = _STAY[workload.ref.kind]
    stay = [template for template in workload.templates if template.component in names and template.pods.low != 0]
    accelerated = any(template.accelerated for template in stay)
    if not stay or (workload.ref.kind == "MPIJob" and not accelerated):
        return
    policy: object
    at: Path
    run_policy = mapping(workload.spec.get("runPolicy"))
    if "cleanPodPolicy" in run_policy:
        policy, at = run_policy["cleanPodPolicy"], ("spec", "runPolicy", "cleanPodPolicy")
    elif "cleanPodPolicy" in workload.spec:  # MPIJob v1 and the first operators of version 2
        policy, at = workload.spec["cleanPodPolicy"], ("spec", "cleanPodPolicy")
    else:
        policy, at = "", ("spec", "runPolicy") if run_policy else ("spec",)
    if policy not in ("", "None"):
        return
    found = "cleanPodPolicy is None" if policy else "cleanPodPolicy is not set, which means None"
    who = " and ".join(sorted({names[template.component] for template in stay}))
    keep = "keep their accelerators" if accelerated else "keep running"
    job = bounds(workload)
    ttl = job.ttl_seconds.value if job else None
    until = "until somebody deletes the job" if ttl is None else f"for another {ttl} seconds"
    harmless = not accelerated or isinstance(ttl, Unknown) or (ttl is not None and ttl <= _SOON)
    yield workload.fault(
        f"{found}: when the job has finished, its {who} {keep} {until}",
        at=at,
        remediation="set `spec.runPolicy.cleanPodPolicy: Running`",
        severity=Severity.LOW if harmless else None,
        patch=() if policy else _patch(workload),
    )


def _patch(workload: Workload) -> tuple[Put, ...]:
    """The field set, for a job that is over with its launcher; when a TFJob's chief has ended, other workers may still have work."""
    ref = workload.ref
    if (ref.kind, ref.version) not in (("MPIJob", "v1"), ("MPIJob", "v2beta1")):
        return ()
    return (Put(("spec", "runPolicy", "cleanPodPolicy"), "Running"),)
