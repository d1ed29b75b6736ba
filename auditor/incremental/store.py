"""What is noted of a tree, kept between runs in the user's cache directory.

It is plain JSON below a line with its digest: reading it executes nothing, and what a disk or an editor has changed is not believed. It
decides what is reported, so nobody else may have written it: the folder has to belong to the user, to be closed to others, and to lie
outside of the repository that is judged, whose authors could put anything there. What cannot be used for any reason is as if it were not
there; what is kept for another version, other rules or other settings has another name.
"""

# ruff: noqa: PTH103, PTH105, PTH108, PTH109, PTH111, PTH113, PTH116, PTH117, PTH118, PTH120, PTH123
# paths are text here, as they are in auditor.source

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import auditor
from auditor import __version__
from auditor.config import Settings
from auditor.document import ObjectRef
from auditor.finding import Confidence, Finding, Severity, Suppressed
from auditor.incremental import Entry, FileState, State
from auditor.judge import Found
from auditor.rule import Rule

__all__ = ["Store", "name_of"]

_FORMAT = 2
_KEPT = 32  # trees and settings
_MAX_BYTES = 512 * 1024 * 1024
_MATTER_NOT = frozenset({"fail_on", "jobs", "own_rules", "today"})  # settings; what expires with the day is noted by itself


def name_of(paths: Iterable[str], rules: Iterable[Rule], known: Iterable[Rule], settings: Settings) -> str:
    """What a run depends on beside the tree, as the name of a file: other rules or settings, or another program, have another."""
    chosen = {field.name: _plain(getattr(settings, field.name)) for field in fields(settings) if field.name not in _MATTER_NOT}
    every = [(rule.name, str(rule.severity), str(rule.confidence), rule.page, _plain(rule.options)) for rule in known]
    said = (_FORMAT, __version__, sys.version, os.getcwd(), tuple(paths), sorted(rule.name for rule in rules), every, chosen, _program())
    return hashlib.blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    """A value in a form whose text is the same in each process."""
    if isinstance(value, Mapping):
        return sorted((str(key), _plain(child)) for key, child in value.items())
    if isinstance(value, frozenset | set):
        return sorted(map(repr, value))
    if is_dataclass(value) and not isinstance(value, type):
        return [(field.name, _plain(getattr(value, field.name))) for field in fields(value)]
    return [_plain(child) for child in value] if isinstance(value, list | tuple) else repr(value)


def _program() -> list[tuple[str, int, int]]:
    """The program's own files, so that a changed rule is noticed without a new version."""
    found = []
    for root in (os.path.dirname(str(auditor.__file__)), *import_module("auditor.rules").__path__):
        for folder, _, names in os.walk(root):
            for name in names:
                if name.endswith((".py", ".csv")):
                    status = os.stat(os.path.join(folder, name))
                    found.append((os.path.join(folder, name), status.st_size, status.st_mtime_ns))
    return sorted(found)


class Store:
    """A folder with one file for each thing that is kept.

    Args:
        outside: the root of the repository that is judged.
        folder: by default that of the user's cache.
    """

    def __init__(self, outside: str, folder: str = "") -> None:
        self.folder = os.path.realpath(folder or _of_user())
        root = os.path.realpath(outside)
        self.usable = bool(self.folder) and not os.path.join(self.folder, "").startswith(os.path.join(root, "")) and _made(self.folder)

    def load(self, name: str) -> State:
        """What is kept under a name; an empty state for nothing."""
        if not self.usable:
            return State()
        try:
            path = os.path.join(self.folder, f"{name}.json")
            if not os.path.isfile(path):  # nor what never ends
                return State()
            with open(path, "rb") as file:
                digest, _, content = file.read(_MAX_BYTES).partition(b"\n")
            return _state(json.loads(content)) if digest == _digest(content) else State()
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return State()

    def save(self, name: str, state: State) -> None:
        """Keep a state, whole or not at all, and let go of what has not been used for longest."""
        if not self.usable:
            return
        with contextlib.suppress(OSError):
            content = json.dumps(_written(state), separators=(",", ":")).encode()
            with tempfile.NamedTemporaryFile("wb", dir=self.folder, suffix=".new", delete=False) as file:
                try:
                    file.write(_digest(content) + b"\n" + content)
                except BaseException:
                    os.unlink(file.name)
                    raise
            os.replace(file.name, os.path.join(self.folder, f"{name}.json"))
            kept = sorted(Path(self.folder).glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
            for path in kept[_KEPT:]:
                path.unlink()


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()


def _of_user() -> str:
    """The folder of mlaudit in the user's cache.

    Source: https://specifications.freedesktop.org/basedir-spec/latest/
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        home = os.path.expanduser("~")
        base = os.path.join(home, ".cache") if os.path.isabs(home) else ""
    return os.path.join(base, "mlaudit") if base else ""


def _made(folder: str) -> bool:
    """Whether the folder is there and nobody else can write to it."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.stat(folder)
    except OSError:
        return False
    ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return ours and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


# -- to JSON and back ----------------------------------------------------------------------------------------------------------------------


class _Numbered(dict[Any, int]):
    """Numbers for values, in the order in which they are met."""

    def __missing__(self, key: Any) -> int:
        self[key] = len(self)
        return self[key]


def _written(state: State) -> dict[str, Any]:
    tokens: _Numbered = _Numbered()
    sets: _Numbered = _Numbered()

    def entry(one: Entry | None) -> Any:
        return one and [sets[one.seen], one.given, one.found and _found(one.found)]

    files = {name: [file.content, sets[file.provides], list(map(entry, file.entries))] for name, file in state.files.items()}
    derivations = {name: sets[seen] for name, seen in state.derivations.items()}
    numbered = [[tokens[token] for token in sorted(one)] for one in sets]
    return {
        "today": state.today,
        "images": state.images,
        "tokens": list(tokens),
        "sets": numbered,
        "derivations": derivations,
        "files": files,
    }


def _found(found: Found) -> Any:
    met = found.findings or [entry.finding for entry in found.suppressed]
    ref = met[0].object if met else None
    return [
        ref and [ref.group, ref.version, ref.kind, ref.namespace, ref.name],
        list(map(_finding, found.findings)),
        [[_finding(entry.finding), entry.how, entry.reason, entry.until] for entry in found.suppressed],
        [[*what, number] for what, number in found.skips.items()],
        found.accelerated,
        found.accelerators,
        sorted(found.concerned),
        sorted(found.silent),
    ]


def _finding(one: Finding) -> list[Any]:
    return [
        one.line, one.column, one.rule, one.path, one.message, int(one.severity), int(one.confidence), one.remediation, one.fingerprint,
    ]  # fmt: skip


def _state(value: Any) -> State:
    sets = [frozenset(str(value["tokens"][number]) for number in one) for one in value["sets"]]

    def entry(name: str, one: Any) -> Entry | None:
        return one and Entry(one[2] and _read(name, *one[2]), sets[one[0]], one[1])

    files = {
        name: FileState(content, sets[provides], [entry(name, one) for one in entries])
        for name, (content, provides, entries) in value["files"].items()
    }
    derivations = {name: sets[number] for name, number in value["derivations"].items()}
    return State(files, derivations, value["today"], value["images"])


def _read(
    file: str, ref: Any, findings: Any, suppressed: Any, skips: Any, accelerated: int, accelerators: Any, concerned: Any, silent: Any
) -> Found:
    who = ref and ObjectRef(*ref)

    def finding(one: Any) -> Finding:
        line, column, rule, path, message, severity, confidence, remediation, fingerprint = one
        return Finding(file, line, column, rule, path, message, who, Severity(severity), Confidence(confidence), remediation, fingerprint)

    return Found(
        list(map(finding, findings)),
        [Suppressed(finding(one), how, reason, until) for one, how, reason, until in suppressed],
        [],
        Counter({(rule, reason): number for rule, reason, number in skips}),
        accelerated,
        Counter(accelerators),
        {(number, name) for number, name in concerned},
        set(silent),
    )
