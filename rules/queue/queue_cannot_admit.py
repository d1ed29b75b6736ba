"""A queue can never admit a workload: it lacks a quota for what the workload asks, or has too little of it.

## Why it matters
Kueue holds a job back until one flavor of the ClusterQueue has room for it. A resource that no resource group covers never has room
("resource ephemeral-storage unavailable in ClusterQueue"), nor has a job that is larger than the nominal quota and all that the cohort may
lend, nor one whose node selector fits no flavor. The job stays suspended, looks like one that waits for its turn, and is never reported.

What is compared is what Kueue counts: the effective request of a pod, times the pods that are admitted together.

## Bad
```yaml
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: gpus}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu, memory, nvidia.com/gpu]
    flavors:
    - name: a100
      resources:
      - {name: cpu, nominalQuota: 64}
      - {name: memory, nominalQuota: 512Gi}
      - {name: nvidia.com/gpu, nominalQuota: 8}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: team-a}
spec: {clusterQueue: gpus}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: not-covered
  labels: {kueue.x-k8s.io/queue-name: team-a}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/finetune:1.4
        resources:
          requests: {cpu: 8, memory: 32Gi, ephemeral-storage: 100Gi}  # finding
          limits: {nvidia.com/gpu: 1}
---
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata:
  name: too-large
  labels:
    kueue.x-k8s.io/queue-name: team-a  # finding
spec:
  replicatedJobs:
  - name: worker
    replicas: 2
    template:
      spec:
        template:
          spec:
            restartPolicy: Never
            containers:
            - name: main
              image: ghcr.io/example/finetune:1.4
              resources: {limits: {nvidia.com/gpu: 8}}
```

The only flavor stands for other nodes than the pod selects:
```yaml
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: gpus}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [nvidia.com/gpu]
    flavors:
    - name: a100
      resources: [{name: nvidia.com/gpu, nominalQuota: 8}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: {name: a100}
spec:
  nodeLabels: {example.com/gpu: a100}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: team-a}
spec: {clusterQueue: gpus}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: for-other-nodes
  labels:
    kueue.x-k8s.io/queue-name: team-a  # finding
spec:
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {example.com/gpu: h100}
      containers:
      - name: main
        image: ghcr.io/example/finetune:1.4
        resources: {limits: {nvidia.com/gpu: 1}}
```

## Good
The cohort lends what the queue lacks:
```yaml
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: team-a}
spec:
  cohortName: all
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu, memory, nvidia.com/gpu]
    flavors:
    - name: a100
      resources:
      - {name: cpu, nominalQuota: 64}
      - {name: memory, nominalQuota: 512Gi}
      - {name: nvidia.com/gpu, nominalQuota: 8}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: team-b}
spec:
  cohortName: all
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [nvidia.com/gpu]
    flavors:
    - name: a100
      resources: [{name: nvidia.com/gpu, nominalQuota: 8}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: team-a}
spec: {clusterQueue: team-a}
---
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata:
  name: borrows
  labels: {kueue.x-k8s.io/queue-name: team-a}
spec:
  replicatedJobs:
  - name: worker
    replicas: 2
    template:
      spec:
        template:
          spec:
            restartPolicy: Never
            containers:
            - name: main
              image: ghcr.io/example/finetune:1.4
              resources: {limits: {cpu: 8, memory: 64Gi, nvidia.com/gpu: 8}}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: partial-admission
  labels: {kueue.x-k8s.io/queue-name: team-a}
  annotations: {kueue.x-k8s.io/job-min-parallelism: "2"}
spec:
  parallelism: 64
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/finetune:1.4
        resources: {limits: {nvidia.com/gpu: 1, rdma/ib: 0}}
```

## When to ignore
Where Kueue's configuration, out of view, leaves resources out (`excludeResourcePrefixes`), transforms them, or ignores those that no queue
declares.

## References
- https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/
- https://kueue.sigs.k8s.io/docs/concepts/cohort/
- https://kueue.sigs.k8s.io/docs/concepts/resource_flavor/
- https://kueue.sigs.k8s.io/docs/tasks/manage/administer_cluster_quotas/#exclude-arbitrary-resources-in-the-quota-management
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from auditor.accelerators import is_companion
from auditor.document import Document
from auditor.quantity import format_bytes
from auditor.queues import KUEUE, ClusterQueue, QueueName, cluster_queue_of, kueue_settings, local_queue, queue_names
from auditor.rule import RECOMMENDED, Confidence, Fault, Result, Severity, mapping, rule, sequence, skip
from auditor.snapshot import Snapshot
from auditor.workload import PodTemplate, Workload

# Kinds whose pods are admitted all together; of others (Deployment, LeaderWorkerSet …) pods or groups wait each for itself.
# Source: https://kueue.sigs.k8s.io/docs/tasks/run/
_TOGETHER = frozenset({"StatefulSet", "RayCluster", "AppWrapper", "Workload"})
_PARTIAL = f"{KUEUE}/job-min-parallelism"
_ELASTIC = f"{KUEUE}/elastic-job"
_EXCLUDED = re.compile(r"excludeResourcePrefixes:[ \t]*(?:\[([^\]]*)\]|((?:\s*-[ \t]+\S+)+))")
_RECKONED_OTHERWISE = re.compile(r"^\s*transformations:|quotaCheckStrategy:\s*[\"']?IgnoreUndeclared", re.MULTILINE)


@rule(
    "queue-cannot-admit",
    title="Queue can never admit the workload",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    mentions=("kueue.x-k8s.io",),
    needs=("LocalQueue", "ClusterQueue", "Cohort", "ResourceFlavor"),
)
def check(workload: Workload, snapshot: Snapshot) -> Iterator[Result]:
    named = next((name for name in queue_names(workload) if name.group == KUEUE), None)
    if named is None or workload.incomplete:
        return
    local = local_queue(named.name, workload.document, snapshot)
    queue = cluster_queue_of(local, snapshot) if local is not None and _surely(workload, local, snapshot) else None
    if queue is None:
        yield skip("the ClusterQueue that a workload is submitted to")
        return
    if mapping(queue.document.raw.get("spec")).get("namespaceSelector") is None:
        message = f"is submitted to the ClusterQueue {queue.name}, which has no namespaceSelector and so admits from no namespace"
        yield _fault(workload, named, message, "write `namespaceSelector: {}` in the ClusterQueue, or labels of its namespaces")
        return
    uncovered = list(_uncovered(workload, queue, snapshot))
    yield from uncovered
    if not uncovered:
        yield from _excess(workload, queue, named, snapshot)


def _surely(workload: Workload, local: Document, snapshot: Snapshot) -> bool:
    """Whether it is the workload's queue: files of one folder that say no namespace may be examples of several."""
    one, other = workload.document, local
    return snapshot.complete or one.file == other.file or bool(one.ref.namespace and other.ref.namespace)


def _fault(workload: Workload, named: QueueName, message: str, remedy: str, *, presumed: bool = False) -> Fault:
    return workload.fault(message, at=named.path, remediation=remedy, confidence=Confidence.MEDIUM if presumed else None)


# -- resources without a quota ------------------------------------------------------------------------------------------------------------


def _uncovered(workload: Workload, queue: ClusterQueue, snapshot: Snapshot) -> Iterator[Fault]:
    settings = snapshot.derived(kueue_settings)
    if _RECKONED_OTHERWISE.search(settings) or any(
        one.raw.get("resources") for one in snapshot.by_kind("Configuration", f"config.{KUEUE}")
    ):
        return
    mapped = {mapping(one.raw.get("spec")).get("extendedResourceName") for one in snapshot.by_kind("DeviceClass", "resource.k8s.io")}
    found = _EXCLUDED.search(settings)
    excluded = tuple(re.findall(r"[\w./-]+\w", (found[1] or found[2]).replace("- ", " "))) if found else ()
    seen: set[str] = set()
    for template in workload.templates:
        for key, amount in template.total_requests.items():
            asked = isinstance(amount, Fraction) and amount > 0
            given = key in queue.covered or key in mapped or (is_companion(key) and not settings)  # those are usually transformed
            if asked and not given and key not in seen and not (excluded and key.startswith(excluded)):
                seen.add(key)
                yield _not_covered(
                    template,
                    key,
                    queue,
                    certain=bool(settings) or key in ("cpu", "memory") or snapshot.device(key) is not None,
                )


def _not_covered(template: PodTemplate, key: str, queue: ClusterQueue, *, certain: bool) -> Fault:
    places = (
        container.at(container.resources_key, section, key)
        for container in template.containers
        for section in ("requests", "limits")
        if key in container.resource_keys(section)
    )
    return template.fault(
        f"asks for {key}, which no resource group of the ClusterQueue {queue.name} covers, so that Kueue never admits it",
        at=next(places, template.path),
        remediation=f"add {key} to `coveredResources` of the ClusterQueue with a quota, or do not ask for it",
        confidence=Confidence.HIGH if certain else Confidence.MEDIUM,
    )


# -- more than there is -------------------------------------------------------------------------------------------------------------------


def _excess(workload: Workload, queue: ClusterQueue, named: QueueName, snapshot: Snapshot) -> Iterator[Fault]:
    presumed = bool(workload.document.line) and not snapshot.complete and bool(queue.parent)  # more of the cohort may be elsewhere
    asked: dict[str, Fraction] = {}
    for template in workload.templates:
        pods = _together(workload, template)
        needs = {key: amount * pods for key, amount in template.total_requests.items() if isinstance(amount, Fraction)}
        needs["pods"] = Fraction(pods)
        for covered, flavors in queue.groups:
            mine = {key: needs[key] for key in covered if needs.get(key)}
            fitting = [name for name in flavors if not mine or _suits(template, name, snapshot)]
            who = f"{template.component} pods" if template.component else "pods"
            if mine and flavors and not fitting:
                message = f"its {who} select or tolerate no nodes of the flavors of the ClusterQueue {queue.name} ({', '.join(flavors)})"
                yield _fault(workload, named, f"{message}, so that Kueue never admits it", "select nodes of one of the flavors")
                return
            for key, amount in mine.items():
                most = [queue.capacity(name, key, snapshot) for name in fitting]
                asked[key] = asked.get(key, Fraction(0)) + amount
                known = [one for one in most if one is not None]
                if len(known) < len(most) or not known:
                    asked[key] = Fraction(0)
                elif amount > max(known) or asked[key] > sum(known, Fraction(0)):
                    yield _too_much(workload, named, queue, key, asked[key] if amount <= max(known) else amount, known, presumed)
                    return


def _too_much(
    workload: Workload, named: QueueName, queue: ClusterQueue, key: str, amount: Fraction, most: list[Fraction], presumed: bool
) -> Fault:
    whole = sum(most, Fraction(0))
    offer = f"{_text(key, whole)} in all its flavors" if amount > whole and len(most) > 1 else f"{_text(key, max(most))} in one flavor"
    message = f"needs {_text(key, amount)} {key} at once, and the ClusterQueue {queue.name} can give at most {offer}"
    borrowed = " or its cohort" if queue.parent else ""
    remedy = f"ask for less, or give the ClusterQueue{borrowed} more {key}"
    return _fault(workload, named, f"{message}, so that Kueue never admits it", remedy, presumed=presumed)


def _text(key: str, amount: Fraction) -> str:
    return format_bytes(amount) if key in ("memory", "ephemeral-storage") else f"{float(amount):g}"


def _together(workload: Workload, template: PodTemplate) -> int:
    """How many pods of a template are admitted at once, at the least."""
    spec = workload.spec
    elastic = _PARTIAL in workload.annotations or _ELASTIC in workload.annotations or "elasticPolicy" in spec
    if elastic or not (workload.job or workload.ref.kind in _TOGETHER) or _autoscaled(spec):
        return min(template.pods.low or 0, 1) if template.pods.low is not None else 1
    pods = 1 if template.pods.low is None else template.pods.low
    completions = spec.get("completions")
    return min(pods, completions) if isinstance(completions, int) and workload.ref.kind == "Job" else pods


def _autoscaled(spec: Mapping[str, Any]) -> bool:
    """Whether Ray moves the number of its workers."""
    return spec.get("enableInTreeAutoscaling") is True or mapping(spec.get("rayClusterSpec")).get("enableInTreeAutoscaling") is True


# -- which nodes a flavor stands for ------------------------------------------------------------------------------------------------------


def _suits(template: PodTemplate, flavor: str, snapshot: Snapshot) -> bool:
    """Whether pods can run on the nodes of a flavor, as far as its labels and taints say; true where it is not in view."""
    found = [one for one in snapshot.by_kind("ResourceFlavor", KUEUE) if one.ref.name == flavor]
    return not found or any(_matches(template, one) for one in found)


def _matches(template: PodTemplate, flavor: Document) -> bool:
    spec = mapping(flavor.raw.get("spec"))
    labels = mapping(spec.get("nodeLabels"))
    if any(
        key in labels and isinstance(value, str) and "$" not in value and value != labels[key]
        for key, value in template.node_selector.items()
    ):
        return False
    tolerations = [mapping(one) for one in (*sequence(template.get("tolerations")), *sequence(spec.get("tolerations")))]
    hard = (mapping(taint) for taint in sequence(spec.get("nodeTaints")) if mapping(taint).get("effect") in ("NoSchedule", "NoExecute"))
    return all(any(_tolerates(one, taint) for one in tolerations) for taint in hard)


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Whether a toleration matches a taint.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
    """
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.get("key"))
    return toleration.get("key") == taint.get("key") and (toleration.get("value") or "") == (taint.get("value") or "")
