"""What one evaluation is given: the fields that an expression reads, as CEL can take them, and where something in them is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from auditor.custom.fields import FIELDS, Field
from auditor.document import Path, Unknown, is_placeholder

__all__ = ["Given", "UnknownField"]

# Deeper values are unknown. Real objects stay below 60.
MAX_DEPTH = 64

_OF_RECORD: dict[str, list[Field]] = {}
for _field in FIELDS:
    _OF_RECORD.setdefault(_field.owner, []).append(_field)

_INT64 = 1 << 63


class UnknownField:
    """A field that cannot be known. CEL finds no type for it, and so an error wherever it is needed: `MARK` names it there."""

    MARK = "UnknownField"


class Given:
    """Values for one evaluation.

    Args:
        fields: those that the expression reads.
        things: by owner, what has the fields.

    Attributes:
        values: by full name.
        unknown: paths of values that cannot be known, but stand there as written, each from its field's full name.
        absent: paths of values that cannot be known, and are not there: what needs one of them has no value in CEL.
        longest: entries of the longest list or map.
        weight: characters and entries of everything.
    """

    def __init__(self, fields: Iterable[Field], things: Mapping[str, Any]) -> None:
        self.values: dict[str, Any] = {}
        self.unknown: list[Path] = []
        self.absent: list[Path] = []
        self.longest = 1
        self.weight = 1
        for field in fields:
            one = _taken(field, things[field.owner])
            self.values[field.full] = one.value
            self.unknown += one.unknown
            self.absent += one.absent
            self.longest = max(self.longest, one.longest)
            self.weight += one.weight


# By field, what it was taken from last, and its value: many rules ask for the same field of the same object, one after another.
_last: dict[str, tuple[Any, _Taken]] = {}


def _taken(field: Field, thing: Any) -> _Taken:
    known = _last.get(field.full)
    if known is not None and known[0] is thing:
        return known[1]
    taken = _Taken(field, thing)
    _last[field.full] = (thing, taken)
    return taken


class _Taken:
    """One field's value as CEL takes it."""

    __slots__ = ("absent", "instead", "longest", "unknown", "value", "weight")

    def __init__(self, field: Field, thing: Any) -> None:
        self.unknown: list[Path] = []
        self.absent: list[Path] = []
        self.longest = 1
        self.weight = 1
        self.instead: object = ""  # stands for an unknown in a map or list: of the right type, and never believed
        self.value = self._field(field, thing, (field.full,))

    def _field(self, field: Field, thing: Any, path: Path) -> Any:
        value = field.read(thing)
        if isinstance(value, Unknown):
            self.absent.append(path)
            return UnknownField()
        if field.record:
            assert isinstance(value, list)
            self._count(len(value))
            return [self._record(field.record, one, (*path, number)) for number, one in enumerate(value)]
        self.instead = 0 if field.declared.endswith("int>") else ""
        return self._plain(value, path, 0)

    def _record(self, record: str, thing: Any, path: Path) -> dict[str, Any]:
        fields = _OF_RECORD[record]
        self._count(len(fields))
        found = {field.name: self._field(field, thing, (*path, field.name)) for field in fields}
        return {name: value for name, value in found.items() if not isinstance(value, UnknownField)}

    def _count(self, entries: int) -> None:
        self.weight += entries
        self.longest = max(self.longest, entries)

    def _plain(self, value: Any, path: Path, depth: int) -> Any:
        """A value of types that CEL has: no number beyond 64 bits, no text that UTF-8 cannot hold, no key that is no text."""
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, bool) or value is None or isinstance(value, float):
            return value
        if isinstance(value, int):
            return value if -_INT64 <= value < _INT64 else float(min(max(value, -(10**300)), 10**300))
        if isinstance(value, Unknown) or depth == MAX_DEPTH:
            self.unknown.append(path)
            return str(value) if isinstance(value, Unknown) and self.instead == "" else self.instead
        if isinstance(value, dict):
            self._count(len(value))
            keys = [key if type(key) is str else str(key) for key in value]
            return {
                self._key(key, path): self._plain(child, (*path, key), depth + 1) for key, child in zip(keys, value.values(), strict=True)
            }
        if isinstance(value, list | tuple):
            self._count(len(value))
            return [self._plain(child, (*path, number), depth + 1) for number, child in enumerate(value)]
        return self._text(str(value), path)

    def _text(self, text: str, path: Path) -> str:
        self.weight += len(text)
        if is_placeholder(text):
            self.unknown.append(path)
        return _sound(text)

    def _key(self, key: str, path: Path) -> str:
        self.weight += len(key)
        if is_placeholder(key):
            self.unknown.append(path)  # it is not known which entries there are
        return _sound(key)


def _sound(text: str) -> str:
    """A text without what a C string cannot hold: it ends at a zero, and half a surrogate pair has no encoding."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
