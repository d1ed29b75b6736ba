"""A volume that a container mounts, or an object that a volume names, does not exist.

## Why it matters
A `volumeMounts` entry names a volume of the pod. Where the pod declares none of that name, the API server rejects a Pod and every
built-in workload (executed on Kubernetes 1.36.3), and a custom resource is accepted and never gets a pod. Nothing has to be in view to
know that. A volume may also name a PersistentVolumeClaim or a ConfigMap that does not exist: the pod then stays Pending, or its
containers wait in ContainerCreating or CreateContainerConfigError, and a claim whose StorageClass does not exist is never bound. That is
judged only where the view is complete: with `--complete`, or where files hold other claims beside the workload. ConfigMaps are often made
by scripts and by generators of kustomize: without `--complete` one is missing only where another in view has nearly its name. Secrets are
never read and never judged.

## Bad
```yaml
apiVersion: v1
kind: Pod
metadata: {name: ml-training-pod}
spec:
  containers:
  - name: training
    image: tensorflow/tensorflow:2.15.0-gpu
    volumeMounts:
    - {name: data-volume, mountPath: /data}
    - {name: model-volume, mountPath: /models}  # finding
  volumes:
  - name: data-volume
    persistentVolumeClaim: {claimName: training-data-pvc}
```

```yaml
apiVersion: batch/v1
kind: Job
metadata: {name: prepare}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: prepare
        image: ghcr.io/example/prepare:1.0
        envFrom:
        - configMapRef: {name: prepare-setting}  # finding
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prepare-settings}
data: {SHARDS: "64"}
```

```yaml complete
apiVersion: apps/v1
kind: Deployment
metadata: {name: server}
spec:
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec:
      containers:
      - name: server
        image: ghcr.io/example/server:3.0
        env:
        - name: MODEL
          valueFrom:
            configMapKeyRef: {name: settings, key: model}  # finding
        envFrom:
        - configMapRef: {name: more-settings}  # finding
        volumeMounts:
        - {name: models, mountPath: /models}
      volumes:
      - name: models
        persistentVolumeClaim: {claimName: modles}  # finding
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: models}
spec:
  accessModes: [ReadWriteMany]
  storageClassName: fast-shared  # finding
  resources: {requests: {storage: 200Gi}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: shared-hdd}
provisioner: filestore.csi.storage.gke.io
```

## Good
```yaml complete
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      containers:
      - name: store
        image: ghcr.io/example/store:1.1
        envFrom:
        - configMapRef: {name: overrides, optional: true}
        volumeMounts:
        - {name: data, mountPath: /data}
        - {name: ca, mountPath: /ca}
      volumes:
      - name: ca
        projected:
          sources:
          - configMap: {name: kube-root-ca.crt}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec:
      accessModes: [ReadWriteOnce]
      storageClassName: standard-rwo
      resources: {requests: {storage: 10Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: backup}
spec:
  containers:
  - name: backup
    image: ghcr.io/example/backup:1.1
    volumeMounts:
    - {name: data, mountPath: /data}
    - {name: images, mountPath: /images}
  volumes:
  - name: data
    persistentVolumeClaim: {claimName: data-store-0}
  - name: images
    persistentVolumeClaim: {claimName: imagenet}
---
apiVersion: data.fluid.io/v1alpha1
kind: Dataset
metadata: {name: imagenet}
spec:
  mounts: [{mountPath: "s3://example/imagenet", name: imagenet}]
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: pipeline}
spec:
  entrypoint: train
  volumeClaimTemplates:
  - metadata: {name: work}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
  volumes:
  - {name: scratch, emptyDir: {}}
  templates:
  - name: train
    container:
      image: ghcr.io/example/train:2.0
      volumeMounts:
      - {name: work, mountPath: /work}
      - {name: scratch, mountPath: /scratch}
```

```yaml
apiVersion: v1
kind: Pod
metadata: {name: both-may-be-elsewhere}
spec:
  containers:
  - name: main
    image: ghcr.io/example/train:2.0
    envFrom:
    - configMapRef: {name: made-by-a-script}
    volumeMounts:
    - {name: data, mountPath: /data}
  volumes:
  - name: data
    persistentVolumeClaim: {claimName: shared-datasets}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prompts}
data: {system: "You are helpful."}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: volumes-of-the-runtime}
spec:
  predictor:
    model:
      modelFormat: {name: huggingface}
      volumeMounts:
      - {name: devshm, mountPath: /dev/shm}
```

## When to ignore
Where an admission webhook or an operator adds the volume, or something that is not in view creates the object: a generator of kustomize,
a script.

## References
- https://kubernetes.io/docs/concepts/storage/volumes/
- https://kubernetes.io/docs/concepts/storage/persistent-volumes/
- https://kubernetes.io/docs/concepts/configuration/configmap/
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from auditor.document import Document, along
from auditor.rule import RECOMMENDED, Confidence, Fault, Path, Result, Severity, is_placeholder, mapping, rule, sequence, skip
from auditor.snapshot import Snapshot, same_namespace
from auditor.workload import PodTemplate, Workload

# Groups whose pods are made as they are written. The operators of others (KServe, Spark, NIM, Tekton) add volumes.
_AS_WRITTEN = frozenset(
    {"", "apps", "batch", "extensions", "apps.openshift.io", "argoproj.io", "batch.volcano.sh", "disaggregatedset.x-k8s.io",
     "elastic.iml.github.io", "grove.io", "jobset.x-k8s.io", "keda.sh", "kubeflow.org", "kubernetes.dask.org", "leaderworkerset.x-k8s.io",
     "orchestration.aibrix.ai", "ray.io", "serving.knative.dev"}
)  # fmt: skip
# Volumes that KubeRay and the executor of Argo add, and that a container may mount by name.
_ADDED = re.compile(r"shared-mem|ray-(logs|token|tls)|var-run-argo|tmp-dir-argo|input-artifacts")
# ConfigMaps that the control plane or a mesh writes into every namespace.
_EVERYWHERE = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert"})
# StorageClasses that come with a managed or a local cluster, and the name that people give to volumes made by hand.
_PROVIDED = re.compile(
    r"standard|default|manual|local-path|hostpath|microk8s-hostpath|gp[23](-csi)?|thin(-csi)?|do-block-storage|managed(-premium|-csi|-csi-premium)?"
    r"|azure(file|blob|disk)[\w-]*|(standard|premium|enterprise|zonal|parallelstore|dynamic)(-multishare)?-rw[ox]"
)
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")  # what is no name of an object is to be filled in
_CLAIM, _CONFIG = "PersistentVolumeClaim", "ConfigMap"
_EFFECT = {_CLAIM: "the pods stay Pending", _CONFIG: "the containers never start"}


@rule(
    "volume-reference-broken",
    title="Volume or object of a volume does not exist",
    severity=Severity.CRITICAL,
    profiles={RECOMMENDED},
    needs=(_CLAIM, _CONFIG, "StorageClass"),
)
def check(document: Document, snapshot: Snapshot) -> Iterator[Result]:
    if document.ref.kind == _CLAIM and not document.ref.group:
        yield from _class_missing(document, document.raw, (), snapshot)
        return
    workload = snapshot.workload_of(document)
    if workload is None:
        return
    for index, claim in enumerate(sequence(workload.spec.get("volumeClaimTemplates"))):
        yield from _class_missing(document, mapping(claim), ("spec", "volumeClaimTemplates", index), snapshot)
    for template in workload.templates:
        yield from _undeclared(template)
    if not workload.incomplete:
        yield from _missing(workload, snapshot)


# -- mounts without a volume --------------------------------------------------------------------------------------------------------------


def _undeclared(template: PodTemplate) -> Iterator[Fault]:
    own = {volume.name for volume in template.volumes}
    if all(name in own for container in template.containers for name, _ in _mounted(container.raw, ())):
        return
    owner, _ = template.holder
    workload = template.workload
    group = str(owner.get("apiVersion")).rpartition("/")[0]
    if group not in _AS_WRITTEN or (template.incomplete and workload.ref.kind != "PodTemplate"):
        return
    if template.get("podSpecPatch") or mapping(owner.get("spec")).get("workflowTemplateRef"):
        return
    declared = _declared(template)
    if declared is None:
        return
    effect = "the API server rejects it" if workload.validated else f"no pod of the {workload.ref.kind} is ever created"
    for container in template.containers:
        if container.raw.get("image") in (None, "", "auto"):
            continue  # a patch, or settings of a container that is injected
        for name, path in _mounted(container.raw, container.path):
            if name not in declared and not _ADDED.fullmatch(name):
                near = _near(name, declared)
                yield template.fault(
                    f'container {container.name} mounts "{name}", but the pod declares no volume of that name; {effect}',
                    at=path,
                    remediation=f'write "{near}"' if near else f'add a volume "{name}" to `volumes` of the pod',
                )


def _mounted(container: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Path]]:
    for field in ("volumeMounts", "volumeDevices"):
        for index, entry in enumerate(sequence(container.get(field))):
            name = mapping(entry).get("name")
            if isinstance(name, str) and name and not is_placeholder(name):
                yield name, (*path, field, index)


def _declared(template: PodTemplate) -> set[str] | None:
    """Volumes of the pod, of what it inherits from and of the objects around it; None where one of them cannot be known."""
    names = {volume.name for volume in template.volumes}
    for node in along(template.workload.raw, template.path):
        for entry in _entries(node) if isinstance(node, dict) else ():
            name = entry.get("name", "")
            if not isinstance(name, str) or is_placeholder(name):
                return None
            names.add(name)
    return names


def _entries(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What declares volumes in one mapping: `volumes`, claim templates of a StatefulSet or a Workflow, those of a JobSet's policies."""
    templates = [sequence(node.get("volumeClaimTemplates"))]
    templates += [sequence(mapping(policy).get("templates")) for policy in sequence(node.get("volumeClaimPolicies"))]
    yield from (mapping(entry) for entry in sequence(node.get("volumes")))
    yield from (mapping(mapping(entry).get("metadata")) for entries in templates for entry in entries)
    for field in ("volumes", "volumeClaimTemplates", "volumeClaimPolicies"):
        if not isinstance(node.get(field), list | None):
            yield {"name": None}  # a placeholder stands for any number of them


# -- objects that are not there -----------------------------------------------------------------------------------------------------------


def _missing(workload: Workload, snapshot: Snapshot) -> Iterator[Result]:
    document = workload.document
    presumed = bool(document.line) and not snapshot.complete  # files that hold some objects of the kind, perhaps not all
    unknown = set()
    for template in workload.templates:
        for kind, name, path in _references(template):
            if name in _EVERYWHERE or snapshot.get(kind, name, document, "") is not None:
                continue
            near = _near(name, (other.ref.name for other in snapshot.beside(document, kind, "")))
            # Scripts and generators of kustomize make ConfigMaps: without --complete only what looks misspelt is a fault.
            if not snapshot.complete_for(kind, document) or (presumed and kind == _CONFIG and not near):
                unknown.add(kind)
            elif not _is_made(kind, name, document, snapshot):
                yield template.fault(
                    f'names the {kind} "{name}", which does not exist in the namespace: {_EFFECT[kind]}',
                    at=path,
                    remediation=f'write "{near}"' if near else f"create the {kind}, or correct the name",
                    severity=Severity.HIGH,
                    confidence=Confidence.MEDIUM if presumed else None,
                )
    for kind in sorted(unknown):
        yield skip(f"the {kind}s of the namespace are not in view")


def _near(name: str, names: Iterable[str]) -> str:
    """The name that another was probably meant to be; empty where none looks like it."""
    return next(iter(difflib.get_close_matches(name, list(names), 1, 0.8)), "")


def _references(template: PodTemplate) -> Iterator[tuple[str, str, Path]]:
    """PersistentVolumeClaims and ConfigMaps that a pod cannot do without: kind, name and where it is written."""
    for volume in template.volumes:
        path = (*volume.path, volume.kind)
        if volume.kind == "persistentVolumeClaim":
            yield from _named(_CLAIM, volume.source, "claimName", path)
        elif volume.kind == "configMap":
            yield from _named(_CONFIG, volume.source, "name", path)
        elif volume.kind == "projected":
            for index, entry in enumerate(sequence(volume.source.get("sources"))):
                yield from _named(_CONFIG, mapping(entry).get("configMap"), "name", (*path, "sources", index, "configMap"))
    for container in template.containers:
        for index, entry in enumerate(sequence(container.raw.get("env"))):
            source = mapping(mapping(entry).get("valueFrom")).get("configMapKeyRef")
            yield from _named(_CONFIG, source, "name", container.at("env", index, "valueFrom", "configMapKeyRef"))
        for index, entry in enumerate(sequence(container.raw.get("envFrom"))):
            yield from _named(_CONFIG, mapping(entry).get("configMapRef"), "name", container.at("envFrom", index, "configMapRef"))


def _named(kind: str, source: object, field: str, path: Path) -> Iterator[tuple[str, str, Path]]:
    name = mapping(source).get(field)
    if isinstance(name, str) and _NAME.fullmatch(name) and mapping(source).get("optional") in (None, False):
        yield kind, name, (*path, field)


def _is_made(kind: str, name: str, document: Document, snapshot: Snapshot) -> bool:
    """Whether something in view makes the object: a custom resource of the same name (DataVolume, Dataset, Bundle …), or for a claim an
    object whose own templates lead to such a name (StatefulSet, Workflow, Volcano Job, NIMCache)."""
    for other in snapshot.documents:
        custom = "." in other.ref.group and other is not document
        if custom and other.ref.name == name and (not other.ref.namespace or same_namespace(document, other)):
            return True
        if (
            kind == _CLAIM
            and other.ref.name
            and other.ref.name in name
            and same_namespace(document, other)
            and _claims(other).fullmatch(name)
        ):
            return True
    return False


def _claims(maker: Document) -> re.Pattern[str]:
    """The names of the claims that an object makes."""
    own = re.escape(maker.ref.name)
    if maker.ref.group == "apps.nvidia.com":
        return re.compile(f"{own}-pvc")
    spec = mapping(maker.raw.get("spec"))
    names = [mapping(mapping(entry).get("metadata")).get("name") for entry in sequence(spec.get("volumeClaimTemplates"))]
    return re.compile(
        "|".join(rf"{re.escape(name)}-{own}(-\d+)+|{own}-{re.escape(name)}" for name in names if isinstance(name, str)) or r"(?!)"
    )


def _class_missing(document: Document, claim: Mapping[str, Any], at: Path, snapshot: Snapshot) -> Iterator[Result]:
    """A claim that nothing will ever bind. A class without an object is right for volumes that were made by hand."""
    spec = mapping(claim.get("spec"))
    name = spec.get("storageClassName")
    if (
        not isinstance(name, str)
        or not name
        or is_placeholder(name)
        or _PROVIDED.fullmatch(name)
        or spec.get("volumeName")
        or spec.get("selector")
    ):
        return
    by_hand = any(mapping(volume.raw.get("spec")).get("storageClassName") == name for volume in snapshot.by_kind("PersistentVolume", ""))
    if by_hand or snapshot.get("StorageClass", name, document) is not None:
        return
    if not snapshot.complete_for("StorageClass", document):
        yield skip("the StorageClasses are not in view")
        return
    near = _near(name, (other.ref.name for other in snapshot.by_kind("StorageClass")))
    yield Fault(
        document,
        (*at, "spec", "storageClassName"),
        f'names the StorageClass "{name}", which does not exist: the claim is never bound',
        f'write "{near}"' if near else "name a StorageClass that exists, or create it",
        Severity.HIGH,
    )
