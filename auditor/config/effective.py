"""Options before the file, the file before the defaults: the settings of a run, and where each value comes from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.accelerators import KNOWN_DEVICES, DeviceTable
from auditor.config import Settings
from auditor.finding import Confidence, Severity
from auditor.rule import Profile

if TYPE_CHECKING:
    from auditor.config.file import ConfigFile
    from auditor.config.rules import RuleSetting

__all__ = ["Effective", "Flags", "effective"]

# What is said at the top of the file and is an option of one rule.
_OF_RULES = {"owner_labels": ("owner-label-missing", "keys"), "allowed_registries": ("registry-not-allowed", "allowed")}
_NO_RULES: Mapping[str, RuleSetting] = {}


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says.

    Attributes:
        values: of keys of the file, by name, as the file would hold them; only what was given.
        rules: only these rules are asked.
        exclude_rules: rules that are not asked.
        tags: only rules with one of these are asked.
        options: of rules, by rule and name.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    rules: frozenset[str] = frozenset()
    exclude_rules: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effective:
    """What a run is asked to do, and by whom.

    Attributes:
        settings: what it is asked.
        flags: the command line.
        file: what was read; None where there is no file.
    """

    settings: Settings
    flags: Flags
    file: ConfigFile | None

    def value(self, key: str) -> Any:
        """The value of a key, as the file would hold it; None where nobody says it."""
        return self.flags.values.get(key, self.file.values.get(key) if self.file else None)

    def line(self, number: int) -> str:
        """A place in the file."""
        return f"{self.file.file}:{number}" if self.file else ""


def effective(flags: Flags, file: ConfigFile | None, paths: Iterable[str] = ()) -> Effective:
    """Put together what a run is asked to do.

    Args:
        flags: the command line.
        file: what was read; None where there is no file.
        paths: that are scanned.
    """
    said: dict[str, Any] = {**(file.values if file else {}), **flags.values}
    rules: Mapping[str, RuleSetting] = said.get("rules", _NO_RULES)
    off = {name for name, setting in rules.items() if setting.enabled is False} - flags.rules
    on = {name for name, setting in rules.items() if setting.enabled}
    plain: dict[str, Any] = {key: convert(said[key]) for key, convert in _CONVERTED.items() if key in said}
    settings = Settings(
        rules=flags.rules,
        exclude_rules=flags.exclude_rules | off,
        enabled=frozenset(on) - flags.exclude_rules,
        tags=flags.tags,
        severities={name: Severity[setting.severity.upper()] for name, setting in rules.items() if setting.severity},
        options=_options(said, rules, flags),
        ignores=said.get("ignore", ()),
        file=file.file if file else "",
        whole_tree=file is not None and any(_holds(path, file.root) for path in paths),
        device_table=DeviceTable(frozenset(said["resources"])) if "resources" in said else KNOWN_DEVICES,
        **plain,
    )
    return Effective(settings, flags, file)


# Keys that are fields of the settings, and how their values become those.
_CONVERTED: dict[str, Any] = {
    "profile": Profile,
    "fail_on": lambda word: None if word == "never" else Severity[word.upper()],
    "min_severity": lambda word: Severity[word.upper()],
    "min_confidence": lambda word: Confidence[word.upper()],
    "complete": bool,
    "kubernetes_version": tuple,
    "exclude": lambda paths: paths,
    "owner_labels": tuple,
    "rule_dirs": tuple,
}


def _options(said: Mapping[str, Any], rules: Mapping[str, RuleSetting], flags: Flags) -> dict[str, dict[str, Any]]:
    """Options of rules: those at the top of the file, then those below the rule's name, then the command line's."""
    found: dict[str, dict[str, Any]] = {}
    for key, (rule, option) in _OF_RULES.items():
        if said.get(key):
            found[rule] = {option: said[key]}
    for name, setting in rules.items():
        if setting.options:
            found.setdefault(name, {}).update(setting.options)
    for name, options in flags.options.items():
        found.setdefault(name, {}).update(options)
    return found


def _holds(path: str, root: str) -> bool:
    """Whether a path is a folder or one above it."""
    real = os.path.realpath(path)
    return path != "-" and os.path.commonpath((real, root)) == real
