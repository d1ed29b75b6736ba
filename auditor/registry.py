"""Finds rules and output formats by name. The only place that imports them."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from types import ModuleType

from auditor.errors import AuditError, UsageError
from auditor.rule import Rule

__all__ = ["format_names", "judging_modules", "load_rules", "renderer", "rule_named"]


@cache
def load_rules() -> Mapping[str, Rule]:
    """Every rule by name, sorted by name.

    Raises:
        AuditError: two modules define one rule, or a module's name is not its rule's.
    """
    package = importlib.import_module("auditor.rules")

    found: dict[str, Rule] = {}
    for topic in _modules(package, packages=True):
        for module in _modules(importlib.import_module(topic), packages=False):
            check = getattr(importlib.import_module(module), "check", None)
            rule = getattr(check, "rule", None)
            if not isinstance(rule, Rule):
                raise AuditError(f"the module {module} defines no rule", "give it a function `check` decorated with @rule")
            if rule.name in found:
                raise AuditError(f"the rule {rule.name} is defined twice")
            if rule.name.replace("-", "_") != module.rpartition(".")[2]:
                raise AuditError(f"the module {module} defines the rule {rule.name}", "a rule's file carries the rule's name")
            found[rule.name] = rule
    return dict(sorted(found.items()))


def _modules(package: ModuleType, *, packages: bool) -> list[str]:
    names = (info for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."))
    return sorted(info.name for info in names if info.ispkg is packages and not info.name.rpartition(".")[2].startswith("_"))


def rule_named(name: str, rules: Mapping[str, Rule] | None = None) -> Rule:
    """The rule of that name.

    Args:
        name: as the user gave it.
        rules: those that there are; None for the built-in ones.

    Raises:
        UsageError: there is none; the message proposes the nearest names.
    """
    rules = load_rules() if rules is None else rules
    if name in rules:
        return rules[name]
    raise UsageError(f"there is no rule {name!r}", suggestion(name, rules) or "`mlaudit rules` lists them")


def suggestion(name: str, known: Iterable[str]) -> str:
    """``did you mean …?`` with the nearest of the known names, or nothing."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6) or [candidate for candidate in names if name and name in candidate][:3]
    return f"did you mean {' or '.join(near)}?" if near else ""


# Parts of the model that hold tables by which rules judge.
_TABLES = (
    "auditor.rules.", "auditor.rbac", "auditor.exposure", "auditor.live", "auditor.placement", "auditor.queues", "auditor.quotas",
    "auditor.teams", "auditor.exporters", "auditor.stranding",
)  # fmt: skip


def judging_modules() -> list[ModuleType]:
    """The modules of all rules, and those of the model by whose tables they judge."""
    load_rules()
    return [module for name, module in sorted(sys.modules.items()) if name.startswith(_TABLES)]


def format_names() -> list[str]:
    """Names of the output formats."""
    package = importlib.import_module("auditor.reports")

    return [name.rpartition(".")[2] for name in _modules(package, packages=False)]


def renderer(name: str) -> ModuleType:
    """The module that renders a format; it has ``render(report, options)``."""
    return importlib.import_module(f"auditor.reports.{name}")
