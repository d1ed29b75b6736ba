"""An own rule at work: what the engine asks of it, one thing after another."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from auditor.custom.cel import EvaluationError
from auditor.custom.cost import MAX_COST
from auditor.custom.expressions import Expression, Expressions
from auditor.custom.fields import Field
from auditor.custom.given import Given
from auditor.document import Document, Path, parse_path
from auditor.finding import Fault
from auditor.rule import Result, skip
from auditor.snapshot import Snapshot
from auditor.workload import Container, PodTemplate, Workload

__all__ = ["OwnCheck"]

MAX_MESSAGE = 300
MAX_PATH = 64


@dataclass(slots=True)
class OwnCheck:
    """The function of an own rule.

    Attributes:
        expressions: compiled.
        fields: those that expressions may name, by full name.
        message, at, remediation: as the rule says them; ``at`` is a path in words.
        everything: objects that are templates for others are judged too: the rule names their kind.
    """

    expressions: Expressions
    fields: dict[str, Field]
    message: str
    at: str
    remediation: str
    everything: bool
    _affordable: set[tuple[str, int, int]] = field(default_factory=set)

    def __call__(self, subject: Any, snapshot: Snapshot) -> Iterator[Result]:
        """Judge one thing."""
        things = _things(subject, snapshot)
        if not self.everything and _incomplete(things):
            return
        when = self.expressions.when
        try:
            given, fault = self.evaluated(when, things)
        except EvaluationError as error:
            if not error.unknown:
                raise
            yield skip("values where the manifests have placeholders")
            return
        if fault is not True:
            if fault is not False:
                raise EvaluationError(f"when: the value is {type(fault).__name__}, not true or false")
            return
        if when.reads.touches(given.unknown) or when.reads.encloses(given.absent):
            yield skip("values where the manifests have placeholders")
        elif any(name.startswith(_OF_OTHERS) for name in when.reads.fields) and not _sees_all(snapshot):
            yield skip("all objects that there are (--complete)")
        else:
            yield Fault(things["object"], self.place(things), self.said(things), self.remediation)

    def evaluated(self, expression: Expression, things: dict[str, Any]) -> tuple[Given, Any]:
        """What an expression was given, and its value.

        Raises:
            EvaluationError: it has none, or reads what is not known.
        """
        given = Given([self.fields[name] for name in expression.reads.fields], things)
        self.afford(expression, given)
        try:
            with _budget:
                return given, expression.program.evaluate(given.values)
        except EvaluationError as error:
            unknown = error.unknown or expression.reads.touches(given.unknown + given.absent)
            raise EvaluationError(f"{expression.key}: {error}", unknown=unknown) from None

    def afford(self, expression: Expression, given: Given) -> None:
        """Refuse what would take too long for values of this size; sizes are rounded up, and remembered."""
        size = (expression.key, given.longest.bit_length(), given.weight.bit_length())
        if size in self._affordable:
            return
        if expression.cost(1 << size[1], 1 << size[2]) <= MAX_COST:
            self._affordable.add(size)
        elif expression.cost(given.longest, given.weight) > MAX_COST:
            raise EvaluationError(f"{expression.key}: it may take too many steps for an object of this size")

    def said(self, things: dict[str, Any]) -> str:
        """The message: what the expression makes, else the fixed one."""
        return self.text(self.expressions.message, things) or self.message or "the rule's condition holds"

    def place(self, things: dict[str, Any]) -> Path:
        """The path of the fault in the object."""
        text = self.text(self.expressions.at, things) or self.at
        path = parse_path(text)[:MAX_PATH] if text else ()
        return _absolute(path, things)

    def text(self, expression: Expression | None, things: dict[str, Any]) -> str:
        """A text of one line that an expression makes; empty where it has no value, as in a ValidatingAdmissionPolicy."""
        if expression is None:
            return ""
        try:
            _, value = self.evaluated(expression, things)
        except EvaluationError:
            return ""
        return re.sub(r"\s+", " ", value).strip()[:MAX_MESSAGE] if isinstance(value, str) else ""


class _Budget:
    """What all own rules together may take in this process: ten seconds, and on average a millisecond for each question.

    A usual rule takes some 30 µs. This bounds what many rules take that each stay below the cost of one evaluation.
    """

    def __init__(self) -> None:
        self.left = _SECONDS
        self.began = 0.0

    def __enter__(self) -> None:
        self.left += _SECONDS_FOR_EACH
        if self.left < 0:
            raise EvaluationError("own rules have taken too much time, and are not asked any more")
        self.began = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.left -= time.perf_counter() - self.began


_SECONDS, _SECONDS_FOR_EACH = 10.0, 0.001
_budget = _Budget()

# Fields that speak of other objects: what they hold is only believed where everything is in view.
_OF_OTHERS = ("snapshot.namespaces", "snapshot.kinds", "snapshot.names")


def _sees_all(snapshot: Snapshot) -> bool:
    return snapshot.complete or (snapshot.listing is not None and snapshot.listing.whole)


def _things(subject: Any, snapshot: Snapshot) -> dict[str, Any]:
    """What expressions speak of, by its word; the thing that is judged comes first."""
    found: dict[str, Any] = {}
    if isinstance(subject, Container):
        found["container"] = subject
        subject = subject.template
    if isinstance(subject, PodTemplate):
        found["template"] = subject
        subject = subject.workload
    if isinstance(subject, Workload):
        found["workload"] = subject
        subject = subject.document
    assert isinstance(subject, Document)
    return {**found, "object": subject, "snapshot": snapshot}


def _incomplete(things: dict[str, Any]) -> bool:
    return any(things[word].incomplete for word in ("template", "workload") if word in things)


def _absolute(path: Path, things: dict[str, Any]) -> Path:
    """A path from the object, of one from what is judged, or from what its first step names."""
    first = next(iter(things))
    if path and path[0] in things and path[0] != "snapshot":
        first, path = str(path[0]), path[1:]
    thing = things[first]
    if isinstance(thing, Container):
        return thing.at(*path)
    if isinstance(thing, PodTemplate):
        if path[:1] == ("metadata",) and thing.metadata_path:
            return (*thing.metadata_path, *path[1:])
        return thing.at(str(path[0]), *path[1:]) if path else thing.path
    return path
