"""A command as a process of its own: how long it takes, and how much memory.

Memory is the proportional set size (PSS in proc_pid_smaps_rollup(5)) of the process and its children together, at its highest. Children
are forked and share most pages with their parent: their resident sizes (RSS) would count those several times.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["ROOT", "Mlaudit"]

ROOT = Path(__file__).resolve().parents[1]
_SAMPLED_EVERY = 0.01


class Mlaudit:
    """A command of mlaudit, to be run several times.

    Args:
        arguments: of the command line.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", "auditor", *arguments]

    def run(self) -> float:
        """Seconds from its start to its end.

        Raises:
            SystemExit: it does not end with 0.
        """
        begin = time.perf_counter()
        self._end(self._start())
        return time.perf_counter() - begin

    def watched(self) -> tuple[float, float]:
        """Seconds, and MiB of it and its children together. Looking slows it down, as far as it keeps the processor busy.

        Raises:
            SystemExit: it does not end with 0.
        """
        begin = time.perf_counter()
        process, highest = self._start(), 0
        while process.poll() is None:
            highest = max(highest, sum(map(_proportional, _family(process.pid))))
            time.sleep(_SAMPLED_EVERY)
        self._end(process)
        return time.perf_counter() - begin, highest / 1024

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if status := process.wait():
            raise SystemExit(f"mlaudit {self._command[3]} ended with {status}")


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
