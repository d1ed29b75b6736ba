"""The report for people at a terminal of 80 to 200 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from auditor.report import Change, Comparison, Finding, Potential, Report, Severity, Unread, View, compared, counts, printable

from . import _potential
from ._places import unsaid
from .terminal.costs import CostWriter
from .terminal.writer import Writer

__all__ = ["render"]

_COLOURS = {Severity.CRITICAL: "1;31", Severity.HIGH: "31", Severity.MEDIUM: "33", Severity.LOW: "36", Severity.INFO: "2"}
_SEVERITY = 10  # room for the longest severity and a gap
_INDENT = _SEVERITY + 2
_SHOWN = 5  # so many entries of a kind are named without --verbose
_SHOWN_COSTS = 10  # likewise of workloads with what they could cost
_MONEY = 28  # room for an amount


def render(report: Report, view: View) -> str:
    """Findings in groups, then what was not judged, then costs, then a summary."""
    writer = _Findings(view)
    lines = [*writer.findings(report)]
    lines += writer.unread(report, unsaid(report) if view.quiet else report.unread)
    if not view.quiet or (report.cluster and report.cluster.incomplete):
        lines += writer.not_listed(report)
    if not view.quiet:
        lines += writer.not_judged(report)
        lines += writer.compared(report.comparison) if report.comparison else ()
    if report.costs is not None:
        costs = CostWriter(view)
        lines += [costs.line(report.costs)] if view.quiet else costs.screen(report.costs)
    if report.potential is not None:
        lines += writer.potential(report.potential)
        lines += writer.change(report.potential, report.potential.change) if report.potential.change else ()
    lines += writer.summary(report)
    return "\n".join(lines) + "\n"


def _who(finding: Finding) -> str:
    return printable(str(finding.object)) if finding.object else "(no object)"


def _place(finding: Finding) -> str:
    file = printable(finding.file)
    if finding.line:
        return f"{file}:{finding.line}:{finding.column}"
    return printable(finding.path) if finding.object else file  # a live object has fields, and no lines


_GROUPS: dict[str, tuple[Callable[[Finding], object], Callable[[Finding], str]]] = {
    "file": (lambda finding: finding.file, lambda finding: printable(finding.file)),
    "object": (lambda finding: (str(finding.object), finding.file), _who),
    "rule": (lambda finding: finding.rule, lambda finding: finding.rule),
    "severity": (lambda finding: -finding.severity, lambda finding: str(finding.severity)),
}


class _Findings(Writer):
    def findings(self, report: Report) -> Iterator[str]:
        key, title = _GROUPS[self.view.group_by]
        ordered = sorted(report.findings, key=lambda finding: (key(finding), finding.file, finding.line))
        for _, group in groupby(ordered, key):
            members = list(group)
            yield self.heading(title(members[0]), len(members))
            who = None
            named = self.view.group_by == "object" or (self.view.group_by == "file" and report.cluster is not None)
            for finding in members:
                if not named and _who(finding) != who:
                    who = _who(finding)
                    yield f"  {who}"
                yield from self.finding(finding)
            yield ""

    def heading(self, title: str, number: int) -> str:
        count = f"{number} finding{'s' if number != 1 else ''}"
        gap = max(self.view.width - len(title) - len(count), 2)
        return self.paint(title, "1") + " " * gap + self.paint(count, "2")

    def finding(self, finding: Finding) -> Iterator[str]:
        severity = self.paint(f"{finding.severity!s:<{_SEVERITY}}", _COLOURS[finding.severity])
        place, rule = _place(finding), self.paint(finding.rule, "1")
        if finding.line or _INDENT + len(place) + 2 + len(finding.rule) <= self.view.width:
            yield f"  {severity}{place}  {rule}"
        else:  # a long field path gets a line of its own
            yield f"  {severity}{rule}"
            yield f"{' ' * _INDENT}{place}"
        yield from self.wrapped(finding.message, _INDENT)
        if finding.remediation:
            yield from self.wrapped(finding.remediation, _INDENT, " " * (_INDENT - 2) + "→ ")

    def unread(self, report: Report, unread: Sequence[Unread]) -> Iterator[str]:
        """What makes a report incomplete."""
        if unread:
            yield self.paint(f"Could not be read: {len(unread)}", "1;31")
            for entry in unread:
                place = f"{printable(entry.file)}:{entry.line}" if entry.line else printable(entry.file)
                remedy = f"; {entry.remedy}" if entry.remedy and not entry.syntax else ""
                yield from self.wrapped(f"{place}  {entry.reason}{remedy}", 4, "  ")
            yield ""
        if report.failures:
            own = {rule.name for rule in report.catalogue if rule.topic == "custom"}
            ask = " (please report them)" if any(failure.rule not in own for failure in report.failures) else ""
            yield self.paint(f"Rules that failed{ask}: {len(report.failures)}", "1;31")
            for failure in report.failures:
                yield from self.wrapped(f"{failure.rule} on {failure.object} ({failure.file}:{failure.line}): {failure.error}", 4, "  ")
            yield ""

    def not_listed(self, report: Report) -> Iterator[str]:
        """What the account may not list: nothing is said of it."""
        missing = report.cluster.listing.not_listed if report.cluster else ()
        if missing:
            allowed = " (--allow-partial)" if report.cluster and report.cluster.allow_partial else ""
            yield self.paint(f"Could not be listed: {len(missing)} kinds{allowed}", "1;31" if not allowed else "1")
            shown = missing if self.view.verbose else missing[:_SHOWN]
            for entry in shown:
                yield from self.wrapped(f"{entry.resource}: {entry.reason}", 4, "  ")
            if len(shown) < len(missing):
                yield f"  and {len(missing) - len(shown)} more (--verbose)"
            yield ""

    def not_judged(self, report: Report) -> Iterator[str]:
        """Everything that was not judged, with its reason."""
        entries = [f"{number} {reason}" for reason, number in report.not_judged.items()]
        entries += [f"{number} {reason}" for number, reason in _counted(folder.reason for folder in report.folders)]
        if entries:
            hint = " (--render judges what they render to)" if any(entry.endswith("(not rendered)") for entry in entries) else ""
            yield from self.wrapped("Not judged: " + " · ".join(printable(entry) for entry in entries) + hint, 2, "")
            if self.view.verbose:
                yield from (f"  {printable(folder.file)}  {folder.reason}" for folder in report.folders)
        if report.skipped:
            total = sum(entry.count for entry in report.skipped)
            hint = "" if report.cluster else " (--complete says that nothing is missing)"
            yield from self.wrapped(f"Not checked, because the objects to compare with are not in view: {total}{hint}", 2, "")
            shown = report.skipped if self.view.verbose else report.skipped[:_SHOWN]
            for entry in shown:
                yield from self.wrapped(f"{entry.count} × {entry.rule}: {entry.reason}", 4, "  ")
            if len(shown) < len(report.skipped):
                yield f"  and {len(report.skipped) - len(shown)} more (--verbose)"
        if report.suppressed:
            yield f"Suppressed: {len(report.suppressed)}"
            for suppressed in report.suppressed if self.view.verbose else report.suppressed[:_SHOWN]:
                until = f" (until {suppressed.until})" if suppressed.until else ""
                yield from self.wrapped(f"{_place(suppressed.finding)}  {suppressed.finding.rule}: {suppressed.reason}{until}", 4, "  ")
        if entries or report.skipped or report.suppressed:
            yield ""

    def compared(self, comparison: Comparison) -> Iterator[str]:
        """What is gone of what was known, and what the comparison does not cover."""
        if comparison.fixed and self.view.verbose:
            yield self.paint(f"Fixed: {len(comparison.fixed)}", "1;32")
            for one in comparison.fixed:
                who = f" on {one.object}" if one.object else ""
                what = f": {one.message}" if one.message else ""
                yield from self.wrapped(printable(f"{one.file}  {one.rule}{who}{what}"), 4, "  ")
        for note in comparison.notes:
            yield from self.wrapped(printable(note), 2, "")
        if comparison.notes or (comparison.fixed and self.view.verbose):
            yield ""

    def potential(self, potential: Potential) -> Iterator[str]:
        """What the workloads could cost, the most expensive first."""
        title = f"Potential cost in {potential.currency.code} a month"
        yield from self.wrapped(f"{title}: an upper bound, if all of it runs all month; not waste", 2, "")
        if not self.view.quiet:
            every = list(zip(potential.lines, potential.months, strict=True))
            shown = every if self.view.verbose else every[:_SHOWN_COSTS]
            amounts = [_potential.amount_of(potential, line, month) for line, month in shown]
            for (line, _), head in zip(shown, _aligned(amounts), strict=True):
                yield from self.priced(head, str(line.ref), _potential.where(line))
                for sentence in _potential.described(potential, line):
                    yield from self.wrapped(sentence, 8, " " * 6)
            yield from _more(len(every) - len(shown))
        for sentence in _potential.closing(potential):
            yield from self.wrapped(sentence, 2, "")
        yield ""

    def change(self, potential: Potential, change: Change) -> Iterator[str]:
        """What the change of files does to it."""
        total = f"{_potential.signed(potential.money(change.month))} {potential.currency.code} a month"
        yield from self.wrapped(f"Change since {change.base}, where they parted ({change.commit[:12]}): {total}", 2, "")
        shown = change.lines if self.view.verbose else change.lines[:_SHOWN_COSTS]
        for line, head in zip(shown, _aligned([_potential.change_of(potential, line) for line in shown]), strict=True):
            yield from self.priced(head, f"{line.how} {line.line.ref}", _potential.where(line.line))
        yield from _more(len(change.lines) - len(shown))
        if not change.lines:
            yield "  no accelerated workload costs more or less"
        if change.unknown:
            yield f"  {change.unknown} of them without a known price or end are not in the sum"
        for note in change.notes:
            yield from self.wrapped(note, 4, "  ")
        yield ""

    def priced(self, amount: str, what: str, place: str) -> Iterator[str]:
        """An amount, what it is of, and where that stands; on a line of its own where there is no room."""
        head = f"{amount}  {printable(what)}"
        place = printable(place)
        together = 2 + len(head) + 2 + len(place) <= self.view.width
        yield f"  {self.paint(head, '1')}  {place}" if together else f"  {self.paint(head, '1')}"
        if not together:
            yield f"{' ' * 6}{place}"

    def summary(self, report: Report) -> Iterator[str]:
        number = counts(report)
        total = sum(number.values())
        parts = [self.paint(f"{count} {name}", _COLOURS[Severity[name.upper()]]) for name, count in number.items() if count]
        judged = bool(report.rules or total) or report.costs is None
        if judged:
            new = "new " if report.comparison else ""
            yield self.paint(f"{total} {new}finding{'s' if total != 1 else ''}", "1") + (f": {', '.join(parts)}" if parts else "")
            if report.comparison:
                yield from self.wrapped(printable(compared(report)), 2, "")
        if self.view.quiet:
            return
        summary = report.summary
        if summary.fixable:
            yield f"{summary.fixable} of them can be mended by `mlaudit fix`"
        gpus = "no accelerators requested"
        if summary.gpus_requested:
            whose = "of them" if judged else "workloads"
            gpus = f"{summary.gpus_requested} accelerators requested by {summary.accelerated_workloads} {whose}"
        where = f"{summary.files_judged} of {summary.files} files"
        if report.cluster is not None:
            cluster = report.cluster
            scope = f"namespace {cluster.listing.namespace}" if cluster.listing.namespace else f"{cluster.namespaces} namespaces"
            where = f"{scope} of {cluster.listing.server}, {cluster.pods} pods on {cluster.nodes} nodes"
        if not judged:
            yield from self.wrapped(f"Seen in {where}: {gpus}", 2, "")
            return
        yield from self.wrapped(f"{summary.objects} objects in {where}, {summary.workloads} workloads, {gpus}", 2, "")
        said = f", {report.configuration}" if report.configuration else ""
        asked = f"{report.rules} rules of profile {report.profile}, Kubernetes {report.kubernetes_version}{said}"
        yield from self.wrapped(asked, 2, "")


def _aligned(amounts: list[str]) -> list[str]:
    """Amounts with their ends below each other, as far as they are not very long."""
    width = max((len(amount) for amount in amounts if len(amount) <= _MONEY), default=0)
    return [f"{amount:>{width}}" for amount in amounts]


def _more(count: int) -> list[str]:
    return [f"  and {count} more (--verbose)"] if count > 0 else []


def _counted(reasons: Iterable[str]) -> list[tuple[int, str]]:
    ordered = sorted(reasons)
    return [(len(list(group)), reason) for reason, group in groupby(ordered)]
