"""Options about the window of time that is looked at, and what happened in it."""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import metrics, money, options
from auditor.errors import MetricsError, UsageError
from auditor.lazy import LazyMapping
from auditor.snapshot import Snapshot
from auditor.usage import MissingTime, Usage

if TYPE_CHECKING:
    from auditor.cost.facts import Facts
    from auditor.report import Costs

__all__ = ["costs", "facts", "owner_options", "tell", "usage", "window_options"]

window_options = options.stack(
    metrics.metrics_options,
    click.option("--window", default="7d", show_default=True, metavar="TIME", help="How far to look back: 24h, 7d, 4w."),
    click.option("--until", metavar="TIME", help="The end of the window, such as 2026-11-01T00:00Z; by default now."),
    click.option("--step", default="5m", show_default=True, metavar="TIME", help="The distance of two looks."),
    click.option(
        "--prometheus-label",
        "cluster_label",
        metavar="NAME=VALUE",
        help="Choose the cluster where a server has several: cluster=prod.",
    ),
)

owner_options = click.option(
    "--owner-label",
    "owner_labels",
    multiple=True,
    metavar="KEY",
    help="A label that names who owns a workload, instead of team, owner, project, cost-center …; repeatable, the best first.",
)

_LONGEST = 400 * 86400
_MATCHER = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=([^\"\\\n]+)")


def facts(snapshot: Snapshot, given: dict[str, Any], owners: tuple[str, ...]) -> Facts:
    """What is known of the cluster, with the prices that the options stand for.

    Args:
        snapshot: the cluster.
        given: the options.
        owners: labels that name who owns a workload; none for the usual ones.
    """
    from auditor.cost.facts import Facts
    from auditor.teams import OWNER_KEYS

    return Facts(snapshot, money.prices(given), owners or OWNER_KEYS)


def usage(known: Facts, given: dict[str, Any], recorded: Usage | None = None) -> Usage | None:
    """What devices did in the window: asked of Prometheus, else as a snapshot recorded it; None where nobody measures.

    Raises:
        UsageError: the options cannot be meant.
    """
    server = metrics.server(given)
    if server is None:
        return recorded
    from auditor.source.prometheus import Span, collect

    step = options.seconds(given, "step")
    if step % 60 or 3600 % step:
        raise UsageError(f"--step {given['step']} does not divide an hour", "write 1m, 5m or 15m")
    listing = known.snapshot.listing
    until = _instant(given["until"]) if given["until"] else listing.taken if listing else datetime.datetime.now(datetime.UTC)
    end = datetime.datetime.fromtimestamp(int(until.timestamp()) // step * step, datetime.UTC)
    seconds = options.seconds(given, "window") // step * step
    if not 3600 <= seconds <= _LONGEST:
        raise UsageError(f"--window {given['window']} is not between an hour and 400 days", "write it like 24h, 7d or 4w")
    span = Span(end - datetime.timedelta(seconds=seconds), end, step, cluster=_matcher(given["cluster_label"]))
    try:
        with server, options.progress("measuring", quiet=given["quiet"], long=0) as show:
            return collect(server, span, known, show)
    except MetricsError as error:
        return Usage(span.start, span.end, step, missing=(MissingTime(span.start, span.end, "allocation", str(error)),))


def tell(snapshot: Snapshot, known: Facts, measured: Usage | None) -> None:
    """Let rules see what was measured, what devices cost, and which there are behind the units of nodes."""
    from auditor.cost.split import rates_of

    assert snapshot.listing is not None
    taken = snapshot.listing.taken  # prices are those of that day, where no window says which
    snapshot.usage = measured
    snapshot.rates = rates_of(measured or Usage(taken, taken, 3600), known, known.prices)
    accelerated = {node.name: node for node in snapshot.nodes if node.accelerated}
    snapshot.physical = LazyMapping(accelerated, lambda name: known.behind(accelerated[name]))


def costs(known: Facts, measured: Usage | None, given: dict[str, Any]) -> Costs:
    """What devices cost: over the window where it was measured, else as they are now.

    Raises:
        PricesError: there is no rate for the currency.
    """
    from auditor.cost.actions import advised
    from auditor.cost.now import look
    from auditor.cost.split import costs_of

    shown = money.currency(given, known.prices)
    if measured is not None and measured.nodes:
        found = advised(costs_of(measured, known, known.prices, shown), measured, known)
    else:
        now = look(known.snapshot, known)
        if measured is not None:  # nothing was answered: what is now is still told
            now = dataclasses.replace(now, missing=measured.missing, notes=measured.notes)
        found = advised(costs_of(now, known, known.prices, shown, now=True), now, known)
    namespace = given["namespace"]
    if not namespace:
        return found
    return dataclasses.replace(
        found,
        lines=tuple(line for line in found.lines if line.namespace == namespace),
        actions=tuple(action for action in found.actions if action.namespace == namespace),
        notes=tuple(sorted({*found.notes, f"only what namespace {namespace} holds; what nobody holds is left out"})),
    )


def _instant(text: str) -> datetime.datetime:
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--until {text!r} is no time", "write it like 2026-11-01T00:00Z") from None
    return found.replace(tzinfo=datetime.UTC) if found.tzinfo is None else found.astimezone(datetime.UTC)


def _matcher(text: str | None) -> str:
    if not text:
        return ""
    match = _MATCHER.fullmatch(text)
    if match is None:
        raise UsageError(f"--prometheus-label {text!r} is no label", "write it like cluster=prod")
    return f'{match[1]}="{match[2]}"'
