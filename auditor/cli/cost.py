"""``mlaudit cost``: what a cluster's accelerators cost, and what of it goes for nothing."""

from __future__ import annotations

from typing import Any

import click

from auditor.cli import configured, judging, live, measured, money, options
from auditor.config.effective import Flags
from auditor.processes import without_collector
from auditor.report import Report, Summary
from auditor.snapshot import DEFAULT_KUBERNETES_VERSION, Snapshot

__all__ = ["command"]


@click.command("cost")
@live.connection
@measured.window_options
@measured.owner_options
@configured.config_options
@money.money_options
@options.output
def command(**given: Any) -> int:
    """Say what a cluster's accelerators cost: what was used, what stood idle, whose it is, and what to do first.

    With Prometheus (kube-state-metrics and an exporter of the devices), a window of time is split into what was unallocated, starting,
    terminating, crash-looping, unknown, idle and active. Without it, only what is allocated now is known.

    \b
    Examples:
      mlaudit cost --prometheus http://localhost:9090 --window 7d
      mlaudit cost --snapshot prod.tar.gz --prices our-prices.yaml --currency EUR
      mlaudit cost --prometheus https://mimir.example.com/prometheus -f html -o cost.html
    """
    settings = configured.settle(given, Flags(configured.given_values(given, "owner_labels"))).settings
    with without_collector():
        cluster, recorded = live.listed(given)
        documents, listing = cluster
        snapshot = Snapshot(
            documents,
            listing=listing,
            kubernetes_version=listing.version or DEFAULT_KUBERNETES_VERSION,
            device_table=settings.device_table,
        )
        known = measured.facts(snapshot, given, settings.owner_labels)
        found = measured.costs(known, measured.usage(known, given, recorded), given)
    report = Report(
        findings=(), suppressed=(), skipped=(), failures=(), unread=(), not_judged={}, folders=(),
        summary=Summary(0, 0, 0, 0, 0, len(documents), len(snapshot.workloads), len(snapshot.accelerated_workloads), _held(snapshot)),
        profile="", kubernetes_version=".".join(map(str, listing.version or ())), rules=0,
        cluster=live.described(cluster, snapshot, allow_partial=given["allow_partial"]),
        costs=found,
    )  # fmt: skip
    judging.write(report, given)
    return 3 if report.incomplete else 0


def _held(snapshot: Snapshot) -> int:
    """How many accelerators the pods ask for that have not ended."""
    return sum(count for pod in snapshot.pods if not pod.finished for count in pod.devices.values())
