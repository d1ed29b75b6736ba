"""Which files there are under the paths of the command line, and what each holds."""

# ruff: noqa: PTH110, PTH112, PTH116, PTH118, PTH119, PTH120, PTH123, PTH206
# pathlib takes several times as long for what is done here for every file of a tree.

from __future__ import annotations

import os
import re
import stat
import sys
from dataclasses import dataclass, field

from auditor.document import NotJudged, Unread
from auditor.errors import UsageError
from auditor.globs import Paths
from auditor.source import classify
from auditor.source.markdown import read_markdown
from auditor.source.text import Item, read_text

__all__ = [
    "EXCLUDED", "MAX_BYTES", "STDIN", "Found", "decode", "find", "is_markdown", "is_read", "load", "read_bytes", "read_file", "read_stdin",
    "repository_of", "shown", "too_large",
]  # fmt: skip

STDIN = "<stdin>"
EXCLUDED = "excluded by the configuration"

# The largest published manifest that we know of, a CustomResourceDefinition, has 3.7 MB; etcd stores objects up to 1.5 MiB.
MAX_BYTES = 16 * 1024 * 1024

_YAML = (".yaml", ".yml", ".json")
_MARKDOWN = (".md", ".markdown")
_MANIFESTS = (*_YAML, *_MARKDOWN)
_TEMPLATES = (".tpl", ".tmpl", ".gotmpl", ".j2", ".jinja", ".jinja2")
_SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".terraform"}
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(slots=True)
class Found:
    """What the walk met.

    Attributes:
        files: files to read, in a stable order.
        items: what can be said of other files without reading them.
        folders: folders not entered, with the reason.
    """

    files: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    folders: list[NotJudged] = field(default_factory=list)


def find(paths: tuple[str, ...], exclude: Paths | None = None) -> Found:
    """The files under ``paths``, each once however often and by whatever name it is asked for, in the order of the paths.

    Args:
        paths: as on the command line.
        exclude: files and folders that are left out, also where they are named themselves: a hook before a commit names each file.

    Raises:
        UsageError: a path does not exist.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"there is no file or directory {path!r}", "check the path")
    walk = _Walk(tuple(os.path.realpath(path) for path in paths if os.path.isdir(path)), exclude)
    for path in paths:
        real = os.path.realpath(path)
        if os.path.isdir(path):
            walk.tree(_tidy(path), real)
        else:
            walk.read(_tidy(path), real)
    return walk.found


def _tidy(path: str) -> str:
    """A path as it is shown, without ``./`` and ``..`` where they say nothing; behind a symbolic link ``..`` says something."""
    tidy = os.path.normpath(path)
    return tidy if ".." not in path or os.path.realpath(tidy) == os.path.realpath(path) else path


def shown(path: str) -> str:
    """A path as it can be printed in one line: bytes that are no UTF-8, line breaks and other controls are escaped."""
    if path.isprintable():
        return path
    return _UNPRINTABLE.sub(lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", path)


class _Walk:
    """The walk through directories: a loop with its own stack, so that deep trees never meet Python's limit."""

    def __init__(self, roots: tuple[str, ...], exclude: Paths | None) -> None:
        self.roots, self.exclude = roots, exclude
        self.found = Found()
        self.seen: set[str] = set()

    def new(self, real: str) -> bool:
        """Whether a file or folder is met for the first time."""
        if real in self.seen:
            return False
        self.seen.add(real)
        return True

    def read(self, path: str, real: str) -> None:
        """Have a file read."""
        if not self.new(real):
            return
        if self.exclude is not None and self.exclude.match(real):
            self.found.items.append(NotJudged(shown(path), 0, EXCLUDED))
        else:
            self.found.files.append(path)

    def tree(self, path: str, real: str) -> None:
        """Meet everything below a folder."""
        todo = [(path, real)]
        while todo:
            path, real = todo.pop()
            if not self.new(real):
                continue
            if self.exclude is not None and self.exclude.match(real):
                self.found.folders.append(NotJudged(shown(path), 0, EXCLUDED))
                continue
            try:
                entries = sorted(os.scandir(path), key=lambda entry: entry.name)
            except OSError as error:
                self.found.folders.append(NotJudged(shown(path), 0, f"folder that cannot be listed ({error.strerror})"))
                self.found.items.append(Unread(shown(path), 0, f"cannot be listed: {error.strerror}", remedy="check its permissions"))
                continue
            inside = [folder for entry in entries if (folder := self.entry(entry, path, real))]
            todo += reversed(inside)

    def entry(self, entry: os.DirEntry[str], folder: str, real_folder: str) -> tuple[str, str] | None:
        """Deal with one entry of a folder; a folder to enter is handed back."""
        name = entry.name
        path = name if folder == "." else entry.path  # `mlaudit scan .` says `a.yaml`, not `./a.yaml`
        real = os.path.join(real_folder, name)
        if entry.is_symlink():
            self.link(path, real)
        elif entry.is_dir(follow_symlinks=False):
            if name in _SKIPPED_FOLDERS:
                self.found.folders.append(NotJudged(shown(path), 0, f"folder {name}"))
            elif os.path.exists(os.path.join(path, "pyvenv.cfg")):
                self.found.folders.append(NotJudged(shown(path), 0, "Python virtual environment"))
            else:
                return path, real
        elif _is_manifest(name):
            self.read(path, real)
        elif self.new(real):
            self.found.items.append(_other(entry, path))
        return None

    def link(self, path: str, real: str) -> None:
        """Symbolic links are not followed: what they lead to is read under its own name, or lies outside of what was asked for. Only a
        file inside that nobody would read by its own name, such as a manifest without a suffix, is read by that of the link."""
        if not self.new(real):
            return
        target = os.path.realpath(path)
        folder = os.path.isdir(target)
        if not os.path.exists(target):
            remedy = "remove it or mend its target"
            self.found.items.append(Unread(shown(path), 0, "is a symbolic link that leads nowhere or in a circle", remedy=remedy))
            return
        root = next((root for root in self.roots if target == root or target.startswith(root.rstrip(os.sep) + os.sep)), None)
        if root is None:
            reason = "symbolic link out of the scanned directory"
        elif not _SKIPPED_FOLDERS.isdisjoint(target[len(root) :].split(os.sep)):
            reason = "symbolic link into a folder that is not entered"
        elif folder or _is_manifest(os.path.basename(target)) or not _is_manifest(os.path.basename(path)):
            reason = "symbolic link (its target is read under its own name)"
        elif self.exclude is not None and self.exclude.match(real):
            reason = EXCLUDED
        else:
            self.found.files.append(path)
            return
        (self.found.folders if folder else self.found.items).append(NotJudged(shown(path), 0, reason))


def is_read(path: str) -> bool:
    """Whether a file is read, by its path below a directory that was asked for: a manifest, in folders that are entered."""
    *folders, name = path.split("/")
    return _is_manifest(name) and _SKIPPED_FOLDERS.isdisjoint(folders)


def _is_manifest(name: str) -> bool:
    return name.endswith(_MANIFESTS) or classify.is_kustomization_file(name)


def _other(entry: os.DirEntry[str], path: str) -> Item:
    """What can be said of a file that is no manifest by its name."""
    if entry.name.endswith(_TEMPLATES):
        return NotJudged(shown(path), 0, classify.TEMPLATE)
    if entry.is_file(follow_symlinks=False):
        return NotJudged(shown(path), 0, "not a manifest by its suffix")
    return _not_regular(path)


def _not_regular(path: str) -> Unread:
    return Unread(shown(path), 0, "is not a regular file", remedy="pipe it to `mlaudit scan -` to read it")


def read_file(file: str) -> list[Item]:
    """Everything that a file holds. Never raises: what cannot be read becomes an `Unread`."""
    content = load(file)
    return read_bytes(content, shown(file)) if isinstance(content, bytes) else [content]


def load(file: str) -> bytes | Unread:
    """The content of a file, or why it cannot be read."""
    try:
        mode = os.stat(file)
        if not stat.S_ISREG(mode.st_mode):
            return _not_regular(file)
        if mode.st_size > MAX_BYTES:
            return too_large(shown(file), f"{mode.st_size / 1024 / 1024:.1f} MiB")
        with open(file, "rb") as opened:
            return opened.read()
    except OSError as error:
        return Unread(shown(file), 0, f"cannot be read: {error.strerror}", remedy="check the file and its permissions")


def read_stdin() -> list[Item]:
    """Everything that standard input holds."""
    if sys.stdin is None:
        return [Unread(STDIN, 0, "is closed", remedy="pipe manifests into the command")]
    try:
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return [Unread(STDIN, 0, f"cannot be read: {getattr(error, 'strerror', None) or error}", remedy="pipe manifests into the command")]
    return read_bytes(content, STDIN)


def too_large(file: str, size: str) -> Unread:
    """What is said of a file that is larger than `MAX_BYTES`."""
    limit = MAX_BYTES // 1024 // 1024
    return Unread(file, 0, f"has {size}; more than {limit} MiB are not read", remedy="split it into several")


def read_bytes(content: bytes, file: str) -> list[Item]:
    """Everything that the content of a file holds."""
    text = decode(content, file)
    if isinstance(text, Unread):
        return [text]
    items = read_markdown(text, file) if is_markdown(file) else read_text(text, file)
    return items or [NotJudged(file, 1, classify.EMPTY)]


def is_markdown(file: str) -> bool:
    """Whether the name says that manifests stand in fences."""
    return file.endswith(_MARKDOWN)


def decode(content: bytes, file: str) -> str | Unread:
    """The content of a file as text, or why it is none."""
    if len(content) > MAX_BYTES:
        return too_large(file, "too many bytes" if file == STDIN else f"{len(content) / 1024 / 1024:.1f} MiB")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return Unread(file, line, f"is not {encoding.upper().removesuffix('-SIG')} (byte {error.start})", remedy="save it as UTF-8")
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        return Unread(file, line, "holds NUL bytes", remedy="it is probably not a text file; remove it")
    return text


def repository_of(folder: str) -> str:
    """The folder of the git repository that a folder, given from the root, lies in; empty where it lies in none."""
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above
    return folder
