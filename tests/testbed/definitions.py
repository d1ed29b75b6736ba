"""CustomResourceDefinitions for kinds whose operators do not run here: any content is accepted, status is an ordinary field.

testbed.apply(definition("kubeflow.org", "PyTorchJob", "v1"))
testbed.wait("…", lambda: established(testbed, "kubeflow.org", "PyTorchJob"))
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.testbed.cluster import Testbed

# Kinds that live in no namespace; those of Kubernetes itself need no definition.
_CLUSTER_SCOPED = frozenset(
    {
        "AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "CiliumClusterwideNetworkPolicy", "ClusterAdmissionPolicy",
        "ClusterAnalysisTemplate", "ClusterPolicy", "ClusterQueue", "ClusterResourceQuota", "ClusterServingRuntime",
        "ClusterStorageContainer", "ClusterTask", "ClusterTrainingRuntime", "ClusterWorkflowTemplate", "Cohort", "GPUCluster",
        "GlobalNetworkPolicy", "K8sPSPPrivilegedContainer", "NVIDIADriver", "NodeClaim", "NodePool", "Profile", "Queue", "ResourceFlavor",
        "SecurityContextConstraints", "ValidatingPolicy", "WorkloadPriorityClass",
    }
)  # fmt: skip
# Kinds whose name in paths is not formed as most are. Gatekeeper names the definition of a constraint after its kind in lower case:
# https://open-policy-agent.github.io/gatekeeper/website/docs/howto
_IRREGULAR = {"K8sPSPPrivilegedContainer": "k8spspprivilegedcontainer", "SecurityContextConstraints": "securitycontextconstraints"}


def plural(kind: str) -> str:
    """The name in paths: as most projects form it, or as the few form it that do not."""
    lower = kind.lower()
    if kind in _IRREGULAR:
        return _IRREGULAR[kind]
    if lower.endswith("y") and lower[-2] not in "aeiou":
        return f"{lower[:-1]}ies"
    return f"{lower}es" if lower.endswith(("s", "x", "ch")) else f"{lower}s"


def definition(group: str, kind: str, version: str, *more: str) -> dict[str, Any]:
    """A definition of a kind that accepts everything, in one version or several of which the first is stored."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural(kind)}.{group}",
            # Groups of Kubernetes' own domain are protected: https://github.com/kubernetes/enhancements/pull/1111
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": group,
            "scope": "Cluster" if kind in _CLUSTER_SCOPED else "Namespaced",
            "names": {"kind": kind, "plural": plural(kind)},
            "versions": [
                {"name": one, "served": True, "storage": one == version, "schema": schema} for one in dict.fromkeys((version, *more))
            ],
        },
    }


def define(testbed: Testbed, kinds: Iterable[tuple[str, str, str]]) -> None:
    """Define kinds (group, kind, version) and wait until they are served. What is defined already stays."""
    versions: dict[tuple[str, str], list[str]] = {}
    for group, kind, version in kinds:
        versions.setdefault((group, kind), []).append(version)
    if not versions:
        return
    testbed.apply(definition(group, kind, *found) for (group, kind), found in sorted(versions.items()))
    for (group, kind), found in versions.items():
        for version in found:
            path = f"/apis/{group}/{version}/{plural(kind)}"
            testbed.wait(f"{kind}.{group} is served", lambda path=path: testbed.client().get(path).status == 200)  # type: ignore[misc]
