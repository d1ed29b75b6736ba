"""A namespace with ML workloads enforces no Pod Security level, so that whoever may create pods in it may take over its nodes.

## Why it matters
Without the label `pod-security.kubernetes.io/enforce`, a pod may be privileged, mount the node's file system and share its namespaces. GPU
nodes hold the data and the models of everybody who trains on them, and in a namespace of users a notebook, a pipeline or a stolen token is
enough to create such a pod. Level baseline forbids the known ways out and runs nearly all ML images as they are; restricted asks for more
in the manifest. The message says the strictest level that all workloads in view, and in a live cluster their pods, would pass today. Only
pods that are created later are judged by admission: a label breaks nothing that runs.

Medium in a live cluster; of files low, in the profile `production`. Info where policies of Kyverno, Gatekeeper or the API server itself, or
OpenShift's constraints, look at security contexts. A default that administrators gave the admission plugin shows in no object.

## Bad
```yaml
apiVersion: v1
kind: Namespace
metadata:
  name: vision  # finding
  labels: {team: vision, pod-security.kubernetes.io/warn: baseline}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: detect, namespace: vision}
spec:
  selector: {matchLabels: {app: detect}}
  template:
    metadata: {labels: {app: detect}}
    spec:
      containers:
      - name: triton
        image: nvcr.io/nvidia/tritonserver:25.08-py3
        resources: {limits: {nvidia.com/gpu: 1}}
```

```yaml live
apiVersion: v1
kind: Namespace
metadata:
  name: speech
  labels:
    pod-security.kubernetes.io/enforce: privileged  # finding
---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: train, namespace: speech}
spec:
  pytorchReplicaSpecs:
    Worker:
      template:
        spec:
          hostIPC: true
          containers:
          - name: pytorch
            image: ghcr.io/example/train:1.0
            resources: {limits: {nvidia.com/gpu: 8}}
```

## Good
```yaml live
apiVersion: v1
kind: Namespace
metadata:
  name: vision
  labels: {pod-security.kubernetes.io/enforce: baseline}
---
apiVersion: v1
kind: Pod
metadata: {name: detect, namespace: vision}
spec:
  containers:
  - name: triton
    image: nvcr.io/nvidia/tritonserver:25.08-py3
    resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: v1
kind: Namespace
metadata: {name: gpu-operator}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: nvidia-cuda-validator, namespace: gpu-operator}
spec:
  selector: {matchLabels: {app: validator}}
  template:
    metadata: {labels: {app: validator}}
    spec:
      containers:
      - name: cuda
        image: nvcr.io/nvidia/cloud-native/gpu-operator-validator:v25.3.0
        securityContext: {privileged: true}
        resources: {limits: {nvidia.com/gpu: 1}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: no-ml-here, namespace: shop}
spec: {containers: [{name: web, image: "nginx:1.29"}]}
```

## When to ignore
Where the admission plugin's configuration enforces a level for namespaces without labels, or another admission controller judges pods.

## References
- https://kubernetes.io/docs/concepts/security/pod-security-admission/
- https://kubernetes.io/docs/concepts/security/pod-security-standards/
- https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/install-gpu-operator.html
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.document import Document
from auditor.rule import (
    MULTI_TENANT,
    PRODUCTION,
    PSS_BASELINE,
    PSS_RESTRICTED,
    RECOMMENDED,
    Confidence,
    Fault,
    Objection,
    Result,
    Role,
    Severity,
    mapping,
    rule,
    skip,
)
from auditor.snapshot import Namespace, Snapshot, same_branch
from auditor.workload import Workload
from auditor.workload.security import admits_absence

ENFORCE = "pod-security.kubernetes.io/enforce"
ML = (Role.TRAINING, Role.SERVING, Role.NOTEBOOK)
# Who else judges security contexts: the kind, its group, and words of which one shows that a policy is about them.
OTHERS = (
    ("ClusterPolicy", "kyverno.io", (b"podSecurity", b"securityContext", b"hostPath")),
    ("Policy", "kyverno.io", (b"podSecurity", b"securityContext", b"hostPath")),
    ("ValidatingPolicy", "policies.kyverno.io", (b"securityContext", b"hostPath")),
    ("ValidatingAdmissionPolicy", "admissionregistration.k8s.io", (b"securityContext", b"hostPath")),
    ("K8sPSPPrivilegedContainer", "constraints.gatekeeper.sh", ()),
    ("ClusterAdmissionPolicy", "policies.kubewarden.io", (b"privileged", b"pod-security", b"psp")),
    ("SecurityContextConstraints", "security.openshift.io", ()),
)


@rule(
    "namespace-without-pod-security",
    title="Namespace of ML workloads enforces no Pod Security level",
    severity=Severity.LOW,
    profiles={RECOMMENDED},
    confidence=Confidence.MEDIUM,
    tags={MULTI_TENANT},
    needs={"Namespace", *(kind for kind, _, _ in OTHERS)},
)
def check(namespace: Namespace, snapshot: Snapshot, objection: Objection) -> Iterator[Result]:
    if not namespace.name or namespace.system or not namespace.workloads:
        return
    found = [document for document in snapshot.by_kind("Namespace", "") if document.ref.name == namespace.name]
    if not found:
        if snapshot.listing is not None and any(map(snapshot.asks_for_accelerator, namespace.workloads)):
            yield skip("the Namespace itself, whose labels say what is enforced")
        return
    whole = snapshot.complete or snapshot.listing is not None
    for document in found:
        written = mapping(document.raw.get("metadata")).get("labels")
        enforced = mapping(written).get(ENFORCE)
        if enforced not in (None, "", "privileged") or not isinstance(written, dict | None):
            continue
        workloads = [w for w in namespace.workloads if not w.incomplete and (whole or same_branch(document, w.document))]
        if any(_is_ml(workload, snapshot) for workload in workloads):
            yield _fault(document, enforced, workloads, snapshot, objection)


def _is_ml(workload: Workload, snapshot: Snapshot) -> bool:
    found = workload.role is not Role.INFRASTRUCTURE and (snapshot.asks_for_accelerator(workload) or workload.is_role(*ML))
    workload.release()  # so that memory stays flat over many workloads
    return found


def _fault(document: Document, enforced: object, workloads: list[Workload], snapshot: Snapshot, objection: Objection) -> Fault:
    level, why = _level(workloads, snapshot, objection)
    other = next(_others(document, snapshot), None)
    live = snapshot.listing is not None
    says = "enforces the Pod Security level privileged, which is none" if enforced else "enforces no Pod Security level"
    also = f", though {other} may judge its pods" if other else ""
    number = f"all {len(workloads)} workloads in view" if len(workloads) > 1 else "its only workload in view"
    passes = f"{number} would pass {level}" if level else "not all of its workloads would pass baseline"
    steps = f"label it `{ENFORCE}: {level}`, after `warn` and `audit` with the same level have shown nothing"
    if not level:
        steps = "label it with `warn` and `audit` at level baseline, and move what needs more into a namespace of its own"
    return Fault(
        document,
        ("metadata", "labels", ENFORCE) if enforced else ("metadata", "name"),
        f"namespace {document.ref.name} {says}{also}; {passes}{f' ({why})' if why else ''}",
        steps,
        Severity.INFO if other else Severity.MEDIUM if live else Severity.LOW,
        profiles=() if live else (PRODUCTION,),
    )


def _level(workloads: list[Workload], snapshot: Snapshot, objection: Objection) -> tuple[str, str]:
    """The strictest level that all workloads pass, empty for none, and what keeps them from the next."""
    level, why = "restricted", ""
    for workload in workloads:
        for judged in (workload, *(Workload(pod.document) for pod in snapshot.pods_of(workload)[:1])):
            against = objection(judged, PSS_BASELINE)
            if against:
                return "", f"{workload.ref}: {against}"
            if level == "restricted":
                against = objection(judged, PSS_RESTRICTED) or ("its operator adds to it" if _is_open(judged) else "")
                if against:
                    level, why = "baseline", f"not restricted because of {workload.ref}: {against}"
            judged.release()
    return level, why


def _is_open(workload: Workload) -> bool:
    """Whether what it does not set, somebody else may set."""
    return not workload.templates or any(
        admits_absence(template, container) for template in workload.templates for container in template.containers
    )


def _others(document: Document, snapshot: Snapshot) -> Iterator[str]:
    """What else in view judges the security contexts of the namespace's pods."""
    if mapping(mapping(document.raw.get("metadata")).get("labels")).get("security.openshift.io/scc.podSecurityLabelSync") == "true":
        yield "OpenShift, which sets the label by itself,"
    for kind, group, words in OTHERS:
        for policy in snapshot.by_kind(kind, group):
            blob = policy.blob
            if policy.ref.namespace in ("", document.ref.name) and (not words or any(word in blob for word in words)):
                yield str(policy.ref)
