"""Patterns with wildcards, as people write them for names and for paths: ``*``, ``?``, ``[…]``, and for paths ``**``.

Each takes time in proportion to pattern times text, whatever both hold: they come from files that a stranger may have written.
"""

# ruff: noqa: PTH109, PTH118, PTH206
# pathlib takes several times as long for what is done here for every file of a tree.

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["MAX_LENGTH", "Paths", "any_matches", "mistake_in_name", "mistake_in_path"]

MAX_LENGTH = 300


def any_matches(patterns: tuple[str, ...], text: str) -> bool:
    """Whether one of the patterns matches the whole text, in its case; so it is where there is no pattern at all."""
    return not patterns or any(_compiled(pattern)(text) for pattern in patterns)


@lru_cache(maxsize=16384)  # that of `fnmatch` itself holds 256 before Python 3.12
def _compiled(pattern: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(pattern)).match


def mistake_in_name(pattern: str) -> str:
    """What is wrong with a pattern of a name; empty where nothing is."""
    if not pattern.strip():
        return "is empty"
    if len(pattern) > MAX_LENGTH:
        return f"has {len(pattern)} characters, more than {MAX_LENGTH}"
    if not pattern.isprintable():
        return "holds a character that cannot be printed"
    rest = pattern
    while "[" in rest:
        rest = rest[rest.index("[") + 1 :]
        end = rest.find("]", 2 if rest.startswith("!") else 1)
        if end < 0:
            return "opens a bracket that nothing closes"
        rest = rest[end + 1 :]
    return ""


def mistake_in_path(pattern: str) -> str:
    """What is wrong with a pattern of a path; empty where nothing is."""
    parts = pattern.rstrip("/").split("/")
    if found := mistake_in_name(pattern):
        return found
    if "\\" in pattern:
        return "has a backslash; folders are separated by /"
    if pattern.startswith(("/", "~")):
        return "is not relative to the folder of the file it stands in"
    if ".." in parts:
        return "leads out of the folder of the file it stands in"
    if "" in parts or "." in parts:
        return "has an empty step"
    if any("**" in part and part != "**" for part in parts):
        return "has ** beside other characters; it stands for whole folders"
    return ""


@dataclass(frozen=True, slots=True)
class Paths:
    """Patterns of paths below a folder. As in a ``.gitignore``, one without a slash is meant at any depth, and what matches a folder
    matches all that it holds.

    Attributes:
        root: the folder, absolute and without symbolic links.
        patterns: relative to it, separated by ``/``; ``**`` stands for any number of folders, also none.
    """

    root: str
    patterns: tuple[str, ...]

    def match(self, file: str) -> bool:
        """Whether a file, named from the current directory or from the root of the file system, is meant."""
        parts = _below(self.root, file, os.getcwd())
        return parts is not None and any(_match(_steps(pattern), parts) for pattern in self.patterns)


@lru_cache(maxsize=1024)
def _below(root: str, file: str, here: str) -> tuple[str, ...] | None:
    """The steps from a folder to a file; None where the file is not below it."""
    folder, name = os.path.split(file)
    inside = os.path.relpath(os.path.join(_real(folder, here), name), root).split(os.sep)
    return None if inside[0] in (os.pardir, os.curdir) else tuple(inside)


@lru_cache(maxsize=4096)
def _real(folder: str, here: str) -> str:
    return os.path.realpath(os.path.join(here, folder))


@lru_cache(maxsize=1024)
def _steps(pattern: str) -> tuple[str, ...]:
    steps = tuple(pattern.rstrip("/").split("/"))
    if len(steps) == 1:
        steps = ("**", *steps)
    return (*steps, "*", "**") if pattern.endswith("/") else (*steps, "**")


def _match(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Whether steps of a path match those of a pattern. Going back to the last ``**`` is enough: an earlier one could match no more."""
    at = here = back = 0
    star = -1
    while here < len(parts):
        if at < len(pattern) and pattern[at] == "**":
            star, back = at, here
            at += 1
        elif at < len(pattern) and _compiled(pattern[at])(parts[here]):
            at += 1
            here += 1
        elif star >= 0:
            back += 1
            at, here = star + 1, back
        else:
            return False
    return all(step == "**" for step in pattern[at:])
