"""Prints what is generated again: pages of rules and commands, the schema of ``mlaudit.yaml``, parts of the README, golden reports.

``python -m tests.regenerate`` writes them; `tests/test_docs.py` and `tests/test_golden.py` fail when a committed one is stale.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from pathlib import Path

import click
from click.testing import CliRunner

from auditor.cli import cli
from auditor.cli.explain import page
from auditor.config.schema import schema
from auditor.registry import load_rules
from auditor.rule import Profile, Rule

ROOT = Path(__file__).resolve().parents[1]
README, RULES, COMMANDS = ROOT / "README.md", ROOT / "docs" / "rules.md", ROOT / "docs" / "commands.md"
SCHEMA = ROOT / "docs" / "mlaudit.schema.json"


# Golden files: what is scanned, and how wide the terminal is.
GOLDEN = {
    "demo-80.txt": (("fixtures/demo",), 80),
    "demo-by-rule-120.txt": (("fixtures/demo", "--group-by", "rule"), 120),
    "demo-strict.json": (("fixtures/demo", "--profile", "strict", "--format", "json"), 80),
}


def golden(name: str) -> str:
    """The content that a golden file should have."""
    arguments, columns = GOLDEN[name]
    return run("scan", *arguments, columns=columns) + "\n"


def run(*arguments: str, columns: int = 80) -> str:
    """What a command prints in the repository's root."""
    here = Path.cwd()
    os.chdir(ROOT)
    try:
        result = CliRunner(env={"COLUMNS": str(columns)}).invoke(cli, list(arguments), prog_name="mlaudit", terminal_width=columns)
    finally:
        os.chdir(here)
    return result.stdout.rstrip()


def readme() -> str:
    """The README with its printed blocks made anew. A block is the fence that follows one of these headings."""
    text = README.read_text(encoding="utf-8")
    arguments = ("scan", "fixtures/demo/training", "--min-severity", "medium")
    return _fenced(text, "## What it says", f"$ mlaudit {' '.join(arguments)}\n{run(*arguments)}")


def _fenced(text: str, heading: str, body: str) -> str:
    pattern = re.compile(rf"({re.escape(heading)}\n+```text\n).*?(\n```)", re.DOTALL)
    changed, number = pattern.subn(lambda match: match[1] + body + match[2], text)
    if number != 1:
        raise SystemExit(f"README.md has {number} blocks under {heading!r}")
    return changed


def rules() -> str:
    """All rules' pages in one file, by topic."""
    topics: dict[str, list[Rule]] = {}
    for rule in load_rules().values():
        topics.setdefault(rule.topic, []).append(rule)
    titles = {topic: (importlib.import_module(f"auditor.rules.{topic}").__doc__ or topic).rstrip(".") for topic in topics}
    ordered = sorted(topics, key=lambda topic: titles[topic])
    parts = ["# Rules\n\nPrinted from the rules by `make docs`. The examples are executed by the tests.\n"]
    for topic in ordered:
        parts.append(f"## {titles[topic]}\n")
        parts.append("| rule | severity | profiles | finds |\n|---|---|---|---|")
        for rule in topics[topic]:
            profiles = ", ".join(str(profile) for profile in Profile if profile in rule.profiles)
            parts.append(f"| [`{rule.name}`](#{rule.name}) | {rule.severity} | {profiles} | {rule.title} |")
        parts.append("")
    for topic in ordered:
        for rule in topics[topic]:
            body = page(rule)
            body = re.sub(r"^# .*$", f"## {rule.name}\n\n**{rule.title}**", body, count=1, flags=re.MULTILINE)
            parts.append(re.sub(r"^## (Why|Bad|Good|When|References)", r"### \1", body, flags=re.MULTILINE))
    return "\n".join(parts)


def commands() -> str:
    """The help of every command."""
    parts = ["# Commands\n\nPrinted by `make docs`.\n", f"```text\n{run('--help')}\n```\n"]
    for name in cli.list_commands(click.Context(cli)):
        parts.append(f"## mlaudit {name}\n\n```text\n{run(name, '--help')}\n```\n")
    return "\n".join(parts)


def config_schema() -> str:
    """The JSON schema of ``mlaudit.yaml``."""
    return json.dumps(schema(load_rules()), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    RULES.parent.mkdir(exist_ok=True)
    RULES.write_text(rules(), encoding="utf-8")
    COMMANDS.write_text(commands(), encoding="utf-8")
    SCHEMA.write_text(config_schema(), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")
    for file in GOLDEN:
        (ROOT / "fixtures" / "golden" / file).write_text(golden(file), encoding="utf-8")
