"""Objects that stand as text inside another object: the manifest of an Argo resource template, the trial of an old Katib experiment.

They are read where they stand, so that their lines and columns are those of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from auditor.document import Document, Path

__all__ = ["HOLDERS", "texts_in"]

# The key of the text with the key above it.
HOLDERS = {"manifest": "resource", "rawTemplate": "goTemplate"}


def texts_in(document: Document, text: str) -> Iterator[tuple[str, int]]:
    """The texts of block scalars that may be objects, still indented, with the number of lines of ``text`` above each.

    Args:
        document: the object that holds them.
        text: what it was read from.
    """
    lines = text.splitlines(keepends=True)
    for path in _places(document.raw, ()):
        place = document.location(path)
        at = place.line - 1 - document.offset
        if 0 <= at < len(lines) and lines[at].rstrip().rstrip("+-0123456789").endswith(("|", ">")):
            body = list(_body(lines[at + 1 :], place.column - 1))
            yield "".join(body), at + 1


def _places(node: Any, path: Path) -> Iterator[Path]:
    if isinstance(node, dict):
        for key, child in node.items():
            if isinstance(child, str) and key in HOLDERS and path and path[-1] == HOLDERS[key]:
                yield (*path, key)
            elif isinstance(child, dict | list):
                yield from _places(child, (*path, key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _places(child, (*path, index))


def _body(lines: list[str], indent: int) -> Iterator[str]:
    """The lines of a block scalar: those deeper than its key, and blank ones."""
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
            return
        yield line
