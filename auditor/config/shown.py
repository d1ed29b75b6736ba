"""The effective configuration for people and programs: each value as the file would hold it, with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.config.effective import Effective
from auditor.config.keys import KEYS
from auditor.globs import Paths
from auditor.ignores import Ignore
from auditor.rule import Rule
from auditor.teams import OWNER_KEYS

__all__ = ["Row", "as_json", "as_text", "as_yaml", "rows"]

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Row:
    """One value.

    Attributes:
        path: the keys that lead to it.
        value: as JSON has it.
        origin: ``default``, a line of the file, or an option of the command line.
        origins: of each entry, where the value is a list of mappings.
    """

    path: tuple[str, ...]
    value: Any
    origin: str
    origins: tuple[str, ...] = ()


def rows(found: Effective, rules: Mapping[str, Rule]) -> list[Row]:
    """Every value that the file could hold and that is in effect, in the order of the table of keys."""
    shown: list[Row] = []
    for key in KEYS:
        if key.name == "rules":
            shown += _rules(found, rules)
            continue
        value, origin = found.value(key.name), key.flag
        if key.name not in found.flags.values:
            origin = found.line(found.file.lines[key.name]) if found.file and key.name in found.file.values else DEFAULT
        if value is None:
            value = _default(found, key.name)
        value = _plain(value, found.file.root if found.file else "")
        if value not in (None, []):
            each = tuple(found.line(entry.lines[0]) for entry in found.settings.ignores) if key.name == "ignore" else ()
            shown.append(Row((key.name,), value, origin, each))
    return shown


def _rules(found: Effective, rules: Mapping[str, Rule]) -> Iterator[Row]:
    settings, flags = found.settings, found.flags
    said = found.value("rules") or {}
    names = {*said, *flags.options, *flags.exclude_rules, *flags.rules} & rules.keys()
    for name in sorted(names):
        lines = said[name].lines if name in said else {}
        if name in flags.exclude_rules or name in flags.rules:
            enabled, origin = name not in flags.exclude_rules, "--exclude-rule" if name in flags.exclude_rules else "--rule"
            yield Row(("rules", name, "enabled"), enabled, origin)
        elif name in settings.exclude_rules or name in settings.enabled:
            yield Row(("rules", name, "enabled"), name in settings.enabled, found.line(lines["enabled"]))
        if name in settings.severities:
            yield Row(("rules", name, "severity"), str(settings.severities[name]), found.line(lines["severity"]))
        options = {**(said[name].options if name in said else {}), **flags.options.get(name, {})}
        for option, value in sorted(options.items()):
            origin = "--option" if option in flags.options.get(name, {}) else found.line(lines[option])
            yield Row(("rules", name, "options", option), _plain(value, ""), origin)


def _default(found: Effective, key: str) -> Any:
    settings = found.settings
    if key == "fail_on":
        return "never" if settings.fail_on is None else str(settings.fail_on)
    if key in ("profile", "min_severity", "min_confidence"):
        return str(getattr(settings, key))
    if key in ("complete", "kubernetes_version"):
        return getattr(settings, key)
    return OWNER_KEYS if key == "owner_labels" else None


def _plain(value: Any, root: str) -> Any:
    """A value as JSON, and the file, has it."""
    if isinstance(value, Paths):
        return list(value.patterns)
    if isinstance(value, tuple):
        if value and isinstance(value[0], int):
            return ".".join(map(str, value))
        return [_ignore(one) if isinstance(one, Ignore) else _below(one, root) for one in value]
    return value


def _below(text: str, root: str) -> str:
    """A folder as the file names it."""
    return text.removeprefix(root + "/") if root and text.startswith("/") else text


def _ignore(entry: Ignore) -> dict[str, Any]:
    said = {
        "rules": list(entry.rules), "path": list(entry.paths.patterns) if entry.paths else [], "kind": list(entry.kinds),
        "namespace": list(entry.namespaces), "name": list(entry.names), "labels": {key: list(texts) for key, texts in entry.labels.items()},
        "reason": entry.reason, "until": entry.until.isoformat() if entry.until else "",
    }  # fmt: skip
    return {key: value for key, value in said.items() if value}


def as_json(shown: list[Row], file: str) -> str:
    """As JSON: the file, and by key the value and its origin."""
    values = {".".join(row.path): {"value": row.value, "from": row.origin} for row in shown}
    return json.dumps({"file": file or None, "values": values}, indent=2, ensure_ascii=False)


def as_yaml(shown: list[Row]) -> str:
    """As a file that means the same, with the origins as comments."""
    lines: list[str] = []
    before: tuple[str, ...] = ()
    for row in shown:
        for depth, step in enumerate(row.path):
            if row.path[: depth + 1] != before[: depth + 1]:
                last = depth + 1 == len(row.path) and not row.origins
                lines.append(f"{'  ' * depth}{step}:" + (f" {json.dumps(row.value)}  # {row.origin}" if last else ""))
        lines += [f"- {json.dumps(entry)}  # {origin}" for entry, origin in zip(row.value if row.origins else (), row.origins, strict=True)]
        before = row.path
    return "\n".join(lines)


def as_text(shown: list[Row], file: str) -> str:
    """As a table: key, origin, value."""
    table: list[tuple[str, str, str]] = []
    for row in shown:
        name = ".".join(row.path)
        if row.origins:
            table += [(name, origin, _entry(entry)) for entry, origin in zip(row.value, row.origins, strict=True)]
        else:
            table.append((name, row.origin, _text(row.value)))
    wide, long = (max((len(row[column]) for row in table), default=0) for column in (0, 1))
    lines = [f"{key:{wide}}  {origin:{long}}  {text}" for key, origin, text in table]
    return "\n".join([file or "there is no mlaudit.yaml", "", *lines])


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _entry(entry: Mapping[str, Any]) -> str:
    place = ", ".join(f"{key} {_words(entry[key])}" for key in ("path", "kind", "namespace", "name", "labels") if key in entry)
    until = f" (until {entry['until']})" if "until" in entry else ""
    return f"{', '.join(entry['rules'])}{' in ' + place if place else ''}: {entry['reason']}{until}"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return " and ".join(f"{key}={' or '.join(texts)}" for key, texts in value.items())
    return " or ".join(value)
