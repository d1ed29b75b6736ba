"""Files that are looked at beside what the tools write: what cannot be read of them says nothing here, and the tool says it better."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.document import Unread, mapping
from auditor.source.builder import BrokenYaml, build
from auditor.source.files import MAX_BYTES, decode

__all__ = ["said_in", "text_of"]


def text_of(file: str) -> str:
    """The text of a file, as it stands there; empty where it cannot be read."""
    try:
        with Path(file).open("rb") as opened:
            text = decode(opened.read(MAX_BYTES + 1), file)
    except OSError:
        return ""
    return "" if isinstance(text, Unread) else text


def said_in(file: str) -> Mapping[str, Any]:
    """What a file of YAML says; nothing where it cannot be read, or holds no mapping."""
    try:
        return mapping(build(text_of(file)).value)
    except BrokenYaml:
        return {}
