"""An API of an ML operator, or a value in it, is deprecated or gone.

## Why it matters
ML operators move faster than Kubernetes, and their old versions end without much notice: an upgrade of the operator then leaves objects
that nobody reconciles, or that can no longer be applied. Kueue 0.20 no longer serves v1beta1; KubeRay announces the same for v1alpha1
in 1.9; what KFServing served as `serving.kubeflow.org` has no controller any more. The jobs of the Kubeflow Training Operator v1 still
work, but new features go into TrainJob only; those are reported as low.

## Bad
```yaml
apiVersion: ray.io/v1alpha1  # finding
kind: RayCluster
metadata: {name: cluster}
spec: {rayVersion: "2.46.0"}
---
apiVersion: kueue.x-k8s.io/v1beta1  # finding
kind: LocalQueue
metadata: {name: team}
spec: {clusterQueue: gpus}
---
apiVersion: serving.kubeflow.org/v1alpha2  # finding
kind: InferenceService
metadata: {name: iris}
---
apiVersion: kubeflow.org/v1  # finding
kind: PyTorchJob
metadata: {name: finetune}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: iris
  annotations:
    serving.kserve.io/deploymentMode: RawDeployment  # finding
---
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: server}
spec:
  leaderWorkerTemplate:
    restartPolicy: Default  # finding
```

## Good
```yaml
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: cluster}
spec: {rayVersion: "2.46.0"}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: team}
spec: {clusterQueue: gpus}
---
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: chat}
---
apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata: {name: allreduce}
---
apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
metadata: {name: finetune}
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: iris
  annotations:
    serving.kserve.io/deploymentMode: Standard
```

## When to ignore
While the cluster runs an operator that does not know the newer version yet.

## References
- https://github.com/ray-project/kuberay/tree/master/ray-operator/apis/ray/v1alpha1
- https://github.com/kubernetes-sigs/kueue/releases/tag/v0.20.0
- https://github.com/kserve/kserve/pull/1850 (v1alpha2), https://github.com/kserve/kserve/blob/master/pkg/constants/constants.go (modes)
- https://trainer.kubeflow.org/en/latest/legacy-v1/index.html
- https://github.com/kubeflow/mpi-operator/tree/master/pkg/apis/kubeflow
- https://github.com/kubeflow/spark-operator (v1beta2)
- https://github.com/kubernetes-sigs/jobset/tree/main/api/jobset
- https://cloud.google.com/kubernetes-engine/docs/how-to/migrate-gke-inference-gateway
- https://github.com/kubernetes-sigs/lws/blob/main/api/leaderworkerset/v1/leaderworkerset_types.go
- https://github.com/kubernetes-retired/kube-batch
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from auditor.document import Document, mapping
from auditor.rule import RECOMMENDED, Change, Fault, Put, Rename, Severity, rule


class _Row(NamedTuple):
    """Versions of some kinds (all kinds of the group where there are none), why they are to be left, and what takes their place."""

    versions: re.Pattern[str]
    kinds: frozenset[str]
    why: str
    instead: str
    severity: Severity | None = None


def _row(versions: str, kinds: str, why: str, instead: str, severity: Severity | None = None) -> _Row:
    return _Row(re.compile(versions), frozenset(kinds.split()), why, instead, severity)


_TRAINING = "PyTorchJob TFJob MPIJob XGBoostJob PaddleJob JAXJob MXJob"
_TRAIN_JOB = "`apiVersion: trainer.kubeflow.org/v1alpha1`, `kind: TrainJob`"
_ROWS: dict[str, tuple[_Row, ...]] = {
    "ray.io": (_row("v1alpha1", "", "gets no new fields and is not served from KubeRay 1.9 on", "`apiVersion: ray.io/v1`"),),
    "kueue.x-k8s.io": (
        _row(r"v1alpha\d", "", "is not served any more", "`apiVersion: kueue.x-k8s.io/v1beta2`"),
        _row("v1beta1", "", "is deprecated and not served from Kueue 0.20 on", "`apiVersion: kueue.x-k8s.io/v1beta2`"),
    ),
    "serving.kubeflow.org": (
        _row(".*", "", "belongs to KFServing, which became KServe; no controller serves it", "`apiVersion: serving.kserve.io/v1beta1`"),
    ),
    "serving.kserve.io": (
        _row("v1alpha2", "InferenceService", "was removed from KServe", "`apiVersion: serving.kserve.io/v1beta1`, with `spec.predictor`"),
    ),
    "kubeflow.org": (
        _row(r"v1alpha\d|v1beta\d", "MPIJob", "is not served any more", "`apiVersion: kubeflow.org/v2beta1` (MPI Operator), or a TrainJob"),
        _row(r"v1alpha\d|v1beta\d", _TRAINING, "is not served any more", _TRAIN_JOB),
        _row("v1", _TRAINING, "belongs to the Training Operator v1, which Kubeflow Trainer replaces", _TRAIN_JOB, Severity.LOW),
        _row("v1alpha1|v1beta1", "Notebook", "is an older version", "`apiVersion: kubeflow.org/v1`", Severity.LOW),
    ),
    "sparkoperator.k8s.io": (
        _row("v1alpha1|v1beta1", "SparkApplication ScheduledSparkApplication", "is not served any more",
             "`apiVersion: sparkoperator.k8s.io/v1beta2`"),
    ),
    "jobset.x-k8s.io": (_row("v1alpha1", "", "is not served any more", "`apiVersion: jobset.x-k8s.io/v1alpha2`"),),
    "inference.networking.x-k8s.io": (
        _row(r"v1alpha\d", "InferencePool", "became stable in another group", "`apiVersion: inference.networking.k8s.io/v1`"),
        _row(r"v1alpha\d", "InferenceModel", "was replaced", "`kind: InferenceObjective`"),
    ),
    "scheduling.incubator.k8s.io": (
        _row(".*", "", "belongs to kube-batch, which is retired", "`apiVersion: scheduling.volcano.sh/v1beta1`, or Kueue"),
    ),
}  # fmt: skip
# Kinds that mean the same in another version, with the fields of their spec that have another name there, and those that stop the change.
# Sources: the conversions in https://github.com/kubernetes-sigs/kueue/tree/main/apis/kueue/v1beta1 (what has none is the same), and
# of https://github.com/kubeflow/notebooks/tree/main/components/notebook-controller/api
_KUEUE, _NOTEBOOK = "kueue.x-k8s.io/v1beta2", "kubeflow.org/v1"
_SAME: dict[tuple[str, str], tuple[str, dict[str, str], frozenset[str]]] = {
    ("kueue.x-k8s.io/v1beta1", "AdmissionCheck"): (_KUEUE, {}, frozenset({"retryDelayMinutes"})),
    ("kueue.x-k8s.io/v1beta1", "ClusterQueue"): (
        _KUEUE, {"cohort": "cohortName"}, frozenset({"admissionChecks", "flavorFungibility", "excludeResourcePrefixes"}),
    ),
    ("kueue.x-k8s.io/v1beta1", "LocalQueue"): (_KUEUE, {}, frozenset()),
    ("kueue.x-k8s.io/v1beta1", "ProvisioningRequestConfig"): (_KUEUE, {}, frozenset()),
    ("kueue.x-k8s.io/v1beta1", "ResourceFlavor"): (_KUEUE, {}, frozenset()),
    ("kueue.x-k8s.io/v1beta1", "Topology"): (_KUEUE, {}, frozenset()),
    ("kueue.x-k8s.io/v1beta1", "WorkloadPriorityClass"): (_KUEUE, {}, frozenset()),
    ("kubeflow.org/v1alpha1", "Notebook"): (_NOTEBOOK, {}, frozenset()),
    ("kubeflow.org/v1beta1", "Notebook"): (_NOTEBOOK, {}, frozenset()),
}  # fmt: skip
_MODE = "serving.kserve.io/deploymentMode"
_MODES = {"Serverless": "Knative", "RawDeployment": "Standard"}


@rule("deprecated-ml-api", title="Deprecated API of an ML operator", severity=Severity.MEDIUM, profiles={RECOMMENDED}, fixable=True)
def check(document: Document) -> Iterator[Fault]:
    ref = document.ref
    for row in _ROWS.get(ref.group, ()):
        if row.versions.fullmatch(ref.version) and (not row.kinds or ref.kind in row.kinds):
            yield Fault(
                document,
                ("apiVersion",),
                f"{ref.group}/{ref.version} {ref.kind} {row.why}",
                remediation=f"write {row.instead}",
                severity=row.severity,
                patch=_patch(document),
            )
            break
    if ref.group == "serving.kserve.io":
        mode = mapping(mapping(document.raw.get("metadata")).get("annotations")).get(_MODE)
        if isinstance(mode, str) and mode in _MODES:
            path = ("metadata", "annotations", _MODE)
            message, remedy = f"the mode {mode} is called {_MODES[mode]} since KServe 0.16", f"write `{_MODE}: {_MODES[mode]}`"
            yield _renamed(document, path, message, remedy, _MODES[mode])
    if ref.group == "leaderworkerset.x-k8s.io":
        template = mapping(mapping(document.raw.get("spec")).get("leaderWorkerTemplate"))
        if template.get("restartPolicy") == "Default":
            path = ("spec", "leaderWorkerTemplate", "restartPolicy")
            yield _renamed(document, path, "`restartPolicy: Default` is deprecated, and means None", "write `restartPolicy: None`", "None")


def _renamed(document: Document, path: tuple[str, ...], message: str, remediation: str, value: str) -> Fault:
    return Fault(document, path, message, remediation=remediation, severity=Severity.LOW, patch=(Put(path, value),))


def _patch(document: Document) -> tuple[Change, ...]:
    """The new version, where all else stays as it is or only changes its name."""
    ref, spec = document.ref, mapping(document.raw.get("spec"))
    version, renamed, stops = _SAME.get((f"{ref.group}/{ref.version}", ref.kind), ("", {}, frozenset()))
    if not version or stops & spec.keys():
        return ()
    return Put(("apiVersion",), version), *(Rename(("spec", old), new) for old, new in renamed.items() if old in spec)
