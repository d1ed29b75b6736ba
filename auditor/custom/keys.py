"""The keys of a rule file, and a rule as its file says it."""

from __future__ import annotations

from dataclasses import dataclass, field

from auditor.custom.place import Source
from auditor.document import Path
from auditor.rule import RECOMMENDED, Confidence, Profile, Role, Severity

__all__ = ["KEYS", "Draft", "Example"]

# The keys of a rule, with what the manual says of them.
KEYS = {
    "name": "in kebab-case; not that of another rule",
    "title": "what it finds, in one line",
    "severity": "`info`, `low`, `medium`, `high` or `critical`",
    "confidence": "`low`, `medium` or `high`, which is the default",
    "profiles": "`recommended` (the default; the wider ones contain it), `production`, `strict`, `cost`",
    "tags": "words for `--tag`; every own rule also has the topic `custom`",
    "for": "what is judged, one after another: `container`, `pod template`, `workload` or `object`",
    "kinds": "only objects of these kinds; without it, all but templates for other objects, such as ServingRuntime",
    "roles": "only workloads of these roles, known with at least medium certainty: `training`, `serving`, `notebook` …",
    "exempt": "no workloads of these roles",
    "accelerated": "`true`: only what asks for an accelerator",
    "variables": "named expressions, `name` and `expression` each; later ones and all other expressions say `variables.NAME`",
    "when": "the expression; **true is a fault**",
    "message": "the value found and why it is wrong, in one sentence",
    "messageExpression": "an expression that makes the message; `message` is used where it has no value",
    "at": "the field at fault: a path from what is judged (`resources.limits.cpu`), or from `container.`, `template.`, `object.`",
    "atExpression": "an expression that makes the path",
    "remediation": "what to write instead",
    "why": "why it matters, for the manual page",
    "ignore": "when to ignore it, likewise",
    "references": "links, likewise",
    "examples": "`bad` and `good`: manifests, one or a list; `# finding` ends each line of a bad one that a finding must point at",
}


@dataclass(frozen=True, slots=True)
class Example:
    """A manifest of an example.

    Attributes:
        text: as written, with the marks.
        path: where it stands in the rule's document.
        complete: nothing is missing: what is not in it does not exist.
    """

    text: str
    path: Path
    complete: bool = False


@dataclass(slots=True)
class Draft:
    """A rule's fields. Expressions are texts still.

    Attributes:
        source: where they stand.
        where: what ``for`` says.
        at: a path, or None.
        The others are called as in the file.
    """

    source: Source
    name: str = ""
    title: str = ""
    severity: Severity = Severity.MEDIUM
    confidence: Confidence = Confidence.HIGH
    profiles: tuple[Profile, ...] = (RECOMMENDED,)
    tags: tuple[str, ...] = ()
    where: str = ""
    kinds: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()
    exempt: tuple[Role, ...] = ()
    accelerated: bool = False
    variables: tuple[tuple[str, str], ...] = ()
    when: str = ""
    message: str = ""
    message_expression: str = ""
    at: str = ""
    at_expression: str = ""
    remediation: str = ""
    why: str = ""
    ignore: str = ""
    references: tuple[str, ...] = ()
    bad: tuple[Example, ...] = ()
    good: tuple[Example, ...] = ()
    mistakes: list[str] = field(default_factory=list)
