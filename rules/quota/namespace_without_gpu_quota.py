"""A namespace runs GPU workloads, and nothing limits how many GPUs it may take.

## Why it matters
Without a quota whoever applies the larger manifest gets the GPUs: one team's parameter sweep takes every device of the cluster, and the
other teams' pods stay pending. A ResourceQuota on `requests.nvidia.com/gpu` (for claims: `<class>.deviceclass.resource.k8s.io/devices`) is
the limit that no team can forget to apply. A queue with a quota does the same for everything that is submitted to it.

Files show it only where they also show quotas or are said to be complete; where only the Namespace is in view, `production` reports it.

## Bad
```yaml
apiVersion: v1
kind: ResourceQuota
metadata: {name: cpu-only, namespace: team-a}
spec:
  hard:  # finding
    requests.cpu: "64"
---
apiVersion: batch/v1
kind: Job
metadata: {name: sweep, namespace: team-a}
spec:
  parallelism: 64
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml
apiVersion: v1
kind: Namespace
metadata:
  name: team-b  # finding
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: gpus, namespace: team-b}
spec: {clusterQueue: cpu-only}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: cpu-only}
spec:
  resourceGroups:
  - coveredResources: [cpu, memory]
---
apiVersion: batch/v1
kind: Job
metadata: {name: queued-for-cpu, namespace: team-b, labels: {kueue.x-k8s.io/queue-name: gpus}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {nvidia.com/gpu: 1}}
```

A team's namespace that the others' quotas leave out:
```yaml
apiVersion: v1
kind: Namespace
metadata:
  name: team-d  # finding
  labels: {example.com/team: d}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpus, namespace: team-c}
spec: {hard: {requests.nvidia.com/gpu: "8"}}
```

## Good
```yaml complete
apiVersion: v1
kind: ResourceQuota
metadata: {name: gpus, namespace: team-a}
spec:
  hard:
    requests.nvidia.com/gpu: "8"
---
apiVersion: batch/v1
kind: Job
metadata: {name: sweep, namespace: team-a}
spec:
  parallelism: 64
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: kubeflow.org/v1
kind: Profile
metadata: {name: team-b}
spec: {resourceQuotaSpec: {hard: {requests.nvidia.com/gpu: "2"}}}
---
apiVersion: v1
kind: Pod
metadata: {name: notebook, namespace: team-b}
spec:
  containers:
  - name: main
    image: ghcr.io/example/notebook:2.0
    resources: {limits: {nvidia.com/gpu: 1}}
```

Every GPU workload is in a queue that limits GPUs:
```yaml complete
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: gpus, namespace: team-a}
spec: {clusterQueue: shared}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: shared}
spec:
  resourceGroups:
  - coveredResources: [cpu, memory, nvidia.com/gpu]
---
apiVersion: batch/v1
kind: Job
metadata: {name: sweep, namespace: team-a, labels: {kueue.x-k8s.io/queue-name: gpus}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: scheduling.run.ai/v2
kind: Queue
metadata: {name: team-a}
spec: {resources: {gpu: {quota: 4, limit: 8}}}
---
apiVersion: v1
kind: Pod
metadata: {name: kai, namespace: team-a, labels: {kai.scheduler/queue: team-a}}
spec:
  schedulerName: kai-scheduler
  containers:
  - name: main
    image: ghcr.io/example/notebook:2.0
    resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: scheduling.volcano.sh/v1beta1
kind: Queue
metadata: {name: research}
spec: {capability: {nvidia.com/gpu: 16}}
---
apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: volcano, namespace: team-a}
spec:
  queue: research
  tasks:
  - name: worker
    replicas: 2
    template:
      spec:
        containers:
        - name: main
          image: ghcr.io/example/train:2.0
          resources: {limits: {nvidia.com/gpu: 1}}
```

## When to ignore
On a cluster that one team has to itself: set the option `single_tenant`.

## References
- https://kubernetes.io/docs/concepts/policy/resource-quotas/
- https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from auditor.document import Document
from auditor.queues import KAI, KUEUE, QueueName, cluster_queue_of, kueue_settings, queue_names
from auditor.quotas import CLAIMED, Quota, device_keys, mentions_devices, quotas_beside, quotas_from_elsewhere
from auditor.rule import (
    MULTI_TENANT,
    PRODUCTION,
    RECOMMENDED,
    Confidence,
    Fault,
    Options,
    Path,
    Profile,
    Result,
    Severity,
    mapping,
    rule,
    skip,
)
from auditor.snapshot import Namespace, Snapshot, is_system_namespace
from auditor.workload import Workload

_TEAM = re.compile(r"(.+/)?(team|tenant)")
_ALL_QUEUED = re.compile(r"^\s*manageJobsWithoutQueueName:\s*true\b", re.MULTILINE)


@rule(
    "namespace-without-gpu-quota",
    title="Namespace with GPU workloads has no GPU quota",
    severity=Severity.MEDIUM,
    profiles={RECOMMENDED},
    tags={MULTI_TENANT},
    needs={"ResourceQuota", "Namespace", "LocalQueue", "ClusterQueue", "Profile"},
    options={"single_tenant": False},
)
def check(namespace: Namespace, snapshot: Snapshot, options: Options) -> Iterator[Result]:
    if options["single_tenant"] or not (snapshot.complete or snapshot.by_kind("ResourceQuota", "") or snapshot.by_kind("Namespace", "")):
        return
    if namespace.workloads and not namespace.system and not _limited(namespace.name, namespace.documents[0], snapshot):
        yield from _of_users(namespace, snapshot)
    for document in namespace.documents:
        if document.ref.kind == "Namespace" and not document.ref.group:
            yield from _of_team(document, snapshot)


def _of_users(namespace: Namespace, snapshot: Snapshot) -> Iterator[Result]:
    """What the namespace's workloads use without a limit."""
    free: list[tuple[Workload, str]] = []
    unseen: set[str] = set()
    for workload in namespace.workloads:
        keys, document = _used(workload, snapshot) if snapshot.asks_for_accelerator(workload) else [], workload.document
        if not keys or _limited(namespace.name, document, snapshot):
            continue
        held = _held_by_queue(workload, keys, snapshot)
        if held is None:
            unseen.add("the queue that GPU workloads are submitted to")
        elif not held and not snapshot.complete_for("ResourceQuota", document) and _itself(namespace, document, snapshot) is None:
            unseen.add("the ResourceQuotas of the namespace")
        elif not held:
            free.append((workload, keys[0]))
    if not free:
        yield from map(skip, sorted(unseen))
        return
    document = free[0][0].document
    own = _itself(namespace, document, snapshot)
    complete = snapshot.complete_for("ResourceQuota", document)
    quota = next(snapshot.beside(document, "ResourceQuota", ""), None)
    document, path = (quota, ("spec", "hard")) if quota else (own, ("metadata", "name")) if own else (document, ("metadata",))
    who = list(dict.fromkeys(str(workload.ref) for workload, _ in free))
    names = ", ".join(who[:2]) + (f" and {len(who) - 2} more" if len(who) > 2 else "")
    message = f"{namespace} runs GPU workloads ({names}) and has no quota on {free[0][1]}"
    yield _fault(document, path, message, free[0][1], certain=complete, profiles=() if complete else (PRODUCTION,))


def _itself(namespace: Namespace, document: Document, snapshot: Snapshot) -> Document | None:
    """The Namespace object, if it stands in the same part of the tree as one that lives in it."""
    if not namespace.name:
        return next(snapshot.beside(document, "Namespace", ""), None)
    return snapshot.get("Namespace", namespace.name, document, "") if snapshot.complete_for("Namespace", document) else None


def _of_team(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    """A team's namespace without GPU workloads so far, where other namespaces have a quota on GPUs."""
    name, labels = document.ref.name, mapping(mapping(document.raw.get("metadata")).get("labels"))
    if is_system_namespace(name) or not any(_TEAM.fullmatch(key) for key in labels):
        return
    quotas = snapshot.by_kind("ResourceQuota", "") if snapshot.complete else snapshot.beside(document, "ResourceQuota", "")
    others = [
        key
        for quota in quotas
        if quota.ref.namespace not in ("", name)
        for key in device_keys(Quota.read(quota, "spec"), snapshot.device_table)
    ]
    own = (Quota.read(quota, "spec") for quota in snapshot.by_kind("ResourceQuota", "") if quota.ref.namespace == name)
    if not others or any(mentions_devices(quota, snapshot.device_table) for quota in (*own, *quotas_from_elsewhere(name, snapshot))):
        return
    members = (workload for workload in snapshot.accelerated_workloads if workload.ref.namespace == name)
    if not any(_used(workload, snapshot) for workload in members):  # else it is judged by what it uses
        message = f"namespace {name} belongs to a team and, unlike others, has no quota on {others[0]}"
        yield _fault(document, ("metadata", "name"), message, others[0], certain=snapshot.complete)


def _fault(document: Document, path: Path, message: str, key: str, *, certain: bool, profiles: Collection[Profile] = ()) -> Fault:
    return Fault(
        document,
        path,
        f"{message}, so that it can take all of them in the cluster",
        remediation=f'add a ResourceQuota with `{key}: "N"` under spec.hard',
        confidence=Confidence.HIGH if certain else Confidence.MEDIUM,
        profiles=profiles,
    )


def _used(workload: Workload, snapshot: Snapshot) -> list[str]:
    """The quota keys that would limit the accelerators that a workload's pods ask for."""
    if workload.incomplete:
        return []
    keys = {f"requests.{key}": None for template in workload.templates for key in template.accelerators}
    if any(snapshot.claims_accelerator(template) for template in workload.templates):
        keys[f"<class>{CLAIMED}"] = None
    return list(keys)


def _limited(name: str, document: Document, snapshot: Snapshot) -> bool:
    """Whether a quota speaks of accelerators; whether it names the right ones, and rightly, is for other rules."""
    quotas = (*quotas_beside(document, snapshot), *quotas_from_elsewhere(name, snapshot))
    return any(mentions_devices(quota, snapshot.device_table) for quota in quotas)


# -- queues -------------------------------------------------------------------------------------------------------------------------------


def _held_by_queue(workload: Workload, keys: list[str], snapshot: Snapshot) -> bool | None:
    """Whether a queue limits the devices of a workload; None where the queue is not in view."""
    devices = {key.removeprefix("requests.") for key in keys}
    named = next(iter(queue_names(workload)), None)
    if named is None or named.group == KUEUE:
        return _held_by_kueue(workload, named, devices, snapshot)
    queue = next((queue for queue in snapshot.by_kind("Queue", named.group) if queue.ref.name == named.name), None)
    if queue is None:
        return None
    spec = mapping(queue.raw.get("spec"))
    if named.group == KAI:
        bounds = mapping(mapping(spec.get("resources")).get("gpu"))
        return any(isinstance(bounds.get(key), int | float) and bounds[key] >= 0 for key in ("quota", "limit"))
    return devices <= {*mapping(spec.get("capability")), *mapping(spec.get("deserved"))}


def _held_by_kueue(workload: Workload, named: QueueName | None, devices: set[str], snapshot: Snapshot) -> bool | None:
    local = snapshot.get("LocalQueue", named.name if named else "default", workload.document, KUEUE)
    if local is None:
        beside = any(True for _ in snapshot.beside(workload.document, "LocalQueue", KUEUE))
        return None if named else beside and _all_queued(snapshot)
    cluster = cluster_queue_of(local, snapshot)
    return None if cluster is None else devices <= cluster.covered


def _all_queued(snapshot: Snapshot) -> bool:
    """Whether Kueue is configured to hold back jobs that name no queue."""
    configurations = snapshot.by_kind("Configuration", f"config.{KUEUE}")
    return any(config.raw.get("manageJobsWithoutQueueName") is True for config in configurations) or bool(
        _ALL_QUEUED.search(snapshot.derived(kueue_settings))
    )
