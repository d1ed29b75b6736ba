"""Who set a field of a live object: the person who applied it, a controller, or admission.

The API server notes for every field which manager set it (``metadata.managedFields``), and `kubectl apply` leaves what was applied in an
annotation. Both are large; what is kept of them is their shape, without values. What a mutating webhook or a default writes while an
object is created is booked to whoever creates it, so that only the annotation tells it from what was written.

Sources: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management ·
https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/#how-apply-calculates-differences-and-merges-changes
"""

from __future__ import annotations

import contextlib
import json
import marshal
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from auditor.document import Document, Path, along, mapping, sequence

__all__ = ["LAST_APPLIED", "packed", "provenance_of", "set_by", "unpacked"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_ADMISSION = "a default or an admission webhook"


def provenance_of(metadata: Mapping[str, Any]) -> bytes:
    """What is kept of who set which field of an object; empty where nothing is noted."""
    managers = [
        [str(entry.get("manager")), str(entry.get("time")), _without_status(mapping(entry.get("fieldsV1")))]
        for entry in map(mapping, sequence(metadata.get("managedFields")))
        if entry.get("subresource") != "status"
    ]
    text = mapping(metadata.get("annotations")).get(LAST_APPLIED)
    applied = None
    if isinstance(text, str):
        with contextlib.suppress(ValueError, RecursionError):  # somebody wrote the annotation by hand: it shows nothing
            applied = _shape(json.loads(text))
    managers.sort(key=lambda manager: (manager[1], manager[0]))
    return packed([applied, managers]) if applied is not None or len(managers) > 1 else b""


def packed(kept: Any) -> bytes:
    """What is kept, as bytes: the shape of what was applied, and managers, each with its name, a time and its fields; b"" for None.

    Raises:
        ValueError: it is something else, or nested too deeply.
    """
    if kept is None:
        return b""
    parts = list(sequence(kept))
    if len(parts) != 2 or not isinstance(parts[1], list) or any(list(map(type, sequence(one))) != [str, str, dict] for one in parts[1]):
        raise ValueError("that is not who set the fields of an object")
    return marshal.dumps(parts)


def unpacked(provenance: bytes) -> Any:
    """What `packed` made bytes of."""
    return marshal.loads(provenance) if provenance else None


def _without_status(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != "f:status"}


def _shape(value: Any) -> Any:
    """The keys of a value without what they hold, but for the names by which items of lists are told apart."""
    if isinstance(value, dict):
        return {key: child if key == "name" and isinstance(child, str) else _shape(child) for key, child in value.items()}
    return [_shape(child) for child in value] if isinstance(value, list) else None


@lru_cache(maxsize=64)
def _read(provenance: bytes) -> tuple[Any, list[list[Any]], frozenset[str]]:
    """The shape of what was applied, the managers, and which of them stand for whoever wrote the object."""
    applied, managers = marshal.loads(provenance)
    authors = {name for name, _, fields in managers if _ANNOTATION in mapping(mapping(fields.get("f:metadata")).get("f:annotations"))}
    if managers:
        # The largest, not the earliest: a manager's time moves whenever it changes something, and whoever wrote an object owns most of it.
        # Also beside the annotation, whose owner is left with nothing else once the object is applied on the server.
        authors.add(max(managers, key=lambda manager: _weight(manager[2]))[0])
    return applied, managers, frozenset(authors)


_ANNOTATION = f"f:{LAST_APPLIED}"


def _weight(fields: Mapping[str, Any]) -> int:
    """How many fields there are in a set, at all depths."""
    number, left = 0, [fields]
    while left:
        children = [child for child in left.pop().values() if isinstance(child, dict)]
        number += len(children)
        left += children
    return number


def set_by(document: Document, path: Path) -> str:
    """Who set a field, where that is somebody else than the person who wrote the object; empty otherwise, and where it is not known.

    Args:
        document: a live object.
        path: the field. One that does not exist was set by nobody.
    """
    if not document.provenance or not path:
        return ""
    nodes = along(document.raw, path)
    if nodes[-1] is None:
        return ""
    applied, managers, authors = _read(document.provenance)
    owners = [name for name, _, fields in managers if _owns(fields, path, nodes)]
    others = [name for name in owners if name not in authors]
    if applied is None or _holds(applied, path, nodes):
        # What was applied is no longer what is there, if whoever applied it does not own it any more: a new value takes a field away.
        return others[-1] if others and len(others) == len(owners) else ""
    return others[-1] if others else _ADMISSION


def _owns(fields: Mapping[str, Any], path: Path, nodes: list[Any]) -> bool:
    """Whether a set of fields contains the one at ``path``. A field without entries of its own is owned whole."""
    node = fields
    for step, value in zip(path, nodes[1:], strict=True):
        if not node:
            return True
        if isinstance(step, int):
            key = next((key for key in node if _is_item(key, step, value)), None)
        else:
            key = f"f:{step}" if f"f:{step}" in node else None
        if key is None:
            return False
        node = mapping(node[key])
    return not node or "." in node


def _is_item(key: str, index: int, value: Any) -> bool:
    """Whether a key of a set of fields (``k:{"name":"main"}``, ``v:"x"``, ``i:0``) stands for an item of a list."""
    sort, _, text = key.partition(":")
    if sort == "i":
        return text == str(index)
    if sort not in ("k", "v"):
        return False
    try:
        wanted = json.loads(text)
    except ValueError:
        return False
    if sort == "k" and isinstance(wanted, dict) and isinstance(value, dict):
        return all(value.get(name) == part for name, part in wanted.items())
    return bool(wanted == value)


def _holds(shape: Any, path: Path, nodes: list[Any]) -> bool:
    """Whether what was applied has the field at ``path``. Items of lists are found by their names, where they have any."""
    for step, value in zip(path, nodes[1:], strict=True):
        if isinstance(step, int):
            items = shape if isinstance(shape, list) else []
            name = mapping(value).get("name")
            if name is None:
                shape = items[step] if step < len(items) else None
            else:
                shape = next((item for item in items if mapping(item).get("name") == name), None)
            if shape is None and step < len(items) and not isinstance(value, dict | list):
                return True  # a plain value, whose shape is nothing
        elif isinstance(shape, dict) and step in shape:
            shape = shape[step]
            if not isinstance(value, dict | list):
                return True
        else:
            return False
        if shape is None:
            return False
    return True
