"""One text to documents: YAML with many documents, JSON, and lists of objects taken apart.

Each document of a stream is parsed on its own, so that one broken document costs nothing but itself.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from auditor.document import Comment, Document, DuplicateKey, NotJudged, ObjectRef, Unread, count_entries, is_placeholder, mapping
from auditor.source import classify, jsontext
from auditor.source.builder import BrokenYaml, Built, build, check_syntax
from auditor.source.comments import ADDRESS, distribute, find_comments
from auditor.source.embedded import HOLDERS, texts_in
from auditor.source.kustomize import Kustomization
from auditor.source.stream import split_stream
from auditor.source.suspect import suspect

__all__ = ["Item", "read_text"]

_OBJECT_KEYS = (re.compile(r"^[ \t]*[\"']?apiVersion[\"']?:", re.MULTILINE), re.compile(r"^[ \t]*[\"']?kind[\"']?:", re.MULTILINE))

# In one stream. A dump of a whole cluster has some ten thousand objects.
MAX_DOCUMENTS = 100_000

# Broken documents of one file for which the line at fault is looked for.
_MAX_HINTS = 100

# Objects as text inside of objects as text.
_MAX_EMBEDDED = 3

Item = Document | Unread | NotJudged


def read_text(text: str, file: str, *, line: int = 0, column: int = 0, fragment: bool = False) -> list[Item]:
    """Everything that a text holds, in its order.

    Args:
        text: YAML or JSON.
        file: its name, for addresses and for recognising what it is.
        line: how many lines stand before it in the file (a fence in Markdown).
        column: by how much its lines are indented there.
        fragment: the text is an excerpt (a fence in Markdown): broken pieces that are no whole object are not errors.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    items: list[Item] = []
    broken = 0
    for number, (chunk, before) in enumerate(split_stream(text)):
        if number == MAX_DOCUMENTS:
            items.append(_too_many(file, line + before + 1))
            break
        found = _Reader(file, line + before, column, fragment, hints=broken < _MAX_HINTS).read(chunk)
        broken += sum(isinstance(item, Unread) for item in found)
        items += found
    for index, document in enumerate(item for item in items if isinstance(item, Document)):
        document.index = index
    return items


def _too_many(file: str, line: int) -> Unread:
    return Unread(file, line, f"has more than {MAX_DOCUMENTS:,} documents; from here on they are not read", remedy="split it into several")


@dataclass(slots=True)
class _Piece:
    """A value that may be an object, and what belongs to it. Positions count from 0 in the document that is read."""

    value: Any
    marks: array[int]
    line: int
    column: int
    duplicates: tuple[DuplicateKey, ...]
    comments: tuple[Comment, ...] = ()


class _Reader:
    """Reads one document of a stream."""

    def __init__(self, file: str, line: int, column: int, fragment: bool, *, depth: int = 0, hints: bool = True) -> None:
        self.file, self.line, self.column, self.fragment, self.depth, self.hints = file, line, column, fragment, depth, hints

    def read(self, text: str) -> list[Item]:
        try:
            if "apiVersion" not in text or "kind" not in text:
                if classify.is_kustomization_file(self.file):
                    return [self.kustomization(build(text).value)]
                check_syntax(text)
                return [self.no_object(text)]
            if classify.is_definition(text):
                check_syntax(text)
                return [self.not_judged(classify.CUSTOM_RESOURCE_DEFINITION)]
            built = build(text, want_blocks=ADDRESS in text)
        except BrokenYaml as error:
            return self.broken(text, error)
        return self.built(built, text)

    def built(self, built: Built, text: str) -> list[Item]:
        """What a document holds that could be parsed."""
        if self.column:
            built.marks[1::2] = array("I", [column + self.column for column in built.marks[1::2]])
        at, aside = self.line + 1, self.column + 1
        duplicates = tuple(replace(d, first_line=d.first_line + at, line=d.line + at, column=d.column + aside) for d in built.duplicates)
        piece = _Piece(built.value, built.marks, built.line, built.column + self.column, duplicates)
        if ADDRESS in text:
            piece.comments = find_comments(text, first_key=built.line, blocks=built.blocks, before=self.line)
        if classify.is_kustomization_file(self.file) and isinstance(built.value, dict):
            return [self.kustomization(built.value)]
        found = self.objects(piece) or [self.no_object(text)]
        if self.depth < _MAX_EMBEDDED and any(f"{holder}:" in text for holder in HOLDERS):
            lines = text.split("\n")
            found += [inner for outer in found if isinstance(outer, Document) for inner in self.embedded(outer, lines)]
        return found

    def embedded(self, document: Document, lines: list[str]) -> Iterator[Item]:
        """Objects written as text inside an object. What is none before it is filled in is counted."""
        for body, above in texts_in(document, lines):
            for item in _Reader(self.file, self.line + above, self.column, fragment=True, depth=self.depth + 1, hints=False).read(body):
                yield item if isinstance(item, Document) else NotJudged(self.file, item.line, classify.TEXT_IN_OBJECT)

    def objects(self, piece: _Piece, version: object = None, kind: object = None) -> list[Item]:
        """The object that a piece is, or those of the list that it is; nothing where it is neither.

        Args:
            piece: a document, or an item of a list.
            version: what it need not say, because the list has said it.
            kind: likewise.
        """
        value = piece.value
        if not isinstance(value, dict):
            return []
        version, kind = value.get("apiVersion") or version, value.get("kind") or kind
        if not isinstance(version, str) or not isinstance(kind, str):
            return []
        if version.startswith("kustomize.config.k8s.io/"):
            return [self.kustomization(value, piece.line)]
        reason = classify.set_aside(self.file, value, version, kind)
        if reason:
            return [self.not_judged(reason, piece.line)]
        if kind == "List" or (kind.endswith("List") and "items" in value and isinstance(value["items"], list | None)):
            return self.items(piece, version, kind) or [self.not_judged(classify.EMPTY_LIST, piece.line)]
        return [self.document(piece, version, kind)]

    def document(self, piece: _Piece, version: str, kind: str) -> Document:
        group, slash, short = version.rpartition("/")
        metadata = mapping(piece.value.get("metadata"))
        name, namespace = metadata.get("name"), metadata.get("namespace")
        if not isinstance(name, str) or not name:
            generated = metadata.get("generateName")
            name = generated if isinstance(generated, str) else ""
        if not isinstance(namespace, str) or is_placeholder(namespace):
            namespace = ""
        return Document(
            ObjectRef(group if slash else "", short, kind, namespace, name), piece.value, file=self.file, offset=self.line,
            line=self.line + piece.line + 1, column=piece.column + 1, marks=piece.marks, duplicates=piece.duplicates,
            comments=piece.comments,
        )  # fmt: skip

    def items(self, piece: _Piece, version: str, kind: str) -> list[Item]:
        """The objects of ``kind: List`` or of a typed list, whose items may leave out what the list's kind says."""
        entries = piece.value.get("items") or []
        inherited = (version, kind.removesuffix("List")) if kind != "List" else (None, None)
        at = 1
        for key, value in piece.value.items():
            if key == "items":
                break
            at += 1 + count_entries(value)
        twice: dict[int | str, list[DuplicateKey]] = {}
        for duplicate in piece.duplicates:
            if duplicate.path[0] == "items" and len(duplicate.path) > 1:
                twice.setdefault(duplicate.path[1], []).append(replace(duplicate, path=duplicate.path[2:]))
        pieces: list[_Piece] = []
        for index, entry in enumerate(entries[:MAX_DOCUMENTS]):
            line, column = (piece.marks[2 * at], piece.marks[2 * at + 1]) if piece.marks else (piece.line, piece.column)
            size = count_entries(entry)
            pieces.append(_Piece(entry, piece.marks[2 * (at + 1) : 2 * (at + 1 + size)], line, column, tuple(twice.get(index, ()))))
            at += 1 + size
        if piece.comments:
            spoken = distribute(piece.comments, [self.line + item.line + 1 for item in pieces])
            for item, comments in zip(pieces, spoken, strict=True):
                item.comments = comments
        found: list[Item] = []
        for d in piece.duplicates:
            if d.path == ("items",):
                reason = f"`items` stands in line {d.first_line} already; kubectl reads this one only"
                found.append(Unread(self.file, d.line, reason, d.column, remedy="join them"))
        if len(entries) > MAX_DOCUMENTS:
            found.append(_too_many(self.file, self.line + (piece.marks[2 * at] if piece.marks else piece.line) + 1))
        for item in pieces:
            found += self.objects(item, *inherited) or [self.not_judged(classify.NO_OBJECT, item.line)]
        return found

    def kustomization(self, value: object, line: int = 0) -> Kustomization:
        return Kustomization.read(value, self.file, self.line + line + 1)

    def not_judged(self, reason: str, line: int = 0) -> NotJudged:
        return NotJudged(self.file, self.line + line + 1, reason)

    def no_object(self, text: str) -> NotJudged:
        reason = classify.reason_for(self.file, text)
        return self.not_judged(classify.FRAGMENT if self.fragment and reason == classify.NO_OBJECT else reason)

    def broken(self, text: str, error: BrokenYaml) -> list[Item]:
        if jsontext.looks_like_json(text) and (values := jsontext.decode(text)):
            return self.json(text, values)
        if reason := classify.reason_broken(self.file, text):
            return [self.not_judged(reason)]
        if self.fragment and not all(key.search(text) for key in _OBJECT_KEYS):
            return [self.not_judged(classify.FRAGMENT)]
        found = suspect(text, error) if self.hints else None
        return [
            Unread(
                self.file, self.line + error.line + 1, error.problem, self.column + error.column + 1, syntax=True,
                remedy=found.remedy if found else "", culprit=self.line + found.line + 1 if found and found.line != error.line else 0,
            )
        ]  # fmt: skip

    def json(self, text: str, values: list[tuple[Any, int, int]]) -> list[Item]:
        """JSON that YAML cannot read: objects one after the other, or characters that YAML writes in another way."""
        if len(values) > 1 and "apiVersion" not in text:
            return [self.not_judged(classify.JSON_LINES)]
        if len(values) == 1:
            values = [(values[0][0], 0, len(text))]
        found: list[Item] = []
        line = before = 0
        for number, (value, start, end) in enumerate(values):
            line += text.count("\n", before, start)
            before = start
            if number == MAX_DOCUMENTS:
                found.append(_too_many(self.file, self.line + line + 1))
                break
            reader = _Reader(self.file, self.line + line, self.column, self.fragment)
            chunk = jsontext.without_surrogates(text[start:end])
            try:
                found += reader.built(build(chunk), chunk)
            except BrokenYaml:  # no positions then
                found += reader.built(Built(value, array("I"), 0, 0, (), ()), chunk)
        return found
