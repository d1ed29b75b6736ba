"""The list `ignore` of the file: findings that are silenced, with conditions, a reason and perhaps a last day."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.config.reading import MAX_ENTRIES, Reader, near, quoted
from auditor.config.shapes import PathPatterns, Schema, one_or_more
from auditor.document import Path, mapping
from auditor.globs import MAX_LENGTH, Paths, mistake_in_name
from auditor.ignores import EVERY_RULE, Ignore
from auditor.rule import Rule

__all__ = ["Ignores"]

_PATTERNS = {"kind": "Deployment", "namespace": "team-*", "name": "*-canary"}  # with examples
_KEYS = ("rules", "path", *_PATTERNS, "labels", "reason", "until")
_REQUIRED = (
    ("rules", "names no rule", "write `rules: name-of-a-rule`, or a list"),
    ("reason", "gives no reason", "write `reason: …`: why may this stay?"),
)
_PATHS = PathPatterns()
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Ignores:
    """A list of entries: the rules, where, why and until when."""

    def read(self, reader: Reader, path: Path, value: object) -> tuple[Ignore, ...] | None:
        """See `Shape`."""
        entries = reader.entries(path, value)
        if entries is None:
            return None
        found = (_entry(reader, (*path, index), entry) for index, entry in enumerate(entries))
        return tuple(entry for entry in found if entry is not None)

    def schema(self, rules: Mapping[str, Rule]) -> Schema:
        """See `Shape`."""
        pattern = one_or_more({"type": "string", "minLength": 1, "maxLength": MAX_LENGTH})
        properties: Schema = {
            "rules": {"description": "Names of rules; * for all.", **one_or_more({"type": "string", "minLength": 1})},
            "path": {"description": "Patterns of paths below the folder of this file.", **pattern},
            **{key: {"description": f"Patterns of its {key}, like {example}.", **pattern} for key, example in _PATTERNS.items()},
            "labels": {
                "description": "Labels that the object must have, with patterns of their values.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": one_or_more({"type": ["string", "boolean", "number"]}),
            },
            "reason": {"description": "Why this is tolerated.", "type": "string", "minLength": 1, "maxLength": _LONGEST_REASON},
            "until": {"description": "The last day, like 2027-01-31.", "type": "string", "pattern": f"^{_DAY.pattern}$"},
        }
        entry = {"type": "object", "properties": properties, "required": ["rules", "reason"], "additionalProperties": False}
        return {"type": "array", "items": entry, "minItems": 1, "maxItems": MAX_ENTRIES}


def _entry(reader: Reader, path: Path, value: object) -> Ignore | None:
    given = reader.mapping(path, value, _KEYS)
    if given is None:
        return None
    for key, problem, remedy in _REQUIRED:
        if key not in given and len(given) == len(mapping(value)):  # else it is probably misspelled
            reader.wrong(path, problem, remedy)
    named = list(_rules(reader, (*path, "rules"), given["rules"])) if "rules" in given else []
    labels = reader.mapping((*path, "labels"), given["labels"]) if "labels" in given else {}
    entry = Ignore(
        rules=tuple(name for name, _ in named),
        reason=_reason(reader, (*path, "reason"), given["reason"]) if "reason" in given else "",
        until=_day(reader, (*path, "until"), given["until"]) if "until" in given else None,
        paths=_paths(reader, (*path, "path"), given),
        kinds=_patterns(reader, path, given, "kind"),
        namespaces=_patterns(reader, path, given, "namespace"),
        names=_patterns(reader, path, given, "name"),
        labels={key: _values(reader, (*path, "labels", key), values) for key, values in (labels or {}).items()},
        file=reader.document.file,
        lines=tuple(line for _, line in named),
    )
    if EVERY_RULE in entry.rules and not any(key in given for key in ("path", *_PATTERNS, "labels")):
        reader.wrong((*path, "rules"), "silences every rule everywhere", f"say where: add one of path, {', '.join(_PATTERNS)}, labels")
    return entry


def _rules(reader: Reader, path: Path, value: object) -> Iterator[tuple[str, int]]:
    """The names of rules with their lines."""
    for index, name in enumerate(reader.texts(path, value, lambda text: "", "image-tag-floating") or ()):
        where = (*path, index) if isinstance(value, list) else path
        if name != EVERY_RULE and name not in reader.rules:
            reader.wrong(where, f"there is no rule {quoted(name)}", near(name, reader.rules, "`mlaudit rules` lists them"))
        else:
            yield name, reader.line(where)


def _reason(reader: Reader, path: Path, value: object) -> str:
    text = " ".join((reader.text(path, value, "reason: the nodes hold nothing else") or "").split())
    if len(text) > _LONGEST_REASON:
        reader.wrong(path, f"has {len(text)} characters, more than {_LONGEST_REASON}", "make it shorter")
    return text


def _day(reader: Reader, path: Path, value: object) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value if isinstance(value, str) and _DAY.fullmatch(value) else "")
    except ValueError:
        reader.wrong(path, f"{quoted(value)} is no day", "write it like 2027-01-31")
        return None


def _paths(reader: Reader, path: Path, given: Mapping[str, Any]) -> Paths | None:
    return _PATHS.read(reader, path, given["path"]) if "path" in given else None


def _patterns(reader: Reader, path: Path, given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return reader.texts((*path, key), given[key], mistake_in_name, _PATTERNS[key]) or () if key in given else ()


def _values(reader: Reader, path: Path, value: object) -> tuple[str, ...]:
    """Patterns of a label's value; ``true`` and numbers are what a label holds as a text."""
    plain = [_plain(one) for one in value] if isinstance(value, list) else _plain(value)
    return reader.texts(path, plain, mistake_in_name, "search-*") or ()


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
