"""The report as SARIF 2.1.0, for code scanning, editors and whatever else collects findings.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html

What GitHub makes of it decided some details: https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support

- A file with one result that has no physical location is refused as a whole. An object of a live cluster therefore has one too, a path
  made of its kind, namespace and name.
- It takes 25,000 results and shows 5,000, and takes 10 MB, compressed. Of more, the worst are written, and a notification counts the rest.
- Of the partial fingerprints, it uses only ``primaryLocationLineHash``, which its upload action works out from the lines of files; one
  that differs from that is warned about, result by result. So that name is written only where there is no file to read.
- It opens an alert for a suppressed result too (https://github.com/github/codeql-action/issues/1230). With ``--quiet``, which leaves out
  whatever needs no attention, there are none.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from auditor.report import Finding, Report, RuleInfo, Severity, Suppressed, View, printable

from ._places import path_of, sentences

__all__ = ["render"]

MOST_RESULTS = 25_000
MOST_BYTES = 10_000_000  # compressed
_TAGS = 10  # more are not shown
_DESCRIPTION = 1024  # characters

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_PROBLEMS = {"error": "error", "warning": "warning", "note": "recommendation"}
# GitHub's meaning: above 9.0 critical, from 7.0 high, from 4.0 medium. What has such a number counts as a vulnerability.
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0", Severity.INFO: "1.0"}
_SECURITY = {"sec", "secret", "rbac", "supply"}
_SECURITY_RULES = {"ml-ui-exposed", "namespace-without-network-policy", "notebook-service-account-powerful"}
_IN_SOURCE = {"comment", "annotation"}
_LINK = re.compile(r"\[(?=[^\[\]]*\]\()")  # what would be an embedded link (section 3.11.6)


def render(report: Report, view: View) -> str:
    """One run, with as many results as GitHub takes."""
    entries = [_Entry(finding) for finding in report.findings]
    if not view.quiet:
        entries += [_Entry(suppressed.finding, suppressed) for suppressed in report.suppressed]
    worst = sorted(entries, key=lambda entry: (entry.suppressed is not None, -entry.finding.severity, -entry.finding.confidence))
    shown = worst[:MOST_RESULTS]
    while True:
        text = _text(_log(report, shown, len(entries) - len(shown)))
        size = len(text) if len(text) < MOST_BYTES else len(zlib.compress(text.encode("utf-8", "surrogatepass")))
        if size < MOST_BYTES or not shown:
            return text
        shown = shown[: len(shown) * MOST_BYTES // size * 9 // 10]


class _Entry:
    """A result to write: a finding, and how it was suppressed where it was."""

    __slots__ = ("finding", "suppressed")

    def __init__(self, finding: Finding, suppressed: Suppressed | None = None) -> None:
        self.finding = finding
        self.suppressed = suppressed


def _text(log: dict[str, Any]) -> str:
    """JSON in which a rule has a line, and a result too."""
    run = log["runs"][0]
    driver = run["tool"]["driver"]
    lists = (driver["rules"], run["results"])
    driver["rules"], run["results"] = "\0rules", "\0results"
    before, _, rest = json.dumps(log, ensure_ascii=False, indent=1).partition(json.dumps("\0rules"))
    between, _, after = rest.partition(json.dumps("\0results"))
    rules, results = ("[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]" for entries in lists)
    return f"{before}{rules}{between}{results}{after}\n"


def _log(report: Report, entries: list[_Entry], left: int) -> dict[str, Any]:
    places = {rule.name: index for index, rule in enumerate(report.catalogue)}
    run = {
        "tool": {
            "driver": {
                "name": "mlaudit",
                "version": report.version,
                "semanticVersion": report.version,
                "rules": [_rule(rule) for rule in report.catalogue],
            }
        },
        "invocations": [_invocation(report, left)],
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the checkout, or the directory in which mlaudit ran."}}},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(report, entries, places)),
        "properties": {"profile": report.profile, "kubernetesVersion": report.kubernetes_version, "rulesAsked": report.rules},
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: RuleInfo) -> dict[str, Any]:
    level = _LEVELS[rule.severity]
    security = rule.topic in _SECURITY or rule.name in _SECURITY_RULES or "security" in rule.tags
    tags = [*(["security"] if security else []), rule.topic, *rule.tags]
    properties: dict[str, Any] = {
        "tags": list(dict.fromkeys(tags))[:_TAGS],
        "precision": str(rule.confidence),
        "problem.severity": _PROBLEMS[level],
    }
    if security:
        properties["security-severity"] = _SCORES[rule.severity]
    page = "\n".join(map(printable, rule.page.splitlines())) or rule.title
    summary = " ".join(page.partition("\n\n")[0].split())
    return {
        "id": rule.name,
        "shortDescription": {"text": printable(rule.title)[:_DESCRIPTION]},
        "fullDescription": {"text": summary[:_DESCRIPTION]},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": level},
        "properties": properties,
    }


def _results(report: Report, entries: list[_Entry], places: dict[str, int]) -> Iterator[dict[str, Any]]:
    met: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        finding = entry.finding
        result: dict[str, Any] = {"ruleId": finding.rule}
        if finding.rule in places:
            result["ruleIndex"] = places[finding.rule]
        result |= {
            "level": _LEVELS[finding.severity],
            "message": {"text": _message(sentences(finding.message, finding.remediation))},
            "locations": [_location(finding)],
        }
        if finding.fingerprint:
            met[finding.file, finding.fingerprint] += 1  # two objects of one name in one file
            identity = f"{finding.fingerprint}:{met[finding.file, finding.fingerprint]}"
            result["partialFingerprints"] = {"mlaudit/v1": identity}
            if report.cluster is not None:
                result["partialFingerprints"]["primaryLocationLineHash"] = identity
        if entry.suppressed is not None:
            result["suppressions"] = [_suppression(entry.suppressed)]
        result["properties"] = {"severity": str(finding.severity), "confidence": str(finding.confidence)}
        yield result


def _message(text: str) -> str:
    """A text in which nothing is a link."""
    return _LINK.sub(r"\\[", printable(text))


def _location(finding: Finding) -> dict[str, Any]:
    region = {"startLine": max(finding.line, 1)}
    if finding.column:
        region["startColumn"] = finding.column
    found: dict[str, Any] = {"physicalLocation": {"artifactLocation": _artifact(finding.file), "region": region}}
    if finding.object is not None:
        who = printable(str(finding.object))
        found["logicalLocations"] = [{"name": printable(finding.object.name), "fullyQualifiedName": who, "kind": "resource"}]
        if finding.path:
            path = printable(finding.path)
            found["logicalLocations"].append({"name": path.rpartition(".")[2], "fullyQualifiedName": f"{who}: {path}", "kind": "property"})
    return found


def _artifact(file: str) -> dict[str, Any]:
    """A file's address: relative ones are those of where the program ran, which is said."""
    path = path_of(file)
    try:
        address = quote(path.encode("utf-8", "surrogateescape"), safe="/~")
    except UnicodeEncodeError:  # of a stored report; no file system has such a name
        address = quote(printable(path), safe="/~")
    return {"uri": f"file://{address}"} if path.startswith("/") else {"uri": address, "uriBaseId": "%SRCROOT%"}


def _suppression(suppressed: Suppressed) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kind": "inSource" if suppressed.how in _IN_SOURCE else "external",
        "status": "accepted",
        "justification": printable(suppressed.reason),
        "properties": {"how": suppressed.how},
    }
    if suppressed.until:
        found["properties"]["until"] = suppressed.until
    return found


def _invocation(report: Report, left: int) -> dict[str, Any]:
    return {"executionSuccessful": not report.incomplete, "toolExecutionNotifications": list(_notifications(report, left))}


def _notifications(report: Report, left: int) -> Iterator[dict[str, Any]]:
    """What is not in the results: what could not be read or listed, rules that failed, what was left out, and rules not asked."""
    for unread in report.unread:
        place: dict[str, Any] = {"artifactLocation": _artifact(unread.file)}
        if unread.line:
            place["region"] = {"startLine": unread.line, **({"startColumn": unread.column} if unread.column else {})}
        text = _message(sentences(unread.reason, unread.remedy))
        yield {"level": "error", "message": {"text": text}, "locations": [{"physicalLocation": place}]}
    for failure in report.failures:
        text = f"the rule {failure.rule} failed on {failure.object}: {failure.error}"
        found: dict[str, Any] = {"level": "error", "message": {"text": _message(text)}, "associatedRule": {"id": failure.rule}}
        if failure.line:
            place = {"artifactLocation": _artifact(failure.file), "region": {"startLine": failure.line}}
            found["locations"] = [{"physicalLocation": place}]
        yield found
    if report.cluster is not None:
        for missing in report.cluster.listing.not_listed:
            level = "error" if report.cluster.incomplete else "note"
            yield {"level": level, "message": {"text": _message(f"{missing.resource} could not be listed: {missing.reason}")}}
    if left:
        yield {"level": "warning", "message": {"text": f"{left} less severe results are left out, for code scanning takes no more"}}
    for entry in report.skipped:
        text = f"not checked {entry.count} times: {entry.reason}"
        yield {"level": "note", "message": {"text": _message(text)}, "associatedRule": {"id": entry.rule}}
