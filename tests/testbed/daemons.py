"""Processes that run beside the tests: started with a log, stopped by their id, and gone even when the tests are killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Reads "+pid" and "-pid" until the other end of the pipe closes, which the system does however the owner ends. What is then still
# running is killed, and the folder (the only argument) is removed.
_WATCHDOG = """
import os, shutil, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
running = set()
for line in sys.stdin:
    (running.add if line[0] == "+" else running.discard)(int(line[1:]))
for pid in running:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


class TestbedError(Exception):
    """The testbed did not do what it should; the text holds the ends of the logs."""

    __test__ = False  # pytest: not a test, in spite of its name


def wait_until(what: str, predicate: Callable[[], T], timeout: float = 30.0, every: float = 0.05) -> T:
    """Ask again until the answer is true, and return it.

    Raises:
        TestbedError: It never was, within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TestbedError(f"not within {timeout:g} s: {what} (last answer: {answer!r})")
        time.sleep(every)


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback interface that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


class Watchdog:
    """A process that ends daemons and removes a folder when this process is no longer there to do it."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WATCHDOG, str(folder)], stdin=subprocess.PIPE, text=True, bufsize=1, start_new_session=True
        )

    def tell(self, sign: str, pid: int) -> None:
        """``+``: watch this process; ``-``: it has ended."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{sign}{pid}\n")

    def close(self) -> None:
        """Everything that is still watched ends, and the folder goes."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=10)


class Daemon:
    """One program. It may be stopped and started again; its log goes on in the same file."""

    def __init__(self, command: Sequence[str | Path], folder: Path, watchdog: Watchdog) -> None:
        self.command = [str(part) for part in command]
        self.name = Path(self.command[0]).name
        self.log = folder / f"{self.name}.log"
        self._folder = folder
        self._watchdog = watchdog
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with the folder as its home, so that it neither reads nor writes settings of the person who runs the tests."""
        home = {name: str(self._folder) for name in ("HOME", "KWOK_WORKDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self._folder,
                env={"PATH": os.environ.get("PATH", ""), **home},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop this
            )
        self._watchdog.tell("+", self._process.pid)

    def stop(self, *, kill: bool = False, timeout: float = 10.0) -> None:
        """Ask it to end, and kill it where it does not. With ``kill``, do not ask."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._watchdog.tell("-", self._process.pid)
        self._process = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def crashed(self) -> bool:
        """It ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return f"--- end of the log of {self.name} ---\n" + "\n".join(text.splitlines()[-lines:])

    def memory(self) -> int:
        """Resident bytes, as Linux counts them (``VmRSS`` in proc_pid_status(5)); 0 where that cannot be read."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0
