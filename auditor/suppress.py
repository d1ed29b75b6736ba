"""Findings that somebody silenced on purpose: by a comment beside the line, by an annotation on the object or by an entry of the
configuration, always with a reason.

In a file::

    resources: {}   # mlaudit: ignore[requests-missing] the node holds nothing else, until 2027-01-31

on the line itself or alone on the line above it; above an object's first key it speaks of the whole object. On an object::

    metadata:
      annotations:
        ignore.mlaudit.io/requests-missing: "the node holds nothing else, until 2027-01-31"

In ``mlaudit.yaml``, for many objects at once::

    ignore:
    - rules: requests-missing
      path: legacy/
      reason: the nodes hold nothing else
      until: 2027-01-31
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from auditor.document import Document, Location, Path, mapping
from auditor.finding import Fault, Finding, Suppressed

__all__ = ["ANNOTATION_PREFIX", "Suppression", "apply", "suppressions_of"]

ANNOTATION_PREFIX = "ignore.mlaudit.io/"

_IGNORE = re.compile(r"ignore\s*\[([^\]]*)\]\s*[:,-]?\s*(.*)", re.DOTALL)
_UNTIL = re.compile(r"[\s,;(]*\buntil\s+(\S+?)\)?\s*$")


@dataclass(slots=True)
class Suppression:
    """One wish to silence one rule.

    Attributes:
        document: the object it stands in; None for an entry of the configuration, which stands in none.
        rule: the rule's name as written.
        how: ``comment``, ``annotation`` or ``config``.
        reason: why; empty is not allowed.
        until: as written; empty where it has no end.
        line: 1-based line of the comment or the entry; 0 for an annotation.
        target: 1-based line it speaks of; 0 for the whole object.
        path: of the annotation.
        problem: why it cannot be followed, or empty.
        remedy: what to write instead, where that is known.
        expired: its last day is over.
        active: its rule was asked in this run, so that it could have been used.
        used: it silenced something.
        file: that an entry of the configuration stands in.
        number: of an entry of the configuration, from 0.
        place: what it is for, in words.
    """

    document: Document | None
    rule: str
    how: str
    reason: str
    until: str = ""
    line: int = 0
    target: int = 0
    path: Path = ()
    problem: str = ""
    remedy: str = ""
    expired: bool = False
    active: bool = True
    used: bool = field(default=False, compare=False)
    file: str = ""
    number: int = 0
    place: str = ""

    @property
    def named(self) -> str:
        """What it is, in a sentence about it."""
        return "entry of `ignore`" if self.how == "config" else self.how

    def fault(self, message: str, remediation: str) -> Fault:
        """Something that is wrong with it, at the place where it is written."""
        file = self.document.file if self.document else self.file
        location = Location(file, self.line, 1, ()) if self.line else None
        return Fault(self.document, self.path, message, remediation=remediation, location=location)


def suppressions_of(document: Document, known: Collection[str], active: Collection[str], today: datetime.date) -> list[Suppression]:
    """The suppressions that an object carries.

    Args:
        document: the object.
        known: names of all rules.
        active: names of the rules asked in this run.
        today: decides what has expired; a suppression holds on its last day.
    """
    found: list[Suppression] = []
    for comment in document.comments:
        match = _IGNORE.match(comment.text)
        if match is None:
            problem = "is not understood; write `mlaudit: ignore[rule-name] reason`"
            found.append(Suppression(document, "", "comment", "", line=comment.line, problem=problem))
            continue
        reason, until = _split(match[2])
        names = [name.strip() for name in match[1].split(",") if name.strip()] or [""]
        for name in names:
            target = 0 if comment.whole_object else comment.target
            found.append(Suppression(document, name, "comment", reason, until, comment.line, target))
    annotations = mapping(mapping(document.raw.get("metadata")).get("annotations"))
    for key, value in annotations.items():
        if key.startswith(ANNOTATION_PREFIX):
            reason, until = _split(value if isinstance(value, str) else "")
            name = key.removeprefix(ANNOTATION_PREFIX)
            found.append(Suppression(document, name, "annotation", reason, until, path=("metadata", "annotations", key)))
    for suppression in found:
        _check(suppression, known, today)
        suppression.active = suppression.rule in active
    return found


def _split(text: str) -> tuple[str, str]:
    """Reason and end date of ``reason, until 2027-01-31``."""
    text = text.strip()
    match = _UNTIL.search(text)
    return (text[: match.start()].strip(), match[1]) if match else (text, "")


def _check(suppression: Suppression, known: Collection[str], today: datetime.date) -> None:
    if suppression.problem:
        return
    if suppression.rule not in known:
        suppression.problem = f"names the rule {suppression.rule!r}, which does not exist" if suppression.rule else "names no rule"
        near = difflib.get_close_matches(suppression.rule, known, n=1)
        suppression.remedy = f"did you mean {near[0]}?" if near else ""
    elif not suppression.reason:
        suppression.problem = "gives no reason"
    elif suppression.until:
        try:
            suppression.expired = datetime.date.fromisoformat(suppression.until) < today
        except ValueError:
            suppression.problem = f"ends at {suppression.until!r}, which is no date like 2027-01-31"


def apply(findings: Iterable[Finding], suppressions: Iterable[Suppression]) -> tuple[list[Finding], list[Suppressed]]:
    """Take out the findings of one object that its suppressions silence, and mark those suppressions as used."""
    valid = [suppression for suppression in suppressions if not suppression.problem]
    kept: list[Finding] = []
    silenced: list[Suppressed] = []
    for finding in findings:
        match = next((s for s in valid if s.rule == finding.rule and s.target in (0, finding.line) and not s.expired), None)
        if match is None:
            kept.append(finding)
            for expired in valid:
                if expired.expired and expired.rule == finding.rule and expired.target in (0, finding.line):
                    expired.used = True
        else:
            match.used = True
            silenced.append(Suppressed(finding, match.how, match.reason, match.until))
    return kept, silenced
