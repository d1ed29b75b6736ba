"""Options about the file of settings, and what a run is asked to do by options and file together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from auditor.config.effective import Effective, Flags, effective
from auditor.config.file import ConfigFile, find, named, read
from auditor.errors import UsageError
from auditor.registry import load_rules

if TYPE_CHECKING:
    from auditor.rule import Rule

__all__ = ["config_options", "given_values", "settle"]


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
    return effective(flags, _file(given, paths), paths)


def _file(given: Mapping[str, Any], paths: tuple[str, ...]) -> ConfigFile | None:
    if given["config"]:
        if given["no_config"]:
            raise UsageError("--config and --no-config exclude each other", "leave one of them out")
        return read(named(given["config"]), _rules, trusted=True)
    found = None if given["no_config"] else find(paths)
    return None if found is None else read(found, _rules)


def _rules(folders: tuple[str, ...]) -> Mapping[str, Rule]:
    """All rules there are.

    Args:
        folders: with the user's own.
    """
    return load_rules()
