"""A file of settings: one YAML mapping, every entry with its line, by the same reader as manifests."""

from __future__ import annotations

from pathlib import Path

from auditor.document import Document, ObjectRef, Unread, format_path
from auditor.errors import SourceError
from auditor.source.builder import BrokenYaml, build
from auditor.source.files import MAX_BYTES, decode, shown
from auditor.source.stream import split_stream
from auditor.source.suspect import suspect

__all__ = ["read_settings", "read_stream"]


def read_settings(path: Path, name: str = "", limit: int = MAX_BYTES) -> Document:
    """The mapping that a file holds; an empty one for an empty file.

    Args:
        path: the file.
        name: how it is called in messages, where that is not its path.
        limit: a larger file is not read.

    Raises:
        SourceError: it cannot be read, or is no YAML, or no single mapping, or says something twice. The message names file and line.
    """
    file = name or shown(str(path))
    chunks = list(split_stream(_text(path, file, limit)))
    if len(chunks) > 1:
        raise SourceError(f"{file}:{chunks[1][1] + 1} begins a second document", "one file holds one; remove the line ---")
    chunk, before = chunks[0] if chunks else ("{}", 0)
    return _mapping(chunk, before, file)


def read_stream(path: Path, limit: int = MAX_BYTES) -> tuple[list[Document], str]:
    """The mappings of a file that may hold several documents, and its text; documents without content are left out.

    Args:
        path: the file.
        limit: bytes that it may have.

    Raises:
        SourceError: as in `read_settings`.
    """
    file = shown(str(path))
    text = _text(path, file, limit)
    found = [_mapping(chunk, before, file) for chunk, before in split_stream(text)]
    return [document for document in found if document.raw], text


def _text(path: Path, file: str, limit: int) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(limit + 1)
    except (OSError, ValueError) as error:
        raise SourceError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}", "check the file's name") from None
    if len(content) > limit:
        raise SourceError(f"{file} has more than {limit / 1024 / 1024:g} MiB", "settings are shorter; check the file's name")
    text = decode(content, file)
    if isinstance(text, Unread):
        raise SourceError(f"{file}:{text.line} {text.reason}" if text.line else f"{file} {text.reason}", text.remedy)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _mapping(chunk: str, before: int, file: str) -> Document:
    try:
        built = build(chunk)
    except BrokenYaml as error:
        found = suspect(chunk, error)
        line = found.line if found else error.line
        raise SourceError(f"{file}:{before + line + 1} is no YAML: {error.problem}", found.remedy if found else "") from None
    if built.duplicates:
        twice = built.duplicates[0]
        first, again = before + twice.first_line + 1, before + twice.line + 1
        raise SourceError(f"{file}:{again} says {format_path(twice.path)} again, after line {first}", "remove one of them")
    value = {} if built.value is None else built.value
    if not isinstance(value, dict):
        raise SourceError(f"{file}:{before + built.line + 1} holds no mapping of names to values", "write it like `rules: …`")
    return Document(
        ObjectRef("", "", "", "", ""), value, file=file, offset=before, line=before + built.line + 1, column=built.column + 1,
        marks=built.marks,
    )  # fmt: skip
