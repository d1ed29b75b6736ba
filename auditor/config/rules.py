"""What the file says about single rules: whether they are asked, how severe they are, and their options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.config.reading import Reader, near, quoted
from auditor.config.shapes import Schema
from auditor.document import Path
from auditor.finding import Severity
from auditor.rule import Rule

__all__ = ["PLAIN", "SEVERITIES", "RuleSetting", "RuleSettings", "setting"]

SEVERITIES = tuple(str(severity) for severity in sorted(Severity, reverse=True))
_KEYS = ("enabled", "severity", "options")
PLAIN: Schema = {"enum": [True, False, "on", "off", *SEVERITIES]}


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """What is said about one rule.

    Attributes:
        enabled: whether it is asked; None to leave that to the profile.
        severity: of all that it finds; empty to leave that to the rule.
        options: by name.
        lines: of ``enabled``, ``severity`` and each option, by name.
    """

    enabled: bool | None = None
    severity: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """By a rule's name: on, off, a severity, or a mapping of several of these.

    ``off`` leaves a rule out, ``on`` asks it although the profile may not contain it; a severity and options change neither.
    """

    def read(self, reader: Reader, path: Path, value: object) -> Mapping[str, RuleSetting] | None:
        """See `Shape`."""
        given = reader.mapping(path, value)
        if given is None:
            return None
        found = {}
        for name, setting in given.items():
            where = (*path, name)
            if name not in reader.rules:
                reader.wrong(where, f"there is no rule {quoted(name)}", near(name, reader.rules, "`mlaudit rules` lists them"))
            else:
                found[name] = _setting(reader, where, setting, reader.rules[name])
        return found

    def schema(self, rules: Mapping[str, Rule]) -> Schema:
        """See `Shape`."""
        return {
            "type": "object",
            "properties": {name: _schema(rule) for name, rule in rules.items()},
            "additionalProperties": {"anyOf": [PLAIN, {"type": "object"}]},
        }


def _setting(reader: Reader, path: Path, value: object, rule: Rule) -> RuleSetting:
    if isinstance(value, dict):
        given = reader.mapping(path, value, _KEYS) or {}
        enabled, severity = _enabled(given.get("enabled")), given.get("severity", "")
        if "enabled" in given and enabled is None:
            reader.wrong((*path, "enabled"), f"is {quoted(given['enabled'])}", "write true or false")
        if "severity" in given and severity not in SEVERITIES:
            reader.wrong((*path, "severity"), f"is {quoted(severity)}", near(str(severity), SEVERITIES))
        options = _options(reader, (*path, "options"), given["options"], rule) if "options" in given else {}
        lines = {key: reader.line((*path, key)) for key in ("enabled", "severity")}
        lines |= {name: reader.line((*path, "options", name)) for name in options}
        return RuleSetting(enabled, severity if severity in SEVERITIES else "", options, lines)
    enabled = _enabled(value)
    if enabled is not None:
        return RuleSetting(enabled, lines={"enabled": reader.line(path)})
    if isinstance(value, str) and value in SEVERITIES:
        return RuleSetting(severity=value, lines={"severity": reader.line(path)})
    reader.wrong(path, f"is {quoted(value)}", f"write on, off, one of {', '.join(SEVERITIES)}, or a mapping of {', '.join(_KEYS)}")
    return RuleSetting()


def _enabled(value: object) -> bool | None:
    """Whether a rule is on. YAML reads on and off as true and false, but not where they are quoted."""
    if value in ("on", "off"):
        return value == "on"
    return value if isinstance(value, bool) else None


def _options(reader: Reader, path: Path, value: object, rule: Rule) -> Mapping[str, Any]:
    given = reader.mapping(path, value)
    found = {}
    for name, option in (given or {}).items():
        if name not in rule.options:
            known = f"it has {', '.join(rule.options)}" if rule.options else "it has none"
            reader.wrong((*path, name), f"the rule {rule.name} has no option {quoted(name)}", near(name, rule.options, known))
            continue
        default = rule.options[name]
        if isinstance(default, tuple):
            option = reader.texts((*path, name), option, lambda text: "", "[one, two]")
        elif type(option) is not type(default):
            what = {bool: "true or false", int: "a whole number"}.get(type(default), "a text")
            reader.wrong((*path, name), f"is {quoted(option)}", f"write {what}, like {_shown(default)}")
            continue
        if option is not None:
            found[name] = option
    return found


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else repr(default)


def _schema(rule: Rule) -> Schema:
    if not rule.options:
        return {"description": rule.title, "allOf": [{"$ref": "#/definitions/rule"}]}
    options = {name: _of_type(default) for name, default in rule.options.items()}
    entry = setting({"options": {"type": "object", "properties": options, "additionalProperties": False}})
    return {"description": rule.title, "anyOf": [PLAIN, entry]}


def setting(more: Schema) -> Schema:
    """The schema of a rule's setting as a mapping, with further properties."""
    severity = {"enum": list(SEVERITIES)}
    properties = {"enabled": {"type": "boolean"}, "severity": severity, **more}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _of_type(default: object) -> Schema:
    if isinstance(default, tuple):
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}], "default": list(default)}
    return {"type": {bool: "boolean", int: "integer"}.get(type(default), "string"), "default": default}
