"""Files at a revision of a git repository, read from git itself: no second checkout, nothing written, nothing executed but git.

Only plumbing commands run (``rev-parse``, ``merge-base``, ``ls-tree``, ``cat-file``). They look at no attribute, run no hook, filter,
pager or monitor, and are told so again (`_SAFE`), whatever the configuration of a repository says that somebody else has written. Objects
that a partial clone lacks are not fetched. The user's own configuration stays in force: ``safe.directory`` of it says which repositories
of others git may read at all, and containers of CI depend on that.

Sources: https://git-scm.com/docs/git#_environment_variables · https://git-scm.com/docs/git-cat-file · https://git-scm.com/docs/git-ls-tree
https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory · https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

# ruff: noqa: PTH112, PTH118, PTH120, PTH206
# paths are text here as they are in auditor.source.files, whose names these have to match

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from auditor.errors import SourceError, UsageError

__all__ = ["EMPTY_TREES", "MAX_FILES", "MAX_TOTAL", "Blob", "Repository", "Tree", "repository"]

# What is read of one revision at most. A large monorepo has a million files, of which a few thousand are manifests.
MAX_FILES = 200_000
MAX_TOTAL = 1024 * 1024 * 1024

# What a repository without a commit holds, by either algorithm; every git knows it.
EMPTY_TREES = frozenset({"4b825dc642cb6eb9a060e54bf8d69288fbee4904", "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"})

_SECONDS = 60  # for a command that answers with a line
_SECONDS_OF_ALL = 900  # for one that lists or reads files, while what it reads is worked on
_MAX_ANSWER = 1_000_000  # characters of a command that answers with a line
_CHUNK = 1 << 16

_SAFE = (
    "--no-pager", "--literal-pathspecs",
    *(part for setting in (
        "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.sshCommand=false", "core.askPass=false", "credential.helper=",
        "protocol.allow=never", "diff.external=", "trace2.normalTarget=0", "trace2.perfTarget=0", "trace2.eventTarget=0",
    ) for part in ("-c", setting)),
)  # fmt: skip
_KEPT = re.compile(r"GIT_(CONFIG.*|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM)")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^[-/.]|/$|\.lock$|^$")
_SUFFIX = re.compile(r"(\^\d{0,3}|~\d{0,5}|@\{\d{1,5}\}|@\{u(pstream)?\})*$")
_CHECK = "check it with `git fsck`; a partial clone needs the files of that revision"
_OBJECT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_ELSEWHERE = re.compile(r"[0-9a-f]{7,64}|[A-Z_]*HEAD|@|refs/.*")  # names that are no branch's, and say nothing to somebody else's git
_OWNED = re.compile(r"dubious ownership in repository at '(.*)'")
_POINTER = b"version https://git-lfs.github.com/spec/"
_LINK, _SUBMODULE = "120000", "160000"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file at a revision.

    Attributes:
        path: from the root of the repository, with ``/``.
        name: as it is shown: below the path that was asked for, as that was written.
        object: whose content it has.
        size: in bytes.
    """

    path: str
    name: str
    object: str
    size: int


@dataclass(slots=True)
class Tree:
    """What there is under some paths at a revision.

    Attributes:
        files: in the order of their paths; those that were wanted.
        others: names of files that were not.
        links: names of symbolic links, which are not followed.
        submodules: names of submodules, whose files are not in this repository.
    """

    files: list[Blob] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    submodules: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository with a working tree.

    Attributes:
        root: of the working tree.
        program: git.
    """

    root: str
    program: str

    def commit(self, ref: str) -> str:
        """The commit that a branch, tag or other name of a revision stands for.

        Raises:
            UsageError: it is no name of a revision, or of none that is known here.
        """
        check_ref(ref)
        found = self._line("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if found is None or not _OBJECT.fullmatch(found):
            raise UsageError(f"git knows no revision {ref!r} here", self._remedy(ref))
        return found

    def merge_base(self, ref: str) -> str:
        """The last commit that a revision and ``HEAD`` have in common: what a pull request is compared with.

        Before the first commit, ``HEAD`` stands for an empty tree (one of `EMPTY_TREES`): a hook has to let the first one be made.

        Raises:
            UsageError: the revision is not known, or the two have nothing in common.
        """
        check_ref(ref)
        head = self._line("rev-parse", "--verify", "--quiet", "HEAD")
        if head is None:
            empty = self._line("hash-object", "-t", "tree", "--stdin") if ref in ("HEAD", "@") else None
            if empty not in EMPTY_TREES:
                raise UsageError("this git repository has no commit yet", "commit something first, or compare with HEAD: all of it is new")
            return empty
        other = self.commit(ref)
        found = self._line("merge-base", other, head)
        if found is None or not _OBJECT.fullmatch(found):
            if self.shallow:
                raise UsageError(
                    f"this clone is shallow, and does not reach back to where it parted from {ref!r}",
                    "run `git fetch --unshallow`, or check out with `fetch-depth: 0`",
                )
            raise UsageError(f"{ref!r} and HEAD have no commit in common", "compare with a revision of the same history")
        return found

    @property
    def shallow(self) -> bool:
        """Its history was cut off when it was cloned."""
        return self._line("rev-parse", "--is-shallow-repository") == "true"

    def tree(self, commit: str, paths: Iterable[str], wanted: Callable[[str], bool]) -> Tree:
        """What there is under some paths at a commit. A path that is not there holds nothing.

        Args:
            commit: as `commit` or `merge_base` found it.
            paths: files and directories, as on the command line.
            wanted: whether a file is to be read, by its path below the directory that was asked for.

        Raises:
            UsageError: a path lies outside of the repository.
            SourceError: git fails, or there are too many files.
        """
        found = Tree()
        seen: set[str] = set()
        for path in paths:
            inside = self._inside(path)
            for mode, kind, name, size, file in self._entries(commit, inside):
                if file in seen:
                    continue
                seen.add(file)
                below = file[len(inside) :].lstrip("/") if inside else file
                shown = os.path.normpath(os.path.join(path, below)) if below else os.path.normpath(path)
                if mode == _LINK:
                    found.links.append(shown)
                elif mode == _SUBMODULE or kind == "commit":
                    found.submodules.append(shown)
                elif not below or wanted(below):  # a file that was asked for by name is read whatever it is called
                    found.files.append(Blob(file, shown, name, int(size) if size.isdigit() else 0))  # BAD: not held
                else:
                    found.others.append(shown)
                if len(found.files) > MAX_FILES:
                    raise SourceError(f"more than {MAX_FILES:,} files at {commit[:12]}", "scan a smaller part of the repository")
        return found

    def contents(self, blobs: Iterable[Blob]) -> Iterator[tuple[Blob, bytes | None]]:
        """Each file with its content; None for what this clone does not hold.

        Raises:
            SourceError: git fails, or there is too much to read.
        """
        total = 0
        with self._running("cat-file", "--batch", stdin=subprocess.PIPE) as process:
            asked, answer = process.stdin, process.stdout
            if asked is None or answer is None:
                raise SourceError("git cannot be talked to")
            for blob in blobs:
                total += blob.size
                if total > MAX_TOTAL:
                    raise SourceError(f"more than {MAX_TOTAL >> 20} MiB of files in git", "scan a smaller part of the repository")
                try:
                    asked.write(f"{blob.object}\n".encode())
                    asked.flush()
                    header = answer.readline(_CHUNK).split()
                    content = answer.read(int(header[2]) + 1)[:-1] if len(header) == 3 and header[1] == b"blob" else None
                except (OSError, ValueError):
                    header, content = [], None
                if not header:
                    raise SourceError(f"git stopped while it read {blob.path!r}", _CHECK)
                yield blob, content

    # -- git ----------------------------------------------------------------------------------------------------------------------------

    def _inside(self, path: str) -> str:
        """A path from the root of the repository, with ``/``; empty for the root itself."""
        inside = os.path.relpath(os.path.realpath(path), self.root)
        if inside == os.curdir:
            return ""
        if inside.split(os.sep)[0] == os.pardir:
            raise UsageError(f"{path!r} lies outside of the git repository of the other paths", "compare one repository at a time")
        return inside.replace(os.sep, "/")

    def _entries(self, commit: str, inside: str) -> Iterator[tuple[str, str, str, str, str]]:
        """Mode, kind, object, size and path of everything under a path."""
        where = [inside] if inside else []
        with self._running("ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", *where) as process:
            for record in _records(process):
                head, _, path = record.partition(b"\t")
                mode, kind, name, size = head.decode("ascii", "replace").split()
                yield mode, kind, name, size, os.fsdecode(path)
            if process.wait(_SECONDS):
                raise SourceError(f"git cannot list {inside or 'the files'!r} at {commit[:12]}", _CHECK)

    def _line(self, *arguments: str) -> str | None:
        """The first line that git answers; None where it says no."""
        return _answer(self.program, self.root, arguments)[1]

    def _remedy(self, ref: str) -> str:
        """What to do about a revision that is not known: pull requests are often checked out without the branch they are for."""
        if self._line("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{ref}^{{commit}}"):
            return f"did you mean origin/{ref}?"
        branch = ref.removeprefix("origin/")
        if _SUFFIX.sub("", branch) != branch or _ELSEWHERE.fullmatch(branch):
            branch = ""
        if self.shallow:  # which knows one branch only, and fetches no other unless it is told where to
            fetch = f"git fetch --unshallow origin {branch}:refs/remotes/origin/{branch}" if branch else "git fetch --unshallow"
            return f"run `{fetch}`, or check out with `fetch-depth: 0`"
        if branch != ref and branch:
            return f"run `git fetch origin {branch}:refs/remotes/{ref}`, or check its name"
        return "fetch it first, or check its name"

    def _running(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> _Running:
        return _Running([self.program, *_SAFE, *arguments], self.root, stdin)


def repository(paths: Iterable[str]) -> Repository:
    """The repository that paths lie in.

    Raises:
        UsageError: git is not there, or a path lies in no repository, or not in that of the others.
    """
    program = shutil.which("git")
    if program is None:
        raise UsageError("git is not installed", "install it, or leave out what compares with a revision")
    roots: dict[str, str] = {}
    for path in paths:
        real = os.path.realpath(path)
        folder = real if os.path.isdir(real) else os.path.dirname(real)
        said, root = _answer(program, folder, ("rev-parse", "--show-toplevel"))
        if root is None:
            if owned := _OWNED.search(said):
                raise UsageError(
                    f"{path!r} is in a git repository of somebody else", f"trust it: `git config --global --add safe.directory {owned[1]}`"
                )
            raise UsageError(f"{path!r} lies in no git repository", "give a path inside of one")
        roots.setdefault(os.path.realpath(root), path)
    if len(roots) != 1:
        raise UsageError("the paths lie in several git repositories", "compare one repository at a time")
    return Repository(next(iter(roots)), program)


def check_ref(ref: str) -> None:
    """Refuse what can be no name of a revision: it might be an option to git.

    Raises:
        UsageError: it is none.
    """
    name = _SUFFIX.sub("", ref)
    if (_FORBIDDEN.search(name) and ref != "@") or len(ref) > 500:
        raise UsageError(f"{ref[:80]!r} is no name of a revision", "write it like main, origin/main, v1.2 or HEAD~1")


def is_pointer(content: bytes) -> bool:
    """Whether a file's content is a pointer of Git LFS to the content, which lies elsewhere."""
    return content.startswith(_POINTER) and len(content) < 1024


def _environment() -> dict[str, str]:
    """Ours, without what steers git elsewhere (as it does inside of hooks), and with what keeps it from doing more than to read."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or _KEPT.fullmatch(key)}
    return {
        **kept,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_PAGER": "cat",
        "LC_ALL": "C",
    }


def _answer(program: str, folder: str, arguments: tuple[str, ...]) -> tuple[str, str | None]:
    """What git says on standard error, and the first line of its answer; None where it fails."""
    try:
        done = subprocess.run(
            [program, *_SAFE, *arguments], cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SourceError(f"git {arguments[0]} takes more than {_SECONDS} seconds", "check the repository") from None
    except OSError as error:
        raise SourceError(f"git cannot be run: {error.strerror}") from None
    said = done.stderr[:_MAX_ANSWER].decode("utf-8", "replace")
    if done.returncode:
        return said, None
    return said, os.fsdecode(done.stdout[:_MAX_ANSWER].split(b"\n", 1)[0])


class _Running:
    """A git command that runs while its answer is read, and ends with the block, whatever happens in it."""

    def __init__(self, command: list[str], folder: str, stdin: int) -> None:
        try:
            self.process = subprocess.Popen(
                command, cwd=folder, env=_environment(), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise SourceError(f"git cannot be run: {error.strerror}") from None
        self.limit = threading.Timer(_SECONDS_OF_ALL, self.process.kill)
        self.limit.daemon = True

    def __enter__(self) -> subprocess.Popen[bytes]:
        self.limit.start()
        return self.process

    def __exit__(self, *_: object) -> None:
        self.limit.cancel()
        if self.process.poll() is None:
            self.process.kill()
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        if self.process.stdout:
            self.process.stdout.close()
        self.process.wait()


def _records(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What a command prints, cut at NUL bytes."""
    rest = b""
    while process.stdout and (chunk := process.stdout.read(_CHUNK)):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
