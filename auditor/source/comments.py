"""Comments addressed to mlaudit, told apart from text that only looks like one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from auditor.document import Comment

__all__ = ["ADDRESS", "distribute", "find_comments"]

ADDRESS = "mlaudit:"

_COMMENT = re.compile(r"(?<!\S)#[ \t]*mlaudit:[ \t]*")
_ALONE = re.compile(r"[ \t]*(?:-[ \t]+)*#")
_NO_CONTENT = re.compile(r"[ \t-]*(?:#.*)?$")  # a dash alone begins an item in a line below


def find_comments(text: str, *, first_key: int, blocks: Sequence[tuple[int, int, int, int]], before: int) -> tuple[Comment, ...]:
    """Comments that begin with ``mlaudit:``, outside of scalars that are quoted or span lines.

    Args:
        text: a document.
        first_key: the line of its first key, from 0; what stands alone above it speaks of the whole object.
        blocks: where those scalars stand, as `Built` has them.
        before: how many lines of the file stand before the text.
    """
    lines = text.split("\n")
    starts = [block[:2] for block in blocks]
    found: list[Comment] = []
    content = len(lines)  # the next line, downwards, that holds more than a comment
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        alone = _ALONE.match(line) is not None
        if ADDRESS in line and (end := _outside(line, number, blocks, starts)) >= 0:
            target = content if alone and content < len(lines) else number
            found.append(Comment(before + number + 1, before + target + 1, alone and number < first_key, line[end:].strip()))
        if not alone and not _NO_CONTENT.match(line):
            content = number
    return tuple(reversed(found))


def _outside(line: str, number: int, blocks: Sequence[tuple[int, int, int, int]], starts: Sequence[tuple[int, int]]) -> int:
    """Where the text of the line's first comment to mlaudit begins that is no part of a scalar; -1 if there is none."""
    for match in _COMMENT.finditer(line):
        here = (number, match.start())
        at = bisect_right(starts, here) - 1
        if at < 0 or here >= blocks[at][2:]:
            return match.end()
    return -1


def distribute(comments: Sequence[Comment], starts: Sequence[int]) -> list[tuple[Comment, ...]]:
    """The comments of a list for each of its items: those in it, and one right above it, which speaks of all of it as one above the list
    does of every item.

    Args:
        comments: in the order of the text.
        starts: the line of each item.
    """
    of_all = tuple(comment for comment in comments if comment.whole_object)
    of_one: dict[int, list[Comment]] = {}
    for comment in comments[len(of_all) :] if starts else ():
        number = max(bisect_right(starts, comment.target) - 1, 0)
        above = comment.line < starts[number] == comment.target
        of_one.setdefault(number, []).append(replace(comment, whole_object=True) if above else comment)
    return [(*of_all, *of_one[number]) if number in of_one else of_all for number in range(len(starts))]
