"""``mlaudit baseline``: remember what is found, so that only what is new blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auditor.baseline import FILE
from auditor.cli import asked, only, options
from auditor.cli.scan import scan
from auditor.errors import UsageError

__all__ = ["command"]


@click.command("baseline")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@options.selection
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=FILE, show_default=True, metavar="FILE", help="Where to."
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
def command(paths: tuple[str, ...], **given: Any) -> int:
    """Remember what is found under each PATH; `mlaudit scan --baseline FILE` then reports only what is new.

    Give the options that the scan is given: what a rule finds that was not asked here is new there. The file is meant to be committed. An
    entry is recognised after lines, files and objects have moved; write the file again when some are fixed. --fail-on and --exit-zero are
    taken so that the options can be the same, and mean nothing here. Of a cluster, `mlaudit cluster --write-baseline FILE` writes one.

    \b
    Examples:
      mlaudit baseline ./k8s
      mlaudit scan --baseline mlaudit-baseline.json ./k8s
    """
    settings = asked.settings(given)
    with options.progress("reading", quiet=given["quiet"]) as progress:
        report = scan(paths, settings, progress)
    if not report.summary.objects and not report.unread:
        raise UsageError("there is no Kubernetes object to judge", "give a path with manifests")
    only.write(given["output"], report, settings)
    if not given["quiet"]:
        files = len({finding.file for finding in report.findings})
        click.echo(f"{given['output']}: {len(report.findings)} findings in {files} files, by {report.rules} rules")
    for entry in report.unread:
        click.echo(f"{entry.file}:{entry.line} could not be read: {entry.reason}", err=True)
    for failure in report.failures:
        click.echo(f"the rule {failure.rule} failed on {failure.object} ({failure.file}): {failure.error}", err=True)
    return 3 if report.incomplete else 0
