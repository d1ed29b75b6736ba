"""What a cluster was asked for, and what it answered: the terms on which live objects may be called missing."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

__all__ = ["Listing", "NotListed", "Resource"]


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """A kind of object that an API server serves.

    Attributes:
        group, version, kind: as objects write them.
        plural: its name in paths.
        namespaced: its objects live in namespaces.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def name(self) -> str:
        """``jobs.batch``: how kubectl and RBAC name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """``batch/v1``: how objects name it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "") -> str:
        """The path that lists it, in one namespace or everywhere."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace and self.namespaced else f"{root}/{self.plural}"


@dataclass(frozen=True, slots=True, order=True)
class NotListed:
    """Something that should have been listed and could not.

    Attributes:
        resource: ``jobs.batch``.
        reason: why, in one sentence.
        group, kind: whose objects are not in view.
    """

    resource: str
    reason: str
    group: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """One reading of a cluster.

    Attributes:
        taken: when, in UTC, to the second. Ages are counted up to it.
        server: which cluster: the context's name, or the address.
        version: Kubernetes' major and minor number; None where the server does not say.
        namespace: the only namespace that was read; empty for all.
        listed: what was listed whole.
        not_listed: what was not, and why; sorted.
        asked: the kinds that were asked for, whether the server has them or not: of one that it does not serve, there is no object.
        requests: how many requests it took.
    """

    taken: datetime.datetime
    server: str
    version: tuple[int, int] | None
    namespace: str
    listed: tuple[Resource, ...]
    not_listed: tuple[NotListed, ...]
    asked: frozenset[tuple[str, str]]
    requests: int

    def complete_for(self, kind: str, group: str | None = None) -> bool:
        """Whether every object of that kind, of a group or of whatever group, is in view (of `namespace`, where only that was read)."""
        if group is not None:
            return (group, kind) in self.asked and not any((one.group, one.kind) == (group, kind) for one in self.not_listed)
        return any(one_kind == kind for _, one_kind in self.asked) and not any(one.kind == kind for one in self.not_listed)

    @property
    def whole(self) -> bool:
        """Whether all namespaces were read, so that what stands on a node is known."""
        return not self.namespace
