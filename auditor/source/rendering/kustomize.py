"""Renders kustomizations with the user's own kustomize, and finds the file and line of what comes out.

The kustomization is drawn in by another one, in a folder of its own, that asks for the origin of every object. So nothing is written
into the user's tree, and each object says which file it was made of.

Before, everything that it draws in is looked at: what is not here would be fetched by kustomize, from wherever its name leads.

Sources: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
https://github.com/kubernetes-sigs/kustomize/blob/master/examples/remoteBuild.md
"""

# ruff: noqa: PTH110, PTH112, PTH113, PTH117, PTH118, PTH119, PTH123
# names of files are text here, as in auditor.source.files

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.document import Document, NotJudged, Unread, mapping, sequence, strings
from auditor.source.builder import BrokenYaml, build
from auditor.source.files import read_file, repository_of, shown
from auditor.source.rendering.places import anchored
from auditor.source.rendering.reading import said_in
from auditor.source.rendering.tools import CannotRender, is_below, program, run
from auditor.source.text import Item, read_text

__all__ = ["NAMES", "Kustomized", "file_in", "kustomize"]

# Source: https://kubectl.docs.kubernetes.io/references/kustomize/glossary/#kustomization
NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

_ORIGIN = "config.kubernetes.io/origin"
_DRAWN_IN = ("resources", "bases", "components")
_LISTS = ("crds", "patchesStrategicMerge", "generators", "transformers", "validators", "configurations")
_WITH_PATH = ("patches", "patchesJson6902", "replacements")
_GENERATORS = ("configMapGenerator", "secretGenerator")
_REMOTE = re.compile(r"[\w+.-]+://|git::|[\w.-]+@[\w.-]+:|(?:github|gitlab|bitbucket)\.[\w.]+[/:]", re.IGNORECASE)
_MAX_FOLDERS = 1000


class Kustomized:
    """What a kustomization renders to.

    Attributes:
        items: what came out, at the places it came from.
        files: real paths of the files that it is made of, with those of the kustomizations.
    """

    def __init__(self, items: list[Item], files: set[str]) -> None:
        self.items, self.files = items, files


def file_in(folder: str) -> str:
    """The kustomization of a folder; empty where it has none."""
    return next((path for name in NAMES if os.path.isfile(path := os.path.join(folder, name))), "")


def kustomize(folder: str, *, seconds: float, online: bool = False) -> Kustomized:
    """Render the kustomization of a folder.

    Args:
        folder: as it is to be shown.
        seconds: how long it may take.
        online: whether kustomize may fetch what is not here.

    Raises:
        CannotRender: it names what is not here, or the tool fails, takes too long or is not installed.
    """
    files: set[str] = set()
    for name, where in _absent(os.path.realpath(folder), files):
        if not _REMOTE.match(name):
            raise CannotRender(f"{where} names {name!r}, which does not exist", "restore it, or remove the name")
        if not online:
            raise CannotRender(f"{where} names {name!r}, which is not in this tree", "let kustomize fetch it with --render-remote")
    tool = program("kustomize", "kubectl")
    with tempfile.TemporaryDirectory(prefix="mlaudit-") as place:
        place = os.path.realpath(place)
        outer = {"resources": [os.path.relpath(os.path.realpath(folder), place)], "buildMetadata": ["originAnnotations"]}
        with open(os.path.join(place, NAMES[0]), "w", encoding="utf-8") as file:
            json.dump(outer, file)  # JSON is YAML
        verb = "build" if os.path.basename(tool).startswith("kustomize") else "kustomize"
        answer = run([tool, verb, place], folder=place, seconds=seconds, online=online)
        if answer.code:
            raise CannotRender(f"{os.path.basename(tool)} fails: {_short(answer.words)}", f"see `kubectl kustomize {shown(folder)}`")
        return Kustomized(_placed(answer.output, folder, place), files)


def _short(words: str) -> str:
    """What kustomize says, without the way it took there and without the folders that the user knows."""
    words = re.split(r"recursed accumulation of path '[^']*': ", words.removeprefix("error: ").removeprefix("Error: "))[-1]
    return shown(words.replace(os.path.join(os.path.realpath(os.curdir), ""), ""))[:500]


def _absent(folder: str, files: set[str]) -> Iterator[tuple[str, str]]:
    """What a kustomization, or one that it draws in, names and what is not here, each with the file that names it.

    Args:
        folder: real path of its folder.
        files: where real paths of all that is here are put.
    """
    root = repository_of(folder)
    todo, seen = [folder], {folder}
    while todo:
        folder = todo.pop()
        file = file_in(folder)
        files.add(os.path.realpath(file))
        spec = said_in(file)
        names = [name for key in _DRAWN_IN for name in strings(spec.get(key))]
        for name in names:
            path = os.path.realpath(os.path.join(folder, name))
            if not os.path.exists(path) or _REMOTE.match(name):
                yield shown(name), _from_here(file)
            elif not os.path.isdir(path):
                files.add(path)
            elif root and not is_below(path, root):
                raise CannotRender(f"{_from_here(file)} names {shown(name)!r}, which is out of the repository", "put a copy of it there")
            elif path not in seen and len(seen) < _MAX_FOLDERS:
                seen.add(path)
                todo.append(path)
        yield from ((shown(name), _from_here(file)) for name in _paths(spec) if _REMOTE.match(name))


def _paths(spec: Mapping[str, Any]) -> Iterator[str]:
    """The files that a kustomization names in other places than those that draw objects in."""
    for key in _LISTS:
        yield from (name for name in strings(spec.get(key)) if "\n" not in name)
    named = [mapping(entry).get("path") for key in _WITH_PATH for entry in sequence(spec.get(key))]
    named.append(mapping(spec.get("openapi")).get("path"))
    yield from (name for name in named if isinstance(name, str))
    for entry in (mapping(entry) for key in _GENERATORS for entry in sequence(spec.get(key))):
        for key in ("files", "envs"):
            yield from (name.rpartition("=")[2] for name in strings(entry.get(key)))
        if isinstance(entry.get("env"), str):
            yield entry["env"]


def _from_here(path: str) -> str:
    return shown(os.path.relpath(path, os.path.realpath(os.curdir)))


def _placed(output: str, folder: str, place: str) -> list[Item]:
    """What kustomize wrote, at the places of what it was made of."""
    by = shown(folder)
    own = shown(os.path.relpath(file_in(folder)) if not os.path.isabs(folder) else file_in(folder))
    origins: dict[str, list[Document]] = {}
    found: list[Item] = []
    for item in read_text(output, "rendered.yaml"):
        if not isinstance(item, Document):
            found.append(
                NotJudged(own, 1, item.reason) if isinstance(item, NotJudged) else Unread(own, 1, f"renders to what {item.reason}")
            )
            continue
        value, origin = _without_origin(item.raw)
        file = _origin_file(origin, place, folder) or own
        if file not in origins:
            origins[file] = [read for read in read_file(file) if isinstance(read, Document)]
        found.append(anchored(value, item, _made_of(item, origins[file]), file, by))
    return found


def _without_origin(raw: dict[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """An object without the annotation that was asked for, and what that says."""
    metadata = dict(mapping(raw.get("metadata")))
    annotations = dict(mapping(metadata.get("annotations")))
    text = annotations.pop(_ORIGIN, None)
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    try:
        origin = mapping(build(text).value) if isinstance(text, str) else {}
    except BrokenYaml:
        origin = {}
    return {key: metadata if key == "metadata" else value for key, value in raw.items()}, origin


def _origin_file(origin: Mapping[str, Any], place: str, folder: str) -> str:
    """The file that an object was made of, as the user would name it; empty where it is not here."""
    name = origin.get("path") or origin.get("configuredIn")
    if not isinstance(name, str) or origin.get("repo"):
        return ""
    path = os.path.normpath(os.path.join(place, name))
    if not os.path.isfile(path):
        return ""
    real = os.path.realpath(folder)
    return path if os.path.isabs(folder) else os.path.normpath(os.path.join(folder, os.path.relpath(path, real)))


def _made_of(rendered: Document, candidates: list[Document]) -> Document | None:
    """The object among those of its file that a rendered one was made of: of its kind, and named alike but for a prefix or suffix."""
    alike = [one for one in candidates if one.ref.kind == rendered.ref.kind and one.ref.group == rendered.ref.group]
    named = [one for one in alike if one.ref.name and one.ref.name in rendered.ref.name]
    if named:
        return max(named, key=lambda one: len(one.ref.name))
    return alike[0] if len(alike) == 1 else None
