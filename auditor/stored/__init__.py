"""A report as its JSON stored it, so that every format can be made of it again: the same bytes as from the run itself.

The file may be from anywhere: what it holds is checked value by value, and nothing in it is executed. Fields that are not known are left
out, since later versions of the format may add some; see ``report.schema.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from auditor.errors import UsageError
from auditor.report import Report
from auditor.stored import findings
from auditor.stored.values import Entry, Wrong, count, field, fixed, maybe, numbers, several, text

__all__ = ["LARGEST", "load"]

FORMAT = 1
LARGEST = 256 * 2**20  # bytes: more than half a million findings
_VALUES = 12_000_000  # likewise; each takes some 100 bytes of memory
_REMEDY = "give the file that `mlaudit scan -f json -o FILE` wrote, or one of `cluster` or `cost`"


def _costs(value: Any) -> Any:
    from auditor.stored.costs import costs  # with it come prices, which a report without money does not need

    return costs(value)


def _potential(value: Any) -> Any:
    from auditor.stored.potential import potential

    return potential(value)


# How each part of a report is read. A part that a later version of the program writes has a default.
_PARTS: Mapping[str, Callable[[Entry], Any]] = {
    "findings": lambda root: root.get("findings", several(findings.finding)),
    "suppressed": lambda root: root.get("suppressed", several(findings.suppressed)),
    "skipped": lambda root: root.get("skipped", several(findings.skipped)),
    "failures": lambda root: root.get("failures", several(findings.failure)),
    "unread": lambda root: root.get("unread", several(findings.unread)),
    "not_judged": lambda root: root.get("not_judged", numbers),
    "folders": lambda root: root.get("folders_skipped", several(findings.folder)),
    "summary": lambda root: root.get("summary", findings.summary),
    "profile": lambda root: root.get("tool", field("profile", text)),
    "kubernetes_version": lambda root: root.get("tool", field("kubernetes_version", text)),
    "rules": lambda root: root.get("tool", field("rules", count)),
    "fail_on": lambda root: root.get("tool", field("fail_on", findings.threshold, None)),
    "configuration": lambda root: root.get("tool", field("configuration", text, "")),
    "version": lambda root: root.get("tool", field("version", text)),
    "catalogue": lambda root: root.get("rules", several(findings.rule), ()),
    "cluster": lambda root: root.get("cluster", maybe(findings.cluster), None),
    "costs": lambda root: root.get("costs", maybe(_costs), None),
    "potential": lambda root: root.get("potential", maybe(_potential), None),
    "comparison": lambda root: root.get("comparison", maybe(findings.comparison), None),
}


def load(data: bytes, name: str) -> Report:
    """The report that JSON stands for.

    Args:
        data: of the file.
        name: of the file, for messages.

    Raises:
        UsageError: it is no report of mlaudit, or not one of this version of the format.
    """
    try:
        root = Entry(_decoded(data))
        _identified(root)
        return Report(**{part: read(root) for part, read in _PARTS.items()})
    except Wrong as wrong:
        raise UsageError(f"{name} is no report of mlaudit: {wrong}", _REMEDY) from None


def _decoded(data: bytes) -> Any:
    if len(data) > LARGEST or sum(map(data.count, (b",", b"[", b"{"))) > _VALUES:
        raise Wrong(f"of a size that a report can have (at most {LARGEST // 2**20} MB)")
    try:
        return json.loads(data, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise Wrong(f"JSON (line {error.lineno}, column {error.colno}: {error.msg})") from None
    except (ValueError, RecursionError):  # no text at all, a number of thousands of digits, lists in lists without end
        raise Wrong("JSON that can be read") from None


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _identified(root: Entry) -> None:
    """Say what it is instead, before fields are looked for that it cannot have."""
    root.get("tool", field("name", fixed("mlaudit")))
    version = root.get("version", count)
    if version > FORMAT:
        raise Wrong(f"of version {FORMAT} of the format but {version}: a newer mlaudit wrote it, and reads it")
    if version != FORMAT:
        raise Wrong(f"of version {FORMAT} of the format")
