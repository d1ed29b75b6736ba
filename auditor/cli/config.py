"""``mlaudit config``: what a run is asked to do, and where each value comes from."""

from __future__ import annotations

import json
from typing import Any

import click

from auditor.cli import asked, measured, options
from auditor.cli.outputs import write
from auditor.cli.own import known_rules
from auditor.registry import load_rules
from auditor.report import printable

__all__ = ["command"]


@click.command("config")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@measured.owner_options
@options.selection
@click.option(
    "-f", "--format", "shape", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="How to write it."
)
@click.option("--schema", is_flag=True, help="Print the JSON schema of mlaudit.yaml instead, for editors.")
def command(paths: tuple[str, ...], **given: Any) -> int:
    """Print the configuration that is in effect for PATH, and for each value where it comes from.

    Options go before mlaudit.yaml, and that before the defaults. It is looked for in the folder of PATH (by default the current one) and
    above it, up to the root of its git repository.

    \b
    Examples:
      mlaudit config
      mlaudit config ./k8s --profile production -f yaml
      mlaudit config --schema > mlaudit.schema.json
    """
    from auditor.config.schema import schema
    from auditor.config.shown import as_json, as_text, as_yaml, rows

    if given["schema"]:
        click.echo(json.dumps(schema(load_rules()), indent=2, ensure_ascii=False))
        return 0
    found = asked.effective(given, paths)
    shown, file = rows(found, known_rules(found.settings.own_rules)), found.file.file if found.file else ""
    texts = {"text": lambda: as_text(shown, file), "json": lambda: as_json(shown, file), "yaml": lambda: as_yaml(shown)}
    write("\n".join(map(printable, texts[given["shape"]]().split("\n"))) + "\n", None)
    return 0
