"""What the paths of a command line held at a revision of their git repository, read like the files themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from auditor.document import NotJudged
from auditor.globs import Paths
from auditor.source import Reading, assemble, read_contents, read_files
from auditor.source.files import EXCLUDED, MAX_BYTES, find, is_read, load, read_bytes, shown, too_large
from auditor.source.git import Blob, Repository, is_pointer
from auditor.source.text import Item

__all__ = ["LINK", "MISSING", "POINTER", "SUBMODULE", "Change", "read_change", "read_revision"]

LINK = "symbolic link (not followed in git)"
SUBMODULE = "git submodule"
POINTER = "Git LFS pointer"
MISSING = "file that this clone does not hold"


def read_revision(repository: Repository, commit: str, paths: tuple[str, ...], *, jobs: int = 1, exclude: Paths | None = None) -> Reading:
    """Read what paths held at a commit. What was not there holds nothing.

    Args:
        repository: that the paths lie in.
        commit: as the repository found it.
        paths: files and directories, as on the command line.
        jobs: how many processes may read; 0 for one for each core.
        exclude: files that are not read; None for none.

    Raises:
        UsageError: a path lies outside of the repository.
        SourceError: git fails, or there is too much to read.
    """
    chosen, others = _chosen(repository, commit, paths, exclude)
    files, missing = _fetched(repository, chosen)
    return read_contents(files, [*others, *missing], jobs=jobs)


def _chosen(repository: Repository, commit: str, paths: tuple[str, ...], exclude: Paths | None) -> tuple[list[Blob], list[Item]]:
    """The files to read, and what can be said of the others."""
    tree = repository.tree(commit, paths, is_read)
    left_out = {blob for blob in tree.files if exclude is not None and exclude.match(f"{repository.root}/{blob.path}")}
    others: list[Item] = [NotJudged(shown(name), 0, LINK) for name in tree.links]
    others += [NotJudged(shown(name), 0, SUBMODULE) for name in tree.submodules]
    others += [NotJudged(shown(blob.name), 0, EXCLUDED) for blob in sorted(left_out, key=lambda blob: blob.path)]
    return [blob for blob in tree.files if blob not in left_out] if left_out else tree.files, others


def _fetched(repository: Repository, blobs: Sequence[Blob]) -> tuple[list[tuple[str, bytes]], list[Item]]:
    """Some files with their contents, and what can be said of those that have none here."""
    others: list[Item] = [too_large(shown(blob.name), f"{blob.size / 1024 / 1024:.1f} MiB") for blob in blobs if blob.size > MAX_BYTES]
    files: list[tuple[str, bytes]] = []
    for blob, content in repository.contents(blob for blob in blobs if blob.size <= MAX_BYTES):
        name = shown(blob.name)
        if content is None or is_pointer(content):
            others.append(NotJudged(name, 0, MISSING if content is None else POINTER))
        else:
            files.append((name, content))
    return files, others


@dataclass(frozen=True, slots=True)
class Change:
    """The working directory, and a revision of it. What is the same in both is read once, and stands in both readings.

    Attributes:
        now, before: what the paths hold, and what they held.
        contents_now, contents_before: by file, what identifies its content, as git does.
    """

    now: Reading
    before: Reading
    contents_now: Mapping[str, str]
    contents_before: Mapping[str, str]


def read_change(
    repository: Repository,
    commit: str,
    paths: tuple[str, ...],
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    exclude: Paths | None = None,
) -> Change:
    """Read what paths hold now, and what they held at a commit.

    The content of every file is compared, not what git's index says of it: that may be told to look away.

    Args:
        repository, commit, paths, jobs, exclude: as for `read_revision`.
        progress: called with the number of files read so far and in all.

    Raises:
        UsageError: a path does not exist, or lies outside of the repository.
        SourceError: git fails, or there is too much to read.
    """
    found = find(paths, exclude)
    chosen, others = _chosen(repository, commit, paths, exclude)
    identified = partial(_identified, "sha1" if len(commit) == 40 else "sha256")
    held: list[list[Item]] = []
    same: dict[str, tuple[str, list[Item]]] = {}
    for name, content, items in read_files(found.files, identified, jobs=jobs, progress=progress):
        same[name] = content, items
        held.append(items)
    changed = [blob for blob in chosen if same.get(shown(blob.name), ("",))[0] != blob.object]
    files, missing = _fetched(repository, changed)
    names = {blob.name for blob in changed}
    kept = [same[shown(blob.name)][1] for blob in chosen if blob.name not in names]
    return Change(
        assemble([*([item] for item in found.items), *held], found.folders),
        assemble([*([item] for item in (*others, *missing)), *kept, *([*read_bytes(content, name)] for name, content in files)], []),
        {name: content for name, (content, _) in same.items() if content},
        {shown(blob.name): blob.object for blob in chosen},
    )


def _identified(algorithm: str, file: str) -> tuple[str, str, list[Item]]:
    """The name of a file as it is shown, what git calls its content, and what it holds.

    Source: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects#_object_storage
    """
    name, content = shown(file), load(file)
    if not isinstance(content, bytes):
        return name, "", [content]
    digest = hashlib.new(algorithm, b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return name, digest.hexdigest(), read_bytes(content, name)
