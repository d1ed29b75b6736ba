"""The text of a file, and edits of it that leave every other byte as it is: line ends, byte order mark, a missing newline at the end."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.document import Unread
from auditor.patch import Misfit
from auditor.source.files import decode
from auditor.source.nodes import Place

__all__ = ["Edit", "Sheet", "Spans"]

_BREAK = re.compile(r"\r?\n")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Characters that others take the place of. A line break in the text becomes the one of its place, with what stands before each line.

    Attributes:
        start, end: the first character and the one behind the last; line and column from 0.
        text: the new characters.
        column: how many characters of a line are no part of the object's text, and begin new lines as well.
    """

    start: Place
    end: Place
    text: str
    column: int = 0


class Spans:
    """Stretches of a text that edits touch, none of which overlap."""

    def __init__(self) -> None:
        self._spans: list[tuple[Place, Place]] = []

    def take(self, edits: Sequence[Edit]) -> bool:
        """Whether edits touch no character that others do and insert nothing where others do; then theirs are remembered."""
        for edit in edits:
            at = bisect_left(self._spans, (edit.start, edit.end))
            if (at and self._spans[at - 1][1] >= edit.start) or (at < len(self._spans) and self._spans[at][0] <= edit.end):
                return False
        for edit in edits:
            insort(self._spans, (edit.start, edit.end))
        return True


class Sheet:
    """The text of a file in lines.

    Attributes:
        text: all of it.
        lines: without their ends.
    """

    def __init__(self, content: bytes, file: str) -> None:
        """Take a file's content.

        Raises:
            Misfit: it is no text, or could not be written back as it is.
        """
        text = decode(content, file)
        if isinstance(text, Unread):
            raise Misfit(f"the file {text.reason}")
        self.text = text
        if "\r" in text.replace("\r\n", ""):
            raise Misfit("the file ends lines with a carriage return alone")
        self._mark, self._encoding = next((mark for mark in _MARKS if content.startswith(mark[0])), (b"", "utf-8"))
        self.lines = _BREAK.split(text)
        self._ends = [*_BREAK.findall(text), ""]
        if self._bytes(text) != content:
            raise Misfit("the file's encoding would not survive")

    def edited(self, edits: Iterable[Edit]) -> tuple[bytes, list[int]]:
        """The content of the file after edits that do not overlap, and for each of its lines which it was before; -1 for those touched."""
        lines = [line + end for line, end in zip(self.lines, self._ends, strict=True)]
        numbers = list(range(len(lines)))
        in_order = sorted(edits, key=lambda edit: (edit.start, edit.end))  # insertions at one place stay in the order given
        for edit in in_order[::-1]:
            (first, begin), (last, end) = edit.start, edit.end
            text = edit.text.replace("\n", self._break_after(first) + self.lines[first][: edit.column])
            lines[first : last + 1] = [lines[first][:begin] + text + lines[last][end:]]
            numbers[first : last + 1] = [-1]
        origins: list[int] = []
        for line, number in zip(lines, numbers, strict=True):
            origins += [number] if number >= 0 else [-1] * line.count("\n")
        text = "".join(lines)
        return self._bytes(text), origins + [-1] * (text.count("\n") + 1 - len(origins))

    def _break_after(self, line: int) -> str:
        return self._ends[line] or self._ends[0] or "\n"

    def _bytes(self, text: str) -> bytes:
        return self._mark + text.encode(self._encoding, "surrogatepass")
