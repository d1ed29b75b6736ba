"""The report as JSON, for programs. Its shape is ``report.schema.json``: fields may be added, never renamed."""

from __future__ import annotations

import json
import re
from typing import Any

from auditor.report import Cost, Finding, Report, RuleInfo, Unread, View, counts

from .values import costs, potential
from .values.numbers import exact, number

__all__ = ["OBEYED", "fields", "render"]

# What terminals and editors obey and do not show, and JSON allows in a text: more control characters, directions, invisible ones.
OBEYED = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def render(report: Report, view: View) -> str:
    """The report as JSON, each entry of a list on a line of its own: easy to compare, and written by the fast encoder."""
    return OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", _entries(fields(report), "")) + "\n"


def _entries(values: dict[str, Any], indent: str) -> str:
    lines = [f'{indent}  "{name}": {_value(value, indent + "  ")}' for name, value in values.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def _value(value: Any, indent: str) -> str:
    if isinstance(value, dict) and ("lines" in value or "against" in value):  # costs and comparisons: lists of their own
        return _entries(value, indent)
    if not isinstance(value, list) or not value:
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + ",\n".join(f"{indent}  {json.dumps(entry, ensure_ascii=False)}" for entry in value) + f"\n{indent}]"


def fields(report: Report) -> dict[str, Any]:
    """The report as plain values, in the order in which they are written."""
    summary = report.summary
    return {
        "version": 1,
        "tool": {
            "name": "mlaudit",
            "version": report.version,
            "profile": report.profile,
            "kubernetes_version": report.kubernetes_version,
            "rules": report.rules,
            "fail_on": "never" if report.fail_on is None else str(report.fail_on),
            **({"configuration": report.configuration} if report.configuration else {}),
        },
        "findings": [_finding(finding) for finding in report.findings],
        "suppressed": [
            {**_finding(entry.finding), "how": entry.how, "reason": entry.reason, "until": entry.until} for entry in report.suppressed
        ],
        "rules": [_rule(rule) for rule in report.catalogue],
        "skipped": [{"rule": entry.rule, "reason": entry.reason, "count": entry.count} for entry in report.skipped],
        "failures": [
            {"rule": entry.rule, "file": entry.file, "line": entry.line, "object": entry.object, "error": entry.error}
            for entry in report.failures
        ],
        "unread": [_unread(entry) for entry in report.unread],
        "not_judged": dict(report.not_judged),
        "folders_skipped": [{"file": entry.file, "reason": entry.reason} for entry in report.folders],
        "cluster": _cluster(report),
        "costs": None if report.costs is None else costs.fields(report.costs),
        "potential": None if report.potential is None else potential.fields(report.potential),
        "comparison": _comparison(report),
        "summary": {
            "files": summary.files,
            "files_judged": summary.files_judged,
            "files_unread": summary.files_unread,
            "files_not_judged": summary.files_not_judged,
            "documents": summary.documents,
            "objects": summary.objects,
            "workloads": summary.workloads,
            "accelerated_workloads": summary.accelerated_workloads,
            "gpus_requested": summary.gpus_requested,
            "fixable": summary.fixable,
            "findings": counts(report),
        },
    }


def _comparison(report: Report) -> dict[str, Any] | None:
    """What the findings were compared with; null where they are all there is."""
    comparison = report.comparison
    if comparison is None:
        return None
    return {
        "against": comparison.against,
        "new": len(report.findings),
        "fixed": [
            {
                "rule": one.rule,
                "object": one.object,
                "file": one.file,
                "line": one.line,
                "message": one.message,
                "fingerprint": one.fingerprint,
            }
            for one in comparison.fixed
        ],
        "unchanged": [_finding(finding) for finding in comparison.unchanged],
        "notes": list(comparison.notes),
    }


def _cluster(report: Report) -> dict[str, Any] | None:
    """The live cluster that was judged; null for files."""
    if report.cluster is None:
        return None
    listing = report.cluster.listing
    return {
        "server": listing.server,
        "version": ".".join(map(str, listing.version)) if listing.version else "",
        "taken": listing.taken.isoformat(),
        "namespace": listing.namespace,
        "allow_partial": report.cluster.allow_partial,
        "namespaces": report.cluster.namespaces,
        "nodes": report.cluster.nodes,
        "pods": report.cluster.pods,
        "requests": listing.requests,
        "listed": [resource.name for resource in listing.listed],
        "not_listed": [{"resource": entry.resource, "reason": entry.reason} for entry in listing.not_listed],
    }


def _rule(rule: RuleInfo) -> dict[str, Any]:
    return {
        "name": rule.name,
        "title": rule.title,
        "topic": rule.topic,
        "severity": str(rule.severity),
        "confidence": str(rule.confidence),
        "tags": list(rule.tags),
        "profiles": list(rule.profiles),
        "help": rule.page,
    }


def _unread(entry: Unread) -> dict[str, Any]:
    return {
        "file": entry.file,
        "line": entry.line,
        "column": entry.column,
        "reason": entry.reason,
        "remedy": entry.remedy,
        "syntax": entry.syntax,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    ref = finding.object
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "object": {
            "group": ref.group if ref else "",
            "version": ref.version if ref else "",
            "kind": ref.kind if ref else "",
            "namespace": ref.namespace if ref else "",
            "name": ref.name if ref else "",
        },
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "path": finding.path,
        "message": finding.message,
        "remediation": finding.remediation,
        "fingerprint": finding.fingerprint,
        **({} if finding.cost is None else {"cost": _cost(finding.cost)}),
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "hours": number(cost.hours),
        "usd": None if cost.usd is None else number(cost.usd),
        "basis": str(cost.basis),
        "window_hours": number(cost.window),
        **exact(hours=cost.hours, usd=cost.usd, window_hours=cost.window),
    }
