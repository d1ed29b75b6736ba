"""Kubernetes' own kinds, with those of OpenShift and of old manifests that have the same shape, and the kinds that carry other objects.

The API server validates its own kinds when they are applied; every other kind in the table is validated by its operator, or not at all.
A DaemonSet has one pod on each node that suits it, which no manifest counts.

Sources: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/ and, for counts that are not set,
https://kubernetes.io/docs/concepts/workloads/controllers/; https://docs.redhat.com/en/documentation/openshift_container_platform for
DeploymentConfig and Template. Read in August 2026.
"""

from __future__ import annotations

from auditor.kinds.model import Embedded, Kind, Template

__all__ = ["KINDS"]

_REPLICAS = Template("spec.template.spec", pods="spec.replicas=1")
_ONE_PER_NODE = Template("spec.template.spec", pods="unknown")


def _replicated(group: str, kind: str) -> Kind:
    return Kind(group, kind, (_REPLICAS,), validated=True)


KINDS = (
    Kind("", "Pod", (Template("spec"),), validated=True),
    Kind("", "PodTemplate", (Template("template.spec"),), validated=True, incomplete=True),
    _replicated("", "ReplicationController"),
    _replicated("apps", "Deployment"),
    _replicated("apps", "ReplicaSet"),
    _replicated("apps", "StatefulSet"),
    Kind("apps", "DaemonSet", (_ONE_PER_NODE,), validated=True),
    Kind("batch", "Job", (Template("spec.template.spec", pods="spec.parallelism=1"),), job=True, validated=True),
    Kind(
        "batch", "CronJob",
        (Template("spec.jobTemplate.spec.template.spec", pods="spec.jobTemplate.spec.parallelism=1"),),
        job=True, validated=True,
    ),
    # Removed from Kubernetes in 1.16, and still written: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#v1-16
    _replicated("extensions", "Deployment"),
    _replicated("extensions", "ReplicaSet"),
    Kind("extensions", "DaemonSet", (_ONE_PER_NODE,), validated=True),
    Kind("apps.openshift.io", "DeploymentConfig", (_REPLICAS,), framework="openshift"),
    # Objects that carry others.
    Kind("", "List", embeds=(Embedded("items[]"),)),
    Kind("template.openshift.io", "Template", framework="openshift", embeds=(Embedded("objects[]"),)),
    Kind("", "Template", framework="openshift", embeds=(Embedded("objects[]"),)),
)  # fmt: skip
