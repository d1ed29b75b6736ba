"""Selectors over labels, in every form that Kubernetes writes them in.

A ``LabelSelector`` (``matchLabels``, ``matchExpressions``), the plain mapping of a Service, the text of ``kubectl -l``, and the terms of a
node affinity all become requirements on one label each, which must all hold. What cannot be known, a placeholder or a wrong type, leaves
its requirement out and marks the selector as unknown: it may then select less than it seems to.

Sources: ``labels.Requirement.Matches`` and ``labels.Parse`` in
https://github.com/kubernetes/apimachinery/blob/master/pkg/labels/selector.go · ``LabelSelectorAsSelector`` in
https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/helpers.go · node terms:
https://github.com/kubernetes/component-helpers/blob/master/scheduling/corev1/nodeaffinity/nodeaffinity.go. Read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from auditor.document import is_placeholder, mapping, sequence

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "NodeTerm",
    "Requirement",
    "Selector",
    "label_selector",
    "node_terms",
    "parse_selector",
    "service_selector",
]

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]

_WITH_VALUES: dict[str, Operator] = {"In": "In", "NotIn": "NotIn"}
_WITHOUT_VALUES: dict[str, Operator] = {"Exists": "Exists", "DoesNotExist": "DoesNotExist"}
_NUMBERS: dict[str, Operator] = {"Gt": "Gt", "Lt": "Lt"}
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one label must be.

    Attributes:
        key: the label.
        operator: ``Exists`` and ``DoesNotExist`` take no values, ``Gt`` and ``Lt`` one whole number, the others one value or more.
        values: as text.
    """

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        match self.operator:
            case "Exists":
                return self.key
            case "DoesNotExist":
                return f"!{self.key}"
            case "Gt" | "Lt":
                return f"{self.key}{'>' if self.operator == 'Gt' else '<'}{self.values[0]}"
            case "In" if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case "NotIn" if len(self.values) == 1:
                return f"{self.key}!={self.values[0]}"
        return f"{self.key} {self.operator.lower()} ({','.join(self.values)})"

    def holds(self, labels: Mapping[str, Any]) -> bool:
        """Whether labels satisfy it. A label that is not there satisfies ``NotIn``, and is neither greater nor less than a number."""
        there = self.key in labels
        match self.operator:
            case "Exists":
                return there
            case "DoesNotExist":
                return not there
            case "In":
                return there and _text(labels[self.key]) in self.values
            case "NotIn":
                return not there or _text(labels[self.key]) not in self.values
        value = _text(labels.get(self.key)) or ""
        if not there or not _INTEGER.fullmatch(value):
            return False
        return int(value) > int(self.values[0]) if self.operator == "Gt" else int(value) < int(self.values[0])


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that must all hold.

    Attributes:
        requirements: in the order written.
        nothing: it selects nothing at all: a null where the API has a pointer, an empty selector of a Service.
        unknown: a part of it cannot be known, and is left out of the requirements.
    """

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False
    unknown: bool = False

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    @property
    def everything(self) -> bool:
        """It selects whatever there is."""
        return not self.requirements and not self.nothing and not self.unknown

    def matches(self, labels: Mapping[str, Any]) -> bool:
        """Whether labels satisfy all that is known of it."""
        return not self.nothing and all(requirement.holds(labels) for requirement in self.requirements)

    def unmet(self, labels: Mapping[str, Any]) -> tuple[Requirement, ...]:
        """The requirements that labels do not satisfy."""
        return tuple(requirement for requirement in self.requirements if not requirement.holds(labels))


EVERYTHING, NOTHING = Selector(), Selector(nothing=True)


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """One term of a node affinity: labels of the node and, as ``metadata.name``, its name. A term without either selects no node."""

    labels: Selector
    fields: Selector

    def matches(self, labels: Mapping[str, Any], name: str = "") -> bool:
        """Whether a node with these labels and this name satisfies it."""
        if not self.labels.requirements and not self.fields.requirements and not self.labels.unknown and not self.fields.unknown:
            return False
        return self.labels.matches(labels) and self.fields.matches({"metadata.name": name})


# -- from objects -------------------------------------------------------------------------------------------------------------------------


def label_selector(raw: object) -> Selector:
    """A ``LabelSelector``: null selects nothing, empty everything. Where the API has no pointer (a NetworkPolicy's podSelector), pass
    ``{}`` for a null."""
    if raw is None:
        return NOTHING
    if not isinstance(raw, dict):
        return Selector(unknown=True)
    labels, expressions = raw.get("matchLabels"), raw.get("matchExpressions")
    return _selector([*_equal(labels), *_expressions(expressions, {**_WITH_VALUES, **_WITHOUT_VALUES})])


def service_selector(raw: object) -> Selector:
    """The plain mapping of a Service or a ReplicationController: empty or null selects nothing."""
    return _selector(_equal(raw)) if raw else NOTHING


def node_terms(raw: object) -> tuple[NodeTerm, ...]:
    """The terms of a ``NodeSelector`` (``requiredDuringSchedulingIgnoredDuringExecution``), of which one must match; none for a null."""
    operators = {**_WITH_VALUES, **_WITHOUT_VALUES, **_NUMBERS}
    return tuple(
        NodeTerm(
            _selector(_expressions(mapping(term).get("matchExpressions"), operators)),
            _selector(_expressions(mapping(term).get("matchFields"), _WITH_VALUES)),
        )
        for term in sequence(mapping(raw).get("nodeSelectorTerms"))
    )


def _selector(found: Iterator[Requirement | None] | list[Requirement | None]) -> Selector:
    """A selector of what is known; None stands for what is not."""
    every = list(found)
    known = tuple(requirement for requirement in every if requirement is not None)
    return Selector(known, unknown=len(known) < len(every))


def _equal(labels: object) -> Iterator[Requirement | None]:
    if not isinstance(labels, dict):
        if labels is not None:
            yield None
        return
    for key, value in labels.items():
        text = _text(value)
        yield None if text is None or is_placeholder(text) or is_placeholder(str(key)) else Requirement(str(key), "In", (text,))


def _expressions(entries: object, operators: Mapping[str, Operator]) -> Iterator[Requirement | None]:
    if not isinstance(entries, list):
        if entries is not None:
            yield None
        return
    for entry in entries:
        yield _expression(mapping(entry), operators)


def _expression(entry: Mapping[str, Any], operators: Mapping[str, Operator]) -> Requirement | None:
    key, operator = entry.get("key"), operators.get(str(entry.get("operator")))
    if not isinstance(key, str) or is_placeholder(key) or operator is None:
        return None
    if operator in _WITHOUT_VALUES:
        return Requirement(key, operator)
    values = [_text(value) for value in sequence(entry.get("values"))]
    known = tuple(value for value in values if value is not None and not is_placeholder(value))
    if not known or len(known) < len(values):
        return None
    if operator in _NUMBERS and not (len(known) == 1 and _INTEGER.fullmatch(known[0])):
        return None
    return Requirement(key, operator, known)


def _text(value: object) -> str | None:
    """A label's value as the API server would hold it; None for what no label can be. Numbers and booleans are strings in disguise:
    the server refuses them, but what the author means is plain."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else None


# -- from text ----------------------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"==|!=|[=!(),<>]|[^\s=!(),<>]+")
_SYMBOLS = frozenset({"==", "!=", "=", "!", "(", ")", ",", "<", ">"})
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def parse_selector(text: str) -> Selector:
    """A selector as ``kubectl -l`` takes it: ``a=b,c!=d,e in (x,y),f notin (z),g,!h``; also ``==``, ``>`` and ``<``.

    Raises:
        ValueError: the text is no selector; the message says what was expected where.
    """
    return _Parser(text).selector()


class _Parser:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _TOKEN.findall(text)
        self.at = 0

    def selector(self) -> Selector:
        found: list[Requirement] = []
        if not self.tokens:
            return EVERYTHING
        while True:
            found.append(self.requirement())
            if self.peek() == "":
                return Selector(tuple(found))
            self.take(",")

    def requirement(self) -> Requirement:
        if self.peek() == "!":
            self.at += 1
            return Requirement(self.key(), "DoesNotExist")
        key = self.key()
        match self.peek():
            case "" | ",":
                return Requirement(key, "Exists")
            case "=" | "==" | "!=" as sign:
                self.at += 1
                return Requirement(key, "NotIn" if sign == "!=" else "In", (self.value(),))
            case "<" | ">" as sign:
                self.at += 1
                number = self.value()
                if not _INTEGER.fullmatch(number):
                    raise self.error(f"{sign} takes a whole number, not {number!r}")
                return Requirement(key, "Gt" if sign == ">" else "Lt", (number,))
            case "in" | "notin" as word:
                self.at += 1
                return Requirement(key, "NotIn" if word == "notin" else "In", self.values())
        raise self.error(f"after the key {key!r} comes =, !=, in, notin or a comma, not {self.peek()!r}")

    def key(self) -> str:
        token = self.peek()
        if token in _SYMBOLS or not token:
            raise self.error(f"a key of a label was expected, not {token!r}" if token else "a key of a label was expected at the end")
        if not _KEY.fullmatch(token):
            raise self.error(f"{token!r} cannot be the key of a label")
        self.at += 1
        return token

    def value(self) -> str:
        """A value; nothing, before a comma or at the end, is the empty one."""
        token = self.peek()
        if token in (",", ")", ""):
            return ""
        if not _VALUE.fullmatch(token):
            raise self.error(f"{token!r} cannot be the value of a label")
        self.at += 1
        return token

    def values(self) -> tuple[str, ...]:
        self.take("(")
        found = [self.value()]
        while self.peek() == ",":
            self.at += 1
            found.append(self.value())
        self.take(")")
        return tuple(sorted(set(found)))

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise self.error(f"{wanted!r} was expected, not {self.peek()!r}" if self.peek() else f"{wanted!r} was expected at the end")
        self.at += 1

    def error(self, what: str) -> ValueError:
        return ValueError(f"label selector {self.text!r}: {what}")
