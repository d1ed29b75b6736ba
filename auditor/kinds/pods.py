"""What a row of the table finds in an object: its pods, what they are called, and where their containers stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.kinds.model import Inject, Spelling, Template
from auditor.kinds.paths import ITEMS, VALUES, Match, bind, matches, value_at

__all__ = ["component_of", "containers_at", "image_text", "injected", "pods_in"]

_FIELD = re.compile(r"\{([^{}]+)\}")


def pods_in(raw: Mapping[str, Any], template: Template) -> Iterator[Match]:
    """The pods that a template finds: matches of its path that are mappings and hold what makes them pods."""
    for match in matches(raw, template.path):
        if isinstance(match.value, dict) and (not template.needs or any(match.value.get(key) is not None for key in template.needs)):
            yield match


def component_of(template: Template, raw: Mapping[str, Any], match: Match) -> str:
    """What the operator calls a pod; where its name is taken from a field that is not set, the place in the list instead."""
    if template.component == VALUES:
        return next((str(key).lower() for key in match.keys if isinstance(key, str)), "")
    if "{" not in template.component:
        return template.component

    def name(field: re.Match[str]) -> str:
        value = value_at(raw, field[1], match.keys)
        if isinstance(value, str) and value:
            return value
        return str(match.keys[-1]) if match.keys else ""

    return _FIELD.sub(name, template.component)


def containers_at(raw: Mapping[str, Any], match: Match, patterns: tuple[str, ...]) -> Iterator[Match]:
    """The container-like mappings of one pod, for one of the pattern lists of its template.

    The paths of the matches lead from the object, not from the pod; their keys are those that the pattern itself matched, so that a
    match without keys is a mapping that the template names and one with keys an item of a list.
    """
    for pattern in patterns:
        if pattern.startswith("/"):
            found = _from_object(raw, pattern[1:], match.keys)
        else:
            inside = match.value if isinstance(match.value, dict) else {}
            found = (Match((*match.path, *inner.path), inner.value, inner.keys) for inner in matches(inside, pattern))
        yield from (container for container in found if isinstance(container.value, dict))


def _from_object(raw: Mapping[str, Any], pattern: str, keys: tuple[str | int, ...]) -> Iterator[Match]:
    """Matches from the object itself: the first wildcards are those of the pod, the items at the end are the pattern's own."""
    listed = pattern.endswith(ITEMS)
    path = bind(pattern.removesuffix(ITEMS), keys)
    value = value_at(raw, pattern.removesuffix(ITEMS), keys)
    if path is None or value is None:
        return
    if not listed:
        yield Match(path, value, ())
    elif isinstance(value, list):
        yield from (Match((*path, index), item, (index,)) for index, item in enumerate(value) if item is not None)


def injected(template: Template, raw: Mapping[str, Any], match: Match) -> frozenset[Inject]:
    """What the operator fills in for one pod, with what it fills in only because a field of this object says so."""
    if not template.injects_where:
        return template.injects
    given = {what for path, what in template.injects_where if value_at(raw, path, match.keys)}
    return template.injects | given


def image_text(container: Mapping[str, Any], spelling: Spelling) -> str | None:
    """The image reference of a container-like mapping, put together as its operator does it; None where it is not set.

    A part of the wrong type makes the whole unknown, which is None too: the operator would refuse it.
    """
    text = ""
    for separator, field in re.findall(r"([^{}]*)\{([^{}]+)\}", spelling.image):
        part = value_at(container, field)
        if part is None or part == "":
            continue
        if not isinstance(part, str):
            return None
        if separator == ":" and part.startswith("sha256:"):
            separator = "@"  # NVIDIA's operators take a digest in the field for the version
        text += (separator if text else "") + part
    return text or None
