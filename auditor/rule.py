"""How a rule is written: one module, one function, one page.

A rule says what it judges by what its function takes first: a `Container`, a `PodTemplate`, a `Workload`, a `Document`, a `Namespace`, a
`Node`, the whole `Snapshot`, an `Unread` input or a `Suppression`. Further parameters may be the `Snapshot`, the rule's `Options` and, in
this order, a ``Profile | None``: the profile that is asked for, so that costly faults of other profiles need not be worked out; None for
everything; and an `Objection`, by which a rule learns what the rules of a profile say without importing them.
The module's docstring is its manual page, and the examples in it are its tests.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from auditor.document import Path, Unknown, format_path, is_placeholder, mapping, parse_path, sequence, strings
from auditor.finding import Confidence, Fault, Severity, Skipped
from auditor.patch import Change, Put, Remove, Rename
from auditor.workload import Role, Workload

__all__ = [
    "COST",
    "LLM_SERVING",
    "MULTI_TENANT",
    "PRODUCTION",
    "PSS_BASELINE",
    "PSS_RESTRICTED",
    "RECOMMENDED",
    "STRICT",
    "Change",
    "Confidence",
    "Fault",
    "Objection",
    "Options",
    "Path",
    "Profile",
    "Put",
    "Remove",
    "Rename",
    "Result",
    "Role",
    "Rule",
    "Scope",
    "Severity",
    "Skipped",
    "Unknown",
    "format_path",
    "is_placeholder",
    "mapping",
    "parse_path",
    "rule",
    "sequence",
    "skip",
    "strings",
]

Result = Fault | Skipped
Options = Mapping[str, Any]


class Profile(StrEnum):
    """A named set of rules.

    ``production`` contains ``recommended``; ``strict`` contains everything but what only a Pod Security profile has.
    """

    RECOMMENDED = "recommended"
    PRODUCTION = "production"
    STRICT = "strict"
    PSS_BASELINE = "pss-baseline"
    PSS_RESTRICTED = "pss-restricted"
    COST = "cost"

    @property
    def exact(self) -> bool:
        """The profile states a standard: nothing is exempt from it."""
        return self in (Profile.PSS_BASELINE, Profile.PSS_RESTRICTED)

    def contains(self, profiles: Iterable[Profile]) -> bool:
        """Whether something that belongs to ``profiles`` belongs to this one."""
        return any(profile is self or self in _WIDER.get(profile, ()) for profile in profiles)


RECOMMENDED, PRODUCTION, STRICT = Profile.RECOMMENDED, Profile.PRODUCTION, Profile.STRICT
PSS_BASELINE, PSS_RESTRICTED, COST = Profile.PSS_BASELINE, Profile.PSS_RESTRICTED, Profile.COST
_WIDER = {RECOMMENDED: (PRODUCTION, STRICT), PRODUCTION: (STRICT,), COST: (STRICT,)}

LLM_SERVING, MULTI_TENANT = "llm-serving", "multi-tenant"


class Scope(StrEnum):
    """What a rule is asked about."""

    CONTAINER = "container"
    POD_TEMPLATE = "pod template"
    WORKLOAD = "workload"
    DOCUMENT = "object"
    NAMESPACE = "namespace"
    NODE = "node"
    CLUSTER = "cluster"
    INPUT = "input"
    SUPPRESSION = "suppression"


_SCOPES = {
    "Container": Scope.CONTAINER, "PodTemplate": Scope.POD_TEMPLATE, "Workload": Scope.WORKLOAD, "Document": Scope.DOCUMENT,
    "Namespace": Scope.NAMESPACE, "Node": Scope.NODE, "Snapshot": Scope.CLUSTER, "Unread": Scope.INPUT, "Suppression": Scope.SUPPRESSION,
}  # fmt: skip

_MARK = re.compile(r"[ \t]+# finding$", re.MULTILINE)

Check = Callable[..., Iterator[Result]]

# Answers which rule of a profile has something against the pods of a workload: its name, or nothing where none has.
Objection = Callable[[Workload, Profile], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the engine uses it.

    Attributes:
        name: permanent, kebab-case, names the fault.
        title: one line.
        topic: the folder it lives in.
        severity, confidence: unless a finding says otherwise.
        scope: what its function takes.
        profiles: the profiles that contain it.
        tags: subjects that ``--tag`` selects by.
        kinds: only objects of these kinds are judged; empty for all.
        roles: only workloads of these roles, known with at least medium certainty, are judged; empty for all.
        accelerated: only containers, pods or workloads that ask for an accelerator are judged.
        exempt: workloads of these roles are not judged, except under a profile that states a standard.
        mentions: only objects that hold one of these words, anywhere, are judged: a cheap way to leave most of them out.
        live: it judges what only a live cluster shows, and is asked there only.
        fixable: some of its faults carry a patch, and `mlaudit fix` mends them.
        needs: kinds of other objects that it looks at.
        options: names with their defaults; the type of the default is the type of the option.
        check: the function.
        page: the manual page.
    """

    name: str
    title: str
    topic: str
    severity: Severity
    confidence: Confidence
    scope: Scope
    profiles: frozenset[Profile]
    tags: frozenset[str]
    kinds: frozenset[str]
    roles: frozenset[Role]
    accelerated: bool
    exempt: frozenset[Role]
    mentions: frozenset[bytes]
    live: bool
    fixable: bool
    needs: tuple[str, ...]
    options: Options
    check: Check = field(repr=False)
    page: str = field(repr=False, default="")
    takes_snapshot: bool = False
    takes_options: bool = False
    takes_profile: bool = False
    takes_objection: bool = False

    @property
    def manual(self) -> str:
        """The page as people read it: the lines at fault are marked with ``<- here``."""
        return _MARK.sub("  # <- here", self.page.strip())


def rule(
    name: str,
    *,
    title: str,
    severity: Severity,
    profiles: Iterable[Profile],
    confidence: Confidence = Confidence.HIGH,
    tags: Iterable[str] = (),
    kinds: Iterable[str] = (),
    roles: Iterable[Role] = (),
    accelerated: bool = False,
    exempt: Iterable[Role] = (),
    mentions: Iterable[str] = (),
    live: bool = False,
    fixable: bool = False,
    needs: Iterable[str] = (),
    options: Options | None = None,
) -> Callable[[Check], Check]:
    """Make a rule of a generator function; see `Rule` for the arguments.

    Raises:
        TypeError: the function's first parameter is not annotated with something a rule can judge.
    """

    def decorate(check: Check) -> Check:
        parameters = [str(parameter.annotation) for parameter in inspect.signature(check).parameters.values()]
        if not parameters or parameters[0] not in _SCOPES:
            raise TypeError(f"rule {name}: the first parameter must be annotated with one of {', '.join(_SCOPES)}")
        check.rule = Rule(  # type: ignore[attr-defined]
            name=name,
            title=title,
            topic=check.__module__.rpartition(".")[0].rpartition(".")[2],
            severity=severity,
            confidence=confidence,
            scope=_SCOPES[parameters[0]],
            profiles=frozenset(profiles),
            tags=frozenset(tags),
            kinds=frozenset(kinds),
            roles=frozenset(roles),
            accelerated=accelerated,
            exempt=frozenset(exempt),
            mentions=frozenset(word.encode() for word in mentions),
            live=live,
            fixable=fixable,
            needs=tuple(sorted(needs)),
            options=MappingProxyType(dict(options or {})),
            check=check,
            page=sys.modules[check.__module__].__doc__ or "",
            takes_snapshot="Snapshot" in parameters[1:],
            takes_options="Options" in parameters[1:],
            takes_profile="Profile | None" in parameters[1:],
            takes_objection="Objection" in parameters[1:],
        )
        return check

    return decorate


def skip(reason: str) -> Skipped:
    """What a rule yields when it cannot know: what it would have needed to see."""
    return Skipped("", reason)
