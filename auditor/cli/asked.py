"""What a run is asked to do: what the options about rules mean, and the configuration with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from auditor.cli import configured
from auditor.cli.own import known_rules
from auditor.config import Settings
from auditor.config.effective import Effective, Flags
from auditor.errors import ConfigError, UsageError
from auditor.registry import rule_named, suggestion
from auditor.rule import Rule

__all__ = ["effective", "settings"]

# Options that are keys of the configuration, too.
_KEYS = ("profile", "fail_on", "min_severity", "min_confidence", "complete", "kubernetes_version", "owner_labels")


def settings(given: dict[str, Any], paths: Iterable[str] = ()) -> Settings:
    """The settings that the selection options and the configuration stand for; see `effective`."""
    return effective(given, paths).settings


def effective(given: dict[str, Any], paths: Iterable[str] = ()) -> Effective:
    """What a run is asked to do by the selection options and the configuration, and where each value comes from.

    Args:
        given: the options.
        paths: where the configuration is looked for; none for the current directory.

    Raises:
        UsageError: a rule, tag or version that does not exist.
        ConfigError: an option that its rule does not have, a value of the wrong type, or a configuration that cannot be meant.
    """
    file, own = configured.opened(given, paths)
    known = known_rules(own)
    for name in (*given["rules"], *given["exclude_rules"]):
        rule_named(name, known)
    known_tags = {tag for rule in known.values() for tag in (*rule.tags, rule.topic)}
    for tag in given["tags"]:
        if tag not in known_tags:
            raise UsageError(f"there is no tag {tag!r}", suggestion(tag, known_tags) or f"tags are {', '.join(sorted(known_tags))}")
    values = configured.given_values(given, *_KEYS)
    if "kubernetes_version" in values:
        values["kubernetes_version"] = _version(given["kubernetes_version"])
    flags = Flags(
        values,
        frozenset(given["rules"]),
        frozenset(given["exclude_rules"]),
        frozenset(given["tags"]),
        _rule_options(given["rule_options"], known),
    )
    return configured.settled(file, flags, paths, own)


def _version(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.\d+)?", text)
    if match is None:
        raise UsageError(f"{text!r} is no Kubernetes version", "write it like 1.33")
    return int(match[1]), int(match[2])


def _rule_options(given: tuple[str, ...], known: Mapping[str, Rule]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for text in given:
        match = re.fullmatch(r"([\w-]+)\.(\w+)=(.*)", text)
        if match is None:
            raise UsageError(f"{text!r} is no option of a rule", "write it like liveness-kills-loading-model.min_startup_seconds=300")
        rule, name = rule_named(match[1], known), match[2]
        if name not in rule.options:
            raise ConfigError(
                f"the rule {rule.name} has no option {name!r}",
                suggestion(name, rule.options) or f"it has {', '.join(rule.options) or 'none'}",
            )
        found.setdefault(rule.name, {})[name] = _value(rule.options[name], match[3], text)
    return found


def _value(default: Any, text: str, given: str) -> Any:
    """A value of the type of the option's default."""
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{given!r} needs true or false")
        return text.lower() == "true"
    if isinstance(default, int):
        if not re.fullmatch(r"-?\d+", text):
            raise ConfigError(f"{given!r} needs a whole number")
        return int(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text
