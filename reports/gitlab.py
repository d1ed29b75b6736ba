"""The report as GitLab's code quality JSON, shown in merge requests: a subset of Code Climate's issues.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format

GitLab knows a finding by its fingerprint, and of two with the same one it forgets the second. Ours is the same for one object in two
files (a copy in an overlay), so the second gets a number. Suppressed findings have no place in this format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from auditor.report import Report, Severity, View, printable

from ._places import Numbered, path_of, sentences, unsaid

__all__ = ["render"]

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}


def render(report: Report, view: View) -> str:
    """A list with an issue a line."""
    lines = ",\n".join(json.dumps(issue, ensure_ascii=False) for issue in _issues(report))
    return f"[\n{lines}\n]\n" if lines else "[]\n"


def _issues(report: Report) -> Iterator[dict[str, Any]]:
    unique = Numbered()
    for unread in unsaid(report):
        identity = unique(_identity(unread.file, unread.reason), "{}-{}")
        yield _issue(
            "unread", f"could not be read: {sentences(unread.reason, unread.remedy)}", "blocker", identity, unread.file, unread.line
        )
    for failure in report.failures:
        identity = unique(_identity(failure.rule, failure.file, failure.object), "{}-{}")
        message = f"the rule failed on {failure.object}: {failure.error}"
        yield _issue(failure.rule, message, "blocker", identity, failure.file, failure.line)
    for finding in report.findings:
        message = sentences(finding.message, finding.remediation)
        identity = unique(finding.fingerprint or _identity(finding.rule, finding.file, finding.path), "{}-{}")
        yield _issue(finding.rule, message, _SEVERITIES[finding.severity], identity, finding.file, finding.line)


def _issue(check: str, message: str, severity: str, identity: str, file: str, line: int) -> dict[str, Any]:
    return {
        "description": printable(message),
        "check_name": check,
        "fingerprint": identity,
        "severity": severity,
        "location": {"path": printable(path_of(file)), "lines": {"begin": max(line, 1)}},
    }


def _identity(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
