"""Chooses the rules of a run and asks them about everything in view, in as many processes as pay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from auditor.config import Settings
from auditor.document import Unread
from auditor.errors import UsageError
from auditor.finding import Finding, RuleFailure, Skipped, Suppressed
from auditor.judge import Found, Judge
from auditor.processes import forks, mapped_on, pool
from auditor.rule import Rule
from auditor.snapshot import Snapshot

__all__ = ["Outcome", "evaluate", "outcome", "select"]


# From how many objects on a second process pays: starting one costs about 20 ms, an object about 0.1 ms.
_PARALLEL_FROM = 2000
_BATCH = 100


@dataclass(slots=True)
class Outcome:
    """What judging yielded.

    Attributes:
        findings, suppressed, skipped, failures: sorted.
        accelerated: how many workloads ask for accelerators; templates for other objects do not count.
        accelerators: how many they ask for together, by resource name, at the lower end where an autoscaler moves the number.
    """

    findings: list[Finding] = field(default_factory=list)
    suppressed: list[Suppressed] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    failures: list[RuleFailure] = field(default_factory=list)
    accelerated: int = 0
    accelerators: dict[str, int] = field(default_factory=dict)


def select(rules: Iterable[Rule], settings: Settings, *, live: bool = False) -> list[Rule]:
    """The rules that a run asks: the profile's, narrowed by tags and exclusions; or just those named.

    Args:
        rules: all there are.
        settings: which of them are wanted.
        live: a cluster is judged, so that rules about what only a cluster shows are asked too.

    Raises:
        UsageError: a rule is named that needs a cluster, and there is none.
    """
    chosen = []
    for rule in rules:
        if rule.name in settings.exclude_rules:
            continue
        if rule.live and not live:
            if rule.name in settings.rules:
                raise UsageError(f"{rule.name} judges what only a live cluster shows", "ask it with `mlaudit cluster`")
            continue
        if settings.rules:
            wanted = rule.name in settings.rules
        else:
            wanted = settings.profile.contains(rule.profiles) or rule.name in settings.enabled
            if settings.tags:
                wanted = bool(settings.tags & {*rule.tags, rule.topic}) and (wanted or not settings.profile.exact)
        if wanted:
            chosen.append(rule)
    return chosen


def evaluate(
    snapshot: Snapshot,
    rules: Sequence[Rule],
    settings: Settings,
    *,
    unread: Iterable[Unread] = (),
    known: Mapping[str, Rule] | None = None,
) -> Outcome:
    """Judge everything in view.

    Args:
        snapshot: what is in view.
        rules: the rules to ask; see `select`.
        settings: thresholds, options and the profile.
        unread: input that could not be read, which some rules judge.
        known: all rules there are, by name, so that suppressions of unknown ones are found, and rules may ask what others say.
    """
    unread = list(unread)
    judge = Judge(snapshot, rules, settings, {**(known or {}), **{rule.name: rule for rule in rules}})
    judge.inputs(unread)
    judge.cluster()
    number = len(snapshot.documents)
    batches = [range(start, min(start + _BATCH, number)) for start in range(0, number, _BATCH)]
    executor = pool(settings.jobs) if number >= _PARALLEL_FROM and forks() else None
    for part in mapped_on(judge, Judge.objects, batches, executor):
        judge.found.add(part)
    judge.ignores({item.file for item in unread})
    return outcome(judge.found)


def outcome(found: Found) -> Outcome:
    """All that was found, sorted."""
    skipped = [Skipped(rule, reason, count) for (rule, reason), count in found.skips.items()]
    return Outcome(
        _together(sorted(found.findings, key=_order)),
        _silenced(found.suppressed),
        sorted(skipped),
        sorted(found.failures),
        found.accelerated,
        dict(sorted(found.accelerators.items())),
    )


def _order(finding: Finding) -> tuple[str, int, int, str, str, str, str]:
    return finding.file, finding.line, finding.column, finding.rule, finding.path, finding.message, str(finding.object)


def _place(finding: Finding) -> tuple[object, ...]:
    return finding.file, finding.line, finding.column, finding.rule, finding.path, finding.message


def _together(findings: Sequence[Finding]) -> list[Finding]:
    """Findings, with what several kustomizations or charts render from one place said once. The message names them."""
    found: list[Finding] = []
    for _, group in groupby(findings, _place):
        same = list(group)
        found += [finding for finding in same if not finding.rendered]
        if by := sorted({finding.rendered for finding in same if finding.rendered}):
            first = next(finding for finding in same if finding.rendered)
            others = len(by) - 1
            who = f"{by[0]} and {others} other{'s' if others > 1 else ''} render" if others else f"{by[0]} renders"
            found.append(replace(first, message=f"{first.message} (as {who} it)", rendered=""))
    return found


def _silenced(suppressed: Iterable[Suppressed]) -> list[Suppressed]:
    """Likewise for those that somebody silenced."""
    found: list[Suppressed] = []
    for _, group in groupby(sorted(suppressed, key=lambda entry: _order(entry.finding)), lambda entry: _place(entry.finding)):
        same = list(group)
        found += [entry for entry in same if not entry.finding.rendered]
        if others := [entry for entry in same if entry.finding.rendered]:
            found.append(replace(others[0], finding=_together([entry.finding for entry in others])[0]))
    return found
