"""Credentials replaced by stand-ins of the same form and length, of which the rule about them says the same.

A stand-in is made from the form and the length of a credential and from at most its first four characters, never from the rest: what was
hashed can be guessed, and what was not kept cannot. ``Hid3nByMlaud1t`` repeated is what people see; where the form knows only hexadecimal
digits, those in falling order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote

from auditor.credentials import (
    Credential,
    credentials_in,
    credentials_of_text,
    is_secret_object,
    looks_made_up,
    may_hold_credentials,
    values_of_secret,
)
from auditor.document import Document, ObjectRef, Path
from auditor.finding import Severity
from auditor.provenance import LAST_APPLIED, packed, unpacked

__all__ = ["FILLER", "rewrite", "without_credentials"]

# The first eight characters differ from one another: three bits for each, which is what the rule asks of a value under a name.
FILLER = "Hid3nByMlaud1t"
_FALLING = "fedcba9876543210"
_WEAK = "hide"  # two bits
_SHOWN = 4
_FORMS = (
    (re.compile(r"[0-9a-f]*"), _FALLING),
    (re.compile(r"[0-9A-Z]*"), FILLER.upper()),
)

_GOES_ON = re.compile(r"[\w-]*")
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]")
_KEY_BLOCK = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(.*?)(?=-----END|\Z)", re.DOTALL)
_KEY_PART = re.compile(r"(\\[nr]|\s)|([A-Za-z0-9+/=]+)")
_SHORTEST = 12  # what has a form is longer: a URL with a password
_LINE = 16  # a line of a key that is at least so long is looked for elsewhere

# Where a word is an identity or Kubernetes' own, even if somebody's password is the same word.
_IDENTITY = frozenset({"apiVersion", "kind", "name", "namespace", "generateName", "image", "key", "uid"})
_LABELS = frozenset({"labels", "matchLabels", "selector", "nodeSelector"})
_PLAIN_WORD = re.compile(r"[A-Za-z][a-z]{2,}(?:[A-Z][a-z]{2,})*|[A-Z]+")
_ORDER = {"literal": 0, "url": 1, "key": 2, "token": 3}  # what is written later wins: the surest

Rewrite = Callable[[Path, str], str]


def without_credentials(document: Document) -> Document:
    """The same object with stand-ins for its credentials, and for every other occurrence of them in it.

    What the rule reports is replaced, in addition what has the form of a token, a private key or a password in a URL anywhere else (in
    annotations, conditions, comments), and everything in a Secret. Applying it twice changes nothing more.
    """
    if not is_secret_object(document) and not may_hold_credentials(document):
        return document
    values: dict[str, str] = {}
    raw = _covered(document, values)
    again = _Occurrences(values)
    raw = rewrite(raw, again.in_text, again.in_key)
    comments = tuple(replace(comment, text=again.in_text((), _anywhere(comment.text, values))) for comment in document.comments)
    namespace, name = (again.in_key((), _anywhere(part, values)) for part in (document.ref.namespace, document.ref.name))
    ref = replace(document.ref, namespace=namespace, name=name)
    if document.provenance:
        return Document.of_cluster(ref, raw, _of_provenance(document.provenance, again, values))
    return document.rewritten(raw, ref, comments)


def _of_provenance(provenance: bytes, again: _Occurrences, values: dict[str, str]) -> bytes:
    """Who set which field: keys and the names of items are words of the object, and change as they do in it."""

    def text(path: Path, value: str) -> str:
        return again.in_key(path, _anywhere(value, values))

    return packed(rewrite(unpacked(provenance), text, text))


def rewrite(node: Any, text: Rewrite, key: Rewrite, path: Path = ()) -> Any:
    """A copy of a value in which every string and every key is what a function makes of it. Two keys never become one."""
    if isinstance(node, dict):
        made: dict[Any, Any] = {}
        for name, child in node.items():
            new = key(path, name) if isinstance(name, str) else name
            while new in made:
                new += "-"
            made[new] = rewrite(child, text, key, (*path, name))
        return made
    if isinstance(node, list):
        return [rewrite(child, text, key, (*path, index)) for index, child in enumerate(node)]
    return text(path, node) if isinstance(node, str) else node


# -- the places that are known ----------------------------------------------------------------------------------------------------------


def _covered(document: Document, values: dict[str, str]) -> dict[str, Any]:
    """The object with stand-ins where its credentials stand. What they stand for is added to ``values``."""
    found: dict[Path, list[Credential]] = {}
    for credential in credentials_in(document, every=True):
        found.setdefault(credential.path, []).append(credential)

    def text(path: Path, value: str) -> str:
        if path[-1] == LAST_APPLIED and path[:-1] == ("metadata", "annotations"):
            return _applied(value, document.ref, values)
        if path in found:
            return _cover_keys(_cover(value, found[path], values), values)
        return _anywhere(value, values)

    raw: dict[str, Any] = document.raw
    if is_secret_object(document):
        filled = set(values_of_secret(document))
        raw = {key: _emptied(child, filled, values) if key in ("data", "stringData") else child for key, child in raw.items()}
    rewritten: dict[str, Any] = rewrite(raw, text, lambda _, key: _anywhere(key, values))
    return rewritten


def _anywhere(text: str, values: dict[str, str]) -> str:
    """A text of any sort, also a key or a name: what has the form of a credential is one."""
    return text if len(text) < _SHORTEST else _cover_keys(_cover(text, list(credentials_of_text(text)), values), values)


def _applied(text: str, ref: ObjectRef, values: dict[str, str]) -> str:
    """The copy of an object in its own annotation, without credentials; nothing of it where it cannot be read."""
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(inner, dict):
        return ""
    cleaned = _covered(Document(ref, inner, file=""), values)
    return text if cleaned == inner else json.dumps(cleaned, ensure_ascii=False, separators=(",", ":"))


def _emptied(node: Any, filled: set[str], values: dict[str, str]) -> Any:
    """The data of a Secret. What is not filled in stays recognisable as that."""
    if isinstance(node, dict):
        return {key: _emptied(child, filled, values) for key, child in node.items()}
    if not isinstance(node, str):
        return None
    if node in filled:
        values[node] = _fill(FILLER, len(node))
        return values[node]
    return "redacted" if node else ""


def _cover(text: str, credentials: list[Credential], values: dict[str, str]) -> str:
    """A text with stand-ins for the credentials whose places are known."""
    if not credentials:
        return text
    characters = list(text)
    sure = [credential for credential in credentials if credential.sort != "literal"]
    for credential in sorted(credentials, key=lambda credential: _ORDER[credential.sort]):
        start, end = credential.start, credential.end
        inside = credential.sort == "literal" and [other for other in sure if other.start < end and start < other.end]
        if inside:
            if not any(other.sort == "url" for other in inside):  # of a URL the password is the secret, and no more
                characters[start:end] = _fill_alphanumeric("".join(characters[start:end]))
            continue
        if credential.sort == "token":
            end = _GOES_ON.match(text, end).end()  # type: ignore[union-attr]  # it matches everywhere
        characters[start:end] = _stand_in(text[start:end], credential)
    covered = "".join(characters)
    for credential in credentials:
        start, end = credential.start, credential.end
        if credential.sort == "key":
            values.update(_lines(text[start + credential.fixed : end], covered[start + credential.fixed : end]))
        else:
            values[text[start:end]] = covered[start:end]
    return covered


def _stand_in(text: str, credential: Credential) -> str:
    length = credential.end - credential.start
    match credential.sort:
        case "key":
            return text[: credential.fixed] + _fill_key(text[credential.fixed :])
        case "token":
            kept = max(credential.fixed, _SHOWN)
            return text[:kept] + _fill(_form(text[kept:length]), length - kept) + _fill_alphanumeric(text[length:])
        case "url" if credential.severity < Severity.CRITICAL and length >= len(_WEAK) * 2:
            return _fill(_WEAK, length)
    return _fill(FILLER, length)


def _form(text: str) -> str:
    return next((filler for pattern, filler in _FORMS if pattern.fullmatch(text)), FILLER)


def _fill(filler: str, length: int) -> str:
    return "".join(islice(cycle(filler), length))


def _fill_alphanumeric(text: str) -> str:
    """Letters and digits replaced, so that what ends a token still ends it."""
    filler = cycle(FILLER)
    return _ALPHANUMERIC.sub(lambda _: next(filler), text)


def _fill_key(body: str) -> str:
    """The lines of a private key; line ends stay, also those that are written as a backslash and a letter."""
    return _KEY_PART.sub(lambda match: match[1] or _fill(FILLER, len(match[2])), body)


def _cover_keys(text: str, values: dict[str, str]) -> str:
    """Private keys that the rule does not know as such: encrypted, for PGP, outside of what it judges."""

    def fill(match: re.Match[str]) -> str:
        body = match[1]
        if looks_made_up(body):
            return match[0]
        filled = _fill_key(body)
        values.update(_lines(body, filled))
        return match[0][: -len(body) or None] + filled

    return _KEY_BLOCK.sub(fill, text) if "PRIVATE KEY" in text else text


def _lines(body: str, filled: str) -> Iterator[tuple[str, str]]:
    for part in _KEY_PART.finditer(body):
        if part[2] and len(part[2]) >= _LINE:
            yield part[2], filled[part.start() : part.end()]


# -- the same values elsewhere ----------------------------------------------------------------------------------------------------------


def _is_identity(path: Path) -> bool:
    return path[-1:] != () and (path[-1] in _IDENTITY or not _LABELS.isdisjoint(path))


class _Occurrences:
    """Replaces credentials wherever they stand. What might be a word of its own is replaced only as a whole word, and not in names."""

    def __init__(self, values: Mapping[str, str]) -> None:
        spelled: dict[str, str] = {}
        for value, stand_in in values.items():
            if value == stand_in:
                continue
            spelled[value] = stand_in
            for variant in _spellings(value):
                spelled.setdefault(variant, _fill(FILLER, len(variant)))
        self._stand_ins = spelled
        self._strong = _any_of((value for value in spelled if _is_strong(value)), "", "")
        self._weak = _any_of((value for value in spelled if not _is_strong(value)), r"(?<![\w./-])", r"(?![\w./-])")

    def _put(self, match: re.Match[str]) -> str:
        return self._stand_ins[match[0]]

    def in_text(self, path: Path, text: str) -> str:
        if self._strong is not None:
            text = self._strong.sub(self._put, text)
        if self._weak is not None and not _is_identity(path):
            text = self._weak.sub(self._put, text)
        return text

    def in_key(self, path: Path, key: str) -> str:
        return self._strong.sub(self._put, key) if self._strong is not None else key


def _spellings(value: str) -> set[str]:
    """How a value is written inside JSON, by Go and by others, and inside a URL."""
    escaped = json.dumps(value, ensure_ascii=False)[1:-1]
    for character in "&<>":
        escaped = escaped.replace(character, f"\\u{ord(character):04x}")
    return {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], escaped, quote(value, safe=""), quote(value)} - {value}


def _is_strong(value: str) -> bool:
    """It can hardly be a part of anything else."""
    return len(value) >= 8 and len(set(value)) >= 5 and _PLAIN_WORD.fullmatch(value) is None


def _any_of(values: Iterable[str], before: str, after: str) -> re.Pattern[str] | None:
    longest_first = sorted(values, key=lambda value: (-len(value), value))
    return re.compile(before + "(?:" + "|".join(map(re.escape, longest_first)) + ")" + after) if longest_first else None
