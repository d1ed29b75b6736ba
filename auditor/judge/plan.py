"""Which rules are asked about a workload: those for its kind and role whose words it mentions."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.finding import Confidence
from auditor.rule import Rule, Scope
from auditor.workload import Role, Workload

__all__ = ["Plans"]

_SCOPES = (Scope.WORKLOAD, Scope.POD_TEMPLATE, Scope.CONTAINER)


class Plans:
    """Rules by what they are asked about. There are few combinations of kind, role and words: each plan is made once.

    Args:
        rules: all of them, by scope.
        exact: roles exempt nobody, as the profile wants it.
    """

    def __init__(self, rules: Mapping[Scope, list[Rule]], *, exact: bool) -> None:
        self._rules = rules
        self._exact = exact
        self._roles_matter = any(rule.roles or (rule.exempt and not exact) for some in rules.values() for rule in some)
        self._made: dict[tuple[str, Role, bool, frozenset[bytes]], dict[Scope, list[Rule]]] = {}

    def of(self, workload: Workload, words: frozenset[bytes]) -> dict[Scope, list[Rule]]:
        """The rules that are asked about a workload, its pods and its containers, by scope.

        Args:
            workload: who is asked about; its role is looked at only where a rule wants to know it.
            words: those of the rules' words that are in it.
        """
        role, confident = Role.UNKNOWN, False
        if self._roles_matter:
            role, confident = workload.role, workload.role_confidence >= Confidence.MEDIUM
        key = (workload.ref.kind, role, confident, words)
        if key not in self._made:
            self._made[key] = {scope: [rule for rule in self._rules[scope] if self._applies(rule, *key)] for scope in _SCOPES}
        return self._made[key]

    def _applies(self, rule: Rule, kind: str, role: Role, confident: bool, words: frozenset[bytes]) -> bool:
        if (rule.kinds and kind not in rule.kinds) or (not self._exact and role in rule.exempt):
            return False
        if rule.mentions and not rule.mentions & words:
            return False
        return not rule.roles or (confident and role in rule.roles)
