"""An own rule as its file says it: every field read, checked and given its line, before anything is compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from auditor.custom.fields import SCOPES
from auditor.custom.keys import KEYS, Draft, Example
from auditor.custom.place import Source
from auditor.document import Path
from auditor.registry import suggestion
from auditor.rule import Confidence, Profile, Role, Severity

__all__ = ["MAX_EXPRESSION", "draft"]

MAX_EXPRESSION = 4096
MAX_TEXT = 20_000
MAX_LINE = 300
MAX_VARIABLES = 8
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# Nothing of one's own belongs to a standard.
_PROFILES = tuple(profile for profile in Profile if not profile.exact)
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

_Value = TypeVar("_Value")


def draft(source: Source) -> Draft:
    """A rule from its document; what is wrong with it is in `Draft.mistakes`."""
    return _Reader(source).read()


class _Reader:
    """Reads one rule, and notes mistakes instead of stopping at the first."""

    def __init__(self, source: Source) -> None:
        self.source, self.raw = source, source.document.raw
        self.draft = Draft(source)

    def wrong(self, path: Path, what: str, hint: str = "") -> None:
        self.draft.mistakes.append(f"{self.source.at(path)} {what}" + (f"; {hint}" if hint else ""))

    def read(self) -> Draft:
        found = self.draft
        for key in self.raw:
            if key not in KEYS:
                self.wrong((key,), f"a rule has no {key!r}", suggestion(str(key), KEYS) or f"it has {', '.join(KEYS)}")
        for key in ("name", "title", "severity", "for", "when"):
            if key not in self.raw:
                self.wrong((), f"the rule has no {key!r}", KEYS[key].replace("*", "").replace("`", ""))
        self.heading(found)
        self.selection(found)
        found.variables = self.variables()
        found.when = self.expression("when")
        found.message, found.message_expression = self.line("message"), self.expression("messageExpression")
        found.at, found.at_expression = self.line("at"), self.expression("atExpression")
        if not {"message", "messageExpression"} & self.raw.keys():
            self.wrong((), "the rule has no 'message'", KEYS["message"])
        found.remediation, found.why, found.ignore = self.line("remediation"), self.text("why"), self.text("ignore")
        found.references = self.texts("references")
        for number, link in enumerate(found.references):
            if not re.fullmatch(r"https?://\S+", link):
                self.wrong(("references", number), f"{link[:60]!r} is no link", "write it like https://example.org/page")
        found.bad, found.good = self.examples("bad"), self.examples("good")
        return found

    def heading(self, found: Draft) -> None:
        found.name, found.title = self.line("name"), self.line("title")
        if found.name and (len(found.name) > 80 or not _NAME.fullmatch(found.name)):
            self.wrong(("name",), f"{found.name[:80]!r} is no name of a rule", "write it like no-latest-tag")
        found.severity = self.chosen("severity", {str(one): one for one in Severity}, found.severity)
        found.confidence = self.chosen("confidence", {str(one): one for one in Confidence}, found.confidence)
        found.profiles = self.chosen_several("profiles", _PROFILES) or found.profiles
        found.tags = self.texts("tags")

    def selection(self, found: Draft) -> None:
        found.where = self.chosen("for", {one: one for one in SCOPES}, "")
        found.kinds = self.texts("kinds")
        found.roles, found.exempt = self.chosen_several("roles", Role), self.chosen_several("exempt", Role)
        if "accelerated" in self.raw:
            if isinstance(self.raw["accelerated"], bool):
                found.accelerated = self.raw["accelerated"]
            else:
                self.wrong(("accelerated",), "'accelerated' is true or false")
        for key in ("roles", "exempt", "accelerated"):
            if found.where == "object" and self.raw.get(key):
                self.wrong((key,), f"{key!r} says something about workloads, and the rule is for objects", "write `for: workload`")

    # -- values ---------------------------------------------------------------------------------------------------------------------------

    def text(self, key: str, limit: int = MAX_TEXT, *, holder: Mapping[str, Any] | None = None, path: Path = ()) -> str:
        """A text; empty where there is none."""
        value = (self.raw if holder is None else holder).get(key)
        if value is None:
            if key in (self.raw if holder is None else holder):
                self.wrong((*path, key), f"{key!r} is empty")
            return ""
        if not isinstance(value, str):
            self.wrong((*path, key), f"{key!r} is a text", "put it into quotes")
            return ""
        if len(value) > limit:
            self.wrong((*path, key), f"{key!r} is longer than {limit:,} characters")
            return ""
        if not value.strip():
            self.wrong((*path, key), f"{key!r} is empty")
        return value.strip() if limit != MAX_EXPRESSION else value.rstrip()  # whose lines and columns are told

    def line(self, key: str) -> str:
        """A text of one line; folded ones become one."""
        return " ".join(self.text(key, MAX_LINE).split())

    def expression(self, key: str, *, holder: Mapping[str, Any] | None = None, path: Path = ()) -> str:
        return self.text(key, MAX_EXPRESSION, holder=holder, path=path)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of one."""
        value = self.raw.get(key, [])
        entries = [value] if isinstance(value, str) else value
        if not isinstance(entries, list) or not all(isinstance(entry, str) and 0 < len(entry) <= MAX_LINE for entry in entries):
            self.wrong((key,), f"{key!r} is a list of texts")
            return ()
        return tuple(entries)

    def chosen(self, key: str, choices: Mapping[str, _Value], default: _Value) -> _Value:
        value = self.raw.get(key)
        if key not in self.raw or (isinstance(value, str) and value in choices):
            return choices[value] if isinstance(value, str) else default
        self.unknown((key,), key, value, choices)
        return default

    def chosen_several(self, key: str, choices: Iterable[Any]) -> tuple[Any, ...]:
        known = {str(one): one for one in choices}
        found = []
        for number, text in enumerate(self.texts(key)):
            if text in known:
                found.append(known[text])
            else:
                self.unknown((key, number), key, text, known)
        return tuple(found)

    def unknown(self, path: Path, key: str, value: object, choices: Iterable[str]) -> None:
        names = list(choices)
        hint = suggestion(value, names) if isinstance(value, str) else ""
        self.wrong(path, f"{key!r} cannot be {str(value)[:60]!r}", hint or f"it is one of {', '.join(names)}")

    def variables(self) -> tuple[tuple[str, str], ...]:
        value = self.raw.get("variables", [])
        if not isinstance(value, list) or len(value) > MAX_VARIABLES:
            self.wrong(("variables",), f"'variables' is a list of at most {MAX_VARIABLES}, with `name` and `expression` each")
            return ()
        found: dict[str, str] = {}
        for number, entry in enumerate(value):
            path: Path = ("variables", number)
            if not isinstance(entry, dict) or entry.keys() != {"name", "expression"}:
                self.wrong(path, "a variable has `name` and `expression`, and nothing else")
                continue
            name = self.text("name", MAX_LINE, holder=entry, path=path)
            if not _IDENTIFIER.fullmatch(name) or name in found:
                self.wrong(path, f"{name[:60]!r} is no name for a variable, or there is one of that name", "write it like gpuCount")
            found[name] = self.expression("expression", holder=entry, path=path)
        return tuple(found.items())

    def examples(self, sort: str) -> tuple[Example, ...]:
        value = self.raw.get("examples", {})
        if not isinstance(value, dict) or not value.keys() <= {"bad", "good"}:
            if sort == "bad":
                self.wrong(("examples",), "'examples' has `bad` and `good`, and nothing else")
            return ()
        entries = value.get(sort, [])
        single = not isinstance(entries, list)
        found = []
        for number, entry in enumerate([entries] if single else entries):
            path: Path = ("examples", sort) if single else ("examples", sort, number)
            if isinstance(entry, str) and len(entry) <= MAX_TEXT:
                found.append(Example(entry, path))
            elif isinstance(entry, dict) and entry.keys() <= {"manifest", "complete"} and isinstance(entry.get("manifest"), str):
                found.append(Example(entry["manifest"], (*path, "manifest"), entry.get("complete") is True))
            else:
                self.wrong(
                    path, "an example is a text: a manifest", "write it with | and indented, or as `manifest: |` with `complete: true`"
                )
        return tuple(found)
