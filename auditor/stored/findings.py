"""Reads what rules found of a stored report, and what was not judged."""

from __future__ import annotations

import re
from typing import Any

from auditor.document import NotJudged, ObjectRef, Unread
from auditor.finding import Confidence, Cost, CostBasis, Finding, RuleFailure, Severity, Skipped, Suppressed
from auditor.listing import Listing, NotListed, Resource
from auditor.report import Cluster, Comparison, Known, RuleInfo, Summary
from auditor.stored.values import Entry, Wrong, amount, count, flag, moment, named, one_of, several, text

__all__ = [
    "cluster",
    "comparison",
    "failure",
    "finding",
    "folder",
    "object_ref",
    "rule",
    "skipped",
    "summary",
    "suppressed",
    "threshold",
    "unread",
]

_severity = one_of(Severity)
_confidence = one_of(Confidence)
_basis = one_of(CostBasis)
_texts = several(text)
threshold = named({"never": None, **{str(severity): severity for severity in Severity}})


def object_ref(value: Any) -> ObjectRef:
    """Who an object is."""
    it = Entry(value)
    return ObjectRef(*(it.get(name, text) for name in ("group", "version", "kind", "namespace", "name")))


def finding(value: Any) -> Finding:
    """A violation."""
    it = Entry(value)
    ref = it.get("object", object_ref)
    return Finding(
        file=it.get("file", text),
        line=it.get("line", count),
        column=it.get("column", count),
        rule=it.get("rule", text),
        path=it.get("path", text),
        message=it.get("message", text),
        object=None if ref == ObjectRef("", "", "", "", "") else ref,
        severity=it.get("severity", _severity),
        confidence=it.get("confidence", _confidence),
        remediation=it.get("remediation", text),
        fingerprint=it.get("fingerprint", text),
        cost=it.get("cost", cost, None),
    )


def cost(value: Any) -> Cost:
    """What a violation costs."""
    it = Entry(value)
    return Cost(it.exact("hours", amount), it.maybe_exact("usd", amount), it.get("basis", _basis), it.exact("window_hours", amount))


def suppressed(value: Any) -> Suppressed:
    """A finding that somebody silenced."""
    it = Entry(value)
    return Suppressed(finding(value), it.get("how", text), it.get("reason", text), it.get("until", text))


def known(value: Any) -> Known:
    """A finding that was known before."""
    it = Entry(value)
    file, who, rule, fingerprint = (it.get(name, text) for name in ("file", "object", "rule", "fingerprint"))
    return Known(file, who, rule, fingerprint, it.get("line", count), it.get("message", text))


def comparison(value: Any) -> Comparison:
    """What a run was compared with."""
    it = Entry(value)
    return Comparison(
        it.get("against", text), it.get("unchanged", several(finding)), it.get("fixed", several(known)), it.get("notes", _texts)
    )


def rule(value: Any) -> RuleInfo:
    """A rule that something in the report names."""
    it = Entry(value)
    return RuleInfo(
        name=it.get("name", text),
        title=it.get("title", text),
        topic=it.get("topic", text),
        severity=it.get("severity", _severity),
        confidence=it.get("confidence", _confidence),
        tags=it.get("tags", _texts),
        profiles=it.get("profiles", _texts),
        page=it.get("help", text),
    )


def skipped(value: Any) -> Skipped:
    """A rule that could not be asked."""
    it = Entry(value)
    return Skipped(it.get("rule", text), it.get("reason", text), it.get("count", count))


def failure(value: Any) -> RuleFailure:
    """A rule that broke."""
    it = Entry(value)
    return RuleFailure(it.get("rule", text), it.get("file", text), it.get("line", count), it.get("object", text), it.get("error", text))


def unread(value: Any) -> Unread:
    """Input that could not be read."""
    it = Entry(value)
    return Unread(
        file=it.get("file", text),
        line=it.get("line", count),
        reason=it.get("reason", text),
        column=it.get("column", count, 0),
        syntax=it.get("syntax", flag, default=False),
        remedy=it.get("remedy", text, ""),
    )


def folder(value: Any) -> NotJudged:
    """A folder that was not entered."""
    it = Entry(value)
    return NotJudged(it.get("file", text), 0, it.get("reason", text))


def summary(value: Any) -> Summary:
    """What there was, in numbers."""
    it = Entry(value)
    return Summary(
        files=it.get("files", count),
        files_judged=it.get("files_judged", count, 0),
        files_unread=it.get("files_unread", count, 0),
        files_not_judged=it.get("files_not_judged", count, 0),
        documents=it.get("documents", count),
        objects=it.get("objects", count),
        workloads=it.get("workloads", count),
        accelerated_workloads=it.get("accelerated_workloads", count, 0),
        gpus_requested=it.get("gpus_requested", count),
        fixable=it.get("fixable", count, 0),
    )


def cluster(value: Any) -> Cluster:
    """The live cluster, as far as a report tells of it: what was listed has a name, and nothing else."""
    it = Entry(value)
    listing = Listing(
        taken=it.get("taken", moment),
        server=it.get("server", text),
        version=it.get("version", _version),
        namespace=it.get("namespace", text),
        listed=it.get("listed", several(_resource)),
        not_listed=it.get("not_listed", several(_not_listed)),
        asked=frozenset(),
        requests=it.get("requests", count),
    )
    return Cluster(
        listing,
        namespaces=it.get("namespaces", count),
        nodes=it.get("nodes", count),
        pods=it.get("pods", count),
        allow_partial=it.get("allow_partial", flag, default=False),
    )


def _version(value: Any) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d{1,9})\.(\d{1,9})|", text(value), re.ASCII)
    if match is None:
        raise Wrong("a version such as 1.36")
    return (int(match[1]), int(match[2])) if match[1] else None


def _resource(value: Any) -> Resource:
    """``jobs.batch``."""
    plural, _, group = text(value).partition(".")
    return Resource(group, "", "", plural if group else value, namespaced=False)


def _not_listed(value: Any) -> NotListed:
    it = Entry(value)
    return NotListed(it.get("resource", text), it.get("reason", text))
