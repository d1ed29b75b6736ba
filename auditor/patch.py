"""What a rule offers to change in an object so that its finding goes away: data, which `auditor.fix` turns into edits of the text.

A rule offers a patch only where it can be applied without knowing the application: whoever wrote the object would write the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from auditor.document import Path, format_path

__all__ = ["Change", "Misfit", "Patch", "Put", "Remove", "Rename", "patched"]


class Misfit(Exception):
    """A change does not fit the object; the text says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Put:
    """Make a scalar the value of a field. Mappings above it that do not exist are made."""

    path: Path
    value: str | int | bool


@dataclass(frozen=True, slots=True)
class Rename:
    """Give an entry another key, in its place."""

    path: Path
    key: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Take an entry out, and a mapping or list that it leaves empty."""

    path: Path


Change = Put | Rename | Remove


@dataclass(frozen=True, slots=True)
class Patch:
    """The changes that a finding asks for.

    Attributes:
        document: which object of the file they are for, from 0.
        changes: in the order in which they are made.
    """

    document: int
    changes: tuple[Change, ...]


def patched(value: Any, changes: Iterable[Change]) -> Any:
    """The value with the changes made. What is not on their paths is shared with the original, which stays as it is.

    Raises:
        Misfit: a path leads out of the value.
    """
    for change in changes:
        value = _changed(value, change.path, change, change.path)
    return value


def _changed(node: Any, path: Path, change: Change, whole: Path) -> Any:
    step = path[0]
    if isinstance(node, dict):
        return _in_mapping(node, str(step), path[1:], change, whole)
    if not isinstance(node, list) or not isinstance(step, int) or step >= len(node):
        raise Misfit(f"there is no {format_path(whole)}")
    if len(path) > 1:
        child = _changed(node[step], path[1:], change, whole)
        kept = [child] if not isinstance(change, Remove) or child not in ({}, []) else []
        return [*node[:step], *kept, *node[step + 1 :]]
    if isinstance(change, Rename):
        raise Misfit(f"{format_path(whole)} has no key")
    return [*node[:step], *([change.value] if isinstance(change, Put) else []), *node[step + 1 :]]


def _in_mapping(node: dict[str, Any], step: str, rest: Path, change: Change, whole: Path) -> dict[str, Any]:
    if isinstance(change, Put):
        below = node.get(step)
        return {**node, step: _changed({} if below is None else below, rest, change, whole) if rest else change.value}
    if step not in node:
        raise Misfit(f"there is no {format_path(whole)}")
    if rest:
        child = _changed(node[step], rest, change, whole)
        return {key: child if key == step else value for key, value in node.items() if key != step or child not in ({}, [])}
    if isinstance(change, Remove):
        return {key: value for key, value in node.items() if key != step}
    if change.key in node:
        raise Misfit(f"{change.key} is there already")
    return {change.key if key == step else key: value for key, value in node.items()}
