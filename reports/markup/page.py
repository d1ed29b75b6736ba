"""Text in GitHub-flavoured Markdown in which nothing from a cluster is markup, a link or a mention, and that is not too long.

A word that is not made of letters alone, or a number, becomes a code span: that is how names and values read best anyway, and in code
neither Markdown nor what hosts add to it (mentions, issue numbers, commits, emoji, formulas) is looked for.
https://github.github.com/gfm/#code-spans
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from auditor.report import printable

__all__ = ["Page", "code", "fence", "prose", "row"]

_LETTERS = r"[^\W\d_]+(?:[-'’][^\W\d_]+)*"
_NUMBER = r"(?:\d{1,3}(?:,\d{3})*(?:\.\d{1,6})?|\d{1,6})%?|\d{4}-\d{2}-\d{2}"
_CLOSING = ")\"',.;:!?…"
_PLAIN = re.compile(rf"[(\"']*(?:{_LETTERS}|{_NUMBER})[{_CLOSING}]*|[→–—·×≥≤…]|%[{_CLOSING}]*")
_COMMIT = re.compile(r"[0-9a-f]{7,}")  # could be the beginning of one, which GitHub links
_ITEM = re.compile(r"\d{1,9}[.)]")  # at the beginning, it starts a list
# What the program's own sentences put between backticks (`kubectl drain`) is one word.
_WORD = re.compile(rf"[(\"']*`[^`]+`[{_CLOSING}]*(?!\S)|\S+")
_QUOTED = re.compile(rf"([(\"']*)`([^`]+)`([{_CLOSING}]*)")
_SHAPE = re.compile(rf"([(\"']*)(.*?)([{_CLOSING}]*)", re.DOTALL)
_NAME, _SENTENCE = 200, 600  # characters


def code(text: str) -> str:
    """A name or value as a code span, for a line of text and for the cell of a table."""
    # A table's row is cut at each pipe before anything else is looked at, in code too.
    return "&#124;".join(_span(part) for part in _short(text, _NAME).split("|"))


def _span(text: str) -> str:
    if not text:
        return ""
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text.strip() and (text[0] in " `" or text[-1] in " `") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def prose(text: str) -> str:
    """A sentence, at the beginning of a block, in a line or in the cell of a table."""
    return " ".join(_word(word, first=not number) for number, word in enumerate(_WORD.findall(_short(text, _SENTENCE))))


def _word(word: str, *, first: bool) -> str:
    if quoted := _QUOTED.fullmatch(word):
        return quoted[1] + code(quoted[2]) + quoted[3]
    shape = _SHAPE.fullmatch(word)
    if shape is None or not shape[2]:
        return word if _PLAIN.fullmatch(word) else code(word)
    if _PLAIN.fullmatch(word) and not _COMMIT.fullmatch(shape[2].lower()) and not (first and _ITEM.fullmatch(word)):
        return word
    return shape[1] + code(shape[2]) + shape[3]


def _short(text: str, longest: int) -> str:
    text = printable(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def fence(text: str, indent: str = "") -> list[str]:
    """A query as a block of code, so that it can be copied."""
    ticks = "`" * max(_longest_run(text) + 1, 3)
    return [f"{indent}{ticks}", f"{indent}{printable(text)}", f"{indent}{ticks}"]


def row(*cells: str) -> str:
    """A row of a table, of cells that are Markdown."""
    return "| " + " | ".join(cells) + " |"


class Page:
    """Lines up to a number of characters. What has no room is left out, and counted."""

    def __init__(self, room: int) -> None:
        self.lines: list[str] = []
        self.room = room

    def add(self, *lines: str) -> None:
        """Lines that must not be missing."""
        self.lines += lines
        self.room -= sum(len(line) + 1 for line in lines)

    def rows(self, rows: Iterable[str], number: int, most: int | None, more: str = "\n{}.") -> None:
        """Rows as long as there is room, then how many there are beyond.

        Args:
            rows: each a line, or several; made when there is room for them.
            number: how many they are.
            most: how many are wanted at most.
            more: the last line, for ``3 more are left out``.
        """
        shown = 0
        for line in islice(rows, most):
            if len(line) >= self.room:
                break
            self.add(line)
            shown += 1
        if left := number - shown:
            self.add(*more.format(f"{left} more {'is' if left == 1 else 'are'} left out").splitlines())

    def __str__(self) -> str:
        return "\n".join(self.lines).rstrip("\n") + "\n"
