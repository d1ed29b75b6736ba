"""Mends a text in memory, as the command does."""

from __future__ import annotations

from auditor.config import Settings
from auditor.engine import Outcome, evaluate
from auditor.fix import Fixes, fix
from auditor.registry import load_rules
from auditor.snapshot import Snapshot
from auditor.source import read_contents
from auditor.source.files import STDIN

RULES = load_rules()
FIXABLE = [rule.name for rule in RULES.values() if rule.fixable]


def mend(content: bytes, *rules: str) -> Fixes:
    """Mend what rules find; all that have patches, if none is named."""
    return fix(read_contents([(STDIN, content)]), Settings(rules=frozenset(rules or FIXABLE)), RULES, stdin=content)


def after(fixes: Fixes, content: bytes) -> bytes:
    """The content that there is then."""
    return fixes.files[STDIN].after if STDIN in fixes.files else content


def judge(content: bytes, *rules: str) -> Outcome:
    """What rules find; all of them, if none is named."""
    settings = Settings(rules=frozenset(rules or RULES))
    chosen = [rule for rule in RULES.values() if rule.name in settings.rules and not rule.live]
    return evaluate(Snapshot(read_contents([(STDIN, content)]).documents), chosen, settings, known=RULES)
