"""The API version is not served any more by the Kubernetes version that the object is meant for.

## Why it matters
The API server answers `no matches for kind … in version …`, and the object is never created. In a cluster that is upgraded, objects
that exist stay, but what deploys them fails from that day on: the HorizontalPodAutoscaler of a model server, or the PriorityClass that
keeps training below inference, can then no longer be changed. The version judged against is that of `--kubernetes-version`, by default
the newest known.

## Bad
```yaml
apiVersion: autoscaling/v2beta2  # finding
kind: HorizontalPodAutoscaler
metadata: {name: server}
spec:
  minReplicas: 1
  maxReplicas: 4
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: server}
---
apiVersion: scheduling.k8s.io/v1beta1  # finding
kind: PriorityClass
metadata: {name: inference}
value: 1000
---
apiVersion: resource.k8s.io/v1alpha2  # finding
kind: ResourceClaimTemplate
metadata: {name: gpu}
spec: {spec: {resourceClassName: gpu.example.com}}
```

```yaml kubernetes=1.25
apiVersion: policy/v1beta1  # finding
kind: PodDisruptionBudget
metadata: {name: server}
spec: {minAvailable: 1}
```

## Good
```yaml
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: server}
spec:
  maxReplicas: 4
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: server}
---
apiVersion: resource.k8s.io/v1beta1
kind: ResourceClaimTemplate
metadata: {name: gpu}
spec: {spec: {devices: {requests: [{name: gpu, deviceClassName: gpu.example.com}]}}}
```

Served by the version that the cluster has:
```yaml kubernetes=1.24
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: nightly}
spec: {schedule: "0 3 * * *"}
```

## When to ignore
When the objects are meant for an older cluster: say so with `--kubernetes-version`.

## References
- https://kubernetes.io/docs/reference/using-api/deprecation-guide/
- https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-1.21.md (batch/v2alpha1)
- https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-1.23.md (rbac and scheduling v1alpha1)
- https://github.com/kubernetes/api/tree/master/resource
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from auditor.document import Document
from auditor.rule import RECOMMENDED, Fault, Put, Severity, mapping, rule
from auditor.snapshot import Snapshot


class _Removal(NamedTuple):
    """The first minor version of Kubernetes 1 without it, what takes its place, and which fields move."""

    minor: int
    instead: str
    moves: str = ""


_SELECTOR = "`spec.selector` is required then"
_INGRESS = "`backend` becomes `defaultBackend`, `serviceName` and `servicePort` become `service.name` and `service.port`; set `pathType`"
_SIGNER = "`signerName` and `usages` are required then"
_WEBHOOKS = "`sideEffects` and `admissionReviewVersions` are required then"
_SHARES = "`assuredConcurrencyShares` becomes `nominalConcurrencyShares`"
_LATE = "which is served since Kubernetes 1.29; before, write v1beta3"
_ZERO = "`nominalConcurrencyShares: 0` is then none, and no longer the default"
_DEVICES = "requests are written under `spec.devices.requests[].exactly`"
_CLASS = "`resourceClassName` becomes a request with `deviceClassName`, and a ResourceClass a DeviceClass"
_CLAIMS = "ResourceClaim ResourceClaimTemplate ResourceSlice DeviceClass"

# From the deprecation guide; alpha versions and resource.k8s.io from the changelogs and the types of each release.
_ROWS: tuple[tuple[str, str, _Removal], ...] = (
    ("extensions/v1beta1", "DaemonSet Deployment ReplicaSet", _Removal(16, "apps/v1", _SELECTOR)),
    ("extensions/v1beta1", "NetworkPolicy", _Removal(16, "networking.k8s.io/v1")),
    ("extensions/v1beta1", "PodSecurityPolicy", _Removal(16, "", "label the namespace with `pod-security.kubernetes.io/enforce`")),
    ("extensions/v1beta1", "Ingress", _Removal(22, "networking.k8s.io/v1", _INGRESS)),
    ("apps/v1beta1", "Deployment StatefulSet ReplicaSet ControllerRevision", _Removal(16, "apps/v1", _SELECTOR)),
    ("apps/v1beta2", "DaemonSet Deployment StatefulSet ReplicaSet ControllerRevision", _Removal(16, "apps/v1", _SELECTOR)),
    ("settings.k8s.io/v1alpha1", "PodPreset", _Removal(20, "", "set the fields in each pod, or with an admission webhook")),
    ("batch/v2alpha1", "CronJob", _Removal(21, "batch/v1")),
    ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
     _Removal(22, "admissionregistration.k8s.io/v1", _WEBHOOKS)),
    ("apiregistration.k8s.io/v1beta1", "APIService", _Removal(22, "apiregistration.k8s.io/v1")),
    ("certificates.k8s.io/v1beta1", "CertificateSigningRequest", _Removal(22, "certificates.k8s.io/v1", _SIGNER)),
    ("coordination.k8s.io/v1beta1", "Lease", _Removal(22, "coordination.k8s.io/v1")),
    ("networking.k8s.io/v1beta1", "Ingress", _Removal(22, "networking.k8s.io/v1", _INGRESS)),
    ("networking.k8s.io/v1beta1", "IngressClass", _Removal(22, "networking.k8s.io/v1")),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRole ClusterRoleBinding Role RoleBinding", _Removal(22, "rbac.authorization.k8s.io/v1")),
    ("scheduling.k8s.io/v1beta1", "PriorityClass", _Removal(22, "scheduling.k8s.io/v1")),
    ("storage.k8s.io/v1beta1", "CSIDriver CSINode StorageClass VolumeAttachment", _Removal(22, "storage.k8s.io/v1")),
    ("rbac.authorization.k8s.io/v1alpha1", "ClusterRole ClusterRoleBinding Role RoleBinding", _Removal(23, "rbac.authorization.k8s.io/v1")),
    ("scheduling.k8s.io/v1alpha1", "PriorityClass", _Removal(23, "scheduling.k8s.io/v1")),
    ("batch/v1beta1", "CronJob", _Removal(25, "batch/v1")),
    ("discovery.k8s.io/v1beta1", "EndpointSlice",
     _Removal(25, "discovery.k8s.io/v1", "`topology` of an endpoint becomes `nodeName` and `zone`")),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler",
     _Removal(25, "autoscaling/v2", "`targetAverageUtilization` becomes `target.averageUtilization` with `target.type: Utilization`")),
    ("policy/v1beta1", "PodDisruptionBudget", _Removal(25, "policy/v1", "an empty selector then selects every pod of the namespace")),
    ("policy/v1beta1", "PodSecurityPolicy", _Removal(25, "", "label the namespace with `pod-security.kubernetes.io/enforce`")),
    ("node.k8s.io/v1beta1", "RuntimeClass", _Removal(25, "node.k8s.io/v1")),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler", _Removal(26, "autoscaling/v2")),
    ("flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema", _Removal(26, "flowcontrol.apiserver.k8s.io/v1", _LATE)),
    ("flowcontrol.apiserver.k8s.io/v1beta1", "PriorityLevelConfiguration", _Removal(26, "flowcontrol.apiserver.k8s.io/v1", _SHARES)),
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity", _Removal(27, "storage.k8s.io/v1")),
    ("resource.k8s.io/v1alpha1", "ResourceClaim ResourceClaimTemplate ResourceClass PodScheduling",
     _Removal(27, "resource.k8s.io/v1", _CLASS)),
    ("flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema", _Removal(29, "flowcontrol.apiserver.k8s.io/v1")),
    ("flowcontrol.apiserver.k8s.io/v1beta2", "PriorityLevelConfiguration", _Removal(29, "flowcontrol.apiserver.k8s.io/v1", _SHARES)),
    ("resource.k8s.io/v1alpha2",
     "ResourceClaim ResourceClaimTemplate ResourceClass ResourceSlice ResourceClaimParameters ResourceClassParameters PodSchedulingContext",
     _Removal(31, "resource.k8s.io/v1", _CLASS)),
    ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", _Removal(32, "flowcontrol.apiserver.k8s.io/v1")),
    ("flowcontrol.apiserver.k8s.io/v1beta3", "PriorityLevelConfiguration", _Removal(32, "flowcontrol.apiserver.k8s.io/v1", _ZERO)),
    ("resource.k8s.io/v1alpha3", _CLAIMS, _Removal(34, "resource.k8s.io/v1", _DEVICES)),
    ("admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
     _Removal(34, "admissionregistration.k8s.io/v1")),
    ("storage.k8s.io/v1beta1", "VolumeAttributesClass", _Removal(37, "storage.k8s.io/v1")),
    ("resource.k8s.io/v1beta1", _CLAIMS, _Removal(38, "resource.k8s.io/v1", _DEVICES)),
    ("resource.k8s.io/v1beta2", _CLAIMS, _Removal(39, "resource.k8s.io/v1")),
)  # fmt: skip
_TABLE = {(version, kind): removal for version, kinds, removal in _ROWS for kind in kinds.split()}


@rule("removed-api-version", title="API version that is no longer served", severity=Severity.HIGH, profiles={RECOMMENDED}, fixable=True)
def check(document: Document, snapshot: Snapshot) -> Iterator[Fault]:
    ref = document.ref
    version = f"{ref.group}/{ref.version}"
    removal = _TABLE.get((version, ref.kind))
    if removal is None or snapshot.kubernetes_version < (1, removal.minor):
        return
    major, minor = snapshot.kubernetes_version
    moves = f"; {removal.moves}" if removal.moves else ""
    yield Fault(
        document,
        ("apiVersion",),
        f"{version} {ref.kind} is not served since Kubernetes 1.{removal.minor}; Kubernetes {major}.{minor} refuses the object",
        remediation=f"write `apiVersion: {removal.instead}`{moves}" if removal.instead else f"there is no successor; {removal.moves}",
        patch=(Put(("apiVersion",), removal.instead),) if _only_renamed(document, removal) else (),
    )


def _only_renamed(document: Document, removal: _Removal) -> bool:
    """Whether the object means the same in the new version. An empty selector of a PodDisruptionBudget once selected nothing."""
    if document.ref.kind == "PodDisruptionBudget":
        return mapping(document.raw.get("spec")).get("selector") != {}
    return bool(removal.instead) and not removal.moves
