"""``mlaudit scan``: judge manifests in files, directories or standard input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import asked, judging, money, options
from auditor.cli.rendering import render_options, rendering
from auditor.config import Settings
from auditor.errors import UsageError
from auditor.processes import without_collector
from auditor.report import Potential, Report
from auditor.snapshot import Snapshot
from auditor.source import Reading, read_paths
from auditor.source.rendering import Rendering, render

if TYPE_CHECKING:
    from auditor.cli.only import Against

__all__ = ["command", "scan"]


@click.command("scan")
@click.argument("paths", nargs=-1, metavar="PATH...")
@render_options
@money.potential_options
@options.selection
@options.baseline
@click.option("--diff", metavar="REF", help="Report only what is new since the branch parted from REF, a revision in git.")
@click.option("--no-cache", is_flag=True, help="With --diff: judge all of REF again, whatever earlier runs have noted of it.")
@options.output
def command(paths: tuple[str, ...], **given: Any) -> int:
    """Judge the Kubernetes manifests under each PATH: files, directories (recursively), or - for standard input.

    YAML with many documents, JSON, lists and Markdown with YAML fences are read. Everything that is not judged is counted.

    \b
    Examples:
      mlaudit scan ./k8s
      mlaudit scan --profile production --fail-on medium ./k8s
      mlaudit scan --render ./k8s
      kubectl kustomize overlays/prod | mlaudit scan -
      mlaudit scan --diff origin/main ./k8s
      mlaudit scan --baseline mlaudit-baseline.json ./k8s
      mlaudit scan --cost --base main ./k8s
    """
    if not paths and not given["kustomize"]:
        raise UsageError("there is nothing to scan", "give a PATH, a file or directory, as in `mlaudit scan ./k8s`")
    settings = asked.settings(given, (*paths, *given["kustomize"]))
    wanted = rendering(given, settings)
    potential = _potential(paths, settings, given)
    if given["diff"] is not None and wanted is not None:
        raise UsageError("--diff compares files as git holds them, and what is rendered is in none", "leave out --render and --kustomize")
    compared = _compared((*paths, *given["kustomize"]), given)
    with options.progress("reading", quiet=given["quiet"]) as progress:
        report = scan(paths, settings, progress, potential, wanted, compared)
    judging.write(report, given)
    if not report.summary.objects and not report.unread and wanted is None and not (compared and compared.had_something):
        raise UsageError(_nothing(report), "give a path with manifests; --render renders charts and kustomizations")
    return judging.exit_code(report, given)


def _potential(paths: tuple[str, ...], settings: Settings, given: dict[str, Any]) -> Callable[[Snapshot], Potential] | None:
    """What works out the potential cost, if that is asked for."""
    if not given["cost"]:
        for option in ("base", "region", "prices"):
            if given[option]:
                raise UsageError(f"--{option} says something about money", "add --cost")
        return None
    from auditor.cli.potential import estimator

    return estimator(paths, settings, given)


def _compared(paths: tuple[str, ...], given: dict[str, Any]) -> Against | None:
    """What to compare with, if that is asked for."""
    if given["baseline"] is None and given["diff"] is None:
        return None
    from auditor.cli.only import against

    return against(given, paths)


def scan(
    paths: tuple[str, ...],
    settings: Settings,
    progress: Callable[[int, int], None] | None = None,
    potential: Callable[[Snapshot], Potential] | None = None,
    wanted: Rendering | None = None,
    compared: Against | None = None,
) -> Report:
    """Read, normalise, judge: the whole way from paths to a report.

    Args:
        paths: as on the command line.
        settings: which rules, and how.
        progress: called with the number of files read so far and in all.
        potential: what works out the potential cost; None where that is not asked for.
        wanted: what is rendered before it is judged; None for nothing.
        compared: what to compare with, so that only what is new is reported; None where that is not asked for.

    Raises:
        UsageError: a path does not exist.
    """
    with without_collector():  # everything read stays until the end, and workloads let go of what they derive
        if compared is not None:
            from auditor.cli.only import scan_new

            report, snapshot = scan_new(settings, compared, lambda: _read(paths, settings, progress, wanted), progress)
        else:
            reading = _read(paths, settings, progress, wanted)
            snapshot = judging.seen(reading, settings)
            report = judging.judged(snapshot, settings, reading)
        return report if potential is None else replace(report, potential=potential(snapshot))


def _read(paths: tuple[str, ...], settings: Settings, progress: Callable[[int, int], None] | None, wanted: Rendering | None) -> Reading:
    reading = read_paths(paths, jobs=settings.jobs, progress=progress, exclude=settings.exclude)
    return reading if wanted is None else render(reading, wanted)


def _nothing(report: Report) -> str:
    if not report.summary.files:
        return "there is nothing to scan: no file was found"
    reasons = ", ".join(f"{number} {reason}" for reason, number in report.not_judged.items())
    return f"there is no Kubernetes object in what was scanned ({reasons})"
