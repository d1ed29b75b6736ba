"""Who an object is, and which controller made it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.document.values import mapping, sequence

__all__ = ["ObjectRef", "Owner", "identity"]


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """Who an object is. ``namespace`` is empty where the object does not say it: that is *not* ``default``."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller that made a live object, as the object names it.

    Attributes:
        version, kind, name: who it is; each empty where the object does not say it in words. ``version`` is ``apps/v1``.
        uid: what tells it from one of the same name that was there before.

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
    """

    version: str
    kind: str
    name: str
    uid: str

    @property
    def group(self) -> str:
        """The group of `version`; empty for Kubernetes' core."""
        return self.version.rpartition("/")[0]


def identity(raw: Mapping[str, Any]) -> tuple[str, Owner | None]:
    """The uid of an object, and the one among its owners that made it and keeps it as it is. A node that runs a static pod made nothing."""
    metadata = mapping(raw.get("metadata"))
    uid = _text(metadata.get("uid"))
    for owner in map(mapping, sequence(metadata.get("ownerReferences"))):
        if owner.get("controller") is True and owner.get("kind") != "Node":
            version, kind, name, owners_uid = (_text(owner.get(field)) for field in ("apiVersion", "kind", "name", "uid"))
            return uid, Owner(sys.intern(version), sys.intern(kind), name, owners_uid)
    return uid, None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
