"""Where things stand in a file of rules: a line inside a block of text is a line of the file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auditor.document import Document, Path

__all__ = ["Source"]

_BLOCK = re.compile(r"[:-][ \t]+(?:[!&]\S+[ \t]+)*([|>])[-+0-9]*[ \t]*(?:#.*)?$")
_INLINE = re.compile(r"""^[ \t]*(?:-[ \t]+)*(?:[\w"']+[ \t]*:[ \t]+)?""")


@dataclass(frozen=True, slots=True)
class Source:
    """A rule's document with the text of its file.

    Attributes:
        document: the rule as read.
        lines: of the whole file.
    """

    document: Document
    lines: tuple[str, ...]

    def at(self, path: Path = ()) -> str:
        """``file:line`` of a field."""
        return f"{self.document.file}:{self.document.location(path).line}"

    def within(self, path: Path, line: int, column: int = 0) -> str:
        """``file:line`` or ``file:line:column`` of a place in the text of a field; the field itself where that cannot be told.

        Args:
            path: of the field.
            line: 1-based, in the text.
            column: 1-based; 0 for the whole line.
        """
        place = self.document.location(path)
        header = self.lines[place.line - 1] if 0 < place.line <= len(self.lines) else ""
        block = _BLOCK.search(header)
        if block is None:
            start = _INLINE.match(header[place.column - 1 :])
            if line != 1 or not column or start is None or "{" in header[: place.column]:
                return f"{self.document.file}:{place.line}"
            begin = place.column + start.end()
            quoted = header[begin - 1 : begin] in ('"', "'")
            return f"{self.document.file}:{place.line}:{begin + quoted + column - 1}"
        if block[1] == ">" and column:
            return f"{self.document.file}:{place.line}"
        if not column:
            return f"{self.document.file}:{place.line + line}"
        return f"{self.document.file}:{place.line + line}:{self._indent(place.line) + column}"

    def _indent(self, header: int) -> int:
        first = next((line for line in self.lines[header:] if line.strip()), "")
        return len(first) - len(first.lstrip(" "))
