"""A window of measurements as JSON, as snapshots keep it. Amounts are written exactly: ``"24"``, ``"1/7"``."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, TypeVar

from auditor.usage import Activity, Category, Held, Holder, Idling, MissingTime, NodeHours, Point, Usage

__all__ = ["from_recording", "recording"]

_ACTIVITY = tuple(Activity.__dataclass_fields__)
_NODE = ("capacity", "units", "allocatable", "cordoned", "empty")
_IDLING = tuple(Idling.__dataclass_fields__)
_Value = TypeVar("_Value")


def recording(usage: Usage) -> dict[str, Any]:
    """A window as values that JSON has."""
    return {
        "start": usage.start.isoformat(),
        "end": usage.end.isoformat(),
        "step": usage.step,
        "nodes": [[one.node, *(str(getattr(one, name)) for name in _NODE)] for one in usage.nodes],
        "held": [[*_holder(one.holder), one.node, _activity(one.activity)] for one in usage.held],
        "labels": {node: dict(sorted(labels.items())) for node, labels in sorted(usage.labels.items())},
        "idling": [[*_holder(holder), *(getattr(one, name) for name in _IDLING)] for holder, one in sorted(usage.idling.items())],
        "timeline": [
            [point.start.isoformat(), str(point.hours), {str(category): str(hours) for category, hours in sorted(point.devices.items())}]
            for point in usage.timeline
        ],
        "exporters": list(usage.exporters),
        "unattributed": list(usage.unattributed),
        "memory": usage.memory,
        "profiling": usage.profiling,
        "queries": dict(sorted(usage.queries.items())),
        "notes": list(usage.notes),
        "missing": [[one.start.isoformat(), one.end.isoformat(), one.what, one.reason] for one in usage.missing],
        "measured": str(usage.measured),
        "orphans": str(usage.orphans),
        "metered": {node: str(usd) for node, usd in sorted(usage.metered.items())},
        "asked": usage.asked,
        "waited": round(usage.waited, 3),
    }


def from_recording(stored: Any) -> Usage:
    """The window that a recording holds.

    Raises:
        ValueError, TypeError, KeyError: it is none.
    """
    entry = _typed(stored, dict)

    def each(name: str, make: Callable[..., _Value]) -> tuple[_Value, ...]:
        return tuple(make(*_typed(row, list)) for row in _typed(entry[name], list))

    return Usage(
        start=_time(entry["start"]),
        end=_time(entry["end"]),
        step=_typed(entry["step"], int),
        nodes=each("nodes", lambda node, *hours: NodeHours(_typed(node, str), *map(_amount, _counted(hours, len(_NODE))))),
        held=each("held", lambda namespace, kind, name, guessed, node, done: Held(
            _named(namespace, kind, name, guessed), _typed(node, str), Activity(**_amounts(done, _ACTIVITY)))),
        labels={node: _texts(labels) for node, labels in _typed(entry["labels"], dict).items()},
        idling=dict(each("idling", lambda namespace, kind, name, guessed, *counts: (
            _named(namespace, kind, name, guessed), Idling(*(_typed(count, int) for count in _counted(counts, len(_IDLING))))))),
        timeline=each("timeline", lambda start, hours, devices: Point(
            _time(start), _amount(hours), {Category(key): _amount(value) for key, value in _typed(devices, dict).items()})),
        exporters=tuple(_typed(name, str) for name in _typed(entry["exporters"], list)),
        unattributed=tuple(_typed(name, str) for name in _typed(entry["unattributed"], list)),
        memory=_typed(entry["memory"], bool),
        profiling=_typed(entry["profiling"], bool),
        queries=_texts(entry["queries"]),
        notes=tuple(_typed(note, str) for note in _typed(entry["notes"], list)),
        missing=each("missing", lambda start, end, what, reason: MissingTime(
            _time(start), _time(end), _typed(what, str), _typed(reason, str))),
        measured=_amount(entry["measured"]),
        orphans=_amount(entry["orphans"]),
        metered={node: _amount(usd) for node, usd in _typed(entry["metered"], dict).items()},
        asked=_typed(entry["asked"], int),
        waited=float(entry["waited"]),
    )  # fmt: skip


def _holder(holder: Holder) -> list[Any]:
    return [holder.namespace, holder.kind, holder.name, holder.guessed]


def _named(namespace: Any, kind: Any, name: Any, guessed: Any) -> Holder:
    return Holder(_typed(namespace, str), _typed(kind, str), _typed(name, str), _typed(guessed, bool))


def _activity(activity: Activity) -> dict[str, str]:
    """Without what is nothing."""
    return {name: str(hours) for name in _ACTIVITY if (hours := getattr(activity, name))}


def _amounts(stored: Any, names: tuple[str, ...]) -> dict[str, Fraction]:
    found = {key: _amount(value) for key, value in _typed(stored, dict).items()}
    if strange := found.keys() - set(names):
        raise ValueError(f"{min(strange)!r:.40} is no category")
    return found


def _amount(text: Any) -> Fraction:
    found = Fraction(_typed(text, str)[:200])
    if found < 0:
        raise ValueError(f"{text!r:.40} is less than nothing")
    return found


def _counted(row: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    if len(row) != number:
        raise TypeError(f"{len(row)} amounts where {number} belong")
    return row


def _time(text: Any) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(_typed(text, str))
    if found.tzinfo is None:
        raise ValueError("the time has no zone")
    return found.astimezone(datetime.UTC)


def _texts(stored: Any) -> Mapping[str, str]:
    return {_typed(key, str): _typed(value, str) for key, value in _typed(stored, dict).items()}


def _typed(value: Any, expected: type) -> Any:
    if type(value) is not expected:
        raise TypeError(f"{value!r:.40} is no {expected.__name__}")
    return value
