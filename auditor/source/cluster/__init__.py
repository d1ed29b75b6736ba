"""Where live objects come from: discovery, then a list of every kind that a rule may ask for, a few at a time.

Secrets are never listed. ConfigMaps are not either: those that rules name are read one by one.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from auditor.document import Document, mapping, sequence
from auditor.errors import SourceError
from auditor.listing import Listing, NotListed, Resource
from auditor.source.cluster.connection import MAX_IN_FLIGHT, Connection, Refused
from auditor.source.cluster.context import CONFIG_MAPS, CONTEXT
from auditor.source.cluster.discovery import discover
from auditor.source.cluster.kubeconfig import connect
from auditor.source.cluster.pages import live_document, objects_of

__all__ = ["CONFIG_MAPS", "CONTEXT", "Connection", "Live", "connect", "missing_access", "read_cluster"]

Live = tuple[list[Document], Listing]
_Progress = Callable[[int, int], None] | None
_Kind = tuple[str, str]
_CONFIG_MAP = Resource("", "v1", "ConfigMap", "configmaps", True)


def read_cluster(
    connection: Connection,
    workloads: Collection[_Kind],
    *,
    namespace: str = "",
    now: datetime.datetime | None = None,
    progress: _Progress = None,
) -> Live:
    """List a cluster.

    Args:
        connection: see `connect`.
        workloads: group and kind of what yields pods; what rules need beside it is `CONTEXT`.
        namespace: only objects of this namespace, and what lives in none; empty for all.
        now: the time up to which ages are counted.
        progress: called with the number of kinds listed so far and in all.

    Returns:
        the objects, sorted, and what was listed.

    Raises:
        SourceError: the server cannot be reached, or not in time.
    """
    version = _version(connection)
    served = _served(connection)
    asked = {*workloads, *CONTEXT}
    documents: list[Document] = []
    listed: list[Resource] = []
    not_listed: list[NotListed] = []

    def take(kinds: Collection[_Kind]) -> None:
        for resource, found in _listed(connection, [served[kind] for kind in sorted(kinds)], namespace, progress):
            kind = (resource.group, resource.kind)
            if not isinstance(found, str):
                documents.extend(found)
                listed.append(resource)
            elif kind in asked:
                not_listed.append(NotListed(resource.name, found, *kind))

    take(asked & served.keys())
    # What nobody can name in a role beforehand may be refused: its pods are there, and stand for it.
    take(_unknown_owners(documents, served, asked))
    asked.update((resource.group, resource.kind) for resource in listed)
    documents += _config_maps(connection, served, namespace)
    documents.sort(key=lambda document: (document.ref.kind, document.ref.namespace, document.ref.name, document.ref.group))
    taken = (now or datetime.datetime.now(datetime.UTC)).replace(microsecond=0)
    listing = Listing(
        taken, connection.name, version, namespace, tuple(sorted(listed)), tuple(sorted(not_listed)), frozenset(asked), connection.requests
    )
    return documents, listing


def missing_access(connection: Connection, workloads: Collection[_Kind], namespace: str = "") -> tuple[list[Resource], list[NotListed]]:
    """What may be listed of all that `read_cluster` would list, and what not, found by asking for one object of each.

    Raises:
        SourceError: the server cannot be reached.
    """
    served = _served(connection)
    wanted = [served[kind] for kind in sorted({*workloads, *CONTEXT} & served.keys())]
    granted: list[Resource] = []
    missing: list[NotListed] = []

    def ask(resource: Resource) -> str:
        try:
            connection.get(resource.path(namespace), {"limit": 1})
        except Refused as refused:
            return refused.reason
        return ""

    with ThreadPoolExecutor(MAX_IN_FLIGHT) as threads:
        for resource, reason in zip(wanted, threads.map(ask, wanted), strict=True):
            if reason:
                missing.append(NotListed(resource.name, reason, resource.group, resource.kind))
            else:
                granted.append(resource)
    return granted, missing


def _served(connection: Connection) -> dict[_Kind, Resource]:
    try:
        return discover(connection)
    except Refused as refused:
        message = f"{connection.host} does not say what it serves: {refused.reason}"
        raise SourceError(message, "the account needs the ClusterRole system:discovery") from None


def _listed(
    connection: Connection, resources: list[Resource], namespace: str, progress: _Progress
) -> Iterable[tuple[Resource, list[Document] | str]]:
    """The objects of each resource, or why there are none to see."""

    def objects(resource: Resource) -> list[Document] | str:
        try:
            return objects_of(connection, resource, namespace)
        except Refused as refused:
            return refused.reason

    threads = ThreadPoolExecutor(MAX_IN_FLIGHT)
    try:
        for done, (resource, found) in enumerate(zip(resources, threads.map(objects, resources), strict=True), start=1):
            yield resource, found
            if progress:
                progress(done, len(resources))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _unknown_owners(documents: list[Document], served: Mapping[_Kind, Resource], asked: Collection[_Kind]) -> set[_Kind]:
    """Kinds that nobody listed in the table, and that own pods: what a person edits is one of their objects."""
    found = set()
    for document in documents:
        for owner in map(mapping, sequence(mapping(document.raw.get("metadata")).get("ownerReferences"))):
            version, kind = owner.get("apiVersion"), owner.get("kind")
            if owner.get("controller") and isinstance(version, str) and isinstance(kind, str):
                found.add((version.rpartition("/")[0], kind))
    return {kind for kind in found if kind in served and kind not in asked and kind not in _NEVER}


_NEVER = frozenset({("", "Secret"), ("", "ConfigMap"), ("", "Event"), ("events.k8s.io", "Event")})


def _config_maps(connection: Connection, served: Mapping[_Kind, Resource], namespace: str) -> list[Document]:
    """The few ConfigMaps whose content rules look at, where what they configure is there."""
    found = []
    groups = {group for group, _ in served}
    for group, where, name in CONFIG_MAPS:
        if group in groups and namespace in ("", where):
            try:
                item = connection.get(f"{_CONFIG_MAP.path(where)}/{name}")
            except Refused:
                continue  # it is not there, or not ours to read: rules take it for unknown
            if isinstance(item, dict):
                found.append(live_document(item, _CONFIG_MAP))
    return found


def _version(connection: Connection) -> tuple[int, int] | None:
    try:
        answer = mapping(connection.get("/version"))
    except Refused:
        return None
    if "gitVersion" not in answer:
        raise SourceError(f"{connection.host} is no Kubernetes API server", "check the server in the kubeconfig")
    major, minor = str(answer.get("major")), str(answer.get("minor")).rstrip("+")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None
