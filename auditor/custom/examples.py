"""The examples of own rules, executed: bad ones must yield findings on exactly the marked lines, good ones none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.config import Settings
from auditor.custom.keys import Example
from auditor.custom.loading import Own
from auditor.document import Document, Path, Unread
from auditor.engine import Outcome, evaluate
from auditor.snapshot import Snapshot
from auditor.source.text import read_text

__all__ = ["Tested", "test"]

_MARK = re.compile(r"[ \t]*# finding[ \t]*$", re.MULTILINE)
_FILE = "example.yaml"


@dataclass(frozen=True, slots=True)
class Tested:
    """What executing the examples of one rule yielded.

    Attributes:
        name: the rule's.
        examples: how many were executed.
        failures: a line each; none where all is well.
    """

    name: str
    examples: int
    failures: tuple[str, ...]


def test(own: Own) -> Tested:
    """Execute the examples of a rule. One without a bad and a good example fails: nobody knows whether it works."""
    return Tested(own.rule.name, len(own.draft.bad) + len(own.draft.good), tuple(_failures(own)))


def _failures(own: Own) -> Iterator[str]:
    for sort, examples in (("bad", own.draft.bad), ("good", own.draft.good)):
        if not examples:
            yield f"{own.draft.source.at(('name',))} {own.rule.name}: there is no {sort} example; write one under `examples`"
        for number, example in enumerate(examples, start=1):
            which = f"the {sort} example" if len(examples) == 1 else f"{sort} example {number}"
            yield from (f"{place} {own.rule.name}: {what}" for place, what in _differences(own, example, sort, which))


def _differences(own: Own, example: Example, sort: str, which: str) -> Iterator[tuple[str, str]]:
    """Places in the rule's file with what is wrong there."""
    at, within = own.draft.source.at, own.draft.source.within
    marked = {number for number, line in enumerate(example.text.splitlines(), start=1) if _MARK.search(line)}
    items = read_text(_MARK.sub("", example.text), _FILE)
    for item in items:
        if isinstance(item, Unread):
            yield within(example.path, max(item.line, 1)), f"line {item.line} of {which} is no YAML: {item.reason}"
    documents = [item for item in items if isinstance(item, Document)]
    if not documents:
        yield at(example.path), f"there is no Kubernetes object in {which}"
        return
    if sort == "bad" and not marked:
        yield at(example.path), f"{which} marks no line; end each line that a finding must point at with `# finding`"
    outcome = _judged(own, documents, example)
    for failure in outcome.failures:
        yield within(example.path, max(failure.line, 1)), f"the rule fails on {failure.object} in {which}: {failure.error}"
    found = {finding.line: finding.message for finding in outcome.findings}
    skipped = f" (skipped for want of {outcome.skipped[0].reason})" if outcome.skipped else ""
    for line in sorted(marked - found.keys() if sort == "bad" else ()):
        yield _line(own, example.path, line), f"line {line} of {which}: expected a finding, none{skipped}"
    for line in sorted(found.keys() - marked if sort == "bad" else found):
        yield _line(own, example.path, line), f"line {line} of {which}: unexpected finding: {found[line]}"


def _line(own: Own, path: Path, line: int) -> str:
    return own.draft.source.within(path, line)


def _judged(own: Own, documents: list[Document], example: Example) -> Outcome:
    rule = own.rule
    snapshot = Snapshot(documents, complete=example.complete)
    return evaluate(snapshot, [rule], Settings(rules=frozenset({rule.name}), complete=example.complete), known={rule.name: rule})
