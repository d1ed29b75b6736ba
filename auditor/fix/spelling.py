"""Scalars as YAML and JSON write them."""

from __future__ import annotations

import json
import re

from auditor.source.scalars import resolve

__all__ = ["spelled"]

# Texts that mean the same with and without quotes, in blocks and in brackets, to every version of YAML.
_PLAIN = re.compile(r"[A-Za-z][\w./-]*", re.ASCII)


def spelled(value: str | int | bool, style: str = "") -> str:
    """A scalar as text.

    Args:
        value: what it is to be.
        style: the quote of what it takes the place of, or of what stands beside it; only strings are quoted.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    if not style and _PLAIN.fullmatch(value) and resolve(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)
