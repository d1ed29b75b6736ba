"""Makes patches, judges again, and takes back what did not do any good."""

from __future__ import annotations

import codecs
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from auditor.config import Settings
from auditor.document import Document
from auditor.engine import Outcome, evaluate, select
from auditor.finding import Confidence, Finding, Severity
from auditor.fix.diff import unified
from auditor.fix.files import Held, difference, load, mended
from auditor.fix.sheet import Sheet
from auditor.patch import Misfit
from auditor.rule import Rule
from auditor.snapshot import Snapshot
from auditor.source import Reading

__all__ = ["Fixes", "Mended", "NotFixed", "fix"]

# Patches that touch the same text are made one after the other; what is not done by then is done by the next run.
_ROUNDS = 10

# How often everything is judged again to find out which patch does harm. It is told from the object nearly always.
_TRIES = 50
_TOO_MUCH = "too many other patches of this run do harm; name fewer files or rules"
_ELSE = "editing the text would change something else as well"

# Rule, file, and the object by kind, namespace and name: a patch may well change its API group.
_Key = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class NotFixed:
    """A finding whose patch was not made, and why."""

    finding: Finding
    why: str


@dataclass(frozen=True, slots=True)
class Mended:
    """A file's content before and after.

    Attributes:
        before, after: the content.
        origins: for each line after, which it was before; -1 for those touched.
    """

    before: bytes
    after: bytes
    origins: tuple[int, ...]

    def diff(self, file: str) -> str:
        """What changed, as a unified diff. A byte order mark is a part of the first line."""
        mark = "\ufeff" if self.before.startswith(codecs.BOM_UTF8) else ""
        return unified(file, mark + Sheet(self.before, file).text, mark + Sheet(self.after, file).text, self.origins)


@dataclass(slots=True)
class Fixes:
    """What was mended.

    Attributes:
        files: those that changed, in the order of their names.
        fixed: the findings that are gone.
        not_fixed: those that have a patch and stay.
        outcome: of judging everything before.
    """

    files: dict[str, Mended] = field(default_factory=dict)
    fixed: list[Finding] = field(default_factory=list)
    not_fixed: list[NotFixed] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)


def fix(reading: Reading, settings: Settings, known: Mapping[str, Rule], *, stdin: bytes | None = None) -> Fixes:
    """Mend in memory what the rules find in what was read.

    Args:
        reading: the objects; their files are read again.
        settings: whose findings are mended.
        known: all rules, by name.
        stdin: what standard input held, if it is among what was read.
    """
    return _Mending(reading, settings, known, stdin).run()


class _Mending:
    def __init__(self, reading: Reading, settings: Settings, known: Mapping[str, Rule], stdin: bytes | None) -> None:
        self.reading, self.settings, self.known, self.stdin = reading, settings, known, stdin
        self.rules = select(known.values(), settings)
        self.all = [rule for rule in known.values() if not rule.live]
        self.documents: dict[str, list[Document]] = defaultdict(list)
        for document in reading.documents:
            self.documents[document.file].append(document)
        self.original: dict[str, Held] = {}
        self.held: dict[str, Held] = {}  # files that were looked at, as they are by now
        self.closed: dict[str, str] = {}  # files that may not be edited, and why
        self.fixes = Fixes()
        self.refused: set[tuple[str, int, str]] = set()
        self.standing: Counter[_Key] | None = None
        self.tries = 0

    def run(self) -> Fixes:
        fixes = self.fixes
        for number in range(_ROUNDS):
            outcome = evaluate(self.snapshot({}), self.rules, self.settings, unread=self.reading.unread, known=self.known)
            if not number:
                fixes.outcome = outcome
            before = len(fixes.fixed)
            waiting = self.mend([finding for finding in outcome.findings if finding.patch and _identity(finding) not in self.refused])
            if not waiting or len(fixes.fixed) == before:
                break
        for finding in waiting:
            self.refuse(finding, "another patch changes the same text; run it again")
        fixes.not_fixed.sort(key=lambda entry: (entry.finding.file, entry.finding.line, entry.finding.rule))
        for file, held in sorted(self.held.items()):
            if held.content != self.original[file].content:
                fixes.files[file] = Mended(self.original[file].content, held.content, held.origins)
        return fixes

    def snapshot(self, changed: Mapping[str, Held]) -> Snapshot:
        """Everything that was read, with the files as they are by now or would be."""
        now = {**self.held, **changed}
        documents: list[Document] = []
        for file, of_file in self.documents.items():
            documents += now[file].documents if file in now else of_file
        return self.settings.snapshot(documents, kustomized_images=self.reading.kustomized_images)

    def mend(self, findings: Sequence[Finding]) -> list[Finding]:
        """Make the patches of findings, all that can be made; those that must wait for others are handed back."""
        changed: dict[str, Held] = {}
        made: list[Finding] = []
        waiting: list[Finding] = []
        for file, of_file in _by_file([finding for finding in findings if self.open(finding)]).items():
            edited = mended(self.held[file], of_file)
            for finding, why in edited.refused:
                self.refuse(finding, why)
            changed[file] = edited.held
            made += edited.made
            waiting += edited.waiting
        if not made:
            return waiting
        self.tries += 1
        why, culprits = self.objection(changed, made)
        if not why:
            self.held |= changed
            self.fixes.fixed += made
            return waiting
        if self.tries > _TRIES:
            why, culprits = _TOO_MUCH, made
        elif len(made) == 1:
            culprits = made
        for finding in culprits:
            self.refuse(finding, why)
        guilty = {_identity(finding) for finding in culprits}
        rest = [finding for finding in made if _identity(finding) not in guilty]
        if len(rest) == len(made):  # one of them, or two together: look for it
            half = len(rest) // 2
            return waiting + self.mend(rest[:half]) + self.mend(rest[half:])
        return waiting + self.mend(rest)

    def open(self, finding: Finding) -> bool:
        """Whether the file of a finding may be edited."""
        file = finding.file
        if file not in self.held and file not in self.closed:
            try:
                self.held[file] = self.original[file] = load(file, self.documents[file], self.stdin)
            except Misfit as misfit:
                self.closed[file] = str(misfit)
        if file in self.closed:
            self.refuse(finding, self.closed[file])
        return file in self.held

    def refuse(self, finding: Finding, why: str) -> None:
        self.refused.add(_identity(finding))
        self.fixes.not_fixed.append(NotFixed(finding, why))

    def objection(self, changed: Mapping[str, Held], made: Sequence[Finding]) -> tuple[str, list[Finding]]:
        """What speaks against changes, and whose they are as far as that can be told; empty if nothing does."""
        culprits: list[Finding] = []
        for file, findings in _by_file(made).items():
            wrong = difference(self.held[file], changed[file], [finding.patch for finding in findings if finding.patch])
            if wrong is None:
                return _ELSE, findings if len(findings) == 1 else []
            culprits += [finding for finding in findings if finding.patch and finding.patch.document in wrong]
            if wrong and not culprits:
                return _ELSE, []
        if culprits:
            return _ELSE, culprits
        if self.standing is None:
            self.standing = self.verdict({})
        standing, verdict = self.standing, self.verdict(changed)
        gone = Counter(_key(finding) for finding in made)
        worse = {key for key, number in verdict.items() if number > standing[key] - gone[key]}
        if not worse:
            self.standing = verdict
            return "", []
        if stay := [finding for finding in made if _key(finding) in worse]:
            return "the finding would stay, or come back elsewhere in the object", stay
        objects = {key[1:] for key in worse}
        return f"{min(worse)[0]} would then find fault", [finding for finding in made if _key(finding)[1:] in objects]

    def verdict(self, changed: Mapping[str, Held]) -> Counter[_Key]:
        """How often each rule finds fault with each object, how often that is silenced, and which rules fail."""
        names = frozenset(rule.name for rule in self.all)
        settings = replace(self.settings, rules=names, min_severity=Severity.INFO, min_confidence=Confidence.LOW)
        outcome = evaluate(self.snapshot(changed), self.all, settings, unread=self.reading.unread, known=self.known)
        found = Counter(_key(finding) for finding in outcome.findings)
        found.update(_key(suppressed.finding, " silenced") for suppressed in outcome.suppressed)
        found.update((f"{failure.rule} failed", failure.file, failure.object, "", "") for failure in outcome.failures)
        return found


def _identity(finding: Finding) -> tuple[str, int, str]:
    assert finding.patch is not None
    return finding.file, finding.patch.document, finding.fingerprint


def _key(finding: Finding, how: str = "") -> _Key:
    ref = finding.object
    return finding.rule + how, finding.file, *((ref.kind, ref.namespace, ref.name) if ref else ("", "", ""))


def _by_file(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        found[finding.file].append(finding)
    return found
