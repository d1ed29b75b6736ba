"""Real manifests: each file that can be mended is, and nothing else in it changes; and edits anywhere in them do what they should."""

from __future__ import annotations

import difflib
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.config import Settings
from auditor.engine import evaluate
from auditor.finding import Confidence, Finding, Severity
from auditor.fix import fix
from auditor.fix.files import Held, difference, mended
from auditor.patch import Change, Patch, Put, Remove, Rename
from auditor.snapshot import Snapshot
from auditor.source import read_contents, read_paths
from tests.fix.mend import FIXABLE, RULES

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real manifests is not beside the clone")
SETTINGS = Settings(rules=frozenset(FIXABLE))
CHOSEN = [rule for rule in RULES.values() if rule.fixable]
ALL = [rule for rule in RULES.values() if not rule.live]


def found_in(name: str, content: bytes) -> Counter[tuple[str, str, str]]:
    """Rules with the objects that they find fault with."""
    settings = Settings(rules=frozenset(rule.name for rule in ALL))
    outcome = evaluate(Snapshot(read_contents([(name, content)]).documents), ALL, settings, known=RULES)
    return Counter((finding.rule, finding.object.kind, finding.object.name) for finding in outcome.findings if finding.object)


def words(changes: tuple[Change, ...]) -> set[str]:
    """What a line that a patch touches may say."""
    said = {str(step) for change in changes for step in change.path}
    return said | {change.key for change in changes if isinstance(change, Rename)}


@needs_corpus
def test_every_file_is_mended() -> None:
    reading = read_paths((str(CORPUS),))
    findings = [f for f in evaluate(Snapshot(reading.documents), CHOSEN, SETTINGS, known=RULES).findings if f.patch]
    files = sorted({finding.file for finding in findings})
    assert len(findings) >= 60
    assert len(files) >= 36
    for file in files:
        of_file = [finding for finding in findings if finding.file == file and finding.patch]
        fixes = fix(read_paths((file,)), SETTINGS, RULES)
        assert fixes.not_fixed == []
        before, after = fixes.files[file].before, fixes.files[file].after
        gone = Counter((finding.rule, finding.object.kind, finding.object.name) for finding in of_file if finding.object)
        assert found_in(file, after) <= found_in(file, before) - gone
        allowed = set[str]().union(*(words(finding.patch.changes) for finding in of_file if finding.patch))
        lines = list(difflib.ndiff(before.decode().splitlines(keepends=True), after.decode().splitlines(keepends=True)))
        touched = [line for line in lines if line[0] in "+-"]
        assert touched
        assert all(any(word in line for word in allowed) for line in touched)
        puts = sum(len(finding.patch.changes) for finding in of_file if finding.patch)
        assert sum(line[0] == "-" for line in touched) <= puts


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict | list):
        for step, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, step), child
            yield from _paths(child, (*path, step))


def _change(path: tuple[str | int, ...], value: Any, chance: random.Random) -> Change | None:
    if isinstance(value, dict) and chance.random() < 0.5:
        return Put((*path, *chance.choice([("aNewKey",), ("aNewKey", "nvidia.com/gpu")])), chance.choice(["Never", True, "1"]))
    if isinstance(path[-1], str) and chance.random() < 0.4:
        return Rename(path, chance.choice(["aNewKey", "requests.nvidia.com/gpu", "1"]))
    if isinstance(value, dict | list) or chance.random() < 0.3:
        return Remove(path)
    return Put(path, chance.choice(["Never", True, 'it\'s "so"', 7, "a: b #c", "yes", ""]))


@pytest.mark.parametrize("folder", [FIXTURES, pytest.param(CORPUS, marks=needs_corpus)], ids=lambda folder: folder.name)
def test_edits_anywhere(folder: Path) -> None:
    chance = random.Random(6)
    results: Counter[str] = Counter()
    for file in sorted({document.file for document in read_paths((str(folder),)).documents}):
        held = Held.of(file, Path(file).read_bytes())
        for _ in range(60 if folder == FIXTURES else 3):
            index = chance.randrange(len(held.documents))
            path, value = chance.choice([entry for entry in _paths(held.documents[index].raw) if entry[0][0] not in ("apiVersion", "kind")])
            patch = Patch(index, (_change(path, value, chance),))
            edited = mended(held, [Finding(file, 1, 1, "a-rule", "", "", None, Severity.LOW, Confidence.LOW, "", patch=patch)])
            results["refused" if edited.refused else "wrong" if difference(held, edited.held, [patch]) != set() else "right"] += 1
    assert results["right"] > 0.9 * results.total()
    assert results["wrong"] <= 10  # which `difference` keeps from being written
