"""What commands that judge have in common: from a snapshot to a report, and from a report to the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from auditor.cli import options
from auditor.cli.checkout import FORMATS, from_its_root
from auditor.cli.outputs import Output, write_all
from auditor.cli.own import known_rules
from auditor.config import Settings
from auditor.document import NotJudged
from auditor.engine import Outcome, evaluate, select
from auditor.registry import renderer
from auditor.report import Cluster, Report, RuleInfo, Summary
from auditor.rule import Rule
from auditor.snapshot import Snapshot
from auditor.source import Reading

__all__ = ["asked", "exit_code", "judged", "report", "seen", "write"]


def seen(reading: Reading, settings: Settings) -> Snapshot:
    """What was read of files, normalised."""
    return settings.snapshot(reading.documents, kustomized_images=reading.kustomized_images)


def judged(snapshot: Snapshot, settings: Settings, reading: Reading, cluster: Cluster | None = None) -> Report:
    """Ask the rules about everything in view.

    Args:
        snapshot: what is in view.
        settings: which rules, and how.
        reading: what was read of files; of a cluster, only its documents.
        cluster: the live cluster, or None for files.
    """
    known, rules = known_rules(settings.own_rules), asked(settings, live=cluster is not None)
    return report(snapshot, settings, reading, evaluate(snapshot, rules, settings, unread=reading.unread, known=known), cluster)


def report(snapshot: Snapshot, settings: Settings, reading: Reading, outcome: Outcome, cluster: Cluster | None = None) -> Report:
    """A report of what judging yielded; see `judged`."""
    known, rules = known_rules(settings.own_rules), asked(settings, live=cluster is not None)
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
        configuration=settings.file,
        catalogue=_catalogue({**known, **{rule.name: rule for rule in rules}}, outcome),
        cluster=cluster,
        fail_on=settings.fail_on,
    )


def asked(settings: Settings, *, live: bool = False) -> list[Rule]:
    """The rules that a run asks."""
    return select(known_rules(settings.own_rules).values(), settings, live=live)


def _catalogue(known: Mapping[str, Rule], outcome: Outcome) -> tuple[RuleInfo, ...]:
    """The rules that something in the report names."""
    named = {finding.rule for finding in outcome.findings} | {entry.finding.rule for entry in outcome.suppressed}
    named |= {failure.rule for failure in outcome.failures}
    return tuple(RuleInfo.of(known[name]) for name in sorted(named) if name in known)


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
        objects=sum(map(snapshot.selects, snapshot.documents)),
        workloads=sum(snapshot.selects(workload.document) for workload in snapshot.workloads),
        accelerated_workloads=outcome.accelerated,
        gpus_requested=sum(outcome.accelerators.values()),
        fixable=sum(finding.patch is not None for finding in outcome.findings),
    )


def write(report: Report, given: dict[str, Any]) -> None:
    """Write a report as the output options say."""

    def render(one: Output) -> str:
        shown = from_its_root(report) if one.format in FORMATS else report
        text: str = renderer(one.format).render(shown, options.view(given, one.file))
        return text

    write_all(given["outputs"], render)


def exit_code(report: Report, given: dict[str, Any]) -> int:
    """3 for a report that is not complete, else 1 for findings at or above the threshold, else 0."""
    if report.incomplete:
        return 3
    return 1 if report.failed and not given["exit_zero"] else 0
