"""JSON that YAML 1.1 cannot read: several objects one after the other, and characters written as surrogate pairs.

kubectl reads text that begins with a brace as a stream of JSON, so that the output of ``jq '.items[]'`` can be applied.
"""

from __future__ import annotations

import json
import re
from typing import Any

from auditor.source.builder import MAX_DEPTH
from auditor.source.scalars import resolve

__all__ = ["decode", "looks_like_json", "without_surrogates"]

_ESCAPE = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_BLANKS = re.compile(r"[ \t\r\n]*")


def _refuse(text: str) -> object:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_float=resolve, parse_int=resolve, parse_constant=_refuse)


def looks_like_json(text: str) -> bool:
    """Whether kubectl would hand a text to its JSON decoder, or it is a JSON array."""
    start = _BLANKS.match(text).end()  # type: ignore[union-attr]
    return text.startswith(("{", "["), start)


def decode(text: str) -> list[tuple[Any, int, int]] | None:
    """The values of a JSON stream with the offsets where each begins and ends, or None where it is not JSON."""
    found: list[tuple[Any, int, int]] = []
    text = _ESCAPE.sub(_without_lone, text) if "\\u" in text else text
    at = _BLANKS.match(text).end()  # type: ignore[union-attr]
    try:
        while at < len(text):
            value, end = _DECODER.raw_decode(text, at)
            if _deeper(value, MAX_DEPTH):
                return None
            found.append((value, at, end))
            at = _BLANKS.match(text, end).end()  # type: ignore[union-attr]
    except (ValueError, RecursionError):
        return None
    return found


def without_surrogates(text: str) -> str:
    """JSON whose surrogate pairs are written as YAML writes such characters."""
    return _ESCAPE.sub(_as_yaml, text) if "\\u" in text else text


def _without_lone(match: re.Match[str]) -> str:
    """Half of a surrogate pair becomes U+FFFD, as in Go."""
    return "\\ufffd" if match[3] else match[0]


def _as_yaml(match: re.Match[str]) -> str:
    high, low, lone = match.groups()
    if high:
        return f"\\U{0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00:08x}"
    return "\\ufffd" if lone else match[0]


def _deeper(value: Any, levels: int) -> bool:
    """Whether a value holds more levels of collections."""
    layer = [value] if isinstance(value, dict | list) else []
    while layer and levels:
        levels -= 1
        layer = [
            child
            for holder in layer
            for child in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(child, dict | list)
        ]
    return bool(layer)
