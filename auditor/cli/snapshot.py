"""``mlaudit snapshot``: store what a live cluster holds, so that it can be judged later, elsewhere, and again."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from auditor.cli import live, measured
from auditor.document import Document, mapping
from auditor.listing import Listing
from auditor.processes import without_collector
from auditor.redact import Pseudonyms, renamed_usage, without_credentials, words_of
from auditor.registry import judging_modules
from auditor.snapshot import Snapshot
from auditor.source.archive import write_archive
from auditor.source.cluster import Live
from auditor.usage import Usage

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
@measured.window_options
@click.option("-q", "--quiet", is_flag=True, help="Say nothing.")
def command(**given: Any) -> int:
    """Store what a live cluster holds; `mlaudit cluster --snapshot` then reports the same without the cluster.

    With --prometheus, what its accelerators did in the window is stored as well, and `mlaudit cost --snapshot` needs no Prometheus.

    Secrets are never listed. Of every credential that `secret-in-plain-text` would report, the first four characters and the length are
    kept.

    \b
    Examples:
      mlaudit snapshot -o prod.tar.gz
      mlaudit cluster --snapshot prod.tar.gz
      mlaudit snapshot --prometheus http://localhost:9090 --window 7d -o prod.tar.gz
      mlaudit snapshot --snapshot prod.tar.gz --redact -o to-share.tar.gz
    """
    with without_collector():
        (documents, listing), recorded = live.listed(given)
        usage = _usage(documents, listing, given, recorded)
        if given["redact"]:
            stored, usage = _redacted(documents, listing, usage)
        else:
            stored = (list(map(without_credentials, documents)), listing)
        write_archive(stored, given["output"], usage)
    if not given["quiet"]:
        missing = f", {len(listing.not_listed)} kinds could not be listed" if listing.not_listed else ""
        hours = f", {float(usage.hours):g} hours of measurements" if usage else ""
        click.echo(
            f"{given['output']}: {len(documents)} objects of {len(listing.listed)} kinds, {listing.requests} requests{hours}{missing}"
        )
        for one in usage.missing if usage else ():
            click.echo(f"not measured, {one.what}: {one.reason}", err=True)
    unlisted = listing.not_listed and not given["allow_partial"]
    return 3 if unlisted or (usage is not None and usage.missing) else 0


def _usage(documents: list[Document], listing: Listing, given: dict[str, Any], recorded: Usage | None) -> Usage | None:
    """What accelerators did in the window, where a Prometheus is named; else what a snapshot recorded of it."""
    if not given["prometheus"]:
        return recorded
    from auditor.cost.facts import Facts
    from auditor.cost.prices import Prices

    return measured.usage(Facts(Snapshot(documents, listing=listing), Prices()), given, recorded)


def _redacted(documents: Iterable[Document], listing: Listing, usage: Usage | None) -> tuple[Live, Usage | None]:
    """What can be shared. The same cluster gives the same pseudonyms, because the key is something that is not in the result.

    Who set a field (provenance) is left out: managers and the shape of what was applied name people's tools and fields.
    """
    documents = list(documents)
    judged = words_of(judging_modules())
    pseudonyms = Pseudonyms(_key(documents), judged=judged)
    pseudonyms.learn(documents)
    renamed = [pseudonyms.document(document) for document in documents]

    stored = (
        [Document.of_cluster(document.ref, document.raw) for document in renamed],
        dataclasses.replace(
            listing,
            server="redacted",
            namespace=pseudonyms.text(listing.namespace),
            listed=tuple(dataclasses.replace(resource, group=pseudonyms.text(resource.group)) for resource in listing.listed),
            not_listed=tuple(dataclasses.replace(entry, reason="the account may not list it") for entry in listing.not_listed),
            asked=frozenset((pseudonyms.text(group), kind) for group, kind in listing.asked),
        ),
    )
    return stored, usage and renamed_usage(usage, pseudonyms)


def _key(documents: Iterable[Document]) -> bytes:
    """The identity of the cluster, which is the uid of its first namespace; any key where that is not in view."""
    for document in documents:
        if document.ref.kind == "Namespace" and document.ref.name == "kube-system":
            return str(mapping(document.raw.get("metadata")).get("uid")).encode()
    return secrets.token_bytes(32)
