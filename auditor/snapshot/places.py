"""Where objects live: namespaces, folders that stand in for one, and what lives in none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from auditor.document import Document
from auditor.workload import Workload

__all__ = [
    "Namespace",
    "cluster_scoped",
    "is_development_namespace",
    "is_system_namespace",
    "namespaces_of",
    "same_branch",
    "same_namespace",
]

_CLUSTER_SCOPED = frozenset(
    {
        "Namespace", "PriorityClass", "WorkloadPriorityClass", "ClusterQueue", "StorageClass", "DeviceClass", "ClusterServingRuntime",
        "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "Cohort", "ResourceFlavor", "IngressClass", "Queue",
    }
)  # fmt: skip


def cluster_scoped(kind: str) -> bool:
    """Whether objects of a kind live in no namespace."""
    return kind in _CLUSTER_SCOPED


_SYSTEM = re.compile(r"kube-.+|.+-system|(nvidia-)?gpu-operator|node-feature-discovery")


def is_system_namespace(name: str) -> bool:
    """Whether a namespace belongs to the cluster or to an operator by its name."""
    return _SYSTEM.fullmatch(name) is not None


_NOT_PRODUCTION = re.compile(
    r"(?:^|[-_.])(dev|devel|develop|development|tests?|testing|stag|stage|staging|sandbox|demos?|qa|previews?)(?=$|[-_.\d])"
)


def is_development_namespace(name: str) -> bool:
    """Whether a namespace is there for development, tests or demonstrations, by a word of its name."""
    return _NOT_PRODUCTION.search(name) is not None


@dataclass(frozen=True, slots=True)
class Namespace:
    """Objects that live together.

    Attributes:
        name: the namespace; empty for objects that leave it to ``kubectl -n``. Those of one directory are taken to live together.
        documents: its objects, in the order of their files.
        workloads: those that yield pods.
    """

    name: str
    documents: tuple[Document, ...]
    workloads: tuple[Workload, ...]

    @property
    def system(self) -> bool:
        """It belongs to the cluster or to an operator, not to its users."""
        return is_system_namespace(self.name)

    def __str__(self) -> str:
        return f"namespace {self.name}" if self.name else f"the namespace of {self.documents[0].folder or 'this directory'}"


def namespaces_of(documents: Iterable[Document], workloads: Iterable[Workload], *, live: bool) -> tuple[Namespace, ...]:
    """Objects by the namespace they live in, in a stable order. In a live cluster, what names none lives in none."""
    members: dict[tuple[str, str], list[Document]] = {}
    for document in documents:
        if not live or document.ref.namespace:
            members.setdefault(_key(document), []).append(document)
    within: dict[tuple[str, str], list[Workload]] = {}
    for workload in workloads:
        within.setdefault(_key(workload.document), []).append(workload)
    return tuple(Namespace(key[0], tuple(members[key]), tuple(within.get(key, ()))) for key in sorted(members))


def _key(document: Document) -> tuple[str, str]:
    return (document.ref.namespace, "") if document.ref.namespace else ("", document.folder)


def same_namespace(one: Document, other: Document) -> bool:
    """Whether two objects live in one namespace. Where one does not say, those of one directory are taken to live together."""
    if one.ref.namespace and other.ref.namespace:
        return one.ref.namespace == other.ref.namespace
    return one.folder == other.folder


def same_branch(one: Document, other: Document) -> bool:
    """Whether the folder of one object is, or lies above or below, the folder of the other."""
    first, second = one.folder, other.folder
    return (
        first == second
        or (second + "/").startswith(first + "/" if first else "")
        or (first + "/").startswith(second + "/" if second else "")
    )
