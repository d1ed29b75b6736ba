"""The report as workflow commands, of which GitHub Actions makes annotations beside the lines of a pull request.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message

GitHub shows ten annotations of a level in a step (https://docs.github.com/en/rest/checks/runs). So ten are written, the worst of each
level, and the others are counted; with ``--verbose`` all are, for the log. The step's summary has room for more:
``-f github -f markdown=$GITHUB_STEP_SUMMARY``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from auditor.report import Finding, Report, Severity, View, counts, printable

from ._places import path_of, unsaid, worst

__all__ = ["render"]

MOST = 10
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFO: "notice",
}


def render(report: Report, view: View) -> str:
    """Errors first, then a line that counts."""
    lines = []
    written: Counter[str] = Counter()
    for level, line in _commands(report):
        written[level] += 1
        if view.verbose or written[level] <= MOST:
            lines.append(line)
    left = {level: number - MOST for level, number in written.items() if number > MOST and not view.verbose}
    if left:
        more = ", ".join(f"{number} more {level}{'s' if number != 1 else ''}" for level, number in left.items())
        lines.append(f"mlaudit: {more} without an annotation: GitHub shows {MOST} of each in a step")
    if not view.quiet:
        lines.append(_closing(report))
    return "".join(f"{line}\n" for line in lines)


def _commands(report: Report) -> Iterator[tuple[str, str]]:
    """Levels and commands: what could not be judged, then findings, the worst first."""
    for unread in unsaid(report):
        remedy = f"\n→ {printable(unread.remedy)}" if unread.remedy else ""
        yield "error", _command("error", "could not be read", printable(unread.reason) + remedy, unread.file, unread.line, unread.column)
    for failure in report.failures:
        text = printable(f"{failure.object}: {failure.error}")
        yield "error", _command("error", f"the rule {failure.rule} failed", text, failure.file, failure.line)
    for missing in report.cluster.listing.not_listed if report.cluster and report.cluster.incomplete else ():
        yield "error", _command("error", "could not be listed", printable(f"{missing.resource}: {missing.reason}"))
    for finding in worst(report.findings):
        yield _LEVELS[finding.severity], _finding(finding)


def _finding(finding: Finding) -> str:
    who = f"{printable(str(finding.object))}: " if finding.object else ""
    remedy = f"\n→ {printable(finding.remediation)}" if finding.remediation else ""
    text = f"{who}{printable(finding.message)}{remedy}"
    file = finding.file if finding.line or finding.object is None else ""  # a live object is in no file
    return _command(_LEVELS[finding.severity], f"{finding.severity}: {finding.rule}", text, file, finding.line, finding.column)


def _command(level: str, title: str, message: str, file: str = "", line: int = 0, column: int = 0) -> str:
    given = {"file": printable(path_of(file)) if file else "", "line": str(line or ""), "col": str(column or ""), "title": title}
    properties = ",".join(f"{name}={_property(value)}" for name, value in given.items() if value)
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _closing(report: Report) -> str:
    """How many there are; not a command, and so only in the log."""
    number = counts(report)
    total = sum(number.values())
    parts = ", ".join(f"{count} {name}" for name, count in number.items() if count)
    suppressed = f"; {len(report.suppressed)} suppressed" if report.suppressed else ""
    return f"mlaudit: {total} finding{'s' if total != 1 else ''}{f': {parts}' if parts else ''}{suppressed}"
