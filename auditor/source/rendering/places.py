"""Where rendered text stands in what it was rendered from: fields of an object in its own file, lines in the template.

Neither tool says it. kustomize names the file an object came from, helm the template; the rest is found by comparing.
"""

from __future__ import annotations

import difflib
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from auditor.document import Comment, Document, NotJudged, Path, Unread
from auditor.source.text import Item

__all__ = ["anchored", "lines_of", "moved"]

_KEY = re.compile(r"(\s*(?:- )*\s*[\"']?[\w./$-]+[\"']?:)(?:\s|$)")
_ACTION = re.compile(r"\{\{.*?(?:\}\}|$)")
# Comparing takes time in proportion to the product of both lengths, if every line is like every other.
_MAX_COMPARED = 4_000_000


def anchored(value: dict[str, Any], rendered: Document, origin: Document | None, file: str, by: str) -> Document:
    """A rendered object at the places of the object that it was made of.

    Args:
        value: what it says.
        rendered: the object as it was read from the output.
        origin: the object that it was made of, as its file has it; None where something else made it, such as a generator.
        file: to be named where there is no such object.
        by: what rendered it.

    A field that the origin does not have stands where the nearest field above it stands that it has.
    """
    line, column = (origin.line, origin.column) if origin else (1, 1)
    known = {path: (at, aside) for path, _, at, aside in origin.entries()} if origin else {}
    marks = array("I")
    for at, aside in _positions(value, origin.raw if origin else None, (), known, (line, column)):
        marks.extend((at - 1, aside - 1))
    return Document(
        rendered.ref, value, file=origin.file if origin else file, line=line, column=column, marks=marks,
        comments=origin.comments if origin else (), rendered=by,
    )  # fmt: skip


def _positions(
    value: Any, origin: Any, path: Path | None, known: Mapping[Path, tuple[int, int]], above: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Line and column of every entry of a rendered value, in its order.

    Args:
        value: the rendered value.
        origin: the value that stands at its place in the origin.
        path: that place; None where the origin has none.
        known: line and column by path in the origin.
        above: where the nearest entry above stands.
    """
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in entries:
        there = _counterpart(step, child, origin) if path is not None else None
        place = (*path, there) if path is not None and there is not None else None
        at = known.get(place, above) if place is not None else above
        yield at
        yield from _positions(child, origin[there] if there is not None else None, place, known, at)


def _counterpart(step: str | int, child: Any, origin: Any) -> str | int | None:
    """The key or index of an entry in the origin; list items are known by their names, if they have one."""
    if isinstance(origin, dict):
        return step if step in origin else None
    if not isinstance(origin, list) or not isinstance(step, int):
        return None
    name = child.get("name") if isinstance(child, dict) else None
    if name is not None:
        return next((index for index, item in enumerate(origin) if isinstance(item, dict) and item.get("name") == name), None)
    return step if step < len(origin) else None


def lines_of(rendered: Sequence[str], template: Sequence[str]) -> list[int]:
    """For each line of rendered text, the index of the template's line that it came from.

    A line that the template does not have, such as one of a block that it includes, belongs to the last line above it that it has.
    """
    left, right = [_token(line) for line in rendered], [_token(line) for line in template]
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=len(left) * len(right) > _MAX_COMPARED)
    found = [-1] * len(rendered)
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            if left[block.a + offset]:
                found[block.a + offset] = block.b + offset
    last = next((index for index, token in enumerate(right) if token), 0)
    for index, line in enumerate(found):
        last = found[index] = line if line >= 0 else last
    return found


def _token(line: str) -> str:
    """What a line of a template and what it renders to have in common: its key with its indentation, else the whole."""
    match = _KEY.match(line)
    if match:
        return match[1]
    return "" if _ACTION.search(line) else line.rstrip()


def moved(item: Item, place: Callable[[int], int], file: str, by: str) -> Item:
    """What was read of rendered text, at other lines of another file.

    Args:
        item: as it was read.
        place: the 1-based line for a 1-based line.
        file: the other file.
        by: what rendered it.
    """
    if isinstance(item, Document):
        return _moved(item, place, file, by)
    if isinstance(item, Unread):
        reason = f"{item.reason} (as {by} renders it)"
        return replace(item, file=file, line=place(item.line), column=0, culprit=0, reason=reason, remedy="correct the template")
    return NotJudged(file, place(item.line), item.reason)


def _moved(document: Document, place: Callable[[int], int], file: str, by: str) -> Document:
    marks = array("I")
    for _, _, line, column in document.entries():
        marks.extend((place(line) - 1, column - 1))
    comments = tuple(Comment(place(c.line), place(c.target), c.whole_object, c.text) for c in document.comments)
    duplicates = tuple(replace(d, first_line=place(d.first_line), line=place(d.line)) for d in document.duplicates)
    return Document(
        document.ref, document.raw, file=file, line=place(document.line), column=document.column, marks=marks, comments=comments,
        duplicates=duplicates, rendered=by,
    )  # fmt: skip
