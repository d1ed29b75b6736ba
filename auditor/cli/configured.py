"""Options about the file of settings, and what a run is asked to do by options and file together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.own import known_rules, own_rules
from auditor.config.effective import Effective, Flags, effective
from auditor.config.file import ConfigFile, find, named, read
from auditor.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from auditor.rule import Rule

__all__ = ["config_options", "given_values", "opened", "settle", "settled"]


def config_options(function: Any) -> Any:
    """The options that choose the file of settings."""
    ignored = click.option("--no-config", is_flag=True, help="Read no mlaudit.yaml.")(function)
    return click.option(
        "--config", metavar="FILE", help="Settings; by default mlaudit.yaml in the folder of PATH or above it, in the same repository."
    )(ignored)


def given_values(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The options that the user gave, by name: not those at their defaults."""
    context = click.get_current_context()
    default = (click.core.ParameterSource.DEFAULT, None)
    return {name: given[name] for name in names if name in given and context.get_parameter_source(name) not in default}


def settle(given: Mapping[str, Any], flags: Flags, paths: Iterable[str] = ()) -> Effective:
    """Options and file together.

    Args:
        given: the options.
        flags: what those about rules mean.
        paths: where the file is looked for; none for the current directory.

    Raises:
        UsageError: the paths lead to different files, or there is no such file.
        ConfigError: the file says what cannot be meant.
    """
    paths = tuple(paths)
    file, own = opened(given, paths)
    return settled(file, flags, paths, own)


def settled(file: ConfigFile | None, flags: Flags, paths: Iterable[str], own: tuple[Rule, ...]) -> Effective:
    """Options and what `opened` found together."""
    found = effective(flags, file, paths)
    return replace(found, settings=replace(found.settings, own_rules=own))


def opened(given: Mapping[str, Any], paths: Iterable[str]) -> tuple[ConfigFile | None, tuple[Rule, ...]]:
    """The file of settings, and the user's own rules: those that it names, and those of ``--rules``.

    Raises:
        UsageError, ConfigError: as in `settle`; also where own rules are wrong, or two have one name.
    """
    if given["config"] and given["no_config"]:
        raise UsageError("--config and --no-config exclude each other", "leave one of them out")
    found = named(given["config"]) if given["config"] else None if given["no_config"] else find(paths)
    asked = given.get("rule_dirs", ())
    if found is None:
        return None, own_rules(asked)

    @cache
    def together(folders: tuple[str, ...]) -> tuple[Rule, ...]:
        return _together(asked, folders, found.tree)

    file = read(found, lambda folders: known_rules(together(tuple(folders))), trusted=bool(given["config"]))
    return file, together(tuple(file.values.get("rule_dirs", ())))


def _together(asked: tuple[Path, ...], named: Iterable[str], tree: str) -> tuple[Rule, ...]:
    """The user's own rules.

    Args:
        asked: folders and files of ``--rules``.
        named: folders in the file of settings, absolute.
        tree: what these must lie in.
    """
    folders = tuple(map(Path, named))
    configured = own_rules(tuple(Path(os.path.relpath(folder)) for folder in folders), Path(tree))  # as people would write them
    others = own_rules(tuple(path for path in asked if path.resolve() not in folders))
    names = {rule.name for rule in configured}
    twice = next((rule.name for rule in others if rule.name in names), "")
    if twice:
        raise ConfigError(f"the configuration and --rules both have a rule {twice!r}", "leave one of them out")
    return (*configured, *others)
