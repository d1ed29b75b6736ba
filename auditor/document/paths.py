"""Paths to what an object holds: the keys and indices from its root, and how people write them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

__all__ = ["Path", "along", "format_path", "parse_path"]

Path = tuple[str | int, ...]


def along(node: Any, path: Path) -> list[Any]:
    """What stands at the start of a path and after each of its steps; None from where it leads out of the value."""
    met = [node]
    for step in path:
        if isinstance(node, dict):
            node = node.get(step)
        else:
            node = node[step] if isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node) else None
        met.append(node)
    return met


def format_path(path: Path) -> str:
    """A path as people write it: ``spec.template.spec.containers[0].resources``. Keys with dots are quoted in brackets."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif "." in step or "/" in step or "[" in step:
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Path:
    """The inverse of `format_path` for plain keys: ``a.b[0].c`` → ``("a", "b", 0, "c")``. ``[]`` stays a step of its own: ``"[]"``."""
    steps: list[str | int] = []
    for match in re.finditer(r'\["([^"]*)"\]|\[(\d+)\]|(\[\])|([^.\[\]]+)', text):
        quoted, number, every, plain = match.groups()
        steps.append(quoted if quoted is not None else int(number) if number else every or plain)
    return tuple(steps)
