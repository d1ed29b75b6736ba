"""From files of rules to rules. Everything that is wrong with all of them is said at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from auditor.custom.cel import environment
from auditor.custom.check import OwnCheck
from auditor.custom.draft import draft
from auditor.custom.expressions import Expressions, compile_all
from auditor.custom.fields import SCOPES
from auditor.custom.keys import Draft
from auditor.custom.page import page_of
from auditor.custom.place import Source
from auditor.errors import ConfigError, SourceError, UsageError
from auditor.registry import load_rules
from auditor.rule import Rule
from auditor.source.settings import read_stream

__all__ = ["TOPIC", "Own", "load", "load_own"]

TOPIC = "custom"
MAX_FILES = 1_000
MAX_RULES = 1_000
MAX_BYTES = 1024 * 1024
MAX_ALL_BYTES = 8 * MAX_BYTES
# Of all expressions, each counted for every other one of its rule, with which it may be compiled: 30 µs a character at worst.
MAX_CHARACTERS = 1_000_000
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Own:
    """An own rule: as the engine uses it, and as its file says it."""

    rule: Rule
    draft: Draft


def load(paths: Sequence[str | Path], root: str | Path | None = None) -> list[Rule]:
    """The rules in files and folders; see `load_own`."""
    return [own.rule for own in load_own(paths, root)]


def load_own(paths: Sequence[str | Path], root: str | Path | None = None) -> list[Own]:
    """The rules in files and folders, by name.

    Args:
        paths: files, or folders whose files ``*.yaml`` and ``*.yml`` are read, at all depths.
        root: what a configuration file names must lie in here, symbolic links followed; None for what the user names.

    Raises:
        UsageError: a path does not exist, or there is no rule in it.
        ConfigError: rules are wrong. The message has a line for each mistake.
    """
    inside = None if root is None else Path(root).resolve()
    drafts, mistakes = _read(list(dict.fromkeys(file for path in paths for file in _files(Path(path), inside))))
    mistakes += _collisions(drafts)
    found = [_compiled(one) for one in drafts]
    mistakes += [mistake for one in drafts for mistake in one.mistakes]
    if mistakes:
        raise ConfigError(_listed(mistakes))
    if not drafts:
        raise UsageError(f"there is no rule in {', '.join(map(str, paths))}", "rules are in files *.yaml; `docs/custom-rules.md` shows one")
    return sorted((own for own in found if own is not None), key=lambda own: own.rule.name)


def _read(files: list[Path]) -> tuple[list[Draft], list[str]]:
    """The rules in files, not compiled yet, and what is wrong with files as a whole."""
    drafts: list[Draft] = []
    mistakes: list[str] = []
    size = 0
    for number, file in enumerate(files):
        try:
            documents, text = read_stream(file, MAX_BYTES)
        except SourceError as error:
            mistakes.append(str(error))
            continue
        size += len(text)
        lines = tuple(text.split("\n"))
        drafts += [draft(Source(document, lines)) for document in documents]
        if number >= MAX_FILES or size > MAX_ALL_BYTES or len(drafts) > MAX_RULES or sum(map(_characters, drafts)) > MAX_CHARACTERS:
            limits = f"{MAX_FILES:,} files, {MAX_RULES:,} rules, {MAX_ALL_BYTES >> 20} MiB, {MAX_CHARACTERS:,} characters of expressions"
            raise ConfigError(f"{file} is one file of rules too many: the limits are {limits}", "name a folder with fewer")
    return drafts, mistakes


def _characters(one: Draft) -> int:
    texts = [*(text for _, text in one.variables), one.when, one.message_expression, one.at_expression]
    return len(texts) * sum(map(len, texts))


def _listed(mistakes: list[str]) -> str:
    """One mistake as it is; more of them below each other."""
    if len(mistakes) == 1:
        return mistakes[0]
    rest = [f"… and {len(mistakes) - _SHOWN} more"] if len(mistakes) > _SHOWN else []
    return "\n  ".join((f"{len(mistakes)} mistakes in rules:", *mistakes[:_SHOWN], *rest))


def _collisions(drafts: list[Draft]) -> Iterator[str]:
    first: dict[str, Draft] = {}
    for one in drafts:
        place = one.source.at(("name",))
        if one.name in load_rules():
            yield f"{place} {one.name!r} is the name of a built-in rule; take another"
        elif one.name and one.name in first:
            yield f"{place} {one.name!r} is the name of the rule at {first[one.name].source.at(('name',))} too; take another"
        first.setdefault(one.name, one)


def _compiled(one: Draft) -> Own | None:
    """The rule of a draft; None where something is wrong with it."""
    if not one.where or not one.when:
        return None
    expressions = compile_all(one, environment(one.where))
    return None if expressions is None else Own(_rule(one, expressions), one)


def _rule(one: Draft, expressions: Expressions) -> Rule:
    check = OwnCheck(expressions, environment(one.where).fields, one.message, one.at, one.remediation, everything=bool(one.kinds))
    return Rule(
        name=one.name,
        title=one.title,
        topic=TOPIC,
        severity=one.severity,
        confidence=one.confidence,
        scope=SCOPES[one.where][0],
        profiles=frozenset(one.profiles),
        tags=frozenset(one.tags),
        kinds=frozenset(one.kinds),
        roles=frozenset(one.roles),
        accelerated=one.accelerated,
        exempt=frozenset(one.exempt),
        mentions=frozenset(),
        live=False,
        needs=(),
        options=MappingProxyType({}),
        fixable=False,
        check=check,
        page=page_of(one),
        takes_snapshot=True,
    )


def _files(path: Path, inside: Path | None) -> Iterator[Path]:
    """The files of rules at a path."""
    if not path.exists():
        raise UsageError(f"there is no file or folder of rules {str(path)!r}", "check the path")
    if inside is not None and not path.resolve().is_relative_to(inside):
        raise ConfigError(f"the rules {str(path)!r} lie outside {inside}", "a configuration file may name rules beside or below itself")
    if not path.is_dir():
        if not path.is_file():
            raise UsageError(f"{str(path)!r} is no regular file", "give a file of rules, or a folder of them")
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder) / name
            if name.startswith(".") or not name.endswith((".yaml", ".yml")) or not file.is_file():
                continue
            if inside is not None and not file.resolve().is_relative_to(inside):
                raise ConfigError(f"the file of rules {str(file)!r} leads outside {inside}", "replace the symbolic link by a file")
            yield file
