"""`mlaudit cluster` on a live cluster, against fetching the same pages raw.

The promise is for 10,000 pods; with fewer, the start of Python and of the rules weighs more.

Raw means: the lists that mlaudit asked for, by the API server's own record, page by page, one request after the other over one connection,
with the same ``limit`` and compressed as mlaudit asks for them. What comes is thrown away without being unpacked or decoded, and Python's
own start is not counted. Of mlaudit the whole process counts, from its start to its end.
Memory is that of mlaudit and its children together, as in ``process.py``.
"""

from __future__ import annotations

import json
import re
import resource
import tempfile
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.source.cluster.pages import PAGE
from benchmarks.process import Mlaudit
from tests.testbed.audit import AuditEvent
from tests.testbed.client import Client
from tests.testbed.cluster import Testbed

__all__ = ["Figures", "measure"]

_USER = "auditor"
_ROLE = """
{kind: ClusterRole, apiVersion: rbac.authorization.k8s.io/v1, metadata: {name: reader},
 rules: [{apiGroups: ["*"], resources: ["*"], verbs: [get, list]}]}
---
{kind: ClusterRoleBinding, apiVersion: rbac.authorization.k8s.io/v1, metadata: {name: reader},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader},
 subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: auditor}]}
"""
_TOKEN = re.compile(rb'"continue":"([^"]+)"')
_BEGINNING = 2000  # the metadata of a list of built-in objects stands before its items, with the token
_AGENT = "python-urllib3"


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes:
        raws, wholes: seconds of the raw fetch, and of a whole `mlaudit cluster`, in every run.
        decoded: seconds of the raw fetch with unpacking and decoding, for comparison.
        memory: MiB of mlaudit and its children together, at the highest.
        largest: MiB of the largest of these processes by itself, as the kernel keeps it (``ru_maxrss``).
        in_flight: the largest number of requests that the API server worked on at once.
        requests, pages: of one `mlaudit cluster`, and of the raw fetch.
        report: what mlaudit reports.
    """

    raws: tuple[float, ...]
    wholes: tuple[float, ...]
    decoded: float
    memory: float
    largest: float
    in_flight: int
    requests: int
    pages: int
    report: dict[str, Any]

    @property
    def ratio(self) -> float:
        """Of the best runs."""
        return min(self.wholes) / min(self.raws)


def measure(cluster: Testbed, runs: int) -> Figures:
    """Run both in turn, so often; once before and once more, for the memory."""
    cluster.apply(_ROLE)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "report.json")
        account = ("--kubeconfig", str(cluster.kubeconfig(_USER)))
        command = Mlaudit(["cluster", *account, "--format", "json", "--output", str(file), "--exit-zero"])
        command.run()  # the first after a change of roles may be refused for an instant; and the API server's caches fill
        pages = _lists(_events(cluster))
        before = len(_events(cluster))
        taken = [(_fetch(cluster.client(_USER), pages), command.run()) for _ in range(runs)]
        decoded, _ = _fetch(cluster.client(_USER), pages, decode=True)
        memory, largest = command.watched()[1], resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        events = _events(cluster)[before:]
        report = json.loads(file.read_text(encoding="utf-8"))
    return Figures(
        raws=tuple(seconds for (seconds, _), _ in taken),
        wholes=tuple(seconds for _, seconds in taken),
        decoded=decoded,
        memory=memory,
        largest=largest,
        in_flight=_most_at_once(events),
        requests=len(events) // (runs + 1),
        pages=taken[0][0][1],
        report=report,
    )


# -- the raw fetch -------------------------------------------------------------------------------------------------------------------------


def _lists(events: Iterable[AuditEvent]) -> list[str]:
    """The paths of the lists, each once, without the query of the page."""
    return sorted({event.uri.partition("?")[0] for event in events if event.verb == "list"})


def _fetch(client: Client, paths: Iterable[str], *, decode: bool = False) -> tuple[float, int]:
    """Seconds and number of pages."""
    begin, pages = time.perf_counter(), 0
    for path in paths:
        query: dict[str, object] = {"limit": PAGE}
        while True:
            answer = client.request("GET", path, query=query, headers={"Accept-Encoding": "gzip"})
            assert answer.status == 200, answer
            pages += 1
            if decode:
                json.loads(zlib.decompress(answer.body, wbits=31) if "content-encoding" in answer.headers else answer.body)
            token = _token(answer.body, answer.headers.get("content-encoding") == "gzip")
            if not token:
                break
            query["continue"] = token
    return time.perf_counter() - begin, pages


def _token(body: bytes, compressed: bool) -> str:
    """What the next page is asked for with."""
    beginning = zlib.decompressobj(wbits=31).decompress(body, _BEGINNING) if compressed else body[:_BEGINNING]
    found = _TOKEN.search(beginning)
    return found[1].decode() if found else ""


# -- the API server's record ---------------------------------------------------------------------------------------------------------------


def _events(cluster: Testbed) -> list[AuditEvent]:
    """The requests of mlaudit."""
    return [event for event in cluster.audit_events(_USER) if event.agent.startswith(_AGENT)]


def _most_at_once(events: Iterable[AuditEvent]) -> int:
    moments = sorted(moment for event in events for moment in ((event.received, 1), (event.answered, -1)))
    now = most = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most
