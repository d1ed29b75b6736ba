"""What of a run's findings is new, beside what was known before.

Findings are matched by their fingerprints, as many as there are of each: two objects of one name in different overlays have equal ones, and
when a third appears, one is new. Of equal ones, those are the known ones that stand in the file where they stood.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from auditor.finding import Finding, Suppressed

__all__ = ["Comparison", "Known", "Looked", "compare"]


@dataclass(frozen=True, slots=True, order=True)
class Known:
    """A finding that was known before.

    Attributes:
        file: where it was.
        object: whose it was; empty for input that is no object.
        rule: the rule's name.
        fingerprint: what it is recognised by.
        line, message: as they were then; 0 and empty where a baseline has remembered it.
    """

    file: str
    object: str
    rule: str
    fingerprint: str
    line: int = 0
    message: str = ""

    @classmethod
    def of(cls, finding: Finding) -> Known:
        """What is remembered of a finding."""
        who = str(finding.object) if finding.object else ""
        return cls(finding.file, who, finding.rule, finding.fingerprint, finding.line, finding.message)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a run was compared with, and what is not new.

    Attributes:
        against: what it was compared with, as in ``baseline FILE``.
        unchanged: findings that were known.
        fixed: those that were known, and are gone.
        notes: what the comparison does not cover, one sentence each.
    """

    against: str
    unchanged: tuple[Finding, ...] = ()
    fixed: tuple[Known, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """What a run has looked at: what was known of anything else is neither there nor gone.

    Attributes:
        rules: names of the rules that were asked, and did not break.
        covers: whether a finding in a file would have been found, whether the file is still there or not.
        elsewhere: whether a file is there and was not looked at, so that what is known of it is not what is found in another.
    """

    rules: Collection[str]
    covers: Callable[[str], bool] = lambda file: True
    elsewhere: Callable[[str], bool] = lambda file: False


def compare(
    findings: Sequence[Finding], suppressed: Iterable[Suppressed], known: Iterable[Known], looked: Looked
) -> tuple[list[Finding], list[Finding], list[Known]]:
    """What is new, what was known, and what of that is gone.

    Args:
        findings: those of this run.
        suppressed: those that somebody silenced: neither new nor, where they were known, gone.
        known: what was known before.
        looked: what this run has looked at.
    """
    left: dict[str, list[Known]] = {}
    for one in sorted(known):
        left.setdefault(one.fingerprint, []).append(one)
    pending = [*findings, *(silenced.finding for silenced in suppressed)]
    for fits in _same_words, _same_file, lambda one, finding: not looked.elsewhere(one.file):
        pending = [finding for finding in pending if not _take(left.get(finding.fingerprint, []), finding, fits)]
    unknown = {id(finding) for finding in pending}
    new = [finding for finding in findings if id(finding) in unknown]
    same = [finding for finding in findings if id(finding) not in unknown]
    gone = [one for ones in left.values() for one in ones if one.rule in looked.rules and looked.covers(one.file)]
    return new, same, sorted(gone)


def _same_words(one: Known, finding: Finding) -> bool:
    return one.file == finding.file and one.message == finding.message


def _same_file(one: Known, finding: Finding) -> bool:
    return one.file == finding.file


def _take(ones: list[Known], finding: Finding, fits: Callable[[Known, Finding], bool]) -> bool:
    """Take out the first that fits, if there is one."""
    for index, one in enumerate(ones):
        if fits(one, finding):
            del ones[index]
            return True
    return False
