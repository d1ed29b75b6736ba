"""Work that is shared between processes is done, whatever becomes of the processes."""

from __future__ import annotations

import os

import pytest

from auditor.processes import cores, forks, mapped, pool

PARENT = os.getpid()


def double(number: int) -> int:
    return number * 2


def dies_in_a_child(number: int) -> int:
    if number == 3 and os.getpid() != PARENT:
        os._exit(1)
    return number * 2


@pytest.mark.parametrize("shared", [False, True])
def test_results_come_in_order(shared: bool) -> None:
    assert list(mapped(double, range(20), pool(2) if shared else None)) == [number * 2 for number in range(20)]


@pytest.mark.skipif(not forks() or cores() < 2, reason="needs two processes that are forked")
def test_what_a_killed_process_leaves_is_done_here() -> None:
    assert list(mapped(dies_in_a_child, range(20), pool(2))) == [number * 2 for number in range(20)]
