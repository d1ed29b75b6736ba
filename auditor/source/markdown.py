"""YAML fences of a Markdown file. Positions are those of the Markdown file.

Source: https://spec.commonmark.org/0.31.2/#fenced-code-blocks
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.document import Document, NotJudged
from auditor.source.text import Item, read_text

__all__ = ["fenced", "read_markdown"]

# What may stand before a fence: indentation, quote marks, the marks of list items.
_OPEN = re.compile(r"([ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+){0,9})(`{3,}|~{3,})(.*)")
# ``yaml``, ``yaml title="a"``, ``{.yaml .numberLines}``, ``{code-block} yaml``
_LANGUAGE = re.compile(r"\s*(?:\{code(?:-block|-cell)?\}\s*)?\{?\s*\.?([\w+-]*)")
_LANGUAGES = frozenset({"yaml", "yml", "json", "jsonc", "k8s", "kubernetes"})


@dataclass(slots=True)
class _Fence:
    """A fence that is open.

    Attributes:
        mark: the characters that opened it.
        quotes: how many quote marks stand before them.
        column: how wide all is up to the last of these.
        indent: how far the mark is indented behind that.
        first: how many lines stand before its text.
        wanted: its text is said to be YAML or JSON.
        body: the lines of its text so far, without the quote marks.
    """

    mark: str
    quotes: int
    column: int
    indent: int
    first: int
    wanted: bool
    body: list[str]

    def undent(self) -> None:
        """Take off what all lines share of the fence's own indentation, so that separators stand at the beginning of their lines."""
        width = min((_width(line) for line in self.body if line.strip()), default=0)
        width = min(width, self.indent)
        self.body = [line[width:] for line in self.body]
        self.column += width


def read_markdown(text: str, file: str) -> list[Item]:
    """The objects in the fences that are marked as YAML or JSON. A file without such a fence is counted as one thing not judged."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    items: list[Item] = []
    for body, first, column in fenced(text):
        items += read_text(body, file, line=first, column=column, fragment=True)
    for index, document in enumerate(item for item in items if isinstance(item, Document)):
        document.index = index
    return items or [NotJudged(file, 1, "Markdown without manifests")]


def fenced(text: str) -> Iterator[tuple[str, int, int]]:
    """What stands in each of these fences, with the number of lines before it and of characters before each of its lines."""
    for fence in _fences(text.split("\n")):
        fence.undent()
        yield "\n".join(fence.body) + "\n", fence.first, fence.column


def _fences(lines: list[str]) -> Iterator[_Fence]:
    """The fences whose text is wanted."""
    fence: _Fence | None = None
    for number, line in enumerate(lines):
        if fence is not None:
            content = _content(line, fence)
            if content is not None and not _closes(content, fence):
                fence.body.append(content)
                continue
            if fence.wanted:
                yield fence
            fence = None
            if content is not None:
                continue
        fence = _opened(line, number)
    if fence is not None and fence.wanted:
        yield fence


def _opened(line: str, number: int) -> _Fence | None:
    match = _OPEN.match(line)
    if match is None or (match[2][0] == "`" and "`" in match[3]):
        return None
    language = _LANGUAGE.match(match[3])[1]  # type: ignore[index]
    before = match[1]
    column = before.rfind(">") + 1
    return _Fence(match[2], before.count(">"), column, len(before) - column, number + 1, language.lower() in _LANGUAGES, [])


def _content(line: str, fence: _Fence) -> str | None:
    """What a line holds behind the quote marks; None where the quotation that holds the fence is over."""
    at = 0
    for _ in range(fence.quotes):
        mark = line.find(">", at)
        if mark < 0 or line[at:mark].strip():
            return None
        at = mark + 1
    return line[at:]


def _closes(content: str, fence: _Fence) -> bool:
    """Whether a line is the end of a fence: at least as many of its characters, and nothing else."""
    end = content.strip()
    return end.startswith(fence.mark) and not end.strip(fence.mark[0]) and _width(content) <= fence.indent + 3


def _width(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
