"""What the fields of a workload, of an object and of the snapshot hold. `Unknown` may stand anywhere in them."""

from __future__ import annotations

from auditor.document import Document, Unknown
from auditor.snapshot import Snapshot
from auditor.workload import Role, Workload

__all__ = [
    "api_version",
    "kind",
    "kinds",
    "live",
    "name_of_object",
    "names",
    "namespace",
    "namespaces",
    "role",
    "templates",
    "version",
    "whole",
]

# Of all kinds together, that an expression may look through.
MAX_NAMES = 5_000


def api_version(workload: Workload) -> object:
    """Group and version."""
    ref = workload.ref
    return f"{ref.group}/{ref.version}" if ref.group else ref.version


def kind(workload: Workload) -> object:
    """The kind."""
    return workload.ref.kind


def name_of_object(workload: Workload) -> object:
    """The name."""
    return workload.ref.name


def namespace(workload: Workload) -> object:
    """The namespace; unknown where the object holds something to be filled in, which a reference leaves out."""
    written = workload.metadata.get("namespace")
    return Unknown(str(written)[:60], "placeholder") if written and not workload.ref.namespace else workload.ref.namespace


def role(workload: Workload) -> object:
    """What it is there for, if that is known with at least medium certainty."""
    return str(workload.role if workload.is_role(workload.role) else Role.UNKNOWN)


def templates(workload: Workload) -> object:
    """The pods it yields."""
    return list(workload.templates)


def whole(document: Document) -> object:
    """The object as written."""
    return document.raw


# -- the snapshot -------------------------------------------------------------------------------------------------------------------------


def live(snapshot: Snapshot) -> object:
    """Whether it is a cluster."""
    return snapshot.listing is not None


def version(snapshot: Snapshot) -> object:
    """Of Kubernetes."""
    return ".".join(map(str, snapshot.kubernetes_version))


def namespaces(snapshot: Snapshot) -> object:
    """Names of namespaces."""
    return snapshot.derived(_namespaces)


def kinds(snapshot: Snapshot) -> object:
    """Objects by kind."""
    return snapshot.derived(_kinds)


def names(snapshot: Snapshot) -> object:
    """Names by kind; unknown where they are too many."""
    return Unknown("", "too many objects") if len(snapshot.documents) > MAX_NAMES else snapshot.derived(_names)


def _namespaces(snapshot: Snapshot) -> list[str]:
    found = {one.ref.namespace for one in snapshot.documents} | {one.ref.name for one in snapshot.by_kind("Namespace", "")}
    return sorted(found - {""})


def _kinds(snapshot: Snapshot) -> dict[str, int]:
    return {key: len(found) for key, found in snapshot.derived(_names).items()}


def _names(snapshot: Snapshot) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for document in snapshot.documents:
        found.setdefault(document.ref.kind, []).append("/".join(filter(None, (document.ref.namespace, document.ref.name))))
    return found
