"""More than one process, where that pays. Work is handed to `concurrent.futures.Executor`, so that another one can take its place."""

from __future__ import annotations

import contextlib
import functools
import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from typing import Any, TypeVar

__all__ = ["MAX_PROCESSES", "cores", "forks", "mapped", "mapped_on", "pool", "stays", "without_collector"]

MAX_PROCESSES = 8

_Batch = TypeVar("_Batch")
_Result = TypeVar("_Result")
_Subject = TypeVar("_Subject")


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def forks() -> bool:
    """Whether new processes are copies of this one, and so hold what it holds without being sent it.

    Elsewhere forking is unsafe (macOS) or does not exist (Windows).
    """
    return sys.platform == "linux"


def pool(jobs: int = 0) -> Executor | None:
    """A pool of processes, or None where one process is all there is.

    Args:
        jobs: how many at most; 0 for one for each core.
    """
    number = min(jobs or cores(), cores(), MAX_PROCESSES)
    if number < 2:
        return None
    return ProcessPoolExecutor(number, mp_context=multiprocessing.get_context("fork" if forks() else None))


def mapped(function: Callable[[_Batch], _Result], batches: Sequence[_Batch], executor: Executor | None) -> Iterator[_Result]:
    """The results of a function for each batch, in order; the executor ends with them.

    Without an executor, and where one of its processes is killed or no more can be started, what is left is done here.
    """
    done = 0
    if executor is not None:
        try:
            with executor:
                for result in executor.map(function, batches):
                    done += 1
                    yield result
        except (BrokenExecutor, OSError):
            pass
    yield from map(function, batches[done:])


# What work in forked processes is about: they inherit it, where it would take longer to send than to work on.
_inherited: Any = None


def mapped_on(
    subject: _Subject, function: Callable[[_Subject, _Batch], _Result], batches: Sequence[_Batch], executor: Executor | None
) -> Iterator[_Result]:
    """The results of a function for a subject and each batch, as `mapped` has them; the subject is not sent but inherited.

    Args:
        subject: what the function gets first, as it is when the executor starts its processes.
        function: of a module or a class, so that its name says which it is.
        batches: what it gets next.
        executor: whose processes are forked (see `forks`), or None.
    """
    global _inherited  # noqa: PLW0603 - the one way to hand something to a process that is about to be forked
    _inherited = subject
    try:
        yield from mapped(functools.partial(_with_inherited, function), batches, executor)
    finally:
        _inherited = None


def _with_inherited(function: Callable[[_Subject, _Batch], _Result], batch: _Batch) -> _Result:
    return function(_inherited, batch)


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Run without the cyclic garbage collector, for code that makes many objects and no garbage cycles: it only costs time there."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def stays() -> None:
    """What is there now stays until this process ends: the cyclic garbage collector need not go through it any more, not even then."""
    gc.freeze()
