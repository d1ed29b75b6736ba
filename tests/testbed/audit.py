"""The API server's own record of who asked for what: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.client import Client
from tests.testbed.daemons import wait_until

WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One request. A watch gives two: when it begins (``ResponseStarted``), and when it ends (``ResponseComplete``)."""

    user: str
    verb: str  # of RBAC for objects, of HTTP in lower case for other paths
    group: str
    resource: str  # with its subresource: pods/status; empty for other paths
    namespace: str
    name: str
    uri: str
    code: int
    stage: str
    agent: str
    received: str  # when, to the microsecond; such texts sort by time
    answered: str

    @property
    def writes(self) -> bool:
        """It asked for a change. Reviews of access are created but not stored, and do not count."""
        return self.verb in (WRITING | {"post", "put"}) and self.group not in ("authorization.k8s.io", "authentication.k8s.io")


def read_events(log: Path, client: Client, user: str) -> list[AuditEvent]:
    """Read the log, once everything is in it that was answered before this call: a request of our own marks the place."""
    marker = secrets.token_hex(8)
    client.get("/version", marker=marker)
    wait_until("the audit log is written", lambda: marker.encode() in _end(log), timeout=10)
    with log.open(encoding="utf-8") as lines:  # a line without its end is still being written
        events = [_event(json.loads(line)) for line in lines if f'"username":"{user}' in line and marker not in line and line[-1] == "\n"]
    return [event for event in events if not user or event.user == user]


def _end(log: Path) -> bytes:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1_000_000))
        return file.read()


def _event(line: dict[str, Any]) -> AuditEvent:
    reference = line.get("objectRef", {})
    subresource = reference.get("subresource")
    return AuditEvent(
        user=line["user"]["username"],
        verb=line["verb"],
        group=reference.get("apiGroup", ""),
        resource=reference.get("resource", "") + (f"/{subresource}" if subresource else ""),
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        uri=line["requestURI"],
        code=line.get("responseStatus", {}).get("code", 0),
        stage=line["stage"],
        agent=line.get("userAgent", ""),
        received=line["requestReceivedTimestamp"],
        answered=line["stageTimestamp"],
    )
