"""Where objects come from. `read_paths` reads files, directories and standard input; `auditor.source.revision` what git holds of them."""

# ruff: noqa: PTH109, PTH117, PTH118
# pathlib takes several times as long for what is done here for every file of a tree.

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from auditor.document import Document, NotJudged, Unread
from auditor.globs import Paths
from auditor.processes import mapped, pool, without_collector
from auditor.source import classify
from auditor.source.files import find, read_bytes, read_file, read_stdin
from auditor.source.kustomize import Kustomization, images_by_file
from auditor.source.text import Item

__all__ = ["Reading", "assemble", "read_contents", "read_files", "read_paths"]

_Held = TypeVar("_Held")

# From how many files on a second process pays: starting one costs about 20 ms, a file about 0.2 ms.
_PARALLEL_FROM = 300
_BATCH = 64


@dataclass(slots=True)
class Reading:
    """All that was read, and all that was not.

    Attributes:
        documents: objects to judge, in the order of the files.
        unread: input that could not be read.
        not_judged: input recognised as something else.
        folders: folders not entered.
        files: how many files were met. Each is in exactly one of the next three.
        files_judged: files that hold at least one object.
        files_unread: of the others, files with something that could not be read.
        files_not_judged: the rest.
    """

    documents: list[Document] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    not_judged: list[NotJudged] = field(default_factory=list)
    folders: list[NotJudged] = field(default_factory=list)
    files: int = 0
    files_judged: int = 0
    files_unread: int = 0
    files_not_judged: int = 0

    @property
    def kustomized_images(self) -> Mapping[str, frozenset[str]]:
        """By file, the names of the images in it whose tag or digest a kustomization sets."""
        return images_by_file(self.not_judged)

    def add(self, items: list[Item]) -> None:
        """Count one file with what it holds."""
        self.files += 1
        if any(isinstance(item, Document) for item in items):
            self.files_judged += 1
        elif any(isinstance(item, Unread) for item in items):
            self.files_unread += 1
        else:
            self.files_not_judged += 1
        for item in items:
            self.take(item)

    def take(self, item: Item) -> None:
        """Put something where it belongs."""
        if isinstance(item, Document):
            self.documents.append(item)
        elif isinstance(item, Unread):
            self.unread.append(item)
        else:
            self.not_judged.append(item)


def read_paths(
    paths: tuple[str, ...],
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    exclude: Paths | None = None,
) -> Reading:
    """Read files, directories (recursively) and, for ``-``, standard input.

    Args:
        paths: as on the command line.
        jobs: how many processes may read; 0 for one for each core.
        progress: called with the number of files read so far and in all.
        exclude: files and folders that are not read; None for none.

    Raises:
        UsageError: a path does not exist.
    """
    found = find(tuple(path for path in paths if path != "-"), exclude)
    held: list[list[Item]] = [[item] for item in found.items]
    if "-" in paths:
        held.append(read_stdin())
    held += read_files(found.files, read_file, jobs=jobs, progress=progress)
    return assemble(held, found.folders)


def read_files(
    files: Sequence[str], read: Callable[[str], _Held], *, jobs: int = 1, progress: Callable[[int, int], None] | None = None
) -> Iterator[_Held]:
    """What a function that processes can be sent makes of each file, in their order."""
    executor = pool(jobs) if jobs != 1 and len(files) >= _PARALLEL_FROM else None
    batches = [(read, files[start : start + _BATCH]) for start in range(0, len(files), _BATCH)]
    done = 0
    for batch in mapped(_read_batch, batches, executor):
        yield from batch
        done += len(batch)
        if progress:
            progress(done, len(files))


def read_contents(files: Sequence[tuple[str, bytes]], others: Iterable[Item] = (), *, jobs: int = 1) -> Reading:
    """Read files whose content somebody else has fetched, as if they stood where their names say.

    Args:
        files: their names, as they are shown, and their contents.
        others: what can be said of other files, one each.
        jobs: how many processes may read; 0 for one for each core.
    """
    executor = pool(jobs) if jobs != 1 and len(files) >= _PARALLEL_FROM else None
    held: list[list[Item]] = [[item] for item in others]
    for batch in mapped(_read_contents, [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)], executor):
        held += batch
    return assemble(held, [])


def _read_contents(files: Sequence[tuple[str, bytes]]) -> list[list[Item]]:
    """Read some contents."""
    with without_collector():
        return [read_bytes(content, name) for name, content in files]


def _read_batch(batch: tuple[Callable[[str], _Held], Sequence[str]]) -> list[_Held]:
    """Read some files."""
    read, files = batch
    with without_collector():
        return [read(file) for file in files]


def assemble(held: Iterable[list[Item]], folders: list[NotJudged]) -> Reading:
    """Put together what the files hold, in the order of their names, and set kustomize patches aside."""
    ordered = sorted(held, key=lambda items: items[0].file)
    here = os.path.join(os.getcwd(), "")
    kustomizations = [item for items in ordered for item in items if isinstance(item, Kustomization)]
    patches = {_absolute(item.at(name), here) for item in kustomizations for name in item.patches}
    patches -= {_absolute(item.at(name), here) for item in kustomizations for name in item.resources}
    reading = Reading(folders=folders)
    for items in ordered:
        reading.add(_without_patches(items) if patches and _absolute(items[0].file, here) in patches else items)
    return reading


def _absolute(file: str, here: str) -> str:
    """A path that two names of one file share: one may have been given from the root, the other from here."""
    path = file if os.path.isabs(file) else here + file
    return os.path.normpath(path) if ".." in file else path


def _without_patches(items: list[Item]) -> list[Item]:
    return [
        NotJudged(item.file, item.line, classify.PATCH)
        if isinstance(item, Document) or (isinstance(item, NotJudged) and item.reason == classify.NO_OBJECT)
        else item
        for item in items
    ]
