"""What rules say, and what becomes of it: findings, and everything that did not become one."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import Any, TypedDict

from auditor.document import Document, Location, ObjectRef, Path, along, format_path
from auditor.patch import Change, Patch

__all__ = [
    "Confidence",
    "Cost",
    "CostBasis",
    "Fault",
    "FaultDetails",
    "Finding",
    "RuleFailure",
    "Severity",
    "Skipped",
    "Suppressed",
    "fingerprint",
    "identity_of",
]

# What names an item of a list, as far as Kubernetes and the operators merge lists by a key; the first of them that the item has.
# Source: x-kubernetes-list-map-keys in https://github.com/kubernetes/kubernetes/blob/master/api/openapi-spec/swagger.json
_NAMES = (
    "name", "groupName", "containerPort", "mountPath", "devicePath", "topologyKey", "key", "ip", "uid", "host", "path", "port", "type",
    "kind",
    "resources",  # of a rule of a Role: a list itself
)  # fmt: skip
_LISTED = "resources"


class Severity(IntEnum):
    """Harm.

    critical: does not run at all, or remote takeover; high: will fail in a normal event, breaks isolation or burns GPU money without bound;
    medium: likely outage, waste or loss; low: hardening that a production owner wants; info: opportunity.
    """

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()


class Confidence(IntEnum):
    """Certainty that what was found is what the rule describes."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2

    def __str__(self) -> str:
        return self.name.lower()


class CostBasis(StrEnum):
    """What the hours of a `Cost` are."""

    MEASURED = "measured"  # device-hours that went for nothing in the window of measurements
    NOW = "now"  # one hour of what is held, or free, at the moment of the look


@dataclass(frozen=True, slots=True)
class Cost:
    """What a fault costs as long as nobody mends it. The same devices may be in the costs of several faults.

    Attributes:
        hours: hours of physical devices.
        usd: what they cost; None where one of them has no price.
        basis: see `CostBasis`.
        window: hours of time that they went by in; 1 of what is now.
    """

    hours: Fraction
    usd: Fraction | None
    basis: CostBasis
    window: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule yields: a place and what is wrong there. The engine adds the rule and makes a `Finding` of it.

    Attributes:
        document: the object at fault; None for input that is no object.
        path: the place in it.
        message: the value found and why it is wrong, in one sentence without a full stop.
        remediation: what to write instead.
        severity: where it differs from the rule's own.
        confidence: likewise.
        location: the place, where it is not that of ``path`` (input that could not be read, a key that stands twice).
        profiles: where only some of the rule's profiles contain this sort of fault; empty for all of them.
        patch: what mends it without a decision; empty where there is no such thing.
        about: what it is a fault of, where ``path`` is only the first place in it that is at fault; None for ``path``.
        cost: what it costs; None where that is not known, and of files, whose devices nobody holds.
    """

    document: Document | None
    path: Path
    message: str
    remediation: str = ""
    severity: Severity | None = None
    confidence: Confidence | None = None
    location: Location | None = None
    profiles: Collection[str] = ()
    patch: tuple[Change, ...] = ()
    about: Path | None = None
    cost: Cost | None = None


class FaultDetails(TypedDict, total=False):
    """What a rule may add to a message; see `Fault`."""

    remediation: str
    severity: Severity | None
    confidence: Confidence | None
    profiles: Collection[str]
    patch: tuple[Change, ...]
    about: Path | None
    cost: Cost | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation with its address.

    Attributes:
        file, line, column: the place; line and column count from 1.
        rule: the rule's name.
        path: field path in the object.
        severity, confidence: see the enumerations.
        object: who; None for input that is no object.
        message, remediation: what is wrong and what to write instead.
        fingerprint: 16 hexadecimal digits; the same after lines move, files are renamed, and documents or items of lists change places.
            What nothing but its place tells apart has the same one, so that findings are compared by how many there are of each.
        cost: what it costs; it changes from run to run, and is no part of the fingerprint. None where a rule does not say it.
        rendered: the kustomization or chart that the object comes out of, until `together` says it in the message; else empty.
        patch: what `mlaudit fix` does about it; None where it cannot. It is about this very text, and no part of a report.
    """

    file: str
    line: int
    column: int
    rule: str
    path: str
    message: str
    object: ObjectRef | None
    severity: Severity
    confidence: Confidence
    remediation: str
    fingerprint: str = ""
    cost: Cost | None = None
    rendered: str = ""
    patch: Patch | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that somebody silenced, with the reason given.

    Attributes:
        how: ``comment``, ``annotation`` or ``config``.
        until: the date it ends, as ``YYYY-MM-DD``, or empty.
    """

    finding: Finding
    how: str
    reason: str
    until: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Skipped:
    """A rule that could not be asked, and why.

    Attributes:
        rule: its name.
        reason: what was not in view.
        count: how often.
    """

    rule: str
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True, order=True)
class RuleFailure:
    """A rule that broke while judging one object. It is a defect of the rule, never of the object."""

    rule: str
    file: str
    line: int
    object: str
    error: str


def fingerprint(rule: str, ref: ObjectRef | None, path: Path, detail: str = "") -> str:
    """An identity of a finding that survives moved lines: rule, object and field.

    Args:
        rule: the rule's name.
        ref: the object; its version is left out, so that an upgrade of apiVersion keeps the identity.
        path: the field; see `identity_of`.
        detail: for input that is no object, what identifies it.
    """
    who = f"{ref.group}/{ref.kind}/{ref.namespace}/{ref.name}" if ref else ""
    text = "\x1f".join((rule, who, format_path(path), detail))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def identity_of(raw: Mapping[str, Any], path: Path) -> Path:
    """The path with the names of items in place of their positions, which change when something is put before them.

    An item of a command line is named by its flag, or by the flag that it is the value of; one that nothing names, not at all. Values are
    left out: they change, and may be secrets.
    """
    steps: list[str | int] = []
    nodes = along(raw, path)
    for step, within in zip(path, nodes, strict=False):
        steps.append(_name(within, step) if isinstance(step, int) else step)
    return tuple(steps)


def _name(items: object, position: int) -> str:
    if not isinstance(items, list) or position >= len(items):
        return "[]"
    item = items[position]
    if isinstance(item, dict):
        metadata = item.get("metadata")
        for holder in (item, metadata if isinstance(metadata, dict) else {}):
            for key in _NAMES:
                value = holder.get(key)
                if isinstance(value, str | int):
                    return f"={value}"
                if key == _LISTED and isinstance(value, list):
                    return f"={sorted(map(str, value))}"
    elif isinstance(item, str):
        before = items[position - 1] if position else ""
        if item.startswith("-"):
            return f"={item.partition('=')[0]}"
        if isinstance(before, str) and before.startswith("-") and "=" not in before:
            return f"={before} …"
    return "[]"
