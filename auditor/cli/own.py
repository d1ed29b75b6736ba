"""The option that names users' own rules, and all rules that there are with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from auditor.registry import load_rules
from auditor.rule import Rule

__all__ = ["known_rules", "own_rules", "rules_option"]

rules_option = click.option(
    "--rules",
    "rule_dirs",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Also know your own rules in this folder or file; repeatable.",
)


def own_rules(paths: tuple[Path, ...], root: Path | None = None) -> tuple[Rule, ...]:
    """The rules in these folders and files; see `auditor.custom.load`.

    Args:
        paths: as given.
        root: what they must lie in where a configuration file names them; None for what the user names.

    Raises:
        UsageError: there are none.
        ConfigError: they are wrong, or the package that evaluates them is missing.
    """
    if not paths:
        return ()
    from auditor.custom import load  # what most runs do without

    return tuple(load(paths, root))


def known_rules(own: tuple[Rule, ...]) -> Mapping[str, Rule]:
    """All rules by name, sorted by name: built-in ones and these."""
    return dict(sorted({**load_rules(), **{rule.name: rule for rule in own}}.items())) if own else load_rules()
