"""Lists of objects, page by page, cut down to what is kept.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from auditor.document import Document, ObjectRef, mapping, sequence
from auditor.listing import Resource
from auditor.provenance import LAST_APPLIED, provenance_of
from auditor.source.cluster.answers import Expired, Refused
from auditor.source.cluster.connection import Connection, Reader

__all__ = ["PAGE", "live_document", "objects_of"]

PAGE = 500
_RESTARTS = 3
# The metadata of a list, as built-in kinds write it; custom resources write it behind the items.
_TOKEN = re.compile(rb'\{"kind":"\w+","apiVersion":"[\w./]+","metadata":\{"resourceVersion":"\d+","continue":"([\w=-]+)"')
# Decoding a page holds the interpreter for some 20 ms. The thread that is to ask for the next one needs this long to send its request.
_HAND_OVER = 0.001
_AHEAD = 2  # one is decoded, and one is on its way

_Page = tuple[list[Document], object]  # its objects, and the token of the next

_METADATA = frozenset(
    {
        "name", "generateName", "namespace", "labels", "annotations", "uid", "creationTimestamp", "deletionTimestamp", "ownerReferences",
        "finalizers",
    }
)  # fmt: skip
# What is kept of the status beside plain values and conditions; the rest is most of what a live object weighs.
_STATUS = {
    "Pod": ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses", "resourceClaimStatuses"),
    "Node": ("capacity", "allocatable"),
    "ResourceQuota": ("hard", "used"),
    "PersistentVolumeClaim": ("capacity", "accessModes"),
    "ResourceClaim": ("allocation", "reservedFor"),
    "RayCluster": ("desiredGPU",),
    "ClusterQueue": ("flavorsReservation", "flavorsUsage"),
    "CustomResourceDefinition": (),
}
_CONTAINER_STATUS = ("name", "ready", "restartCount", "state", "lastState")


def objects_of(connection: Connection, resource: Resource, namespace: str) -> list[Document]:
    """All objects of a resource.

    Args:
        connection: to the API server.
        resource: what to list.
        namespace: only there; empty for everywhere.

    Raises:
        Refused: it may not be listed, what comes is no list, or the list expires faster than it can be read.
        SourceError: the server cannot be reached.
    """
    for _ in range(_RESTARTS):
        with contextlib.suppress(Expired):
            return _listed(connection, resource, namespace)
    raise Refused(410, f"the list expired {_RESTARTS} times before its end")


def _listed(connection: Connection, resource: Resource, namespace: str) -> list[Document]:
    with ThreadPoolExecutor(_AHEAD) as threads:
        pages = _Pages(connection, resource, namespace, threads)
        documents, token = pages.page("")
        asked: set[str] = set()
        while token:
            if not isinstance(token, str) or token in asked:
                raise Refused(200, "its list does not go on where it should")
            asked.add(token)
            more, token = pages.ahead[token].result() if token in pages.ahead else pages.page(token)
            documents += more
    return documents


class _Pages(Reader):
    """The pages of one list. While one is decoded, which takes as long as to make it, the API server works on the next: its token stands
    at the beginning.

    Attributes:
        ahead: pages that were asked for before anybody wanted them, by token.
    """

    def __init__(self, connection: Connection, resource: Resource, namespace: str, threads: Executor) -> None:
        self._connection, self._resource, self._path, self._threads = connection, resource, resource.path(namespace), threads
        self.ahead: dict[object, Future[_Page]] = {}

    def page(self, token: str) -> _Page:
        query: dict[str, str | int] = {"limit": PAGE, **({"continue": token} if token else {})}
        found: _Page = self._connection.get(self._path, query, reader=self)
        return found

    def arrived(self, body: bytes) -> None:
        found = _TOKEN.match(body)
        if found and (token := found[1].decode()) not in self.ahead:
            self.ahead[token] = self._threads.submit(self.page, token)
            time.sleep(_HAND_OVER)

    def kept(self, answer: Any) -> _Page:
        fields = mapping(answer)
        return [live_document(item, self._resource) for item in _items(fields)], mapping(fields.get("metadata")).get("continue")


def _items(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = answer.get("items", "")
    if items is None and str(answer.get("kind")).endswith("List"):
        items = []  # how Go writes a list that nobody made
    if not isinstance(items, list) or not all(map(_is_object, items)):
        raise Refused(200, "what it answers is no list of objects")
    return items


def _is_object(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(mapping(item.get("metadata")).get("name"), str)


def live_document(item: dict[str, Any], resource: Resource) -> Document:
    """An object as a list holds it, which leaves out apiVersion and kind, without what no rule reads."""
    given = mapping(item.get("metadata"))
    metadata = {key: value for key, value in given.items() if key in _METADATA}
    annotations = mapping(metadata.get("annotations"))
    if LAST_APPLIED in annotations:
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    raw = {"apiVersion": resource.api_version, "kind": resource.kind, **item, "metadata": metadata}
    raw.pop("status", None)
    status = _status(item.get("status"), resource.kind)
    if status:
        raw["status"] = status
    namespace, name = str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
    ref = ObjectRef(resource.group, resource.version, resource.kind, namespace, name)
    made = any(mapping(owner).get("controller") for owner in sequence(metadata.get("ownerReferences")))
    return Document.of_cluster(ref, raw, b"" if made else provenance_of(given))


def _status(status: Any, kind: str) -> dict[str, Any]:
    """Plain values, conditions, and what `_STATUS` names."""
    wanted = ("conditions", *_STATUS.get(kind, ()))
    kept = {key: value for key, value in mapping(status).items() if key in wanted or not isinstance(value, dict | list)}
    for key, value in kept.items():
        if key.endswith("ontainerStatuses"):
            kept[key] = [{name: mapping(one).get(name) for name in _CONTAINER_STATUS if name in mapping(one)} for one in sequence(value)]
    return kept
