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
from auditor.custom.fields import FIELDS, FUNCTIONS, SCOPES
from auditor.custom.keys import KEYS
from auditor.registry import load_rules
from auditor.rule import Profile, Rule

ROOT = Path(__file__).resolve().parents[1]
README, RULES, COMMANDS = ROOT / "README.md", ROOT / "docs" / "rules.md", ROOT / "docs" / "commands.md"
SCHEMA = ROOT / "docs" / "mlaudit.schema.json"
CUSTOM, SHOWN = ROOT / "docs" / "custom-rules.md", ROOT / "fixtures" / "custom" / "pod-over-eight-gpus.yaml"


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


_CUSTOM = """# Rules of your own

Printed from the program by `make docs`.

A rule of your own is a YAML document: what it is called, when it finds fault, what it says then, and examples. The condition is an
expression in [CEL](https://github.com/google/cel-spec/blob/master/doc/langdef.md), as in Kubernetes' ValidatingAdmissionPolicy, and speaks
of the same model that built-in rules judge: a container is a container, whether it stands in a Deployment, a PyTorchJob or a RayCluster.
No code runs; expressions see what the tables below list, and nothing else.

```bash
pip install "mlaudit[cel]"
mlaudit test policies/                       # executes the examples
mlaudit scan --rules policies/ ./k8s         # asks them beside the built-in rules
mlaudit rules --rules policies/ --tag custom
mlaudit explain NAME --rules policies/
```

`--rules` takes a folder, whose files `*.yaml` and `*.yml` are read at all depths, or a file; a file may hold several rules. In
`mlaudit.yaml`, `rule_dirs: [policies]` does the same for everybody who scans the repository; such folders lie in the repository.

## One rule

```yaml
{shown}```

## Keys

| key | what it says |
|---|---|
{keys}

`name`, `title`, `severity`, `for`, `when` and a message are needed. An example may also be `manifest: |` with `complete: true`, which says
that nothing is missing, as `--complete` does.

## What expressions may speak of

| rule is for | expressions speak of |
|---|---|
{scopes}

An item of a list of containers or templates has the fields of the table below under its own name: `t.containers.exists(c, c.tag == "")`.

{tables}

### Functions

CEL's operators and macros (`in`, `has`, `all`, `exists`, `exists_one`, `map`, `filter`, `cel.bind`), `size`, `contains`, `startsWith`,
`endsWith`, `matches` (RE2, with the pattern as a literal), `string`, `int`, `double`, `bool`, `type`, and:

| function | what it makes |
|---|---|
{functions}

## What cannot be known

A placeholder such as `${{X}}` or `{{{{ .Values.x }}}}`, and a value of the wrong type, are never a fault. A rule that looks at one finds
nothing there, and the report counts it as skipped; so it does for what `snapshot.namespaces`, `snapshot.kinds` and `snapshot.names` hold
where not everything is in view (`--complete`, or a cluster). Templates for other objects, such as a ServingRuntime, lack what others
supply: only a rule whose `kinds` names them is asked about them.

A field that an object may lack is asked for before it is used: `has(object.spec.replicas)`, `"app" in workload.labels`. An expression that
fails on an object is counted as a failure of the rule, which names the object, and the run exits with 3.

## Limits

An expression has at most 4,096 characters and is nested at most 32 deep, and a rule has at most 8 variables. One evaluation goes through at
most 10,000 entries in all its macros together, and what its values may grow to is bounded before it starts. Rules that go beyond are
refused when they are loaded, or counted as failed on the objects that are too large for them.
"""


def custom() -> str:
    """The manual of own rules."""
    titles = {
        "container": "`container`", "template": "`template`: the pods that a workload yields", "workload": "`workload`",
        "object": "`object`", "snapshot": "`snapshot`: what is in view", "env": "Items of `container.env`",
        "port": "Items of `container.ports`",
        "volumeMount": "Items of `container.volumeMounts`", "volume": "Items of `template.volumes`",
    }  # fmt: skip
    tables = []
    for owner, title in titles.items():
        rows = [field for field in FIELDS if field.owner == owner]
        named = owner not in ("env", "port", "volumeMount", "volume")
        lines = [f"| `{field.full if named else field.name}` | {field.type.replace('<', '&lt;')} | {field.means} |" for field in rows]
        tables.append(f"### {title}\n\n| field | type | what it holds |\n|---|---|---|\n" + "\n".join(lines))
    return _CUSTOM.format(
        shown=SHOWN.read_text(encoding="utf-8"),
        keys="\n".join(f"| `{key}` | {means} |" for key, means in KEYS.items()),
        scopes="\n".join(f"| `{scope}` | {', '.join(f'`{root}`' for root in roots)} |" for scope, (_, roots) in SCOPES.items()),
        tables="\n\n".join(tables),
        functions="\n".join(f"| `{name}` | {means} |" for name, means in FUNCTIONS.items()),
    )


if __name__ == "__main__":
    RULES.parent.mkdir(exist_ok=True)
    RULES.write_text(rules(), encoding="utf-8")
    COMMANDS.write_text(commands(), encoding="utf-8")
    SCHEMA.write_text(config_schema(), encoding="utf-8")
    CUSTOM.write_text(custom(), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")
    for file in GOLDEN:
        (ROOT / "fixtures" / "golden" / file).write_text(golden(file), encoding="utf-8")
