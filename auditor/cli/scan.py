"""``mlaudit scan``: judge manifests in files, directories or standard input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import click

from auditor.cli import options
from auditor.config import Settings
from auditor.document import NotJudged
from auditor.engine import Outcome, evaluate, select
from auditor.errors import UsageError
from auditor.processes import without_collector
from auditor.registry import load_rules, renderer
from auditor.report import Report, Summary
from auditor.snapshot import Snapshot
from auditor.source import Reading, read_paths

__all__ = ["command", "scan"]


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@options.selection
@options.output
def command(paths: tuple[str, ...], **given: Any) -> int:
    r"""Judge the Kubernetes manifests under each PATH: files, directories (recursively), or - for standard input.

    YAML with many documents, JSON, lists and Markdown with YAML fences are read. Everything that is not judged is counted.

    \b
    Examples:
      mlaudit scan ./k8s
      mlaudit scan --profile production --fail-on medium ./k8s
      kubectl kustomize overlays/prod | mlaudit scan -
    """
    settings = options.settings(given)
    with options.progress(quiet=given["quiet"]) as progress:
        report = scan(paths, settings, progress)
    options.write(renderer(given["format"]).render(report, options.view(given)), given["output"])
    if not report.summary.objects and not report.unread:
        raise UsageError(_nothing(report), "give a path with manifests, or render the chart or kustomization first")
    if report.incomplete:
        return 3
    return 1 if report.reaches(settings.fail_on) and not given["exit_zero"] else 0


def scan(paths: tuple[str, ...], settings: Settings, progress: Callable[[int, int], None] | None = None) -> Report:
    """Read, normalise, judge: the whole way from paths to a report.

    Raises:
        UsageError: a path does not exist.
    """
    with without_collector():  # everything read stays until the end, and workloads let go of what they derive
        return _scan(paths, settings, progress)


def _scan(paths: tuple[str, ...], settings: Settings, progress: Callable[[int, int], None] | None) -> Report:
    reading = read_paths(paths, jobs=settings.jobs, progress=progress)
    snapshot = Snapshot(
        reading.documents,
        complete=settings.complete,
        kubernetes_version=settings.kubernetes_version,
        kustomized_images=reading.kustomized_images,
    )
    known = load_rules()
    rules = select(known.values(), settings)
    outcome = evaluate(snapshot, rules, settings, unread=reading.unread, known=known)
    return Report(
        findings=tuple(outcome.findings),
        suppressed=tuple(outcome.suppressed),
        skipped=tuple(outcome.skipped),
        failures=tuple(outcome.failures),
        unread=tuple(reading.unread),
        not_judged=_reasons(reading.not_judged),
        folders=tuple(sorted(reading.folders, key=lambda folder: folder.file)),
        summary=_summary(reading, snapshot, outcome),
        profile=str(settings.profile),
        kubernetes_version=".".join(map(str, settings.kubernetes_version)),
        rules=len(rules),
    )


def _reasons(not_judged: list[NotJudged]) -> dict[str, int]:
    number = Counter(item.reason for item in not_judged)
    return dict(sorted(number.items(), key=lambda item: (-item[1], item[0])))


def _summary(reading: Reading, snapshot: Snapshot, outcome: Outcome) -> Summary:
    return Summary(
        files=reading.files,
        files_judged=reading.files_judged,
        files_unread=reading.files_unread,
        files_not_judged=reading.files_not_judged,
        documents=len(reading.documents) + len(reading.unread) + len(reading.not_judged),
        objects=len(reading.documents),
        workloads=len(snapshot.workloads),
        accelerated_workloads=outcome.accelerated,
        gpus_requested=sum(outcome.accelerators.values()),
    )


def _nothing(report: Report) -> str:
    if not report.summary.files:
        return "there is nothing to scan: no file was found"
    reasons = ", ".join(f"{number} {reason}" for reason, number in report.not_judged.items())
    return f"there is no Kubernetes object in what was scanned ({reasons})"
