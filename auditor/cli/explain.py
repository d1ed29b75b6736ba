"""``mlaudit explain``: print the manual page of a rule."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from auditor.cli.options import complete_rule
from auditor.cli.own import known_rules, own_rules, rules_option
from auditor.registry import rule_named
from auditor.rule import Profile, Rule

__all__ = ["command", "page"]


@click.command("explain")
@click.argument("rule", shell_complete=complete_rule, metavar="RULE")
@rules_option
def command(rule: str, rule_dirs: tuple[Path, ...]) -> int:
    """Print the manual page of RULE: why it matters, a bad and a good example, when to ignore it, and sources."""
    text = page(rule_named(rule, known_rules(own_rules(rule_dirs))))
    click.echo(_styled(text) if sys.stdout.isatty() else text)
    return 0


def page(rule: Rule) -> str:
    """A rule's page as Markdown: a heading, its facts, and its module's docstring."""
    profiles = ", ".join(str(profile) for profile in Profile if profile.contains(rule.profiles))
    facts = [f"severity {rule.severity}, confidence {rule.confidence}, judges each {rule.scope}", f"profiles {profiles}"]
    if rule.live:
        facts.append("asked on live clusters only (`mlaudit cluster`)")
    if rule.fixable:
        facts.append("`mlaudit fix` mends it where that takes no decision")
    if rule.tags:
        facts.append(f"tags {', '.join(sorted(rule.tags))}")
    if rule.needs:
        facts.append(f"also looks at {', '.join(rule.needs)}")
    facts += [f"option {name} = {_shown(default)}" for name, default in rule.options.items()]
    listed = "\n".join(f"- {fact}" for fact in facts)
    return f"# {rule.name}: {rule.title}\n\n{listed}\n\n{rule.manual}\n"


def _shown(default: object) -> str:
    return ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _styled(text: str) -> str:
    """Headings in bold, the marked lines in red: for a terminal."""
    lines = []
    for line in text.splitlines():
        if line.startswith("#"):
            lines.append(click.style(line.lstrip("# "), bold=True))
        elif line.endswith("# <- here"):
            lines.append(click.style(line, fg="red"))
        else:
            lines.append(line)
    return "\n".join(lines)
