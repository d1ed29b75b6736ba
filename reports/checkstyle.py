"""The report as Checkstyle XML, which many tools of reviews and pipelines read: findings by file."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from auditor.report import Report, Severity, View, printable

from ._places import document, path_of, sentences, unsaid

__all__ = ["render"]

_SEVERITIES = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "info", Severity.INFO: "info"}


def render(report: Report, view: View) -> str:
    """Findings and what could not be read; suppressed findings have no place here."""
    root = Element("checkstyle", version="10.0")
    files: dict[str, Element] = {}

    def error(file: str, line: int, column: int, severity: str, message: str, source: str) -> None:
        name = printable(path_of(file))
        entry = SubElement(files.setdefault(name, Element("file", name=name)), "error", line=str(max(line, 1)))
        if column:
            entry.set("column", str(column))
        for key, value in (("severity", severity), ("message", printable(message)), ("source", f"mlaudit.{source}")):
            entry.set(key, value)

    for unread in unsaid(report):
        error(unread.file, unread.line, unread.column, "error", sentences(unread.reason, unread.remedy), "unread")
    for failure in report.failures:
        error(failure.file, failure.line, 0, "error", f"the rule failed on {failure.object}: {failure.error}", failure.rule)
    for finding in report.findings:
        message = sentences(finding.message, finding.remediation)
        error(finding.file, finding.line, finding.column, _SEVERITIES[finding.severity], message, finding.rule)
    root.extend(files[name] for name in sorted(files))
    return document(root)
