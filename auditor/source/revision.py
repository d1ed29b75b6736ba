"""What the paths of a command line held at a revision of their git repository, read like the files themselves."""

from __future__ import annotations

from auditor.document import NotJudged
from auditor.globs import Paths
from auditor.source import Reading, read_contents
from auditor.source.files import EXCLUDED, MAX_BYTES, is_read, shown, too_large
from auditor.source.git import Repository, is_pointer
from auditor.source.text import Item

__all__ = ["LINK", "MISSING", "POINTER", "SUBMODULE", "read_revision"]

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
    tree = repository.tree(commit, paths, is_read)
    left_out = {blob for blob in tree.files if exclude is not None and exclude.match(f"{repository.root}/{blob.path}")}
    chosen = [blob for blob in tree.files if blob not in left_out] if left_out else tree.files
    others: list[Item] = [NotJudged(shown(name), 0, LINK) for name in tree.links]
    others += [NotJudged(shown(name), 0, SUBMODULE) for name in tree.submodules]
    others += [NotJudged(shown(blob.name), 0, EXCLUDED) for blob in sorted(left_out, key=lambda blob: blob.path)]
    others += [too_large(shown(blob.name), f"{blob.size / 1024 / 1024:.1f} MiB") for blob in chosen if blob.size > MAX_BYTES]
    files: list[tuple[str, bytes]] = []
    for blob, content in repository.contents(blob for blob in chosen if blob.size <= MAX_BYTES):
        name = shown(blob.name)
        if content is None or is_pointer(content):
            others.append(NotJudged(name, 0, MISSING if content is None else POINTER))
        else:
            files.append((name, content))
    return read_contents(files, others, jobs=jobs)
