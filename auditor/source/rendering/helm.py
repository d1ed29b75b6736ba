"""Renders Helm charts with the user's own helm, and finds the template and line of what comes out.

`helm template` talks to no cluster and fetches nothing: dependencies have to be there (`helm dependency build`). Above each document it
says which template it came from.

Sources: https://helm.sh/docs/helm/helm_template · https://helm.sh/docs/topics/charts
"""

# ruff: noqa: PTH113, PTH114, PTH118
# names of files are text here, as in auditor.source.files

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from auditor.document import Document, mapping, sequence
from auditor.source.files import repository_of, shown
from auditor.source.rendering.places import lines_of, moved
from auditor.source.rendering.reading import said_in, text_of
from auditor.source.rendering.tools import CannotRender, is_below, program, run
from auditor.source.stream import split_stream
from auditor.source.text import Item, read_text

__all__ = ["CHART", "LIBRARY", "chart", "template"]

CHART = "Chart.yaml"
LIBRARY = "Helm library chart"

_SOURCE = re.compile(r"^# Source: ([^\n]+)$", re.MULTILINE)
_MAX_FOLDERS = 10_000  # of one chart
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?")


def chart(folder: str) -> Mapping[str, Any]:
    """What the chart of a folder says of itself; nothing where that cannot be read."""
    return said_in(os.path.join(folder, CHART))


def template(folder: str, *, seconds: float, values: Sequence[str] = (), kubernetes_version: tuple[int, int] | None = None) -> list[Item]:
    """Render the chart of a folder.

    Args:
        folder: as it is to be shown.
        seconds: how long it may take.
        values: files of values, as the user named them; later ones win.
        kubernetes_version: of the cluster that it is meant for; None for what helm assumes.

    Raises:
        CannotRender: helm fails, takes too long or is not installed.
    """
    tool = program("helm")
    _check_links(folder)
    about = chart(folder)
    name = str(about.get("name"))
    command = [tool, "template", name if _NAME.fullmatch(name) else "release", os.path.realpath(folder), "--skip-tests"]
    for file in values:
        command += ["--values", os.path.realpath(file)]
    if kubernetes_version:
        command += ["--kube-version", ".".join(map(str, kubernetes_version))]
    with tempfile.TemporaryDirectory(prefix="mlaudit-") as place:
        answer = run(command, folder=place, seconds=seconds)
    if answer.code:
        missing = "missing in charts/ directory" in answer.words
        words = shown(answer.words.removeprefix("Error: ").replace(os.path.realpath(folder), folder).replace(" Use --debug flag", ""))
        remedy = f"run `helm dependency build {shown(folder)}`" if missing else "see `helm template`; give values with --helm-values"
        raise CannotRender(f"helm fails: {words[:500]}", remedy)
    return _Placing(folder, about).items(answer.output)


def _check_links(folder: str) -> None:
    """Refuse a chart with links out of its repository (of itself, in none): helm follows them, and templates may print what is there.

    Raises:
        CannotRender: it has one.
    """
    own = os.path.realpath(folder)
    root = repository_of(own) or own
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen or len(seen) > _MAX_FOLDERS:
            folders.clear()
            continue
        seen.add(real)
        for path in (os.path.join(place, name) for name in sorted((*folders, *files))):
            if os.path.islink(path) and not is_below(os.path.realpath(path), root):
                raise CannotRender(f"{shown(path)} is a symbolic link out of the tree", "put a copy of what it leads to into the chart")


class _Placing:
    """Finds the lines of templates that rendered documents came from."""

    def __init__(self, folder: str, about: Mapping[str, Any]) -> None:
        self.folder, self.about = folder, about
        self.templates: dict[str, list[str]] = {}

    def items(self, output: str) -> list[Item]:
        """What helm wrote, at the places it came from."""
        found: list[Item] = []
        numbers: dict[str, int] = {}
        for chunk, _ in split_stream(output.replace("\r\n", "\n").replace("\r", "\n")):
            source = _SOURCE.search(chunk)
            if source is None:
                continue
            name = source[1].partition("/")[2]
            file, first = self.place(name)
            lines = self.lines(file, chunk) if first == 0 else []
            for item in read_text(chunk, file):
                placed = moved(item, lambda line, lines=lines, first=first: _at(lines, line, first), file, shown(self.folder))  # type: ignore[misc]
                if isinstance(placed, Document):
                    placed.index = numbers[file] = numbers.get(file, -1) + 1
                found.append(placed)
        return found

    def place(self, name: str) -> tuple[str, int]:
        """The file of a template, with 0; for one that is packed into an archive, the chart's own and the line of the dependency.

        A template can write such a line itself, and name in it what is no part of the chart.
        """
        path = os.path.normpath(os.path.join(self.folder, name))
        if is_below(os.path.realpath(path), os.path.realpath(self.folder)) and os.path.isfile(path):
            return shown(path), 0
        packed = name.removeprefix("charts/").partition("/")[0]
        return shown(os.path.join(self.folder, CHART)), self.dependency(packed)

    def dependency(self, name: str) -> int:
        """The 1-based line of the chart that names a dependency; 1 where it is not found."""
        pattern = re.compile(rf"\s*(?:- )?\s*(?:name|alias):\s*[\"']?{re.escape(name)}[\"']?\s*(?:#.*)?")
        known = any(name in (mapping(entry).get("name"), mapping(entry).get("alias")) for entry in sequence(self.about.get("dependencies")))
        lines = self.text(os.path.join(self.folder, CHART)) if known else []
        return next((number for number, line in enumerate(lines, 1) if pattern.fullmatch(line)), 1)

    def lines(self, file: str, chunk: str) -> list[int]:
        """The template's line, from 0, for each line of what it renders to."""
        return lines_of(chunk.split("\n"), self.text(file))

    def text(self, file: str) -> list[str]:
        """The lines of a file; an empty one where it cannot be read."""
        if file not in self.templates:
            self.templates[file] = text_of(file).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return self.templates[file]


def _at(lines: list[int], line: int, first: int) -> int:
    """The 1-based line of the template for one of what was rendered; ``first`` where no line of it is known."""
    return lines[min(line, len(lines)) - 1] + 1 if lines and line else max(first, 1)
