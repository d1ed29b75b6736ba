"""Finds ``mlaudit.yaml`` and reads it. What a stranger wrote there runs no code, reaches no network and no file outside its repository."""

# ruff: noqa: PTH110, PTH112, PTH116, PTH118, PTH119, PTH120
# pathlib takes several times as long; this runs at every start.

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditor.errors import ConfigError, SourceError, UsageError
from auditor.rule import Rule

__all__ = ["NAME", "ConfigFile", "Found", "find", "named", "read"]

NAME = "mlaudit.yaml"
_MISNAMED = ("mlaudit.yml", ".mlaudit.yaml", ".mlaudit.yml")
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was found.

    Attributes:
        path: absolute; its folder without symbolic links.
        tree: the folder that nothing in it may lead out of: the repository's, else its own.
    """

    path: str
    tree: str


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file that was read.

    Attributes:
        file: its name, as it is shown.
        root: its folder, absolute and without symbolic links.
        values: by key, of what it says.
        lines: by key, the 1-based line.
    """

    file: str
    root: str
    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


def find(paths: Iterable[str]) -> Found | None:
    """The file that paths lead to: in the folder of each or the nearest above it, up to the root of its git repository.

    Args:
        paths: as on the command line; ``-`` stands for the current directory, and so does no path at all.

    Raises:
        UsageError: they lead to different files.
        ConfigError: there is a file of nearly that name.
    """
    found: dict[Found | None, str] = {}
    for path in paths:
        found.setdefault(_above(os.path.realpath(os.curdir if path == "-" else path)), path)
    if len(found) > 1:
        said = [f"{path} to {_shown(one.path) if one else 'none'}" for one, path in list(found.items())[:2]]
        raise UsageError(f"the paths lead to different configurations: {', '.join(said)}", "scan them one by one, or give --config FILE")
    return next(iter(found), None) if found else _above(os.path.realpath(os.curdir))


def named(path: str) -> Found:
    """The file that the user names; its name may be any.

    Raises:
        UsageError: there is none.
    """
    from auditor.source.files import repository_of

    if not os.path.exists(path) or os.path.isdir(path):
        raise UsageError(f"there is no file {path!r}", "check --config")
    folder = os.path.realpath(os.path.dirname(path) or os.curdir)
    return Found(os.path.join(folder, os.path.basename(path)), repository_of(folder) or folder)


def _above(start: str) -> Found | None:
    from auditor.source.files import repository_of

    folder = start if os.path.isdir(start) else os.path.dirname(start)
    while True:
        path = os.path.join(folder, NAME)
        misnamed = next((name for name in _MISNAMED if os.path.lexists(os.path.join(folder, name))), "")
        if os.path.lexists(path):
            if misnamed:
                raise ConfigError(f"{_shown(folder)} holds both {NAME} and {misnamed}", f"only {NAME} is read; remove the other")
            return Found(path, repository_of(folder) or folder)
        if misnamed:
            raise ConfigError(f"{_shown(os.path.join(folder, misnamed))} is not read", f"call it {NAME}")
        above = os.path.dirname(folder)
        if above == folder or os.path.lexists(os.path.join(folder, ".git")):
            return None
        folder = above


def _shown(path: str) -> str:
    """A path as people would write it from here, if that is shorter."""
    from auditor.source.files import shown

    here = os.path.relpath(path)
    return shown(here if len(here) < len(path) else path)


def read(found: Found, rules: Callable[[tuple[str, ...]], Mapping[str, Rule]], *, trusted: bool = False) -> ConfigFile:
    """What a file says.

    Args:
        found: the file.
        rules: answers all rules there are, given the folders with the user's own, absolute.
        trusted: the user named the file, and may have it lie anywhere.

    Raises:
        ConfigError: it cannot be read, or says what cannot be meant; all mistakes are named, with their lines.
    """
    from auditor.config.keys import KEYS
    from auditor.config.reading import Reader
    from auditor.source.settings import read_settings

    name = _shown(found.path)
    if not trusted:
        _check(found, name)
    try:
        document = read_settings(Path(found.path), name, _MAX_BYTES)
    except SourceError as error:
        raise ConfigError(error.message, error.remedy) from None
    reader = Reader(document, os.path.dirname(found.path), found.tree)
    keys = {key.name: key for key in KEYS}
    given = reader.mapping((), document.raw, tuple(keys)) or {}
    values: dict[str, Any] = {}
    for key in sorted(given, key=lambda one: one != "rule_dirs"):  # whose rules the others may name
        if key != "rule_dirs" and not reader.rules:
            reader.rules = rules(values.get("rule_dirs") or ())
        value = keys[key].shape.read(reader, (key,), given[key])
        if value is not None:
            values[key] = value
    reader.finish()
    return ConfigFile(name, reader.root, values, {key: reader.line((key,)) for key in values})


def _check(found: Found, name: str) -> None:
    """Refuse what is no file of its repository: a link out of it, a device, a pipe."""
    real = os.path.realpath(found.path)
    if os.path.commonpath((real, found.tree)) != found.tree:
        raise ConfigError(f"{name} is a symbolic link out of {_shown(found.tree)}", "copy the file, or name it with --config")
    try:
        if not stat.S_ISREG(os.stat(real).st_mode):
            raise ConfigError(f"{name} is not a regular file", "remove it, or leave it out with --no-config")
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}", "mend it, or leave it out with --no-config") from None
