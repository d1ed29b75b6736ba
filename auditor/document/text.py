"""What is met in the text of a source beside objects: places, what could not be read or is none, keys twice, and comments."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.document.paths import Path

__all__ = ["Comment", "DuplicateKey", "Location", "NotJudged", "Unread"]


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a source: ``line`` and ``column`` count from 1; both are 0 where there is no text (a live object)."""

    file: str
    line: int
    column: int
    path: Path


@dataclass(frozen=True, slots=True)
class Unread:
    """Input that could not be read, with the one line that says why and what to do.

    Attributes:
        file: the path as the user gave it.
        line: 1-based; 0 where the fault is the file's and not a line's.
        column: 1-based; 0 likewise.
        reason: one sentence.
        syntax: whether it is a YAML or JSON syntax error (and so a finding of `yaml-syntax-error`).
        remedy: what to do, where the reader can tell.
        culprit: the 1-based line that most likely holds the fault when that is not the parser's line, else 0.
    """

    file: str
    line: int
    reason: str
    column: int = 0
    syntax: bool = False
    remedy: str = ""
    culprit: int = 0


@dataclass(frozen=True, slots=True)
class NotJudged:
    """Input that was recognised as something other than a Kubernetes object, and counted."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """A key that a mapping holds twice. ``path`` leads to the entry; lines and columns are 1-based."""

    path: Path
    first_line: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment addressed to mlaudit.

    Attributes:
        line: 1-based line of the comment.
        target: the 1-based line it speaks of: its own, or for a comment that stands alone the next line with content.
        whole_object: the comment stands above the first key, and so speaks of the whole object.
        text: what follows ``mlaudit:``.
    """

    line: int
    target: int
    whole_object: bool
    text: str
