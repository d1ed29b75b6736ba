"""Reads a file of settings without stopping at the first mistake: each is noted with its line and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

from auditor.document import Document, Path, format_path
from auditor.errors import ConfigError
from auditor.rule import Rule

__all__ = ["MAX_ENTRIES", "Reader", "near", "quoted"]

MAX_ENTRIES = 1000  # of one list
_MAX_PROBLEMS = 20
_LONGEST = 60


class Reader:
    """Reads one file; every method takes the path to what it reads, and answers None where that is not as it should be.

    Attributes:
        document: the file.
        root: its folder, absolute and without symbolic links.
        tree: the folder that nothing may lead out of: the git repository's, else that of the file.
        rules: all rules there are, by name, once they are known.
    """

    def __init__(self, document: Document, root: str, tree: str) -> None:
        self.document, self.root, self.tree = document, root, tree
        self.rules: Mapping[str, Rule] = {}
        self.problems: list[tuple[int, str]] = []

    # -- values -------------------------------------------------------------------------------------------------------------------------

    def text(self, path: Path, value: object, example: str = "") -> str | None:
        """A text that is not empty."""
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.wrong(path, "is empty" if value in ("", None) else f"is {quoted(value)}, and no text", f"write it like {example}")
        return None

    def texts(self, path: Path, value: object, mistake: Callable[[str], str], example: str) -> tuple[str, ...] | None:
        """One text or a list of them, of which nothing is said by ``mistake``."""
        entries = self.entries(path, value) if isinstance(value, list) else [value]
        if entries is None:
            return None
        found: list[str] = []
        for index, entry in enumerate(entries):
            where = (*path, index) if isinstance(value, list) else path
            text = self.text(where, entry, example)
            if text is not None and (problem := mistake(text)):
                self.wrong(where, f"{quoted(text)} {problem}", f"write it like {example}")
            elif text is not None:
                found.append(text)
        return tuple(found)

    def entries(self, path: Path, value: object) -> list[Any] | None:
        """A list that is neither empty nor endless."""
        if not isinstance(value, list):
            self.wrong(path, f"is {quoted(value)}, and no list", "begin each entry with a dash")
            return None
        if not value:
            self.wrong(path, "is an empty list", "leave it out")
            return None
        if len(value) > MAX_ENTRIES:
            self.wrong(path, f"has {len(value):,} entries, more than {MAX_ENTRIES:,}", "say more with fewer")
            return None
        return value

    def mapping(self, path: Path, value: object, keys: Collection[str] | None = None) -> Mapping[str, Any] | None:
        """A mapping, whose keys are among those known; unknown ones are noted and left out."""
        if not isinstance(value, dict):
            hint = f"it has the keys {', '.join(keys)}" if keys else "write `key: value`"
            self.wrong(path, f"is {quoted(value)}, and no mapping", hint)
            return None
        if len(value) > MAX_ENTRIES:
            self.wrong(path, f"has {len(value):,} entries, more than {MAX_ENTRIES:,}", "say more with fewer")
            return None
        for key in value if keys is not None else ():
            if key not in (keys or ()):
                self.wrong((*path, key), f"there is no {quoted(key)} here", near(key, keys or ()))
        return value if keys is None else {key: inner for key, inner in value.items() if key in keys}

    # -- mistakes -----------------------------------------------------------------------------------------------------------------------

    @cached_property
    def _lines(self) -> dict[Path, int]:
        return {path: line for path, _, line, _ in self.document.entries()}

    def line(self, path: Path) -> int:
        """The 1-based line of an entry, or of what it would stand in."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, self.document.line or 1)

    def wrong(self, path: Path, what: str, remedy: str) -> None:
        """Note a mistake.

        Raises:
            ConfigError: there are enough of them.
        """
        named = format_path(tuple(step[:_LONGEST] if isinstance(step, str) else step for step in path))
        line = self.line(path)
        place = f"{self.document.file}:{line}"
        said = f"{place} {_printable(named)}: {what}" if named else f"{place} {what}"
        self.problems.append((line, f"{said}; {remedy}" if remedy else said))
        if len(self.problems) >= _MAX_PROBLEMS:
            self.finish("at least ")

    def finish(self, counted: str = "") -> None:
        """Raise what was noted, if there is anything."""
        sentences = [sentence for _, sentence in sorted(self.problems)]
        if len(sentences) == 1:
            raise ConfigError(sentences[0])
        if sentences:
            raise ConfigError(f"{self.document.file} has {counted}{len(sentences)} mistakes:\n  " + "\n  ".join(sentences))


def quoted(value: object) -> str:
    """A value in a message, in one short line."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "true" if value is True else "false" if value is False else "null" if value is None else repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def near(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """``did you mean …?`` with the nearest of the known words; else ``otherwise``, or all of them."""
    names = list(known)
    wanted = word[:_LONGEST].replace("-", "_") if "_" in "".join(names) else word[:_LONGEST]
    found = difflib.get_close_matches(wanted, names, n=2, cutoff=0.6) or [name for name in names if wanted and name.startswith(wanted)][:2]
    return f"did you mean {' or '.join(found)}?" if found else otherwise or f"known are {', '.join(names)}"


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]
