"""What an API server serves: each resource once, at the version it prefers.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api (aggregated discovery, stable since 1.30).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.document import mapping, sequence
from auditor.errors import SourceError
from auditor.listing import Resource
from auditor.source.cluster.answers import Refused
from auditor.source.cluster.connection import Connection

__all__ = ["discover"]

_AGGREGATED = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)


def discover(connection: Connection) -> tuple[dict[tuple[str, str], Resource], dict[str, str]]:
    """Every resource that can be listed, by group and kind, at the preferred version of its group; and groups that do not answer now.

    Returns:
        the resources; and for each group some version of which is unknown, since the server behind it is down, the reason.

    Raises:
        SourceError: the server cannot be reached or is none.
        Refused: discovery is not allowed.
    """
    found: dict[tuple[str, str], Resource] = {}
    down: dict[str, str] = {}
    for root, names in (("/api", "versions"), ("/apis", "groups")):
        answer = mapping(connection.get(root, accept=_AGGREGATED))
        aggregated = answer.get("kind") == "APIGroupDiscoveryList"
        if not isinstance(answer.get("items" if aggregated else names), list):
            raise SourceError(
                f"{connection.host} is no Kubernetes API server: it does not say what it serves", "check the server in the kubeconfig"
            )
        for resource, verbs in _aggregated(answer, down) if aggregated else _one_by_one(connection, root, answer, down):
            if "list" in verbs:
                found.setdefault((resource.group, resource.kind), resource)
    return found, down


_Entry = tuple[Resource, frozenset[str]]


def _aggregated(answer: Mapping[str, Any], down: dict[str, str]) -> Iterator[_Entry]:
    """Groups with their versions, the preferred first, and the resources of each."""
    for group in map(mapping, sequence(answer.get("items"))):
        name = str(mapping(group.get("metadata")).get("name", ""))
        for version in map(mapping, sequence(group.get("versions"))):
            if version.get("freshness") == "Stale":
                down[name] = "the server of this API does not answer"
            for entry in map(mapping, sequence(version.get("resources"))):
                kind, plural = mapping(entry.get("responseKind")).get("kind"), entry.get("resource")
                if isinstance(kind, str) and isinstance(plural, str):
                    yield Resource(name, str(version.get("version")), kind, plural, entry.get("scope") == "Namespaced"), _verbs(entry)


def _one_by_one(connection: Connection, root: str, answer: Mapping[str, Any], down: dict[str, str]) -> Iterator[_Entry]:
    """Discovery of servers before 1.27: one request for each group and version."""
    for group, version in _versions(root, answer):
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        try:
            resources = sequence(mapping(connection.get(path)).get("resources"))
        except Refused as refused:  # an aggregated API whose server is down: nothing of it can be listed either
            down[group] = refused.reason
            continue
        for entry in map(mapping, resources):
            kind, plural = entry.get("kind"), entry.get("name")
            if isinstance(kind, str) and isinstance(plural, str) and "/" not in plural:
                yield Resource(group, version, kind, plural, entry.get("namespaced") is True), _verbs(entry)


def _versions(root: str, answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if root == "/api":
        yield from (("", str(version)) for version in sequence(answer.get("versions")))
        return
    for group in map(mapping, sequence(answer.get("groups"))):
        preferred = mapping(group.get("preferredVersion")).get("version")
        served = [str(mapping(version).get("version")) for version in sequence(group.get("versions"))]
        yield from ((str(group.get("name")), version) for version in sorted(served, key=lambda version: version != preferred))


def _verbs(entry: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(map(str, sequence(entry.get("verbs"))))
