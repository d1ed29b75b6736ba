"""`mlaudit cluster` on a live cluster, against fetching the same pages raw.

The promise is for 10,000 pods; with fewer, the start of Python and of the rules weighs more.

Raw means: the lists that mlaudit asked for, by the API server's own record, page by page, one request after the other over one connection,
with the same ``limit`` and compressed as mlaudit asks for them. What comes is thrown away without being unpacked or decoded, and Python's
own start is not counted. Of mlaudit the whole process counts, from its start to its end.

Memory is the proportional set size (PSS in proc_pid_smaps_rollup(5)) of mlaudit and its children together, at its highest. Children are
forked and share most pages with their parent: their resident sizes (RSS) would count those several times.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.source.cluster.pages import PAGE
from tests.testbed.audit import AuditEvent
from tests.testbed.client import Client
from tests.testbed.cluster import Testbed

__all__ = ["Figures", "measure"]

_ROOT = Path(__file__).resolve().parents[1]
_USER = "auditor"
_ROLE = """
{kind: ClusterRole, apiVersion: rbac.authorization.k8s.io/v1, metadata: {name: reader},
 rules: [{apiGroups: ["*"], resources: ["*"], verbs: [get, list]}]}
---
{kind: ClusterRoleBinding, apiVersion: rbac.authorization.k8s.io/v1, metadata: {name: reader},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader},
 subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: auditor}]}
"""
_SAMPLED_EVERY = 0.01
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
        command = _Command(cluster, Path(folder, "report.json"))
        command.run()  # the first after a change of roles may be refused for an instant; and the API server's caches fill
        pages = _lists(_events(cluster))
        before = len(_events(cluster))
        taken = [(_fetch(cluster.client(_USER), pages), command.run()) for _ in range(runs)]
        decoded, _ = _fetch(cluster.client(_USER), pages, decode=True)
        memory, largest = command.memory()
        events = _events(cluster)[before:]
        report = json.loads(command.report.read_text(encoding="utf-8"))
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


class _Command:
    """`mlaudit cluster`, as a process of its own."""

    def __init__(self, cluster: Testbed, report: Path) -> None:
        self.report = report
        self._command = [
            *(sys.executable, "-m", "auditor", "cluster", "--kubeconfig", str(cluster.kubeconfig(_USER))),
            *("--format", "json", "--output", str(report), "--exit-zero"),
        ]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)})

    def run(self) -> float:
        """Seconds from its start to its end."""
        begin = time.perf_counter()
        status = self.start().wait()
        seconds = time.perf_counter() - begin
        if status:
            raise SystemExit(f"mlaudit cluster ended with {status}")
        return seconds

    def memory(self) -> tuple[float, float]:
        """MiB of it and its children together, and of the largest of them; looking slows it down, so that its time does not count."""
        process, highest = self.start(), 0
        while process.poll() is None:
            highest = max(highest, sum(map(_proportional, _family(process.pid))))
            time.sleep(_SAMPLED_EVERY)
        return highest / 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):  # it has just ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text(encoding="ascii").split():
                yield from _family(int(child))


def _proportional(pid: int) -> int:
    """Its share of memory in kB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


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
