"""What differs between two versions of the same manifests in what they could cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from auditor.cost.potential import Change, ChangeLine, How, PotentialLine

__all__ = ["compare"]


def compare(before: Iterable[PotentialLine], after: Iterable[PotentialLine], base: str, commit: str, notes: tuple[str, ...] = ()) -> Change:
    """What differs between two versions. Workloads are the same by kind, namespace and name; of several such, those in the same file."""
    old, new = _by_name(before), _by_name(after)
    lines: list[ChangeLine] = []
    for key in sorted({*old, *new}):
        lines += _pairs(old.get(key, []), new.get(key, []))
    lines.sort(key=_rank_of_change)
    return Change(base, commit, tuple(lines), notes)


def _by_name(lines: Iterable[PotentialLine]) -> dict[tuple[str, ...], list[PotentialLine]]:
    found: dict[tuple[str, ...], list[PotentialLine]] = {}
    for line in sorted(lines, key=lambda line: (line.file, line.line)):
        found.setdefault((line.ref.group, line.ref.kind, line.ref.namespace, line.ref.name), []).append(line)
    return found


def _pairs(old: list[PotentialLine], new: list[PotentialLine]) -> Iterator[ChangeLine]:
    here: list[PotentialLine] = []
    gone = list(old)
    for line in new:
        same = next((other for other in gone if other.file == line.file), None)
        if same is None:
            here.append(line)
            continue
        gone.remove(same)
        yield from _changed(same, line)
    for one, other in zip(gone, here, strict=False):
        yield from _changed(one, other)
    yield from (ChangeLine(How.REMOVED, line, None) for line in gone[len(here) :])
    yield from (ChangeLine(How.ADDED, None, line) for line in here[len(gone) :])


def _changed(before: PotentialLine, after: PotentialLine) -> Iterator[ChangeLine]:
    """A pair, where what it could cost differs."""
    if (before.parts, before.term, before.per) != (after.parts, after.term, after.per):
        yield ChangeLine(How.CHANGED, before, after)


def _rank_of_change(change: ChangeLine) -> tuple[Any, ...]:
    month = change.month
    amount = month.low if month is not None and month.high is None else month.high if month is not None else None
    line = change.line
    return (amount is None, -(amount or Fraction(0)), str(line.ref), line.file, line.line)
