"""Live objects as the tests write them."""

from __future__ import annotations

import datetime
from typing import Any

from auditor.document import Document, ObjectRef
from auditor.listing import Listing

TEMPLATE: dict[str, Any] = {"spec": {"containers": [{"name": "main", "image": "ghcr.io/example/main:1.0"}]}}
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)


def listing() -> Listing:
    """Of a whole cluster in which nothing was refused."""
    return Listing(NOW, "test", (1, 36), "", (), (), frozenset({("", "Pod"), ("", "Node")}), 0)


def made(
    version: str,
    kind: str,
    name: str,
    spec: Any,
    *,
    owner: Document | None = None,
    owner_uid: str = "",
    references: Any = None,
    uid: str = "",
    namespace: str = "a",
    status: Any = None,
) -> Document:
    """An object as it was listed; ``references`` are its ownerReferences as they are, else ``owner`` is its controller."""
    metadata: dict[str, Any] = {"name": name, "uid": uid or f"uid-{name}"} | ({"namespace": namespace} if namespace else {})
    if owner is not None:
        references = [*_reference(owner), *(references or [])]
    if owner_uid:
        references = [{"apiVersion": version, "kind": kind, "name": "x", "uid": owner_uid, "controller": True}]
    if references is not None:
        metadata["ownerReferences"] = references
    group, _, served = version.rpartition("/")
    raw = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec} | ({"status": status} if status else {})
    return Document.of_cluster(ObjectRef(group, served, kind, namespace, name), raw)


def pod(
    name: str,
    owner: Document | None = None,
    *,
    image: str = "",
    containers: Any = None,
    spec: dict[str, Any] | None = None,
    more_owners: list[Any] | None = None,
    **more: Any,
) -> Document:
    """A pod, alike those of other names unless something is given."""
    containers = containers or [{"name": "main", "image": image or "ghcr.io/example/main:1.0"}]
    references = more.pop("references", more_owners)
    return made("v1", "Pod", name, {"containers": containers, **(spec or {})}, owner=owner, references=references, **more)


def _reference(owner: Document) -> list[dict[str, Any]]:
    raw = owner.raw
    return [{"apiVersion": raw["apiVersion"], "kind": raw["kind"], "name": owner.ref.name, "uid": owner.uid, "controller": True}]
