"""What ``--baseline`` and ``--diff`` make of a report: only what is new is a finding."""

# ruff: noqa: PTH100, PTH118
# paths are text here, as they are in auditor.source

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auditor import baseline
from auditor.cli import judging
from auditor.cli.own import known_rules
from auditor.comparison import Comparison, Known, Looked, compare
from auditor.config import Settings
from auditor.engine import Outcome
from auditor.errors import UsageError
from auditor.finding import Finding
from auditor.incremental import State, Tree, advance
from auditor.incremental.store import Store, name_of
from auditor.report import Report
from auditor.snapshot import Snapshot
from auditor.source import Reading
from auditor.source.files import STDIN, is_read
from auditor.source.git import EMPTY_TREES, Repository, repository
from auditor.source.revision import LINK, MISSING, POINTER, SUBMODULE, read_change

__all__ = ["Against", "against", "only_new", "scan_new", "write"]

_NOTES = {
    LINK: "symbolic links are not followed in git",
    SUBMODULE: "submodules are not looked into in git: what is found in them counts as new",
    POINTER: "files are kept by Git LFS: what is found in them counts as new",
    MISSING: "files are not in this partial clone: what is found in them counts as new",
}
_PARTIAL = "not all of the cluster is in view: nothing of the baseline counts as fixed"


@dataclass(frozen=True, slots=True)
class Against:
    """What a run is compared with.

    Attributes:
        file, known: the baseline and what it holds; None without one.
        ref, commit: the revision that was named, and where this history parted from its; empty without one.
        repository: that the paths lie in; None without a revision.
        paths: as on the command line; empty for a cluster.
        partial: only a part of a cluster is judged, so that what is not found may be in the rest.
        cached: what earlier runs have noted of the revision may be used.
    """

    paths: tuple[str, ...] = ()
    file: Path | None = None
    known: baseline.Baseline | None = None
    ref: str = ""
    commit: str = ""
    repository: Repository | None = None
    partial: bool = False
    cached: bool = False

    @property
    def had_something(self) -> bool:
        """Whether there was something to judge at the revision: to remove the last of it is no mistake."""
        return self.repository is not None and bool(self.repository.tree(self.commit, self.paths, is_read).files)

    def __str__(self) -> str:
        since = "no commit yet" if self.commit in EMPTY_TREES else f"merge base {self.commit[:12]}"
        named = [f"{self.ref} ({since})"] if self.repository else []
        return " and ".join([*named, *([f"baseline {self.file}"] if self.file else [])])


def against(given: dict[str, Any], paths: tuple[str, ...] = (), *, partial: bool = False) -> Against | None:
    """What the options say to compare with, once it is found to be there; None for nothing.

    Args:
        given: the options.
        paths: as on the command line; none for a cluster.
        partial: only a part of the cluster is judged.

    Raises:
        UsageError: there is no such baseline or revision, or the paths lie in no git repository.
    """
    file, ref = given["baseline"], given.get("diff")
    if file is None and ref is None:
        return None
    known = baseline.read(file, live=not paths) if file is not None else None
    if ref is None:
        return Against(paths, file, known, partial=partial)
    if "-" in paths:
        raise UsageError("--diff compares files in git, and standard input is none", "give the files or their directory")
    repo = repository(paths)
    return Against(paths, file, known, ref, repo.merge_base(ref), repo, cached=not given.get("no_cache"))


@dataclass(frozen=True, slots=True)
class Base:
    """What there was at the revision: what was read and found, below the thresholds too."""

    reading: Reading
    outcome: Outcome


def scan_new(
    settings: Settings, compared: Against, read: Callable[[], Reading], progress: Callable[[int, int], None] | None = None
) -> tuple[Report, Snapshot]:
    """A scan that reports only what is new.

    Args:
        settings: which rules, and how. Those of now hold for what there was before too.
        compared: what to compare with.
        read: reads what there is now, where it is not compared with a revision.
        progress: called with the number of files read so far and in all.

    Returns:
        The report, and what was in view.
    """
    wide = settings.everything
    if compared.repository is None:
        reading = read()
        snapshot = judging.seen(reading, settings)
        return only_new(judging.judged(snapshot, wide, reading), settings, compared), snapshot
    change = read_change(
        compared.repository, compared.commit, compared.paths, jobs=settings.jobs, progress=progress, exclude=settings.exclude
    )
    known, rules = known_rules(settings.own_rules), judging.asked(wide)
    snapshot, earlier = judging.seen(change.now, settings), judging.seen(change.before, settings)
    store, name = Store(compared.repository.root), name_of(compared.paths, rules, known.values(), wide)
    cached = compared.cached and not settings.own_rules  # what these say may change without a new name
    noted = store.load(name) if cached else State()
    state, before = advance(noted, Tree(earlier, change.before.unread, change.contents_before), rules, wide, known)
    if cached and state != noted:
        store.save(name, state)
    tree = Tree(snapshot, change.now.unread, change.contents_now)
    _, now = advance(state, tree, rules, wide, known, earlier.documents)
    report = judging.report(snapshot, wide, change.now, now)
    return only_new(report, settings, compared, Base(change.before, before)), snapshot


def only_new(report: Report, settings: Settings, compared: Against, base: Base | None = None) -> Report:
    """The report with those findings that are new.

    Args:
        report: all that a run with settings of `Settings.everything` has found.
        settings: the user's, with thresholds.
        compared: what to compare with.
        base: what there was at the revision; None where there is none to compare with.
    """
    looked = _looked(report, settings, compared)
    notes: list[str] = []
    new: Sequence[Finding] = report.findings
    fixed: Sequence[Known] = ()
    remembered: Sequence[Known] = ()
    if compared.known is not None:
        remembered = _shown(compared.known.known, report)
        new, _, fixed = compare(report.findings, report.suppressed, remembered, looked)
        notes += _about_baseline(new, fixed, compared.known, report, compared)
        fixed = () if _partial(report, compared) else fixed
    new = list(filter(settings.reaches, new))
    if base is not None:
        new, fixed = _introduced(new, report, settings, base, remembered, looked)
        notes += _about_revision(base.reading, compared.commit)
    fresh = set(map(id, new))
    unchanged = tuple(finding for finding in filter(settings.reaches, report.findings) if id(finding) not in fresh)
    named = {finding.rule for finding in (*new, *unchanged, *(entry.finding for entry in report.suppressed))}
    named |= {failure.rule for failure in report.failures}
    catalogue = tuple(rule for rule in report.catalogue if rule.name in named)
    comparison = Comparison(str(compared), unchanged, tuple(fixed), tuple(notes))
    summary = replace(report.summary, fixable=sum(finding.patch is not None for finding in new))
    return replace(report, findings=tuple(new), comparison=comparison, catalogue=catalogue, summary=summary)


def _introduced(
    new: Sequence[Finding], report: Report, settings: Settings, base: Base, remembered: Sequence[Known], looked: Looked
) -> tuple[list[Finding], list[Known]]:
    """What the change introduced of what is new to the baseline, and what it fixed. What the baseline knows is taken out of both sides."""
    unknown: Sequence[Finding] = base.outcome.findings
    if remembered:
        unknown, _, _ = compare(unknown, base.outcome.suppressed, remembered, Looked(()))
    introduced, _, _ = compare(new, report.suppressed, map(Known.of, filter(settings.reaches, unknown)), Looked(()))
    now = list(filter(settings.reaches, report.findings))
    _, _, fixed = compare(now, report.suppressed, map(Known.of, filter(settings.reaches, base.outcome.findings)), looked)
    return introduced, fixed


def write(file: Path, report: Report, settings: Settings) -> None:
    """Write a baseline of what a run has found.

    Raises:
        AuditError: the file cannot be written.
    """
    live = report.cluster is not None
    found = filter(settings.reaches, report.findings)
    baseline.write(file, map(Known.of, found), {rule.name for rule in judging.asked(settings, live=live)}, live=live)


def _looked(report: Report, settings: Settings, compared: Against) -> Looked:
    """What was looked at: files below the paths that could be read, by rules that did not break."""
    broken = {failure.rule for failure in report.failures}
    rules = {rule.name for rule in judging.asked(settings, live=report.cluster is not None)} - broken
    unread = {entry.file for entry in report.unread}
    if not compared.paths:
        return Looked(rules)
    roots = [os.path.abspath(path) for path in compared.paths if path != "-"]

    def below(file: str) -> bool:
        if file == STDIN:
            return "-" in compared.paths
        full = os.path.abspath(file)
        return any(full == root or full.startswith(os.path.join(root, "")) for root in roots)

    return Looked(rules, lambda file: file not in unread and below(file), lambda file: not below(file) and os.path.lexists(file))


def _shown(known: Iterable[Known], report: Report) -> list[Known]:
    """What was known, in files as this run names them: a path may have been given from the root, or with a detour."""
    if report.cluster is not None:
        return list(known)
    findings = [*report.findings, *(entry.finding for entry in report.suppressed)]
    names = {os.path.abspath(file): file for file in {*(finding.file for finding in findings), *(entry.file for entry in report.unread)}}
    return [replace(one, file=names.get(os.path.abspath(one.file), one.file)) for one in known]


def _partial(report: Report, compared: Against) -> bool:
    return compared.partial or (report.cluster is not None and bool(report.cluster.listing.not_listed))


def _about_baseline(
    new: Sequence[Finding], fixed: Sequence[Known], known: baseline.Baseline, report: Report, compared: Against
) -> list[str]:
    notes = []
    unasked = sorted({finding.rule for finding in new} - known.rules)
    if unasked:
        number = sum(finding.rule in unasked for finding in new)
        notes.append(f"{number} of rules that were not asked when the baseline was written: {', '.join(unasked)}")
    if fixed and _partial(report, compared):
        notes.append(_PARTIAL)
    elif fixed:
        notes.append(f"{len(fixed)} entries of the baseline are fixed: writing it again (`mlaudit baseline`) makes it shorter")
    return notes


def _about_revision(reading: Reading, commit: str) -> list[str]:
    notes = []
    for reason, sentence in _NOTES.items():
        if count := sum(item.reason == reason for item in reading.not_judged):
            notes.append(f"{count} {sentence}")
    if broken := len({item.file for item in reading.unread}):
        notes.append(f"{broken} files could not be read at {commit[:12]}: what is found in them now counts as new")
    return notes
