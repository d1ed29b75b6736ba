"""A disruption budget leaves no pod of an ML workload to evict, so that drains of its nodes wait for ever.

## Why it matters
Upgrades of node pools, consolidation by an autoscaler and drains before a spot node goes all evict pods, and an eviction that the budget
does not allow is tried again and again. With `maxUnavailable: 0`, or a `minAvailable` that takes all the replicas, it is never allowed:
the GPU node is kept and paid for until somebody deletes the pod by hand. Percentages are rounded up: 90% of 5 pods are 5, and 50% of one
is one. For pods of a Job, or pods without a controller, only a whole `minAvailable` works: there is nothing that says how many pods are
meant, so that every other budget allows no eviction at all (executed on Kubernetes 1.36.3: "jobs.batch does not implement the scale
subresource").

Replicas are the lower end of what an autoscaler may leave. Where the pods belong to a job that ends by itself, low: it may be meant.

## Bad
```yaml
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: chat}
spec:
  minAvailable: 1  # finding
  selector: {matchLabels: {app: chat}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  replicas: 4
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  maxReplicas: 8
```

```yaml
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: embed}
spec:
  minAvailable: 90%  # finding
  selector: {matchExpressions: [{key: app, operator: In, values: [embed]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: embed}
spec:
  replicas: 5
  serviceName: embed
  selector: {matchLabels: {app: embed}}
  template:
    metadata: {labels: {app: embed}}
    spec:
      containers:
      - name: triton
        image: nvcr.io/nvidia/tritonserver:25.08-py3
        resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: pretrain}
spec:
  maxUnavailable: 1  # finding
  selector: {matchLabels: {job: pretrain}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: pretrain}
spec:
  parallelism: 4
  completions: 4
  template:
    metadata: {labels: {job: pretrain}}
    spec:
      restartPolicy: Never
      containers:
      - name: train
        image: ghcr.io/example/train:2.0
        command: [torchrun, train.py]
        resources: {limits: {nvidia.com/gpu: 8}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: notebooks}
spec:
  maxUnavailable: 0  # finding
  selector: {matchLabels: {team: vision}}
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: explore}
spec:
  template:
    metadata: {labels: {team: vision}}
    spec:
      containers: [{name: explore, image: "quay.io/jupyter/pytorch-notebook:2025-09-01"}]
```

## Good
```yaml
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: chat}
spec:
  maxUnavailable: 1%
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector: {matchLabels: {app: chat}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: chat-at-least}
spec:
  minAvailable: 75%
  selector: {matchLabels: {app: chat}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  replicas: 1
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.10.2
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  minReplicas: 4
  maxReplicas: 8
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop}
spec:
  maxUnavailable: 0
  selector: {matchLabels: {app: shop}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: nothing-of-ml}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers: [{name: shop, image: "nginx:1.29"}]
```

## When to ignore
Where whoever drains nodes knows that the pods have to be moved by hand, as for a model that takes an hour to load and has one replica.

## References
- https://kubernetes.io/docs/tasks/run-application/configure-pdb/#specifying-disruptions
- https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy
- https://kubernetes.io/docs/tasks/run-application/configure-pdb/#arbitrary-controllers-and-selectors
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from auditor.document import Document
from auditor.exposure import may_be_selected, pod_labels
from auditor.jobs import bounds
from auditor.rule import RECOMMENDED, Fault, Role, Severity, mapping, rule
from auditor.selectors import Selector, label_selector
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate, Workload

ML = (Role.TRAINING, Role.SERVING, Role.NOTEBOOK, Role.BATCH)
PERCENTAGE = re.compile(r"(\d{1,4})%")
# Kinds whose pods belong to no controller with a subresource `scale`.
WITHOUT_SCALE = ("Pod", "Job", "CronJob", "JobSet")
# Where an autoscaler keeps the smallest number of replicas; 1 unless set. KEDA may go to 0, where there is nothing to evict.
SMALLEST = {"HorizontalPodAutoscaler": "minReplicas", "ScaledObject": "minReplicaCount"}


@rule(
    "pdb-blocks-eviction",
    title="Disruption budget allows no eviction",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    kinds={"PodDisruptionBudget"},
    needs={"HorizontalPodAutoscaler", "ScaledObject"},
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Fault]:
    spec = mapping(document.raw.get("spec"))
    selector = label_selector(spec.get("selector"))
    if mapping(document.raw.get("metadata")).get("ownerReferences") or (selector.everything and document.ref.version == "v1beta1"):
        return  # its operator decides; an empty selector of v1beta1 selects nothing
    selected, certain = _selected(document, selector, snapshot)
    guarded = [template for template in selected if _is_ml(template.workload)]
    if not guarded:
        return
    field = "maxUnavailable" if spec.get("maxUnavailable") is not None else "minAvailable"
    why = _why(field, spec.get(field), selected, certain, snapshot)
    if not why:
        return
    fix = "write a whole number for `minAvailable`, smaller than that of the pods"
    if not all(map(_without_scale, selected)):
        fix = "write `maxUnavailable: 1`, and run a second replica where one has to serve during a drain"
    stuck = spec.get("unhealthyPodEvictionPolicy", "IfHealthyBudget") == "IfHealthyBudget"
    yield Fault(
        document,
        ("spec", field),
        f"{field}: {spec.get(field)} {why}: drains of their nodes wait for ever",
        fix + ("; with `unhealthyPodEvictionPolicy: AlwaysAllow`, pods that crash do not hold up a drain" if stuck else ""),
        Severity.LOW if all(_ends(template.workload) for template in guarded) else None,
    )


def _selected(document: Document, selector: Selector, snapshot: Snapshot) -> tuple[list[PodTemplate], bool]:
    """The pods under the budget, and whether all of them are. A drain leaves those of DaemonSets alone."""
    found, certain = [], not selector.unknown
    for workload in snapshot.workloads_beside(document):
        if workload.incomplete or workload.ref.kind == "DaemonSet":
            continue
        in_use = "templates" in workload.__dict__
        chosen = [template for template in workload.templates if may_be_selected(template, selector)]
        found += chosen
        certain = certain and all(selector.matches(pod_labels(template)) for template in chosen)
        if not chosen and not in_use:
            workload.release()
    return found, certain


def _is_ml(workload: Workload) -> bool:
    return workload.accelerated or workload.is_role(*ML)


def _ends(workload: Workload) -> bool:
    """Whether a deadline ends it."""
    found = bounds(workload)
    return found is not None and isinstance(found.deadline_seconds.effective, int)


def _why(field: str, value: object, selected: Sequence[PodTemplate], certain: bool, snapshot: Snapshot) -> str:
    """Why a budget allows no eviction; empty where it does, or where that cannot be known."""
    names = sorted({str(template.workload.ref) for template in selected})
    whose = names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    percentage = PERCENTAGE.fullmatch(value) if isinstance(value, str) else None
    number = int(percentage[1]) if percentage else value
    total = _total(selected, snapshot)
    if not isinstance(number, int) or isinstance(number, bool) or total == 0:
        return ""
    if field == "maxUnavailable" and number == 0:
        return f"allows no pod of {whose} to be evicted"
    if (field == "maxUnavailable" or percentage) and all(map(_without_scale, selected)):
        return f"cannot be worked out for pods of {whose}, as nothing that scales has made them, and so allows no eviction"
    if field == "maxUnavailable" or number == 0 or not certain:
        return ""
    if percentage and number >= 100:
        return f"takes all pods of {whose}"
    needed = -(-number * (total or 0) // 100) if percentage else number
    if total is None or needed < total:
        return ""
    return f"takes {'the only pod' if total == 1 else f'all {total} pods'} that {whose} may have"


def _without_scale(template: PodTemplate) -> bool:
    """Whether its pods have no controller with a scale. One live pod may stand for all that an unknown controller made."""
    return template.workload.ref.kind in WITHOUT_SCALE and not _is_made(template)


def _is_made(template: PodTemplate) -> bool:
    return template.workload.ref.kind == "Pod" and bool(template.workload.metadata.get("ownerReferences"))


def _total(selected: Sequence[PodTemplate], snapshot: Snapshot) -> int | None:
    """How many pods there are at least; None where that cannot be known."""
    counts = [_least(template, snapshot) for template in selected]
    return None if None in counts else sum(count for count in counts if count is not None)


def _least(template: PodTemplate, snapshot: Snapshot) -> int | None:
    scalers = snapshot.scalers_of(template.workload)
    if not scalers:
        return None if _is_made(template) else template.pods.low
    value = mapping(scalers[0].raw.get("spec")).get(SMALLEST[scalers[0].ref.kind])
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        return None
    return None if len(template.workload.templates) > 1 or template.row.scale_out else max(value or 1, 1)
