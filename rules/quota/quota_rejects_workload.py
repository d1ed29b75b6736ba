"""The quota of the namespace refuses the workload's pods: a value is missing, or they ask for more than there will ever be.

## Why it matters
A quota on CPU or memory makes the value compulsory: a pod with one container without it, init containers too, is forbidden ("must specify
limits.cpu for: …"; executed on Kubernetes 1.36.3). Only a Pod is refused at once; a Deployment or Job is accepted and never gets its pods,
which only an event says. Nor do pods ever come to be that ask for more than the whole quota. What is compared is the effective request of a
pod: the containers together or the largest step of its start, with pod-level resources.

Of a Job only one pod is compared, since the others may run one after another.

## Bad
```yaml complete
apiVersion: v1
kind: ResourceQuota
metadata: {name: compute, namespace: team-a}
spec:
  hard:
    requests.cpu: "64"
    limits.memory: 256Gi
    requests.nvidia.com/gpu: "4"
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm, namespace: team-a}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      initContainers:
      - name: fetch  # finding
        image: ghcr.io/example/fetch:1.1
      containers:
      - name: server
        image: vllm/vllm-openai:v0.19.0
        resources:
          limits: {cpu: 8, memory: 64Gi, nvidia.com/gpu: 1}
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: train, namespace: team-a}
spec:
  pytorchReplicaSpecs:
    Worker:
      replicas: 2
      template:
        spec:  # finding
          containers:
          - name: pytorch
            image: ghcr.io/example/train:2.0
            resources:
              limits: {cpu: 8, memory: 64Gi, nvidia.com/gpu: 4}
```

## Good
```yaml complete
apiVersion: v1
kind: ResourceQuota
metadata: {name: compute, namespace: team-a}
spec:
  hard:
    requests.cpu: "64"
    limits.memory: 256Gi
    requests.nvidia.com/gpu: "4"
---
apiVersion: v1
kind: LimitRange
metadata: {name: defaults, namespace: team-a}
spec:
  limits:
  - type: Container
    default: {memory: 2Gi}
    defaultRequest: {cpu: 100m}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm, namespace: team-a}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      initContainers:
      - name: fetch
        image: ghcr.io/example/fetch:1.1
      containers:
      - name: server
        image: vllm/vllm-openai:v0.19.0
        resources:
          limits: {cpu: 8, memory: 64Gi, nvidia.com/gpu: 1}
---
apiVersion: batch/v1
kind: Job
metadata: {name: one-after-another, namespace: team-a}
spec:
  parallelism: 64
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {cpu: 4, memory: 16Gi, nvidia.com/gpu: 1}}
```

Pod-level resources release the containers from it, and a quota with scopes counts only the pods that it names:
```yaml complete
apiVersion: v1
kind: ResourceQuota
metadata: {name: compute, namespace: team-a}
spec:
  hard: {requests.cpu: "64"}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: urgent, namespace: team-a}
spec:
  hard: {requests.nvidia.com/gpu: "1", limits.cpu: "8"}
  scopeSelector:
    matchExpressions:
    - {scopeName: PriorityClass, operator: In, values: [urgent]}
---
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: team-a}
spec:
  priorityClassName: research
  resources: {requests: {cpu: 8}}
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    resources: {limits: {nvidia.com/gpu: 8}}
```

## When to ignore
Where an admission webhook fills in what is missing, or the quota is raised when the workload is applied.

## References
- https://kubernetes.io/docs/concepts/policy/resource-quotas/
- https://kubernetes.io/docs/concepts/policy/limit-range/
- https://github.com/kubernetes/kubernetes/blob/master/pkg/quota/v1/evaluator/core/pods.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from auditor.quantity import Quantity, format_bytes
from auditor.quotas import REQUIRED, Quota, quotas_beside, quotas_from_elsewhere
from auditor.rule import RECOMMENDED, Confidence, Fault, Result, Severity, mapping, rule, skip
from auditor.snapshot import Snapshot
from auditor.workload import Container, ContainerRole, Inject, PodTemplate, Workload

_POD_LEVEL = ("cpu", "memory", "hugepages-")
_INJECTED = {"requests": Inject.REQUESTS, "limits": Inject.LIMITS}
# Groups whose containers are made as they are written. Operators of others (KServe, Knative, NIM, Spark …) fill in what is missing.
_AS_WRITTEN = frozenset(
    {"", "apps", "batch", "extensions", "argoproj.io", "batch.volcano.sh", "jobset.x-k8s.io", "kubeflow.org", "leaderworkerset.x-k8s.io",
     "ray.io", "workload.codeflare.dev"}
)  # fmt: skip
# Kinds whose pods may run one after another, so that they need not all fit at once.
_IN_TURN = frozenset({("batch", "Job"), ("batch", "CronJob"), ("argoproj.io", "Workflow"), ("argoproj.io", "CronWorkflow")})


@rule(
    "quota-rejects-workload",
    title="Quota of the namespace refuses the pods",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    needs=("ResourceQuota", "LimitRange"),
)
def check(workload: Workload, snapshot: Snapshot) -> Iterator[Result]:
    document = workload.document
    admitted = workload.ref.kind == "Pod" and mapping(workload.raw.get("status")).get("phase") is not None
    if workload.incomplete or admitted:
        return
    profiles = [quota for quota in quotas_from_elsewhere(document.ref.namespace, snapshot) if quota.document.ref.kind == "Profile"]
    quotas = [*quotas_beside(document, snapshot), *profiles]
    unseen = False
    for template in workload.templates if quotas else ():
        mine = [quota for quota in quotas if quota.counts(template, snapshot)]
        missing = list(_without_value(template, mine, snapshot))
        if missing and not snapshot.complete_for("LimitRange", document):
            unseen = True
        else:
            yield from missing
        yield from _beyond(template, mine, snapshot)
    if unseen:
        yield skip("the LimitRanges of the namespace")


# -- values that must be there ------------------------------------------------------------------------------------------------------------


def _without_value(template: PodTemplate, quotas: list[Quota], snapshot: Snapshot) -> Iterator[Fault]:
    """Containers that lack a value which a quota makes compulsory. Pod-level resources make it optional.

    Source: Constraints in https://github.com/kubernetes/kubernetes/blob/master/pkg/quota/v1/evaluator/core/pods.go
    """
    required = {REQUIRED[key]: quota for quota in reversed(quotas) for key in quota.hard if key in REQUIRED}
    pod_level = any(key.startswith(_POD_LEVEL) for part in ("requests", "limits") for key in mapping(template.resources.get(part)))
    document = template.workload.document
    if not required or pod_level or template.incomplete or document.ref.group not in _AS_WRITTEN:
        return
    given = {section: snapshot.given_by_limit_range(document, section) | _of_autoscaler(template, snapshot) for section in _INJECTED}
    for container in template.containers:
        lacks = [
            (section, key)
            for section, key in sorted(required)
            if key not in given[section] and _INJECTED[section] not in template.injects and _value(container, section, key) is None
        ]
        if lacks and container.role is not ContainerRole.EPHEMERAL and container.raw.get("image") not in (None, "", "auto"):
            yield _lacking(container, lacks, required)


def _value(container: Container, section: str, key: str) -> object:
    return container.effective_request(key) if section == "requests" else container.limit(key)


def _lacking(container: Container, lacks: list[tuple[str, str]], required: Mapping[tuple[str, str], Quota]) -> Fault:
    names = [f"{section}.{key}" for section, key in lacks]
    workload = container.template.workload
    who = f"{'init ' if container.role is ContainerRole.INIT else ''}container {container.name}" if container.name else "the container"
    return container.fault(
        f"{who} sets no {' and no '.join(names)}, which {required[lacks[0]].document.ref} demands; {_refused(workload)}",
        at=container.place_of(lacks[0][0]),
        about=container.amounts(lacks[0][0]),
        remediation=f"set {' and '.join(f'resources.{name}' for name in names)}, or give the namespace a LimitRange with defaults",
        confidence=Confidence.MEDIUM if workload.framework else None,
    )


def _refused(workload: Workload) -> str:
    if workload.ref.kind == "Pod":
        return "the API server rejects it"
    return f"the {workload.ref.kind} is accepted, but its pods are not"


def _of_autoscaler(template: PodTemplate, snapshot: Snapshot) -> frozenset[str]:
    """What a VerticalPodAutoscaler may fill in."""
    ref = template.workload.ref
    targets = (
        mapping(mapping(autoscaler.raw.get("spec")).get("targetRef"))
        for autoscaler in snapshot.beside(template.workload.document, "VerticalPodAutoscaler", "autoscaling.k8s.io")
    )
    found = any(target.get("kind") == ref.kind and target.get("name") == ref.name for target in targets)
    return frozenset({"cpu", "memory"}) if found else frozenset()


# -- more than the quota ------------------------------------------------------------------------------------------------------------------


def _beyond(template: PodTemplate, quotas: list[Quota], snapshot: Snapshot) -> Iterator[Fault]:
    """What the pods ask for beyond the whole quota; of several quotas the tightest for each resource is named."""
    pods = _at_once(template, snapshot)
    worst: dict[str, tuple[Quantity, str, Fraction, Quota]] = {}
    for quota in quotas:
        for key, hard in quota.hard.items():
            use, name = quota.use(template, key), key.removeprefix("requests.")
            if (
                isinstance(use, Fraction)
                and isinstance(hard, Quantity)
                and use * pods > hard
                and (name not in worst or hard < worst[name][0])
            ):
                worst[name] = (hard, key, use, quota)
    for name, (hard, key, use, quota) in worst.items():
        number = 1 if use > hard else pods
        who = "a pod asks" if number == 1 else f"its {number} {template.component} pods ask".replace("  ", " ")
        yield template.fault(
            f"{who} for {_text(name, use * number)} {name}, and {quota.document.ref} allows the whole namespace {hard}; "
            f"{_refused(template.workload) if number == 1 else 'they never all exist'}",
            remediation=f"ask for less, or raise `{key}` of the quota",
        )


def _text(name: str, amount: Fraction) -> str:
    return format_bytes(amount) if name.endswith(("memory", "ephemeral-storage")) or "hugepages" in name else f"{float(amount):g}"


def _at_once(template: PodTemplate, snapshot: Snapshot) -> int:
    """How many pods there must be at once, at the least."""
    workload = template.workload
    in_turn = (workload.ref.group, workload.ref.kind) in _IN_TURN
    if in_turn or template.pods.low is None or snapshot.scalers_of(workload):
        return 0 if template.pods.low == 0 else 1
    return template.pods.low
