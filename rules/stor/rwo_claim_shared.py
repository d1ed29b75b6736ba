"""Several pods use a volume that only one node can mount.

## Why it matters
ReadWriteOnce means one node. The pods that the scheduler puts elsewhere stay in ContainerCreating with "Multi-Attach error for volume"; a
training job of several workers never starts, and the second replica of a server never serves. ReadWriteOncePod means one pod: the second
one is never scheduled. A Deployment with a rolling update starts the new pod before it stops the old one, so that even with one replica an
update may wait for ever: that is reported as medium.

## Bad
```yaml
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: models}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 100Gi}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  replicas: 3
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      containers: [{name: server, image: "vllm/vllm-openai:v0.19.0"}]
      volumes:
      - name: models
        persistentVolumeClaim:
          claimName: models  # finding
```

```yaml
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: runs}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 10Gi}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: mlflow}
spec:
  selector: {matchLabels: {app: mlflow}}
  template:
    metadata: {labels: {app: mlflow}}
    spec:
      containers: [{name: server, image: "ghcr.io/mlflow/mlflow:v3.4.0"}]
      volumes:
      - name: runs
        persistentVolumeClaim: {claimName: runs}  # finding
```

## Good
```yaml
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: models}
spec:
  accessModes: [ReadOnlyMany, ReadWriteOnce]
  resources: {requests: {storage: 100Gi}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: runs}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 10Gi}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: llm}
spec:
  replicas: 3
  selector: {matchLabels: {app: llm}}
  template:
    metadata: {labels: {app: llm}}
    spec:
      containers: [{name: server, image: "vllm/vllm-openai:v0.19.0"}]
      volumes:
      - {name: models, persistentVolumeClaim: {claimName: models}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: mlflow}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: mlflow}}
  template:
    metadata: {labels: {app: mlflow}}
    spec:
      containers: [{name: server, image: "ghcr.io/mlflow/mlflow:v3.4.0"}]
      volumes:
      - {name: runs, persistentVolumeClaim: {claimName: runs}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: fill}
spec:
  parallelism: 4
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {kubernetes.io/hostname: gpu-0}
      containers: [{name: main, image: "ghcr.io/example/fill:1.0"}]
      volumes:
      - {name: runs, persistentVolumeClaim: {claimName: runs}}
```

## When to ignore
On a cluster of one node, and where the storage does not keep to the mode. Claims of a class that is by its name a shared file system or the
disk of a node, to which the scheduler brings all pods, are not reported.

## References
- https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes
- https://docs.aws.amazon.com/eks/latest/best-practices/aiml-storage.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.document import Document
from auditor.rule import RECOMMENDED, Confidence, Fault, Path, Result, Severity, mapping, rule, sequence, skip, strings
from auditor.snapshot import Snapshot, same_namespace
from auditor.workload import PodTemplate, Workload

_HOST = "kubernetes.io/hostname"
_ONE_NODE, _ONE_POD = frozenset({"ReadWriteOnce"}), "ReadWriteOncePod"
# By class or provisioner: file systems that any number of nodes mount whatever the mode, and disks of a node, to which the scheduler
# brings every pod that uses them.
_ANYWHERE = re.compile(
    r"nfs|efs|fsx|lustre|filestore|azure-?file|file\.csi|ceph-?fs|juicefs|gcs-?fuse|(^|[-.])s3([-.]|$)|gluster|weka|beegfs"
)
_OF_A_NODE = re.compile(r"local|host-?path|no-provisioner|topolvm|(^|[-.])lvm([-.]|$)")
_IN_PV = ("nfs", "hostPath", "local", "cephfs", "glusterfs")
_REMEDY = "use a claim with ReadWriteMany or ReadOnlyMany (a shared file system, an object store), or keep the pods on one node"


@rule(
    "rwo-claim-shared",
    title="Several pods share a volume for one node",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    mentions={"claimName"},
    needs={"PersistentVolumeClaim", "PersistentVolume", "StorageClass", "HorizontalPodAutoscaler", "ScaledObject"},
)
def check(workload: Workload, snapshot: Snapshot) -> Iterator[Result]:
    users: dict[int, list[tuple[PodTemplate, Path]]] = {}
    claims: dict[int, Document] = {}
    for template in () if workload.incomplete else workload.templates:
        for name, path in _claim_names(template):
            claim = snapshot.get("PersistentVolumeClaim", name, workload.document, "")
            if claim is None:
                yield skip("the PersistentVolumeClaims of the namespace")
            elif _for_one(claim, snapshot):
                claims[id(claim)] = claim
                users.setdefault(id(claim), []).append((template, path))
    for key, found in users.items():
        yield from _judge(workload, claims[key], found, snapshot)


def _claim_names(template: PodTemplate) -> Iterator[tuple[str, Path]]:
    for volume in template.volumes:
        name = volume.source.get("claimName") if volume.kind == "persistentVolumeClaim" else None
        if isinstance(name, str):
            yield name, (*volume.path, volume.kind, "claimName")


def _modes(claim: Document) -> frozenset[str]:
    return frozenset(strings(mapping(claim.raw.get("spec")).get("accessModes")))


def _for_one(claim: Document, snapshot: Snapshot) -> bool:
    """Whether a claim is for one pod, or for one node that the volume itself does not choose."""
    modes, spec = _modes(claim), mapping(claim.raw.get("spec"))
    if _ONE_POD in modes:
        return True
    if modes != _ONE_NODE:
        return False
    names = [spec.get("storageClassName")]
    for kind, name in (("StorageClass", spec.get("storageClassName")), ("PersistentVolume", spec.get("volumeName"))):
        found = snapshot.get(kind, name, claim) if isinstance(name, str) else None
        if found is not None:
            volume = mapping(found.raw.get("spec"))
            if any(source in volume for source in _IN_PV):
                return False
            names += [found.raw.get("provisioner"), mapping(volume.get("csi")).get("driver")]
    return not any(isinstance(name, str) and (_ANYWHERE.search(name) or _OF_A_NODE.search(name)) for name in names)


def _judge(workload: Workload, claim: Document, found: list[tuple[PodTemplate, Path]], snapshot: Snapshot) -> Iterator[Fault]:
    one_pod = _ONE_POD in _modes(claim)
    if not one_pod and all(_pinned(template) for template, _ in found):
        return
    template, path = found[0]
    mode = _ONE_POD if one_pod else "ReadWriteOnce"
    number = _pods(workload, [template for template, _ in found], snapshot)
    what = f'the claim "{claim.ref.name}" is {mode}'
    if number:
        yield template.fault(
            f"{number} pods use it, but {what}: {'all but one' if one_pod else 'those on another node'} never start",
            at=path,
            remediation=_REMEDY,
            severity=Severity.CRITICAL if one_pod else None,
        )
        return
    others = [] if workload.job else [one.ref for one in snapshot.derived(_users).get(id(claim), ()) if _beside(workload, one)]
    if others and not any(_near_others(template) for template, _ in found):
        yield template.fault(
            f"{others[0]} uses it too, but {what}: the pods of one of them never start{'' if one_pod else ' on another node'}",
            at=path,
            remediation=_REMEDY,
            confidence=Confidence.MEDIUM,
        )
    elif workload.ref.kind == "Deployment" and _starts_before_it_stops(workload, template):
        yield template.fault(
            f"{what}, and a rolling update starts the new pod before it stops the old one: the update gets stuck on another node",
            at=path,
            remediation="set `strategy: {type: Recreate}`, or `maxSurge: 0` with `maxUnavailable: 1`",
            severity=Severity.MEDIUM,
        )


def _pods(workload: Workload, templates: list[PodTemplate], snapshot: Snapshot) -> str:
    """How many pods use a claim, for messages; empty for one, or where it cannot be known."""
    if workload.ref.kind == "DaemonSet":
        return "a DaemonSet's"
    low, high = (sum(count for one in templates if (count := getattr(one.pods, end)) is not None) for end in ("low", "high"))
    for scaler in snapshot.scalers_of(workload):
        most = mapping(scaler.raw.get("spec")).get("maxReplicas" if scaler.ref.kind == "HorizontalPodAutoscaler" else "maxReplicaCount")
        high = max(high, most) if isinstance(most, int) else high
    return str(low) if low > 1 else f"up to {high}" if high > 1 else ""


def _pinned(template: PodTemplate) -> bool:
    """Whether something keeps all pods of a template on one node."""
    affinity = mapping(template.get("affinity"))
    terms = sequence(mapping(_required(affinity.get("nodeAffinity"))).get("nodeSelectorTerms"))
    expressions = [mapping(one) for term in terms for one in sequence(mapping(term).get("matchExpressions"))]
    chosen = any(one.get("key") == _HOST and len(sequence(one.get("values"))) == 1 for one in expressions)
    return _HOST in template.node_selector or bool(template.get("nodeName")) or chosen or _near_others(template)


def _near_others(template: PodTemplate) -> bool:
    """Whether the pods must run on the node of some others, their own kind mostly."""
    terms = sequence(_required(mapping(template.get("affinity")).get("podAffinity")))
    return any(mapping(term).get("topologyKey") == _HOST for term in terms)


def _required(affinity: object) -> object:
    return mapping(affinity).get("requiredDuringSchedulingIgnoredDuringExecution")


def _starts_before_it_stops(workload: Workload, template: PodTemplate) -> bool:
    strategy: Mapping[str, Any] = mapping(workload.spec.get("strategy"))
    surge = mapping(strategy.get("rollingUpdate")).get("maxSurge")
    return template.pods.low == 1 and strategy.get("type") in (None, "RollingUpdate") and surge not in (0, "0", "0%")


def _beside(workload: Workload, other: Workload) -> bool:
    """Whether another workload runs at the same time: both say their namespace, or stand in one file. Files of a folder may be
    alternatives, and a job that fills the volume ends."""
    if other is workload or other.job or other.document.owner is not None:
        return False
    return bool(workload.ref.namespace and other.ref.namespace) or workload.document.file == other.document.file


def _users(snapshot: Snapshot) -> Mapping[int, list[Workload]]:
    """Workloads by the claims in view that their pods use."""
    found: dict[int, list[Workload]] = {}
    claims: dict[str, list[Document]] = {}
    for claim in snapshot.by_kind("PersistentVolumeClaim", ""):
        claims.setdefault(claim.ref.name, []).append(claim)
    for workload in snapshot.workloads if claims else ():
        if workload.incomplete or b"claimName" not in workload.document.blob:
            continue
        in_use = "templates" in workload.__dict__
        names = {name for template in workload.templates for name, _ in _claim_names(template)}
        if not in_use:
            workload.release()
        for name in names:
            for claim in claims.get(name, ()):
                if same_namespace(workload.document, claim):
                    found.setdefault(id(claim), []).append(workload)
    return found
