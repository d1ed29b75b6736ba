"""One object as read: what it says, where each of its parts stands, and which of its values cannot be known."""

from __future__ import annotations

import marshal
import posixpath
from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from auditor.document.identity import ObjectRef, Owner, identity
from auditor.document.paths import Path, along, format_path, parse_path
from auditor.document.text import Comment, DuplicateKey, Location, NotJudged, Unread
from auditor.document.values import Unknown, is_placeholder, mapping, sequence, strings

__all__ = [
    "Comment",
    "Document",
    "DuplicateKey",
    "Location",
    "NotJudged",
    "ObjectRef",
    "Owner",
    "Path",
    "Unknown",
    "Unread",
    "along",
    "count_entries",
    "format_path",
    "is_placeholder",
    "mapping",
    "parse_path",
    "sequence",
    "strings",
]


@lru_cache(maxsize=4096)
def _folder_of(file: str) -> str:
    return posixpath.dirname(file)


_decode = lru_cache(maxsize=512)(marshal.loads)


class Document:
    """One Kubernetes object as read.

    The content is kept as bytes once a document has travelled between processes, and decoded on demand; read `raw` once and hold on
    to it. Positions are kept as two numbers for each entry of each mapping and sequence, in the order of the text.

    Attributes:
        ref: who it is.
        file: where it comes from, as the user wrote the path; ``<stdin>`` for standard input.
        index: its number in that file, from 0.
        offset: how many lines of the file stand before the text that was parsed.
        line: 1-based line of its first key.
        duplicates: keys that stand twice in one mapping.
        comments: comments addressed to mlaudit.
        live: it was read from a cluster, and has no text.
        provenance: who set its fields, as `auditor.provenance` writes it; empty where that is not known.
        rendered: the folder of the kustomization or chart that it comes out of; empty where it is as its file has it.
    """

    __slots__ = (
        "_content", "_identity", "_marks", "column", "comments", "duplicates", "file", "index", "line", "live", "offset", "provenance",
        "ref", "rendered",
    )  # fmt: skip

    def __init__(
        self,
        ref: ObjectRef,
        content: dict[str, Any] | bytes,
        *,
        file: str,
        index: int = 0,
        offset: int = 0,
        line: int = 0,
        column: int = 0,
        marks: array[int] | bytes = b"",
        duplicates: tuple[DuplicateKey, ...] = (),
        comments: tuple[Comment, ...] = (),
        live: bool = False,
        provenance: bytes = b"",
        rendered: str = "",
    ) -> None:
        self.ref = ref
        self._content = content
        self._marks = marks
        self.file = file
        self.index = index
        self.offset = offset
        self.line = line
        self.column = column
        self.duplicates = duplicates
        self.comments = comments
        self.live = live
        self.provenance = provenance
        self.rendered = rendered
        self._identity: tuple[str, Owner | None] | None = None

    @classmethod
    def of_cluster(cls, ref: ObjectRef, raw: dict[str, Any], provenance: bytes = b"") -> Document:
        """A live object, named ``kind/namespace/name`` in place of a file. It is kept as bytes: thousands of them are in view at once, and
        what is asked of each of them is noted before it becomes bytes."""
        file = "/".join(filter(None, (ref.kind, ref.namespace, ref.name)))
        document = cls(ref, marshal.dumps(raw), file=file, live=True, provenance=provenance)
        document._identity = identity(raw)
        return document

    def __repr__(self) -> str:
        return f"<Document {self.ref} {self.file}:{self.line}>"

    def __reduce__(self) -> tuple[object, ...]:
        content = self._content if isinstance(self._content, bytes) else marshal.dumps(self._content)
        marks = self._marks if isinstance(self._marks, bytes) else self._marks.tobytes()
        return _restore, (
            (self.ref.group, self.ref.version, self.ref.kind, self.ref.namespace, self.ref.name),
            content, self.file, self.index, self.offset, self.line, self.column, marks, self.duplicates, self.comments,
            self.live, self.provenance, self.rendered,
        )  # fmt: skip

    def rewritten(self, raw: dict[str, Any], ref: ObjectRef, comments: tuple[Comment, ...]) -> Document:
        """The same object with other words in the same places: as many entries, in the same order."""
        if self.live:
            return Document.of_cluster(ref, raw, self.provenance)
        return Document(
            ref, raw, file=self.file, index=self.index, offset=self.offset, line=self.line, column=self.column, marks=self._marks,
            duplicates=self.duplicates, comments=comments, rendered=self.rendered,
        )  # fmt: skip

    @property
    def raw(self) -> dict[str, Any]:
        """The object, read-only by convention."""
        content = self._content
        if isinstance(content, bytes):
            decoded: dict[str, Any] = _decode(content)
            return decoded
        return content

    @property
    def fresh(self) -> dict[str, Any]:
        """The same, decoded and not kept: for one look at each of thousands of objects."""
        content = self._content
        return marshal.loads(content) if isinstance(content, bytes) else content

    @property
    def uid(self) -> str:
        """What the API server gave the object to tell it from all others; empty where that is not in it."""
        return self._known[0]

    @property
    def owner(self) -> Owner | None:
        """The controller that made the object; None where nobody did."""
        return self._known[1]

    @property
    def _known(self) -> tuple[str, Owner | None]:
        if self._identity is None:
            self._identity = identity(self.raw)
        return self._identity

    @property
    def folder(self) -> str:
        """The folder of `file`; empty for the current one, and for live objects. Objects that name no namespace live with those of their
        folder."""
        return "" if self.live else _folder_of(self.file)

    @property
    def blob(self) -> bytes:
        """The object in some binary form that holds its strings as they are, for asking quickly whether it mentions something."""
        return self._content if isinstance(self._content, bytes) else marshal.dumps(self._content)

    @property
    def positioned(self) -> bool:
        """Whether the places of its entries are known; not so for live objects, and for JSON that YAML cannot read."""
        return len(self._marks) > 0

    def location(self, path: Path = ()) -> Location:
        """Where the entry at ``path`` stands: the line of its key, or of its list item. A path that leads out of the object yields
        the deepest part of it that exists."""
        if not self._marks:
            return Location(self.file, self.line, self.column, path)
        marks = self._marks if isinstance(self._marks, array) else array("I", self._marks)
        node: Any = self.raw
        line, column, at = self.line, self.column, 0
        for step in path:
            keys: Iterable[Any]
            if isinstance(node, dict):
                keys, values = node.keys(), node.values()
            elif isinstance(node, list):
                keys, values = range(len(node)), node  # type: ignore[assignment]
            else:
                break
            for key, value in zip(keys, values, strict=True):
                if key == step:
                    line, column = self.offset + marks[2 * at] + 1, marks[2 * at + 1] + 1
                    node = value
                    at += 1
                    break
                at += 1 + count_entries(value)
            else:
                break
        return Location(self.file, line, column, path)

    def entries(self) -> Iterator[tuple[Path, Any, int, int]]:
        """Every entry with its path, value, line and column, in the order of the text; none where their places are not known."""
        if self._marks:
            marks = self._marks if isinstance(self._marks, array) else array("I", self._marks)
            for at, (path, value) in enumerate(_walk(self.raw, ())):
                yield path, value, self.offset + marks[2 * at] + 1, marks[2 * at + 1] + 1


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict | list):
        for step, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, step), child
            yield from _walk(child, (*path, step))


def _restore(
    ref: tuple[str, str, str, str, str], content: bytes, file: str, index: int, offset: int, line: int, column: int, marks: bytes,
    duplicates: tuple[DuplicateKey, ...], comments: tuple[Comment, ...], live: bool, provenance: bytes,
    rendered: str,
) -> Document:  # fmt: skip
    return Document(
        ObjectRef(*ref), content, file=file, index=index, offset=offset, line=line, column=column, marks=marks,
        duplicates=duplicates, comments=comments, live=live, provenance=provenance, rendered=rendered,
    )  # fmt: skip


def count_entries(value: Any) -> int:
    """How many entries a value holds, at all depths: as many marks as its text left."""
    if isinstance(value, dict):
        return len(value) + sum(count_entries(child) for child in value.values() if isinstance(child, dict | list))
    if isinstance(value, list):
        return len(value) + sum(count_entries(child) for child in value if isinstance(child, dict | list))
    return 0
