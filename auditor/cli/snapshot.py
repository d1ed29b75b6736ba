"""``mlaudit snapshot``: store what a live cluster holds, so that it can be judged later, elsewhere, and again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auditor.cli import live
from auditor.processes import without_collector
from auditor.source.archive import write_archive

__all__ = ["command"]


@click.command("snapshot")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR|FILE.tar.gz",
    help="Where to: a new directory, or a file.",
)
@click.option("--redact", is_flag=True, help="Also replace names by pseudonyms, so that the snapshot can be shared.")
@live.connection
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
def command(**given: Any) -> int:
    r"""Store what a live cluster holds; `mlaudit cluster --snapshot` then reports the same without the cluster.

    Secrets are never listed. Of every credential that `secret-in-plain-text` would report, the first four characters and the length are
    kept.

    \b
    Examples:
      mlaudit snapshot -o prod.tar.gz
      mlaudit cluster --snapshot prod.tar.gz
      mlaudit snapshot --snapshot prod.tar.gz --redact -o to-share.tar.gz
    """
    with without_collector():
        documents, listing = live.listed(given)
        write_archive((documents, listing), given["output"])
    if not given["quiet"]:
        missing = f", {len(listing.not_listed)} kinds could not be listed" if listing.not_listed else ""
        click.echo(f"{given['output']}: {len(documents)} objects of {len(listing.listed)} kinds, {listing.requests} requests{missing}")
    return 3 if listing.not_listed and not given["allow_partial"] else 0
