"""The baseline: a file that remembers the findings that are known, so that only others block.

JSON that lies beside the manifests, in an order and form that show in a diff what was added and what is gone: one entry on a line, and in
it nothing that changes by itself, such as lines, messages or dates. Paths are relative to its own folder, so that it means the same
wherever the command is started.
"""

# ruff: noqa: PTH100, PTH118, PTH120
# paths are text here, as they are in auditor.source

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auditor.comparison import Known
from auditor.errors import AuditError, UsageError
from auditor.source.files import STDIN

__all__ = ["FILE", "Baseline", "read", "write"]

FILE = "mlaudit-baseline.json"  # where `mlaudit baseline` writes, unless it is told otherwise

_TOOL, _VERSION = "mlaudit-baseline", 1
_MAX_BYTES = 256 * 1024 * 1024
_MAX_COUNT = 1_000_000
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_REMEDY = "write it again with `mlaudit baseline`"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was known when a baseline was written.

    Attributes:
        known: the findings; files are named from the current directory.
        rules: the rules that were asked then.
    """

    known: tuple[Known, ...]
    rules: frozenset[str]


def write(file: Path, known: Iterable[Known], rules: Collection[str], *, live: bool = False) -> None:
    """Write a baseline.

    Args:
        file: where to.
        known: the findings.
        rules: the rules that were asked.
        live: they are of a cluster, so that they stand in no file.

    Raises:
        AuditError: the file cannot be written.
    """
    folder = os.path.dirname(os.path.abspath(file))
    entries = Counter(Known(one.file if live else _relative(one.file, folder), one.object, one.rule, one.fingerprint) for one in known)
    lines = [
        json.dumps(
            {"file": one.file, "object": one.object, "rule": one.rule, "fingerprint": one.fingerprint, "count": count}, ensure_ascii=False
        )
        for one, count in sorted(entries.items())
    ]
    names = [json.dumps(name) for name in sorted(rules)]
    text = f'{{\n  "{_TOOL}": {_VERSION},\n  "rules": {_rows(names)},\n  "findings": {_rows(lines)}\n}}\n'
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise AuditError(f"cannot write {file}: {error.strerror}", "give another file to -o") from None


def _rows(rows: list[str]) -> str:
    return "[\n" + ",\n".join(f"    {row}" for row in rows) + "\n  ]" if rows else "[]"


def read(file: Path, *, live: bool = False) -> Baseline:
    """Read a baseline.

    Args:
        file: as `write` wrote it.
        live: a cluster is judged, whose objects stand in no file.

    Raises:
        UsageError: it is not there, or it is none that this version understands.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"the baseline {file} cannot be read: {error.strerror}", f"`mlaudit baseline PATH... -o {file}` writes one"
        ) from None
    try:
        value = json.loads(content) if len(content) <= _MAX_BYTES else None
    except (ValueError, RecursionError):
        raise UsageError(f"the baseline {file} is no JSON", _REMEDY) from None
    if not isinstance(value, dict) or _TOOL not in value:
        raise UsageError(f"{file} is no baseline of mlaudit", "`mlaudit baseline` writes one")
    if value[_TOOL] != _VERSION:
        raise UsageError(
            f"the baseline {file} has version {str(value[_TOOL])[:20]}, and this mlaudit knows version {_VERSION}",
            f"update mlaudit, or {_REMEDY}",
        )
    rules, entries = value.get("rules"), value.get("findings")
    if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules) or not isinstance(entries, list):
        raise UsageError(f"the baseline {file} has no lists of rules and findings", _REMEDY)
    folder = os.path.dirname(os.path.abspath(file))
    return Baseline(tuple(_entries(file, entries, None if live else folder)), frozenset(rules))


def _entries(file: Path, entries: list[Any], folder: str | None) -> Iterator[Known]:
    total = 0
    for number, entry in enumerate(entries, 1):
        known, count = _entry(entry)
        total += count
        if known is None or total > _MAX_COUNT:
            raise UsageError(f"the baseline {file} is broken: finding {number} is not one that `mlaudit baseline` writes", _REMEDY)
        yield from [known if folder is None else replace(known, file=_from_here(known.file, folder))] * count


def _relative(file: str, folder: str) -> str:
    return file if file == STDIN else os.path.relpath(file, folder).replace(os.sep, "/")


def _from_here(file: str, folder: str) -> str:
    return file if file == STDIN else os.path.relpath(os.path.join(folder, file))


def _entry(entry: object) -> tuple[Known | None, int]:
    if not isinstance(entry, dict):
        return None, 0
    texts, count = [entry.get(name) for name in ("file", "object", "rule", "fingerprint")], entry.get("count", 1)
    file, who, rule, fingerprint = (text if isinstance(text, str) else None for text in texts)
    if file is None or who is None or rule is None or fingerprint is None or not _FINGERPRINT.fullmatch(fingerprint):
        return None, 0
    return (Known(file, who, rule, fingerprint), count) if type(count) is int and 0 < count <= _MAX_COUNT else (None, 0)
