"""Judging again what may have changed, and keeping the rest.

`advance` takes what an earlier run has noted of each object (what was found, and what that was looked up in) and a snapshot, and judges
those objects whose own file changed or whose looked-up objects did; see `auditor.incremental.trace` for why that is enough. The outcome
is that of `auditor.engine.evaluate`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from auditor.config import Settings
from auditor.document import Document, Unread
from auditor.engine import Outcome, outcome
from auditor.finding import Fault
from auditor.incremental.trace import EVERYTHING, IMAGES, Traced, provided
from auditor.judge import Found, Judge
from auditor.processes import forks, mapped_on, pool
from auditor.rule import Rule
from auditor.snapshot import Snapshot

__all__ = ["Entry", "FileState", "State", "Tree", "advance"]

_TODAY = "today"  # the token of what expires
_PARALLEL_FROM = 400
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """What is noted of one object.

    Attributes:
        found: what judging it yielded; None for nothing.
        seen: tokens of what it was looked up in.
        given: a digest of the faults that rules about namespaces and the whole found in it.
    """

    found: Found | None
    seen: frozenset[str]
    given: str = ""


@dataclass(slots=True)
class FileState:
    """What is noted of one file: what it held, the tokens of that, and an entry for each object; None for one that is judged each time."""

    content: str
    provides: frozenset[str]
    entries: list[Entry | None]


@dataclass(slots=True)
class State:
    """What is noted of a tree.

    Attributes:
        files: by name.
        derivations: by name, the tokens of what was derived.
        today: the day, which decides what has expired.
        images: a digest of what kustomizations set.
    """

    files: dict[str, FileState] = field(default_factory=dict)
    derivations: dict[str, frozenset[str]] = field(default_factory=dict)
    today: str = ""
    images: str = ""


@dataclass(frozen=True, slots=True)
class Tree:
    """What is judged.

    Attributes:
        snapshot: what is in view.
        unread: input that could not be read.
        contents: by file, what identifies its content; files that are not in it are judged each time.
    """

    snapshot: Snapshot
    unread: Sequence[Unread]
    contents: Mapping[str, str]


def advance(
    old: State, tree: Tree, rules: Sequence[Rule], settings: Settings, known: Mapping[str, Rule], before: Iterable[Document] | None = None
) -> tuple[State, Outcome]:
    """Judge a tree, as far as it differs from what is noted.

    Args:
        old: what an earlier run with the same rules and settings has noted; an empty one makes all of it be judged.
        tree: what is judged.
        rules: those to ask; see `auditor.engine.select`.
        settings: thresholds, options and the profile.
        known: all rules there are.
        before: the objects that ``old`` speaks of, where they are at hand: less then counts as changed.

    Returns:
        What is to be noted of the tree, and what judging it yields.
    """
    return _Step(old, tree, rules, settings, known).run(before)


def _by_file(documents: Iterable[Document]) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = {}
    for document in documents:
        found.setdefault(document.file, []).append(document)
    return found


class _Step:
    def __init__(self, old: State, tree: Tree, rules: Sequence[Rule], settings: Settings, known: Mapping[str, Rule]) -> None:
        self.old, self.tree, self.settings = old, tree, settings
        self.view = Traced.of(tree.snapshot)
        everything = {**known, **{rule.name: rule for rule in rules}}
        self.judge = Judge(tree.snapshot, rules, settings, everything, self.view.as_rules_see_it)
        self.files = _by_file(tree.snapshot.documents)
        self.sets: dict[frozenset[str], frozenset[str]] = {}  # few objects are looked up in other places than all the others
        self.new = State(today=settings.today.isoformat(), images=_digest(sorted((k, sorted(v)) for k, v in self._images.items())))

    @property
    def _images(self) -> Mapping[str, frozenset[str]]:
        return self.tree.snapshot.kustomized_images

    def run(self, before: Iterable[Document] | None) -> tuple[State, Outcome]:
        self.judge.inputs(self.tree.unread)
        self.judge.cluster()
        given = {key: _digest(list(map(_words, faults))) for key, faults in self.judge.of_object.items()}
        changed = {file for file in {*self.files, *self.old.files} if not self._same(file)}
        touched = self._touched(changed, _by_file(before) if before is not None else None)
        todo = []
        for number, (document, entry) in enumerate(zip(self.tree.snapshot.documents, self._entries(changed), strict=True)):
            if entry is None or entry.given != given.get(id(document), "") or not touched.isdisjoint(entry.seen):
                todo.append(number)
        fresh = self._judged(todo)
        for file, documents in self.files.items():
            kept = self.old.files.get(file)
            tokens = kept.provides if kept and file not in changed else frozenset(t for document in documents for t in provided(document))
            self.new.files[file] = FileState(self._content(file), tokens, [])
        for number, (document, entry) in enumerate(zip(self.tree.snapshot.documents, self._entries(changed), strict=True)):
            if number in fresh:
                found, seen, again = fresh[number]
                entry = None if again else Entry(found, seen, given.get(id(document), ""))
            else:
                assert entry is not None
                found = entry.found
            if found is not None:
                self.judge.found.add(found)
            self.new.files[document.file].entries.append(entry)
        for name in {*self.old.derivations, *self.view.derivations}:
            self.new.derivations[name] = self.old.derivations.get(name, frozenset()) | self.view.derivations.get(name, set())
        self.judge.ignores({item.file for item in self.tree.unread})
        return self.new, outcome(self.judge.found)

    def _content(self, file: str) -> str:
        return f"{self.tree.contents.get(file, '')} {len(self.files.get(file, ()))}"

    def _same(self, file: str) -> bool:
        """Whether a file is as it was, and holds as many objects: what a kustomization patches with holds none."""
        kept = self.old.files.get(file)
        return kept is not None and file in self.tree.contents and kept.content == self._content(file)

    def _entries(self, changed: set[str]) -> Iterator[Entry | None]:
        """What is noted of each object, in their order; None for one that has to be judged."""
        at = {file: iter(kept.entries) for file, kept in self.old.files.items() if file not in changed}
        for document in self.tree.snapshot.documents:
            yield next(at[document.file]) if document.file in at else None

    def _touched(self, changed: set[str], before: Mapping[str, list[Document]] | None) -> set[str]:
        """The tokens of all that may look different now."""
        touched: set[str] = {EVERYTHING} if changed else set()
        for file in changed:
            now = self.files.get(file, [])
            if before is None:
                kept = self.old.files.get(file)
                touched.update(kept.provides if kept else ())
                now_changed = now
            else:
                now_changed = _different(before.get(file, []), now)
            touched.update(token for document in now_changed for token in provided(document))
        if self.new.today != self.old.today:
            touched.add(_TODAY)
        if self.new.images != self.old.images:
            touched.update((IMAGES, EVERYTHING))
        derived = set(self.old.derivations)
        while more := {name for name in derived if not touched.isdisjoint(self.old.derivations[name])}:
            touched |= more
            derived -= more
        return touched

    # -- judging ------------------------------------------------------------------------------------------------------------------------

    def _judged(self, todo: list[int]) -> dict[int, tuple[Found | None, frozenset[str], bool]]:
        """What judging yields: by number of the object, what was found, what that was looked up in, and whether it is judged each time."""
        executor: Executor | None = pool(self.settings.jobs) if len(todo) >= _PARALLEL_FROM and forks() else None
        batches = [todo[start : start + _BATCH] for start in range(0, len(todo), _BATCH)]
        judged: dict[int, tuple[Found | None, frozenset[str], bool]] = {}
        for results, derivations in mapped_on(self, _Step.batch, batches, executor):
            judged.update(results)
            for name, seen in derivations.items():
                self.view.derivations.setdefault(name, set()).update(seen)
        return judged

    def batch(self, numbers: list[int]) -> tuple[dict[int, tuple[Found | None, frozenset[str], bool]], dict[str, set[str]]]:
        """Judge some objects; beside what that yields, by number, the notes of what was derived meanwhile."""
        return {number: self.one(number) for number in numbers}, self.view.derivations

    def one(self, number: int) -> tuple[Found | None, frozenset[str], bool]:
        """Judge one object."""
        document, judge = self.tree.snapshot.documents[number], self.judge
        before, judge.found = judge.found, Found()
        self.view.seen = seen = set()
        judge.judge(document)
        found, judge.found = judge.found, before
        if id(document) in judge.workloads:
            self.view.shapes(document)  # its role may have been worked out while another object was judged
        if document.comments or b"ignore.mlaudit.io/" in document.blob:
            seen.add(_TODAY)
        every = [*found.findings, *(entry.finding for entry in found.suppressed)]
        elsewhere = any(finding.file != document.file or finding.object != document.ref for finding in every)
        again = elsewhere or bool(found.failures)
        tokens = frozenset(seen)
        return (found if found != _NOTHING else None), self.sets.setdefault(tokens, tokens), again


_NOTHING = Found()


def _different(old: list[Document], new: list[Document]) -> list[Document]:
    """The objects of a file between those at its beginning and its end that are the same; where they stand is no matter to others."""
    start = 0
    while start < min(len(old), len(new)) and _alike(old[start], new[start]):
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and _alike(old[-1 - end], new[-1 - end]):
        end += 1
    return [*old[start : len(old) - end], *new[start : len(new) - end]]


def _alike(one: Document, other: Document) -> bool:
    return one.ref == other.ref and repr(one.raw) == repr(other.raw)  # 1, 1.0 and true are equal to Python


def _words(given: tuple[Rule, Fault]) -> tuple[object, ...]:
    rule, fault = given
    return (
        rule.name, fault.path, fault.message, fault.remediation, str(fault.severity), str(fault.confidence), str(fault.location),
        sorted(map(str, fault.profiles)), fault.about,
    )  # fmt: skip


def _digest(value: object) -> str:
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest() if value else ""
