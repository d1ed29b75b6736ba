"""What ``mlaudit scan --cost`` adds to a report. Imported only then: reading the price book takes time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from auditor.cli import money
from auditor.config import Settings
from auditor.cost.compare import compare
from auditor.cost.estimate import estimate
from auditor.cost.potential import Change, Potential
from auditor.errors import UsageError
from auditor.snapshot import Snapshot
from auditor.source import Reading
from auditor.source.git import Repository, repository
from auditor.source.revision import LINK, MISSING, POINTER, SUBMODULE, read_revision
from auditor.teams import OWNER_KEYS

__all__ = ["estimator"]

_NOTES = {
    LINK: "symbolic links are not followed in git",
    SUBMODULE: "submodules are not looked into in git: what is in them counts as added",
    POINTER: "files are kept by Git LFS: what is in them counts as added",
    MISSING: "files are not in this partial clone: what is in them counts as added",
}


def estimator(paths: tuple[str, ...], settings: Settings, given: dict[str, Any]) -> Callable[[Snapshot], Potential]:
    """What works out the potential cost of what is in view, once the options are found to be meant.

    Raises:
        UsageError: there is no such revision or currency, or the paths lie in no git repository.
        PricesError: the file of prices cannot be read.
    """
    prices = money.prices(given)
    currency = money.currency(given, prices)
    region = given["region"].strip()
    base = given["base"]
    owners = settings.owner_labels or OWNER_KEYS
    repo, commit = _base(paths, base) if base else (None, "")

    def work(snapshot: Snapshot) -> Potential:
        now = estimate(snapshot, prices, settings.today, region, currency, owners)
        if repo is None:
            return now
        reading = read_revision(repo, commit, paths, jobs=settings.jobs, exclude=settings.exclude)
        before = settings.snapshot(reading.documents)
        then = estimate(before, prices, settings.today, region, currency, owners)
        return now.compared(_change(then, now, base, commit, reading))

    return work


def _base(paths: tuple[str, ...], base: str) -> tuple[Repository, str]:
    if "-" in paths:
        raise UsageError("--base compares files in git, and standard input is none", "give the files or their directory")
    repo = repository(paths)
    return repo, repo.merge_base(base)


def _change(before: Potential, now: Potential, base: str, commit: str, reading: Reading) -> Change:
    notes = []
    for reason, sentence in _NOTES.items():
        count = sum(item.reason == reason for item in reading.not_judged)
        if count:
            notes.append(f"{count} {sentence}")
    broken = len({item.file for item in reading.unread})
    if broken:
        notes.append(f"{broken} files could not be read at {commit[:12]}: what was in them is not compared")
    return compare(before.lines, now.lines, base, commit, tuple(notes))
