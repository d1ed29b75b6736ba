"""Files that are edited: what each holds, edits of it, and how it is written."""

# ruff: noqa: PTH101, PTH105, PTH108, PTH123
# Names are strings everywhere else in reading.

from __future__ import annotations

import os
import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from auditor.document import Document
from auditor.errors import AuditError
from auditor.finding import Finding
from auditor.fix.edits import edits_of
from auditor.fix.sheet import Edit, Sheet, Spans
from auditor.patch import Change, Misfit, Patch, Remove, patched
from auditor.source import classify
from auditor.source.files import STDIN, is_markdown, read_bytes
from auditor.source.markdown import fenced
from auditor.source.nodes import Objects
from auditor.source.text import Item

__all__ = ["Held", "load", "store"]


@dataclass(frozen=True, slots=True)
class Held:
    """A file and what is read from it.

    Attributes:
        file: as it is shown.
        content: all of it.
        items: what is read from it.
        origins: once it is edited, which line each of its lines was at first; -1 for new ones and those that were touched.
    """

    file: str
    content: bytes
    items: tuple[Item, ...]
    origins: tuple[int, ...] = ()

    @classmethod
    def of(cls, file: str, content: bytes) -> Held:
        """Read a content as that of a file."""
        return cls(file, content, tuple(read_bytes(content, file)))

    def edited(self, content: bytes, origins: Iterable[int]) -> Held:
        """The same file with another content, for whose lines ``origins`` says which they were in this one."""
        before = self.origins
        first = tuple(before[origin] if before and origin >= 0 else origin for origin in origins)
        return Held(self.file, content, tuple(read_bytes(content, self.file)), first)

    @property
    def documents(self) -> list[Document]:
        """The objects in it."""
        return [item for item in self.items if isinstance(item, Document)]


@dataclass(slots=True)
class Edited:
    """A file after some patches.

    Attributes:
        held: it, and what is now read from it.
        made: whose patches were made.
        refused: whose were not, and why.
        waiting: whose touch the same text as one that was made; they can be tried on the new text.
    """

    held: Held
    made: list[Finding]
    refused: list[tuple[Finding, str]]
    waiting: list[Finding]


def load(file: str, documents: list[Document], stdin: bytes | None) -> Held:
    """A file that may be edited.

    Args:
        file: as it is shown.
        documents: what was read from it.
        stdin: what standard input held.

    Raises:
        Misfit: it may not.
    """
    if file == STDIN:
        held = Held.of(file, stdin or b"")
    else:
        try:
            if not stat.S_ISREG(os.lstat(file).st_mode):
                raise Misfit("the file is a symbolic link, or none that can be replaced")
            with open(file, "rb") as opened:
                held = Held.of(file, opened.read())
        except OSError as error:
            raise Misfit(f"the file cannot be read ({error.strerror})") from None
    text = Sheet(held.content, file).text
    if any(map(classify.has_braces, [body for body, *_ in fenced(text)] if is_markdown(file) else [text])):
        raise Misfit("the file is a template: it has double braces")
    if [document.raw for document in held.documents] != [document.raw for document in documents]:
        raise Misfit("the file has changed since it was read")
    return held


def mended(held: Held, findings: Iterable[Finding]) -> Edited:
    """The file with the patches of findings made, as many as do not touch the same text."""
    sheet, documents = Sheet(held.content, held.file), held.documents
    objects = Objects(sheet.text, held.file)
    edited = Edited(held, [], [], [])
    edits: list[Edit] = []
    spans: dict[int, Spans] = defaultdict(Spans)
    changes: dict[int, list[Change]] = defaultdict(list)
    for finding in findings:
        patch = finding.patch
        assert patch is not None
        before = changes[patch.document]
        try:
            found = objects.find(documents[patch.document])
            if found is None:
                raise Misfit("the object is not written out there")
            new = edits_of(patch.changes, found, sheet.lines)
            removes = any(isinstance(change, Remove) for change in (*before, *patch.changes))
            if (before and removes) or not spans[patch.document].take(new):
                edited.waiting.append(finding)  # what is removed moves the numbers of what stands behind
                continue
        except Misfit as misfit:
            edited.refused.append((finding, str(misfit)))
            continue
        edits += new
        before += patch.changes
        edited.made.append(finding)
    if edits:
        edited.held = held.edited(*sheet.edited(edits))
    return edited


def difference(before: Held, after: Held, patches: Iterable[Patch]) -> set[int] | None:
    """The objects of a file that became something else than patches make of them; None if they cannot be told."""
    documents, edited = before.documents, after.documents
    if [type(item) for item in before.items] != [type(item) for item in after.items]:
        return None
    changes: dict[int, list[Change]] = defaultdict(list)
    for patch in patches:
        changes[patch.document] += patch.changes
    wrong = set()
    for index, (old, new) in enumerate(zip(documents, edited, strict=True)):
        try:
            if new.raw != patched(old.raw, changes.get(index, ())):
                wrong.add(index)
        except Misfit:
            wrong.add(index)
    return wrong


def store(file: str, before: bytes, after: bytes) -> None:
    """Put a new content in the place of a file's old one, at once, with the old one's permissions.

    Raises:
        AuditError: it has changed meanwhile, or cannot be written.
    """
    try:
        mode = os.lstat(file)
        with open(file, "rb") as opened:
            if not stat.S_ISREG(mode.st_mode) or opened.read() != before:
                raise AuditError(f"{file} has changed while it was judged", "run the command again")
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(file) or ".", prefix=".mlaudit-", delete=False) as new:  # noqa: PTH120
            try:
                new.write(after)
                new.close()
                os.chmod(new.name, stat.S_IMODE(mode.st_mode))
                os.replace(new.name, file)
            except BaseException:
                os.unlink(new.name)
                raise
    except OSError as error:
        raise AuditError(f"cannot write {file}: {error.strerror or error}", "check its permissions") from None
