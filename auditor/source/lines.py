"""Lines as people count them, where the YAML parser counts differently."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right

__all__ = ["Lines", "has_odd_breaks"]

# What YAML 1.1 takes for the end of a line and editors do not: next line, line separator, paragraph separator.
_ODD_BREAKS = ("\x85", "\u2028", "\u2029")
_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")


def has_odd_breaks(text: str) -> bool:
    """Whether the parser's lines are not those that people see."""
    return any(character in text for character in _ODD_BREAKS)


class Lines:
    """From the parser's lines to those that people see. Both count from 0."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in _BREAK.finditer(text))]
        self._real = [0, *(at for at in self._starts[1:] if text[at - 1] == "\n")]

    def place(self, line: int, column: int) -> tuple[int, int]:
        """The line and column of what the parser found at another."""
        at = self._starts[min(line, len(self._starts) - 1)] + column
        number = bisect_right(self._real, at) - 1
        return number, at - self._real[number]

    def place_all(self, marks: array[int]) -> None:
        """The same for many, in place: two numbers for each."""
        for at in range(0, len(marks), 2):
            marks[at], marks[at + 1] = self.place(marks[at], marks[at + 1])
