"""Standard streams as the shell has left them: closed, full, or with a reader that has gone away. None of that may look like a verdict."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from auditor.errors import AuditError

__all__ = ["open_closed", "to_standard_output", "unheard"]


def open_closed() -> None:
    """Lead the output streams that the shell has closed nowhere, as ``>/dev/null`` does: Python has no stream for them at all."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - see auditor/__init__.py; it stays open


@contextlib.contextmanager
def to_standard_output() -> Iterator[None]:
    """Around what writes to standard output. A reader that goes away, as `head` does, is no error, and the exit code stays what it is.

    Raises:
        AuditError: it cannot be written to.
    """
    try:
        yield
    except BrokenPipeError:
        unheard()
    except OSError as error:
        unheard()
        raise AuditError(f"cannot write to standard output: {error.strerror}", "use -o FILE, or make room") from None


def unheard() -> None:
    """Lead what is still to be written to standard output nowhere, so that nothing fails again when it is flushed at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
