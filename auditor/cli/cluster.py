"""``mlaudit cluster``: judge what a live cluster holds."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from auditor.cli import asked, judging, live, measured, money, only, options
from auditor.cli.access import print_access
from auditor.cli.nodes import print_nodes
from auditor.config import Settings
from auditor.document import Document, Unread, mapping
from auditor.errors import UsageError
from auditor.processes import stays, without_collector
from auditor.report import Costs, Report
from auditor.selectors import Selector, parse_selector
from auditor.snapshot import Snapshot
from auditor.source import Reading
from auditor.source.cluster import Live
from auditor.usage import Usage

__all__ = ["command", "judge_live", "seen"]


@click.command("cluster")
@live.connection
@click.option("-l", "--selector", default="", metavar="SELECTOR", help="Judge only objects with these labels, as for kubectl.")
@click.option("--check-access", is_flag=True, help="Only print what the account may not list.")
@click.option("--nodes", "nodes", is_flag=True, help="Only print nodes and their accelerators: what is taken, free and pending.")
@click.option("--cost", "with_costs", is_flag=True, help="Add what accelerators cost, as `mlaudit cost` says it.")
@measured.window_options
@measured.owner_options
@money.money_options
@options.selection
@options.baseline
@click.option("--write-baseline", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write what is found to FILE.")
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
      mlaudit cluster --cost --prometheus http://localhost:9090
    """
    selector = _selector(given["selector"])
    settings = asked.settings(given)
    compared = only.against(given, partial=bool(given["namespace"] or selector))
    if given["check_access"]:
        return print_access(given)
    with without_collector():
        found, recorded = live.listed(given)
        version = found[1].version
        if version and context.get_parameter_source("kubernetes_version") is click.core.ParameterSource.DEFAULT:
            settings = dataclasses.replace(settings, kubernetes_version=version)
        if given["nodes"]:
            return print_nodes(found, given, settings.device_table)
        snapshot = seen(found, settings, given["namespace"], selector)
        costs = _measured(snapshot, given, recorded, settings.owner_labels)
        judged_with = settings if compared is None else settings.everything
        report = judge_live(snapshot, found, judged_with, allow_partial=given["allow_partial"])
        report = dataclasses.replace(report, costs=costs, unread=() if costs else tuple(_unmeasured(snapshot)))
        stays()
    if given["write_baseline"]:
        only.write(given["write_baseline"], report, settings)
    report = report if compared is None else only.only_new(report, settings, compared)
    judging.write(report, given)
    return judging.exit_code(report, given)


def _selector(text: str) -> Selector | None:
    try:
        return parse_selector(text) if text else None
    except ValueError as error:
        raise UsageError(str(error), "write it as for kubectl: `app=llm,tier!=test`") from None


def _measured(snapshot: Snapshot, given: dict[str, Any], recorded: Usage | None, owners: tuple[str, ...]) -> Costs | None:
    """What devices cost, where that is asked; rules see what was measured, and what devices cost, in any case."""
    wanted = given["with_costs"] or given["prometheus"] or recorded
    if not wanted and not any(node.accelerated for node in snapshot.nodes):
        return None
    known = measured.facts(snapshot, given, owners)
    usage = measured.usage(known, given, recorded) if wanted else None
    measured.tell(snapshot, known, usage)
    return measured.costs(known, usage, given) if given["with_costs"] else None


def _unmeasured(snapshot: Snapshot) -> Iterator[Unread]:
    """What Prometheus did not answer; where costs are shown, they say it."""
    for one in snapshot.usage.missing if snapshot.usage else ():
        yield Unread("Prometheus", 0, f"{one.what} from {one.start:%Y-%m-%d %H:%M} to {one.end:%Y-%m-%d %H:%M}: {one.reason}")


def seen(found: Live, settings: Settings, namespace: str = "", selector: Selector | None = None) -> Snapshot:
    """What was listed of a cluster, normalised.

    Args:
        found: the objects, and what was listed.
        settings: the version that is assumed, and whether nothing is missing.
        namespace: only objects of this namespace are judged; empty for all.
        selector: only objects with these labels are judged; None for all.
    """
    documents, listing = found
    return settings.snapshot(documents, listing=listing, selects=_choice(namespace, selector))


def judge_live(snapshot: Snapshot, found: Live, settings: Settings, *, allow_partial: bool = False) -> Report:
    """Judge what was listed of a cluster.

    Args:
        snapshot: what is seen of it.
        found: the objects, and what was listed.
        settings: which rules; what expires does so on the day of the listing.
        allow_partial: the user is content with what may be listed.
    """
    documents, listing = found
    cluster = live.described(found, snapshot, allow_partial=allow_partial)
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
