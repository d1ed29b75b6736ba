"""A workload holds accelerators, and no label says whose it is.

## Why it matters
When GPUs stand idle, somebody has to be asked. A name like `sweep-7` in the namespace `ml` tells nobody who, and tools that split a bill
by team put the workload under "unassigned". They read the labels of pods, so the pod template is the best place for the label; a label
or annotation of the namespace does for everything in it.

Any of the keys counts, and those without a slash under a prefix of your own too (`example.com/team`). The option `keys` sets others.
Files show it only where the Namespace is in view.

## Bad
```yaml
apiVersion: v1
kind: Namespace
metadata: {name: ml, labels: {kubernetes.io/metadata.name: ml}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: sweep-7, namespace: ml}
spec:
  template:
    metadata:
      labels: {app: sweep}  # finding
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {nvidia.com/gpu: 4}}
```

## Good
On the pods, the workload, or the Job of a CronJob:
```yaml complete
apiVersion: batch/v1
kind: Job
metadata: {name: sweep-7, namespace: ml}
spec:
  template:
    metadata: {labels: {team: search}}
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: ghcr.io/example/train:2.0
        resources: {limits: {nvidia.com/gpu: 4}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm, namespace: ml, labels: {app.kubernetes.io/part-of: assistant}}
spec:
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      containers:
      - name: main
        image: ghcr.io/example/serve:2.0
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: ml}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    metadata: {labels: {kueue.x-k8s.io/queue-name: search}}
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
          - name: main
            image: ghcr.io/example/evaluate:2.0
            resources: {limits: {nvidia.com/gpu: 1}}
```

On the namespace; Kubeflow writes the owner of a profile there:
```yaml complete
apiVersion: v1
kind: Namespace
metadata: {name: ml, annotations: {owner: jane@example.com}}
---
apiVersion: v1
kind: Pod
metadata: {name: notebook, namespace: ml}
spec:
  containers:
  - name: main
    image: ghcr.io/example/notebook:2.0
    resources: {limits: {nvidia.com/gpu: 1}}
```

## When to ignore
Where the name of the namespace says enough, and on a cluster that one team has to itself.

## References
- https://www.finops.org/wg/calculating-container-costs/
- https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.rule import COST, PRODUCTION, Options, Result, Role, Severity, rule, skip
from auditor.snapshot import Snapshot
from auditor.teams import OWNER_KEYS, namespace_of, owner_of
from auditor.workload import PodTemplate, Workload


@rule(
    "owner-label-missing",
    title="No label says who owns a workload with accelerators",
    severity=Severity.INFO,
    profiles={PRODUCTION, COST},
    exempt={Role.INFRASTRUCTURE},
    needs={"Namespace"},
    options={"keys": OWNER_KEYS},
)
def check(workload: Workload, snapshot: Snapshot, options: Options) -> Iterator[Result]:
    if not snapshot.asks_for_accelerator(workload):
        return
    keys = tuple(options["keys"]) or OWNER_KEYS
    ownerless = [one for one in workload.templates if _holds_devices(one, snapshot) and owner_of(one, snapshot, keys) is None]
    if not ownerless:
        return
    if namespace_of(workload.document, snapshot) is None and not _sees_namespaces(workload, snapshot):
        yield skip("its Namespace, whose labels may say who owns it")
        return
    first, namespace = ownerless[0], workload.ref.namespace
    holds = ", ".join(f"{count} {key}" for key, count in workload.accelerators.items() if count) or "accelerators"
    where = f"the namespace {namespace}" if namespace else "its namespace"
    yield workload.fault(
        f"holds {holds}, and neither its labels nor those of {where} say whose it is",
        at=(*first.metadata_path, "labels") if first.metadata_path else ("metadata", "labels"),
        remediation=f"set the label `{keys[0]}` on its pods, or on the namespace for everything in it",
    )


def _holds_devices(template: PodTemplate, snapshot: Snapshot) -> bool:
    return not template.incomplete and snapshot.wants_accelerator(template)


def _sees_namespaces(workload: Workload, snapshot: Snapshot) -> bool:
    """Whether a Namespace that is not in view has no labels; files of one usually stand elsewhere."""
    return snapshot.complete or (snapshot.listing is not None and snapshot.complete_for("Namespace", workload.document, ""))
