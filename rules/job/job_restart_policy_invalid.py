"""The pods of a job have a restart policy that their controller refuses.

## Why it matters
A Job ends when its pods end, so `Always`, which is what a pod gets where it says nothing, is not allowed: the API server rejects a Job or
a CronJob whose template leaves `restartPolicy` out or sets it to anything but `Never` or `OnFailure` (executed on Kubernetes 1.36.3). The
same Job inside an AppWrapper or a Katib experiment is accepted with it, and no pod is ever created. JobSet, and the training runtimes
that become one, fill in `OnFailure`; there only a wrong value is a fault. KubeRay refuses any policy but `Never` for a cluster with the
autoscaler of version 2, whose pods must not restart behind its back, and for the head of a RayJob in sidecar mode; leaving it out is
right there.

## Bad
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: evaluate}
spec:
  backoffLimit: 3
  template:
    spec:  # finding
      containers:
      - name: evaluate
        image: ghcr.io/example/evaluate:2.1
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Always  # finding
          containers:
          - name: evaluate
            image: ghcr.io/example/evaluate:2.1
---
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {name: train}
spec:
  replicatedJobs:
  - name: workers
    template:
      spec:
        template:
          spec:
            restartPolicy: Always  # finding
            containers:
            - name: trainer
              image: ghcr.io/example/finetune:1.4
```

```yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: elastic}
spec:
  enableInTreeAutoscaling: true
  autoscalerOptions: {version: v2}
  headGroupSpec:
    rayStartParams: {}
    template:
      spec:
        restartPolicy: Always  # finding
        containers:
        - name: ray-head
          image: rayproject/ray:2.46.0
```

## Good
```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: evaluate}
spec:
  backoffLimit: 3
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: evaluate
        image: ghcr.io/example/evaluate:2.1
---
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {name: becomes-on-failure}
spec:
  replicatedJobs:
  - name: workers
    template:
      spec:
        template:
          spec:
            containers:
            - name: trainer
              image: ghcr.io/example/finetune:1.4
---
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: another-sort-of-job}
spec:
  tasks:
  - name: worker
    replicas: 2
    template:
      spec:
        containers:
        - name: trainer
          image: ghcr.io/example/finetune:1.4
```

## When to ignore
Never: the object or its pods are refused.

## References
- https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-template
- https://github.com/kubernetes-sigs/jobset/blob/main/pkg/webhooks/jobset_webhook.go
- https://github.com/ray-project/kuberay/blob/master/ray-operator/controllers/ray/utils/validation.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.rule import RECOMMENDED, Fault, Path, Put, Severity, is_placeholder, mapping, rule
from auditor.workload import PodTemplate

_JOBS = frozenset({("batch", "Job"), ("batch", "CronJob")})
# Kinds that make Jobs and fill in a policy that is left out, or leave that to somebody else.
_MAKE_JOBS = frozenset(
    {("jobset.x-k8s.io", "JobSet"), ("keda.sh", "ScaledJob")}
    | {(group, kind) for group in ("trainer.kubeflow.org", "kubeflow.org") for kind in ("TrainingRuntime", "ClusterTrainingRuntime")}
    | {("argoproj.io", kind) for kind in ("AnalysisRun", "AnalysisTemplate", "ClusterAnalysisTemplate")}
)
_RAY = ("ray.io", "orchestration.aibrix.ai")
_ALLOWED = ("Never", "OnFailure")
_NEVER = "set `restartPolicy: Never`, which keeps the logs of failed attempts, or `OnFailure`"


@rule(
    "job-restart-policy-invalid",
    title="Restart policy that a job may not have",
    severity=Severity.CRITICAL,
    profiles={RECOMMENDED},
    fixable=True,
)
def check(template: PodTemplate) -> Iterator[Fault]:
    policy = template.spec.get("restartPolicy")
    if "restartPolicy" in template.spec and (not isinstance(policy, str) or is_placeholder(policy)):
        return
    patch = (Put((*template.path, "restartPolicy"), "Never"),)
    owner, at = template.holder
    version, kind = owner.get("apiVersion"), owner.get("kind")
    who = (version.rpartition("/")[0], kind) if isinstance(version, str) and isinstance(kind, str) else ("", "")
    if who in _JOBS:
        consequence = "the API server rejects it" if not at else f"no pod of the {template.workload.ref.kind} is ever created"
        if policy is None:
            if any("image" in container.raw for container in template.containers):  # else a patch
                yield template.fault(
                    f"the {kind} sets no restartPolicy for its pods, and the default Always is not allowed; {consequence}",
                    remediation=_NEVER,
                    patch=patch,
                )
        elif policy not in _ALLOWED:
            message = f"the {kind} sets restartPolicy: {policy}; {consequence}"
            yield template.fault(message, at="restartPolicy", remediation=_NEVER, patch=patch)
    elif who in _MAKE_JOBS and policy is not None and policy not in _ALLOWED:
        message = f"the {kind} sets restartPolicy: {policy}; its Jobs are rejected"
        yield template.fault(message, at="restartPolicy", remediation=_NEVER, patch=patch)
    elif policy is not None and policy != "Never" and who[0] in _RAY:
        mode = _refusing(owner, template.path[len(at) :])
        if mode:
            yield template.fault(
                f"sets restartPolicy: {policy} in a cluster with {mode}; KubeRay rejects it",
                at="restartPolicy",
                remediation="set `restartPolicy: Never`, or leave it out",
                severity=Severity.HIGH,
                patch=patch,
            )


def _refusing(owner: Mapping[str, Any], path: Path) -> str:
    """What makes KubeRay refuse every policy but Never for the pod at a path, or nothing."""
    above: Any = {}
    node: Any = owner
    for step in path:
        if step in ("headGroupSpec", "workerGroupSpecs"):
            if node.get("enableInTreeAutoscaling") is True and mapping(node.get("autoscalerOptions")).get("version") == "v2":
                return "autoscaler v2"
            if step == "headGroupSpec" and above.get("submissionMode") == "SidecarMode":
                return "submissionMode SidecarMode"
        above, node = node, node[step]
    return ""
