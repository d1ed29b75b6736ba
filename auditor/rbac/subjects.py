"""Whom a binding names, and on whose side they stand: Kubernetes, its operators, people, or the workloads of users."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from auditor.document import Document, is_placeholder, sequence
from auditor.snapshot import is_system_namespace, same_branch

__all__ = ["Standing", "Subject", "is_software", "subjects_of"]

_ACCOUNT_USER = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
_ACCOUNTS = "system:serviceaccounts"
_EVERYBODY = frozenset({_ACCOUNTS, "system:authenticated", "system:unauthenticated"})

# What installs and what runs a cluster: namespaces by name, and the names that ServiceAccounts of operators have.
_CONTROL_PLANE = frozenset({"kube-system", "kube-public", "kube-node-lease"})
_INSTALLERS = re.compile(
    r"argocd|argo-cd|openshift-gitops|flux(-system)?|(cattle|fleet|rancher)(-.+)?|crossplane-system|tiller|openshift-.+|gitlab-(agent|runner)s?"
)
_OPERATORS = re.compile(
    r"cert-manager|ingress-nginx|karpenter|keda|kserve|knative-(serving|eventing)|external-(secrets|dns)|local-path-storage|metallb|velero"
    r"|kyverno|gatekeeper|calico-.+|tigera-.+|cilium|rook-ceph|longhorn|openebs|volcano|kuberay|spark-operator|nvidia|nvidia-dra-driver-gpu"
    r"|node-feature-discovery|monitoring|prometheus|vault|traefik|linkerd|nfs-.+|csi-.+|amazon-.+|azure-.+|gke-.+"
)
_OPERATOR_NAME = re.compile(
    r"(^|[-_.])(operators?|controllers?|manager|webhooks?|provisioner|scheduler|autoscaler|admission|driver|plugin|installer|reconciler"
    r"|kubeletplugin|cainjector|injector|kube-state-metrics|prometheus[\w-]*|cert-?gen|kyverno|tiller|velero|istiod|kindnet|coredns|web-app)"
    r"($|[-_.](sa|service-?account|service|account)$)"
    r"|^(kuberay|kueue|volcano|nvidia|kserve|hami|katib|karpenter)-(?!.*(user|notebook|runner|workflow|editor))"
    r"|^(ml-pipeline|kubeflow-pipelines|centraldashboard|profiles-)|^hub$"
)


def is_software(name: str) -> bool:
    """Whether a name is one that operators and installers give to themselves, rather than one that users give."""
    return bool(_OPERATOR_NAME.search(name) or _OPERATORS.fullmatch(name) or _INSTALLERS.fullmatch(name))


class Standing(Enum):
    """Whose side a subject is on."""

    WORKLOAD = "a ServiceAccount of users"
    EVERYBODY = "a group of everybody"
    OPERATOR = "an operator"
    INSTALLER = "what installs the cluster's software"
    SYSTEM = "Kubernetes"
    PEOPLE = "people"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject of a binding.

    Attributes:
        kind: ``ServiceAccount``, ``User`` or ``Group``; a User that stands for a ServiceAccount is one.
        name: empty where it cannot be known.
        namespace: of a ServiceAccount, or of the group of one namespace's ServiceAccounts; else empty.
        index: its number in the binding.
        document: the binding.
    """

    kind: str
    name: str
    namespace: str
    index: int
    document: Document

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.kind == "ServiceAccount" and self.namespace else ""
        return f"{'the group' if self.kind == 'Group' else self.kind} {where}{self.name}"

    @property
    def standing(self) -> Standing:
        """Whose side it is on, as far as names tell."""
        if not self.name or self.kind not in ("ServiceAccount", "User", "Group"):
            return Standing.UNKNOWN
        if self.kind != "ServiceAccount":
            if self.name in _EVERYBODY or self.name.startswith(f"{_ACCOUNTS}:"):
                return Standing.SYSTEM if self.namespace in _CONTROL_PLANE else Standing.EVERYBODY
            return Standing.SYSTEM if self.name.startswith("system:") else Standing.PEOPLE
        if self.namespace in _CONTROL_PLANE:
            return Standing.SYSTEM
        if _INSTALLERS.fullmatch(self.namespace):
            return Standing.INSTALLER
        foreign = is_system_namespace(self.namespace) or _OPERATORS.fullmatch(self.namespace) or _OPERATOR_NAME.search(self.name)
        return Standing.OPERATOR if foreign else Standing.WORKLOAD

    def is_account(self, name: str, document: Document) -> bool:
        """Whether it is, or holds, the ServiceAccount of that name in the namespace of an object."""
        namespace = document.ref.namespace
        if self.kind == "ServiceAccount" and self.name != name:
            return False
        if self.kind != "ServiceAccount" and self.name not in ("system:authenticated", _ACCOUNTS) and not self.namespace:
            return False
        if self.namespace and namespace:
            return self.namespace == namespace
        return same_branch(self.document, document)  # also for groups of all: files of another project are another cluster


def subjects_of(binding: Document) -> Iterator[Subject]:
    """The subjects that a binding names."""
    for index, entry in enumerate(sequence(binding.raw.get("subjects"))):
        if not isinstance(entry, dict):
            continue
        kind, name, namespace = entry.get("kind"), _known(entry.get("name")), _known(entry.get("namespace"))
        account = _ACCOUNT_USER.fullmatch(name) if kind == "User" else None
        if account:
            kind, namespace, name = "ServiceAccount", account[1], account[2]
        elif kind == "ServiceAccount":
            namespace = namespace or binding.ref.namespace
        else:
            namespace = name.removeprefix(f"{_ACCOUNTS}:") if name.startswith(f"{_ACCOUNTS}:") else ""
        yield Subject(kind if isinstance(kind, str) else "", name, namespace, index, binding)


def _known(value: object) -> str:
    return value if isinstance(value, str) and not is_placeholder(value) else ""
