"""Runs the user's own kustomize, kubectl or helm: found on the PATH, with a limit of time and of output, without a way to the network.

kustomize fetches remote bases by itself, over HTTP or with git. What it is told here keeps both from getting anywhere (`_SHUT`); that a
kustomization names nothing remote is looked at before (`auditor.source.rendering.kustomize`), so this is the second lock of the door.

Sources: https://pkg.go.dev/net/http#ProxyFromEnvironment · https://git-scm.com/docs/git#Documentation/git.txt-GITALLOWPROTOCOL
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MAX_OUTPUT", "Answer", "CannotRender", "is_below", "program", "run"]

# The largest chart that we know of renders to 3 MB.
MAX_OUTPUT = 64 * 1024 * 1024
_MAX_WORDS = 4000  # of what a tool says on standard error
_NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody answers
_SHUT = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE),
    "NO_PROXY": "", "no_proxy": "",
    "GIT_ALLOW_PROTOCOL": "none", "GIT_TERMINAL_PROMPT": "0",
    "HELM_NO_PLUGINS": "1", "KUBECONFIG": os.devnull,
}  # fmt: skip


class CannotRender(Exception):
    """Something that was not rendered; the text says why, in one line.

    Attributes:
        remedy: what to do about it.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool said.

    Attributes:
        code: its exit code.
        output: its standard output, as text.
        words: the end of its standard error, one line.
    """

    code: int
    output: str
    words: str


def is_below(path: str, folder: str) -> bool:
    """Whether a real path is that of a folder, or lies in it."""
    return path == folder or path.startswith(os.path.join(folder, ""))  # noqa: PTH118


def program(*names: str) -> str:
    """The first of some programs that is installed, by its whole path.

    Raises:
        CannotRender: none is.
    """
    for name in names:
        if found := shutil.which(name):
            return os.path.abspath(found)  # noqa: PTH100 - a text for subprocess; the tool runs in another folder
    raise CannotRender(f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} not installed", f"install {' or '.join(names)}")


def run(command: Sequence[str], *, folder: str, seconds: float, online: bool = False) -> Answer:
    """Run a tool to its end.

    Args:
        command: the program and its arguments.
        folder: where it runs.
        seconds: after so many it is stopped, with all that it started.
        online: whether it may reach the network.

    Raises:
        CannotRender: it cannot be started, takes too long, or writes too much.
    """
    name = os.path.basename(command[0])  # noqa: PTH119 - for a message
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"} if online else {**os.environ, **_SHUT}
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise CannotRender(f"{name} cannot be started: {error.strerror}", "check that it runs by itself") from None
        late = threading.Event()

        def stop() -> None:
            late.set()
            _stop(process)

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            assert process.stdout
            output = process.stdout.read(MAX_OUTPUT + 1)
            if len(output) > MAX_OUTPUT:
                raise CannotRender(f"{name} wrote more than {MAX_OUTPUT // 1024 // 1024} MiB", "render it by hand and scan the parts")
            code = process.wait()
        finally:
            timer.cancel()
            _stop(process)
            process.stdout.close()  # type: ignore[union-attr]
            process.wait()
        if late.is_set():
            raise CannotRender(f"{name} took longer than {seconds:g} s and was stopped", "give it more with --render-timeout")
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - _MAX_WORDS))
        words = errors.read().decode("utf-8", "replace")
    return Answer(code, output.decode("utf-8", "replace"), " ".join(words.split()))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a tool and all that it started, if anything of it still runs."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
