"""Values as written: which of them cannot be known, and nothing in place of what has the wrong type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Unknown", "is_placeholder", "mapping", "sequence", "strings"]

_VARIABLE = re.compile(r"(?<![\w$])\$[A-Za-z_]\w*")
_ANGLES = re.compile(r"<[A-Za-z][^<>\n]*>")
_WHOLE = re.compile(r"TODO|FIXME|TBD|CHANGE[-_]?ME|REPLACE[-_]?ME|REPLACED?[-_].*|YOUR[-_].*|[A-Z][A-Z0-9]*_[A-Z0-9_]*|replaced-by-\w+")


def is_placeholder(text: str) -> bool:
    """Whether a text is to be filled in by somebody before Kubernetes sees it: ``${X}``, ``{{ x }}``, ``<x>``, ``REPLACE_ME``.

    ``$(X)`` counts too; where Kubernetes itself expands it (command, args, env) the caller does not ask. Takes time in proportion to the
    length of the text, whatever it holds.
    """
    if "$" in text and (_closed(text, "${", "}") or _closed(text, "$(", ")") or _VARIABLE.search(text)):
        return True
    if "{{" in text and _closed(text, "{{", "}}"):
        return True
    return ("<" in text and _ANGLES.search(text) is not None) or _WHOLE.fullmatch(text.strip()) is not None


def _closed(text: str, opening: str, closing: str) -> bool:
    begin = text.find(opening)
    return begin >= 0 and text.find(closing, begin + 2) >= 0


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is there, but cannot be known: a placeholder, a null, or something of the wrong type.

    Rules never fire on it, and never call it missing.

    Attributes:
        text: the value as written.
        why: ``placeholder``, ``null`` or ``wrong type``.
    """

    text: str
    why: str

    def __str__(self) -> str:
        return self.text or self.why


def mapping(value: object) -> Mapping[str, Any]:
    """``value`` if it is a mapping, else an empty one: a null or a wrong type holds nothing."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[Any]:
    """``value`` if it is a sequence, else an empty one."""
    return value if isinstance(value, list) else ()


def strings(value: object) -> Iterator[str]:
    """The strings of a sequence; anything else in it is left out."""
    return (item for item in sequence(value) if isinstance(item, str))
