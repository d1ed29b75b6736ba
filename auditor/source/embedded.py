"""Objects that stand as text inside another object: the manifest of an Argo resource template, the trial of an old Katib experiment.

They are read where they stand, so that their lines and columns are those of the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.document import Document

__all__ = ["HOLDERS", "texts_in"]

# The key of the text with the key above it.
HOLDERS: dict[str | int, str] = {"manifest": "resource", "rawTemplate": "goTemplate"}


def texts_in(document: Document, lines: list[str]) -> Iterator[tuple[str, int]]:
    """The texts of block scalars that may be objects, still indented, with the number of lines above each.

    Args:
        document: the object that holds them.
        lines: what it was read from.
    """
    for path, value, line, column in document.entries():
        if not isinstance(value, str) or len(path) < 2 or HOLDERS.get(path[-1]) != path[-2]:
            continue
        at = line - 1 - document.offset
        if 0 <= at < len(lines) and lines[at].rstrip().rstrip("+-0123456789").endswith(("|", ">")):
            yield "\n".join(_body(lines, at + 1, column - 1)) + "\n", at + 1


def _body(lines: list[str], first: int, indent: int) -> Iterator[str]:
    """The lines of a block scalar: those deeper than its key, and blank ones."""
    for number in range(first, len(lines)):
        line = lines[number]
        if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
            return
        yield line
