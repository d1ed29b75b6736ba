"""A stream of YAML into its documents.

kubectl splits a stream at lines that begin with ``---`` before it parses anything, and so does this. What kubectl refuses and YAML
allows, a directive or a value behind the separator, is read as YAML has it; so is a document behind ``...``, which kubectl leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.source.comments import ADDRESS

__all__ = ["split_stream"]

_SEPARATOR = re.compile(r"^(?:---|\.\.\.)(?=\s|$)", re.MULTILINE)
_CONTENT = re.compile(r"^(?!---|\.\.\.|%)[ \t]*[^\s#]|^(?:---|\.\.\.)[ \t]+[^\s#]", re.MULTILINE)
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)


def split_stream(text: str) -> Iterator[tuple[str, int]]:
    """The documents of a stream with the number of lines before each. Those without content are left out; directives and comments to
    mlaudit that stand in one belong to the document below it."""
    starts = [match.start() for match in _SEPARATOR.finditer(text)] if "\n---" in text or "\n..." in text else []
    if not starts or starts[0] != 0:
        starts.insert(0, 0)
    line = 0
    above, line_above = "", 0
    for position, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=True)):
        chunk = text[start:end] if len(starts) > 1 else text
        lines = chunk.count("\n") if end < len(text) else 0
        content = _CONTENT.search(chunk)
        if chunk.startswith("...") and position and not (content and content.start() == 0):
            chunk = "#" + chunk[3:]
        if content or (chunk.startswith("---") and _DIRECTIVE.search(chunk)):
            yield above + chunk, line_above if above else line
            above = ""
        elif above or ADDRESS in chunk or _DIRECTIVE.search(chunk):
            line_above = line_above if above else line
            above += "#" + chunk[3:] if chunk.startswith("---") else chunk
        line += lines
    if _DIRECTIVE.search(above):
        yield above, line_above
