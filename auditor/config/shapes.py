"""Shapes of values: how each is read from the file, and what its JSON schema says. Rules and ignores have modules of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Protocol

from auditor.config.reading import MAX_ENTRIES, Reader, near, quoted
from auditor.document import Path
from auditor.globs import MAX_LENGTH, Paths, mistake_in_path
from auditor.rule import Rule

__all__ = ["Folders", "PathPatterns", "Schema", "Shape", "Switch", "Texts", "Version", "Word", "one_or_more"]

Schema = dict[str, Any]


class Shape(Protocol):
    """How a value is written."""

    def read(self, reader: Reader, path: Path, value: object) -> Any:
        """The value, or None where it is not as it should be; what is wrong is noted."""

    def schema(self, rules: Mapping[str, Rule]) -> Schema:
        """Its JSON schema."""


@dataclass(frozen=True, slots=True)
class Word:
    """One of some words."""

    words: tuple[str, ...]

    def read(self, reader: Reader, path: Path, value: object) -> Any:
        """See `Shape`."""
        if isinstance(value, str) and value in self.words:
            return value
        reader.wrong(path, f"is {quoted(value)}", near(value if isinstance(value, str) else "", self.words))
        return None

    def schema(self, rules: Mapping[str, Rule]) -> Schema:
        """See `Shape`."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Switch:
    """True or false."""

    def read(self, reader: Reader, path: Path, value: object) -> bool | None:
        """See `Shape`."""
        if not isinstance(value, bool):
            reader.wrong(path, f"is {quoted(value)}", "write true or false")
            return None
        return value

    def schema(self, rules: Mapping[str, Rule]) -> Schema:
        """See `Shape`."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Version:
    """Major and minor number; in quotes, because YAML takes 1.30 for 1.3."""

    PATTERN = r"v?(\d{1,3})\.(\d{1,3})(\.\d+)?"

    def read(self, reader: Reader, path: Path, value: object) -> tuple[int, int] | None:
        """See `Shape`."""
        match = re.fullmatch(self.PATTERN, value, re.ASCII) if isinstance(value, str) else None
        if match is None:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            what = "is a number" if number else f"is {quoted(value)}, and no version"
            reader.wrong(path, what, 'write it in quotes, like "1.33"')
            return None
        return int(match[1]), int(match[2])

    def schema(self, rules: Mapping[str, Rule]) -> Schema:
        """See `Shape`."""
        return {"type": "string", "pattern": f"^{self.PATTERN}$"}


@dataclass(frozen=True, slots=True)
class Texts:
    """One text or a list of them.

    Attributes:
        mistake: what is wrong with one; empty where nothing is.
        example: one that is right.
    """

    mistake: Callable[[str], str]
    example: str

    def read(self, reader: Reader, path: Path, value: object) -> tuple[str, ...] | None:
        """See `Shape`."""
        return reader.texts(path, value, self.mistake, self.example)

    def schema(self, rules: Mapping[str, Rule]) -> Schema:
        """See `Shape`."""
        return one_or_more({"type": "string", "minLength": 1, "maxLength": MAX_LENGTH})


@dataclass(frozen=True, slots=True)
class PathPatterns:
    """Patterns of paths below the folder of the file."""

    def read(self, reader: Reader, path: Path, value: object) -> Paths | None:
        """See `Shape`."""
        found = reader.texts(path, value, mistake_in_path, "legacy/, *.generated.yaml or charts/**/tests/*")
        return Paths(reader.root, found) if found else None

    def schema(self, rules: Mapping[str, Rule]) -> Schema:
        """See `Shape`."""
        return one_or_more({"type": "string", "minLength": 1, "maxLength": MAX_LENGTH})


@dataclass(frozen=True, slots=True)
class Folders:
    """Folders inside the repository."""

    def read(self, reader: Reader, path: Path, value: object) -> tuple[str, ...] | None:
        """See `Shape`."""

        def mistake(text: str) -> str:
            real = os.path.realpath(FilePath(reader.root, text)) if "\x00" not in text else ""
            if os.path.commonpath((real or "/", reader.tree)) != reader.tree:
                return f"leads out of {_name(reader.tree)}"
            return "" if os.path.isdir(real) else "is no folder"  # noqa: PTH112 - that of pathlib raises for a long name

        found = reader.texts(path, value, mistake, "policies, a folder beside this file")
        return None if found is None else tuple(os.path.realpath(FilePath(reader.root, text)) for text in found)

    def schema(self, rules: Mapping[str, Rule]) -> Schema:
        """See `Shape`."""
        return one_or_more({"type": "string", "minLength": 1})


def _name(folder: str) -> str:
    return f"the folder {FilePath(folder).name or folder}"


def one_or_more(item: Schema) -> Schema:
    """One of something, or a list of it."""
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_ENTRIES}]}
