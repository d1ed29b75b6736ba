"""Where live objects come from: discovery, then a list of every kind that a rule may ask for, a few at a time.

Secrets are never listed. ConfigMaps are not either: those that rules name are read one by one.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, TypeVar

from auditor.document import Document, mapping
from auditor.errors import SourceError, UsageError
from auditor.listing import Listing, NotListed, Resource
from auditor.source.cluster.answers import Refused
from auditor.source.cluster.connection import MAX_IN_FLIGHT, Connection
from auditor.source.cluster.context import CONFIG_MAPS, CONTEXT
from auditor.source.cluster.discovery import discover
from auditor.source.cluster.kubeconfig import connect
from auditor.source.cluster.pages import live_document, objects_of

__all__ = ["CONFIG_MAPS", "CONTEXT", "Connection", "Live", "connect", "missing_access", "read_cluster"]

Live = tuple[list[Document], Listing]
_Progress = Callable[[int, int], None] | None
_Kind = tuple[str, str]
_Answer = TypeVar("_Answer")
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
        UsageError: no namespace can have that name.
        SourceError: the server cannot be reached, or not in time.
    """
    _check(namespace)
    with connection:
        return _read(connection, {*workloads, *CONTEXT}, namespace, now, progress)


def _read(connection: Connection, asked: set[_Kind], namespace: str, now: datetime.datetime | None, progress: _Progress) -> Live:
    version = _version(connection)
    served, not_listed = _served(connection, asked)
    documents: list[Document] = []
    listed: list[Resource] = []

    def objects(resource: Resource) -> list[Document]:
        return objects_of(connection, resource, namespace)

    def take(kinds: Collection[_Kind]) -> None:
        for resource, found in _each(connection, objects, [served[kind] for kind in sorted(kinds, key=_longest_first)], progress):
            kind = (resource.group, resource.kind)
            if not isinstance(found, Refused):
                documents.extend(found)
                listed.append(resource)
            elif kind in asked or found.status not in _NOT_OURS:
                not_listed.append(NotListed(resource.name, found.reason, *kind))

    take(asked & served.keys())
    # What nobody can name in a role beforehand may be refused: its pods are there, and stand for it. Owners may have owners of their own.
    tried = set(asked)
    while owners := _unknown_owners(documents, served, tried):
        tried |= owners
        take(owners)
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
        UsageError: no namespace can have that name.
        SourceError: the server cannot be reached.
    """
    _check(namespace)
    granted: list[Resource] = []

    def ask(resource: Resource) -> Any:
        return connection.get(resource.path(namespace), {"limit": 1})

    with connection:
        asked = {*workloads, *CONTEXT}
        served, missing = _served(connection, asked)
        resources = [served[kind] for kind in sorted(asked & served.keys())]
        answers = dict(_each(connection, ask, resources))
        for resource in resources:
            answer = answers[resource]
            if isinstance(answer, Refused):
                missing.append(NotListed(resource.name, answer.reason, resource.group, resource.kind))
            else:
                granted.append(resource)
    return granted, missing


def _longest_first(kind: _Kind) -> tuple[bool, _Kind]:
    """Pods are most of what is listed, and their pages come one after the other, however many requests others make meanwhile."""
    return kind != ("", "Pod"), kind


def _check(namespace: str) -> None:
    """A name becomes a part of paths, and must not be able to become more."""
    if namespace and not re.fullmatch("[a-z0-9]([-a-z0-9]{,61}[a-z0-9])?", namespace):
        raise UsageError(f"no namespace can be called {namespace!r}", "`kubectl get namespaces` lists them")


def _served(connection: Connection, asked: Collection[_Kind]) -> tuple[dict[_Kind, Resource], list[NotListed]]:
    """What the API server serves, and what is asked for of APIs that do not answer now."""
    try:
        served, down = discover(connection)
    except Refused as refused:
        message = f"{connection.host} does not say what it serves: {refused.reason}"
        raise SourceError(message, _NO_DISCOVERY.get(refused.status, "try again later")) from None
    unknown = [
        NotListed(f"{kind}.{group}", down[group], group, kind) for group, kind in asked if group in down and (group, kind) not in served
    ]
    return served, unknown


_NO_DISCOVERY = {403: "the account needs the ClusterRole system:discovery", 404: "check the server in the kubeconfig"}


def _each(
    connection: Connection, ask: Callable[[Resource], _Answer], resources: list[Resource], progress: _Progress = None
) -> Iterator[tuple[Resource, _Answer | Refused]]:
    """What is answered for each resource, as it comes, a few at a time. Whatever ends this, nothing goes on behind it."""

    def answer(resource: Resource) -> _Answer | Refused:
        try:
            return ask(resource)
        except Refused as refused:
            return refused

    threads = ThreadPoolExecutor(MAX_IN_FLIGHT)
    try:
        asked = {threads.submit(answer, resource): resource for resource in resources}
        for done, future in enumerate(as_completed(asked), start=1):
            yield asked[future], future.result()
            if progress:
                progress(done, len(resources))
    except BaseException:
        connection.end(SourceError(f"{connection.host}: interrupted"))
        raise
    finally:
        threads.shutdown(cancel_futures=True)


def _unknown_owners(documents: list[Document], served: Mapping[_Kind, Resource], asked: Collection[_Kind]) -> set[_Kind]:
    """Kinds that nobody listed in the table, and that own pods: what a person edits is one of their objects."""
    found = {(document.owner.group, document.owner.kind) for document in documents if document.owner is not None}
    return {kind for kind in found if kind in served and kind not in asked and kind not in _NEVER}


_NOT_OURS = (403, 404, 405)  # answers to a question that nobody was bound to ask
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
            if mapping(mapping(item).get("metadata")).get("name") == name:
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
