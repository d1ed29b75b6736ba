"""``mlaudit cluster``: judge what a live cluster holds."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

import click

from auditor.cli import judging, live, options
from auditor.cli.access import print_access
from auditor.cli.nodes import print_nodes
from auditor.config import Settings
from auditor.document import Document, mapping
from auditor.errors import UsageError
from auditor.processes import without_collector
from auditor.report import Cluster, Report
from auditor.selectors import Selector, parse_selector
from auditor.snapshot import Snapshot
from auditor.source import Reading
from auditor.source.cluster import Live

__all__ = ["command", "judge_live"]


@click.command("cluster")
@live.connection
@click.option("-l", "--selector", default="", metavar="SELECTOR", help="Judge only objects with these labels, as for kubectl.")
@click.option("--check-access", is_flag=True, help="Only print what the account may not list.")
@click.option("--nodes", "nodes", is_flag=True, help="Only print nodes and their accelerators: what is taken, free and pending.")
@options.selection
@options.output
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:
    """Judge a live cluster, read as kubectl reads it: kubeconfig, exec plugins, or the service account of the pod.

    Nothing is ever written, and Secrets are never listed. What the account may not list is named, and ends with exit code 3.

    \b
    Examples:
      mlaudit cluster
      mlaudit cluster --context prod -n ml-team --profile production
      mlaudit cluster --nodes
    """
    selector = _selector(given["selector"])
    settings = options.settings(given)
    if given["check_access"]:
        return print_access(given)
    with without_collector():
        found = live.listed(given)
        version = found[1].version
        if version and context.get_parameter_source("kubernetes_version") is click.core.ParameterSource.DEFAULT:
            settings = dataclasses.replace(settings, kubernetes_version=version)
        if given["nodes"]:
            return print_nodes(found, given)
        report = judge_live(found, settings, given["namespace"], selector, allow_partial=given["allow_partial"])
    judging.write(report, given)
    return judging.exit_code(report, settings, given)


def _selector(text: str) -> Selector | None:
    try:
        return parse_selector(text) if text else None
    except ValueError as error:
        raise UsageError(str(error), "write it as for kubectl: `app=llm,tier!=test`") from None


def judge_live(
    found: Live, settings: Settings, namespace: str = "", selector: Selector | None = None, *, allow_partial: bool = False
) -> Report:
    """Normalise and judge what was listed of a cluster.

    Args:
        found: the objects, and what was listed.
        settings: which rules; what expires does so on the day of the listing.
        namespace: only objects of this namespace are judged; empty for all.
        selector: only objects with these labels are judged; None for all.
        allow_partial: the user is content with what may be listed.
    """
    documents, listing = found
    snapshot = Snapshot(
        documents,
        complete=settings.complete,
        kubernetes_version=settings.kubernetes_version,
        listing=listing,
        selects=_choice(namespace, selector),
    )
    cluster = Cluster(
        listing,
        namespaces=len({document.ref.namespace for document in documents} - {""}),
        nodes=len(snapshot.nodes),
        pods=len(snapshot.pods),
        allow_partial=allow_partial,
    )
    settings = dataclasses.replace(settings, today=listing.taken.astimezone(datetime.UTC).date())
    return judging.judged(snapshot, settings, Reading(documents=list(documents)), cluster)


def _choice(namespace: str, selector: Selector | None) -> Callable[[Document], bool] | None:
    """Which objects are judged: what lives in the namespace, with the labels asked for."""
    if not namespace and selector is None:
        return None

    def selects(document: Document) -> bool:
        ref = document.ref
        here = not namespace or ref.namespace == namespace or (ref.kind == "Namespace" and ref.name == namespace)
        return here and (selector is None or selector.matches(mapping(mapping(document.raw.get("metadata")).get("labels"))))

    return selects
