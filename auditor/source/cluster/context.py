"""What is listed beside workloads: the kinds that some rule looks at.

`deploy/rbac.yaml` grants reading these and the workloads of the table of kinds; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["CONFIG_MAPS", "CONTEXT"]

_KINDS = {
    "": "Namespace Node Service ResourceQuota LimitRange PersistentVolume PersistentVolumeClaim ServiceAccount",
    "admissionregistration.k8s.io": "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
    "autoscaling": "HorizontalPodAutoscaler",
    "autoscaling.k8s.io": "VerticalPodAutoscaler",
    "cilium.io": "CiliumNetworkPolicy CiliumClusterwideNetworkPolicy",
    "cloud.google.com": "BackendConfig",
    "constraints.gatekeeper.sh": "K8sPSPPrivilegedContainer",
    "crd.projectcalico.org": "NetworkPolicy GlobalNetworkPolicy",
    "gateway.envoyproxy.io": "SecurityPolicy",
    "gateway.networking.k8s.io": "Gateway HTTPRoute GRPCRoute TCPRoute",
    "inference.networking.k8s.io": "InferencePool",
    "karpenter.sh": "NodePool NodeClaim",
    "keda.sh": "ScaledObject",
    "kube-green.com": "SleepInfo",
    "kubeflow.org": "Profile",
    "kueue.x-k8s.io": "ClusterQueue LocalQueue Cohort ResourceFlavor WorkloadPriorityClass",
    "kyverno.io": "ClusterPolicy Policy",
    "networking.gke.io": "GCPBackendPolicy",
    "networking.istio.io": "VirtualService Gateway EnvoyFilter",
    "networking.k8s.io": "NetworkPolicy Ingress IngressClass",
    "policies.kubewarden.io": "ClusterAdmissionPolicy",
    "policies.kyverno.io": "ValidatingPolicy",
    "policy": "PodDisruptionBudget",
    "policy.networking.k8s.io": "AdminNetworkPolicy BaselineAdminNetworkPolicy",
    "quota.openshift.io": "ClusterResourceQuota",
    "rbac.authorization.k8s.io": "Role ClusterRole RoleBinding ClusterRoleBinding",
    "resource.k8s.io": "ResourceClaim ResourceClaimTemplate ResourceSlice DeviceClass",
    "route.openshift.io": "Route",
    "scheduling.k8s.io": "PriorityClass",
    "scheduling.run.ai": "Queue",
    "scheduling.volcano.sh": "Queue",
    "security.istio.io": "AuthorizationPolicy RequestAuthentication",
    "security.openshift.io": "SecurityContextConstraints",
    "storage.k8s.io": "StorageClass",
}


def _pairs() -> Iterator[tuple[str, str]]:
    for group, kinds in _KINDS.items():
        yield from ((group, kind) for kind in kinds.split())


CONTEXT: frozenset[tuple[str, str]] = frozenset(_pairs())

# ConfigMaps that are read whole: the group whose controller they configure, namespace, name.
CONFIG_MAPS = (("kueue.x-k8s.io", "kueue-system", "kueue-manager-config"),)
