"""Paths with wildcards, and the numbers of pods that are read along them.

The notation of both is described in `auditor.kinds.model.Template`. Nothing here raises for what a manifest may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auditor.document import Path, parse_path
from auditor.kinds.model import Embedded, Template

__all__ = ["ITEMS", "VALUES", "Match", "PodCount", "bind", "matches", "number", "pod_count", "value_at"]

ITEMS = "[]"
VALUES = "*"

# Kubernetes counts pods in int32, and operators write its largest value where they mean no limit (KubeRay's maxReplicas).
_NO_LIMIT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Match:
    """A place that a pattern leads to.

    Attributes:
        path: the way to it from the mapping searched.
        value: what stands there; never null.
        keys: what the wildcards of the pattern matched, from left to right: the index of an item, the key of a value.
    """

    path: Path
    value: object
    keys: tuple[str | int, ...]


def matches(raw: Mapping[str, Any], pattern: str) -> Iterator[Match]:
    """The places that a pattern leads to, in the order of the object. What has the wrong type for the next step leads nowhere."""
    for steps in _alternatives(pattern):
        found: list[tuple[Path, Any, tuple[str | int, ...]]] = [((), raw, ())]
        for step in steps:
            if step == ITEMS:
                found = [
                    ((*path, index), item, (*keys, index))
                    for path, node, keys in found if isinstance(node, list) for index, item in enumerate(node)
                ]  # fmt: skip
            elif step == VALUES:
                found = [
                    ((*path, key), value, (*keys, key))
                    for path, node, keys in found if isinstance(node, dict) for key, value in node.items() if isinstance(key, str)
                ]  # fmt: skip
            else:
                found = [((*path, step), node[step], keys) for path, node, keys in found if isinstance(node, dict) and step in node]
            if not found:
                break
        for path, value, keys in found:
            if value is not None:
                yield Match(path, value, keys)


@lru_cache(maxsize=4096)
def _alternatives(pattern: str) -> tuple[Path, ...]:
    return tuple(parse_path(one) for one in pattern.split("|"))


def bind(pattern: str, keys: tuple[str | int, ...]) -> Path | None:
    """The one path that a pattern means once its wildcards are ``keys``; None where it has more wildcards than there are keys."""
    bound: list[str | int] = []
    given = iter(keys)
    for step in parse_path(pattern):
        key = next(given, None) if step in (ITEMS, VALUES) else step
        if key is None:
            return None
        bound.append(key)
    return tuple(bound)


def value_at(raw: Mapping[str, Any], pattern: str, keys: tuple[str | int, ...] = ()) -> Any:
    """What stands at a pattern whose wildcards are ``keys``; None where it is null, missing or out of reach.

    ``one|other`` is the first that is set.
    """
    for one in pattern.split("|"):
        path = bind(one, keys)
        node: Any = raw if path is not None else None
        for step in path or ():
            if isinstance(node, dict):
                node = node.get(step)
            elif isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node):
                node = node[step]
            else:
                node = None
        if node is not None:
            return node
    return None


def number(raw: Mapping[str, Any], pattern: str, keys: tuple[str | int, ...] = (), default: int | None = None) -> int | None:
    """A field as a number of things: the default where it is not set (null is not set), None where it cannot be known.

    Integers may be written as strings, as templates render them. What is negative, no whole number, a placeholder or beyond int32
    is not known.
    """
    value = value_at(raw, pattern, keys)
    return default if value is None else _count(value)


def _count(value: object) -> int | None:
    if isinstance(value, str) and len(value) <= len(str(_NO_LIMIT)) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _NO_LIMIT else None


@dataclass(frozen=True, slots=True)
class PodCount:
    """How many pods: from ``low`` to ``high``.

    Attributes:
        low: at least so many; None where that is unknown.
        high: at most so many; None where nothing bounds the number, or it is unknown.
    """

    low: int | None
    high: int | None

    @property
    def known(self) -> bool:
        """Whether at least the lower end is known."""
        return self.low is not None

    @property
    def fixed(self) -> bool:
        """Whether it is one known number."""
        return self.low is not None and self.low == self.high

    def __mul__(self, other: PodCount) -> PodCount:
        return PodCount(_product(self.low, other.low), _product(self.high, other.high))


def _product(one: int | None, other: int | None) -> int | None:
    """None is unknown or unbounded; but nothing of an unknown size is still nothing."""
    if one == 0 or other == 0:
        return 0
    return None if one is None or other is None else one * other


def pod_count(template: Template | Embedded, raw: Mapping[str, Any], match: Match) -> PodCount:
    """How many pods one match of a template's path yields, or how many copies of an embedded object there are."""
    if isinstance(template, Embedded):
        copies = _evaluate(template.pods, raw, match.keys)
        return PodCount(copies, copies)
    count = _scaled(template, raw, match.keys)
    if template.times is not None:
        factor = template.times(raw, match.keys)
        count *= PodCount(factor, factor)
    if count.low is not None and count.high is not None and count.high < count.low:
        return PodCount(count.low, None)  # the operator refuses it or takes one of the two: which, the manifest does not tell
    return count


def _scaled(template: Template, raw: Mapping[str, Any], keys: tuple[str | int, ...]) -> PodCount:
    scaled = _switched_on(template.autoscaled, raw, keys) if template.pods_max else False
    if scaled is None:
        return PodCount(None, None)
    low = _evaluate(template.pods_min if scaled and template.pods_min else template.pods, raw, keys)
    return PodCount(low, _evaluate(template.pods_max, raw, keys) if scaled else low)


def _switched_on(pattern: str, raw: Mapping[str, Any], keys: tuple[str | int, ...]) -> bool | None:
    """Whether an autoscaler is on; None where that is a placeholder. No pattern is always on."""
    if not pattern:
        return True
    value = value_at(raw, pattern, keys)
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value)


@dataclass(frozen=True, slots=True)
class _Factor:
    fields: str = ""
    default: int | None = None
    zero_is_unset: bool = False
    switch: bool = False


_FACTOR = re.compile(r"(?P<fields>.+?)(?:(?P<operator>:?=|\?)(?P<default>\d+|unknown|unbounded))?")


@lru_cache(maxsize=1024)
def _factors(expression: str) -> tuple[_Factor, ...]:
    return tuple(_factor(text.strip()) for text in expression.split(" * "))


def _factor(text: str) -> _Factor:
    if text.isdigit() or text in ("unknown", "unbounded"):
        return _Factor(default=int(text) if text.isdigit() else None)
    parts = _FACTOR.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is no factor of a number of pods")
    default = parts["default"] or ""
    return _Factor(parts["fields"], int(default) if default.isdigit() else None, parts["operator"] == ":=", parts["operator"] == "?")


def _evaluate(expression: str, raw: Mapping[str, Any], keys: tuple[str | int, ...]) -> int | None:
    total: int | None = 1
    for factor in _factors(expression):
        total = _product(total, _value(factor, raw, keys))
    return total


def _value(factor: _Factor, raw: Mapping[str, Any], keys: tuple[str | int, ...]) -> int | None:
    value = value_at(raw, factor.fields, keys) if factor.fields else None
    if value is None:
        return factor.default
    if factor.switch:
        return int(value) if isinstance(value, bool) else None
    count = _count(value)
    return factor.default if count == 0 and factor.zero_is_unset else count
