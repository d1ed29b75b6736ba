"""What kustomizations and charts render to, in place of what they are made of. Only when the user asks: tools run then.

A kustomization is rendered if no other one in view draws it in; a chart if it is no part of another. What their files hold is then judged
as it comes out, and not as it stands there. What cannot be rendered is named, and its files are judged as before.
"""

# ruff: noqa: PTH118, PTH120
# names of files are text here, as in auditor.source.files

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from auditor.document import NotJudged, Unread
from auditor.errors import UsageError
from auditor.source import Reading, classify
from auditor.source.files import shown
from auditor.source.kustomize import Kustomization
from auditor.source.rendering.helm import CHART, LIBRARY, chart, template
from auditor.source.rendering.kustomize import file_in, kustomize
from auditor.source.rendering.tools import CannotRender
from auditor.source.text import Item

__all__ = ["SECONDS", "Rendering", "render"]

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Rendering:
    """What is to be rendered, and how.

    Attributes:
        found: kustomizations and charts in what was read.
        folders: kustomizations to render beside, as the user named their folders.
        values: files of values for charts.
        seconds: how long one may take.
        online: kustomize may fetch what is not here.
        kubernetes_version: that charts are rendered for.
        jobs: how many tools may run at once; 0 for one for each core.
    """

    found: bool = False
    folders: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    seconds: float = SECONDS
    online: bool = False
    kubernetes_version: tuple[int, int] | None = None
    jobs: int = 0


@dataclass(slots=True)
class _Rendered:
    """What became of one kustomization or chart.

    Attributes:
        file: of the kustomization or chart.
        label: what its own file is counted as.
        items: what it renders to; None where that failed.
        failure: why, then.
        files: real paths of the files that it stands for.
        folders: real paths of folders of which it stands for every file.
    """

    file: str
    label: str
    items: list[Item] | None = None
    failure: Unread | None = None
    files: set[str] = field(default_factory=set)
    folders: tuple[str, ...] = ()


def render(reading: Reading, wanted: Rendering) -> Reading:
    """What was read, with what it renders to.

    Args:
        reading: what files and folders hold.
        wanted: what is to be rendered.

    Raises:
        UsageError: a folder that the user named holds no kustomization.
    """
    for folder in wanted.folders:
        if not file_in(folder):
            raise UsageError(f"there is no kustomization in {folder!r}", "name the folder of a kustomization.yaml")
    tasks = list(_tasks(reading, wanted))
    with ThreadPoolExecutor(max_workers=wanted.jobs or os.cpu_count() or 1) as executor:
        done = list(executor.map(lambda task: task(), tasks))
    return _joined(reading, done)


def _tasks(reading: Reading, wanted: Rendering) -> Iterator[Callable[[], _Rendered]]:
    """One piece of work for each kustomization and chart, in a stable order."""
    folders = {os.path.realpath(folder): folder for folder in wanted.folders}
    charts: list[str] = []
    if wanted.found:
        for folder in _roots(reading):
            folders.setdefault(os.path.realpath(folder), folder)
        charts = _charts(reading)
    for folder in sorted(folders.values()):
        yield lambda folder=folder: _kustomized(folder, wanted)  # type: ignore[misc]
    for folder in charts:
        yield lambda folder=folder: _templated(folder, wanted)  # type: ignore[misc]


def _roots(reading: Reading) -> list[str]:
    """Folders of the kustomizations that no other one draws in. A component can only be drawn in."""
    all_ = {os.path.dirname(item.file): item for item in reading.not_judged if isinstance(item, Kustomization)}
    drawn_in = {item.at(name) for item in all_.values() for name in item.resources}
    return [folder or "." for folder, item in all_.items() if (folder or ".") not in drawn_in and not item.component]


def _charts(reading: Reading) -> list[str]:
    """Folders of the charts that are no part of another."""
    folders = sorted(os.path.dirname(item.file) for item in reading.not_judged if item.reason == classify.CHART)
    found: list[str] = []
    for folder in folders:
        if not any(folder.startswith(f"{outer}/" if outer else "charts/") for outer in found):
            found.append(folder)
    return found


def _kustomized(folder: str, wanted: Rendering) -> _Rendered:
    file = os.path.normpath(file_in(folder))
    rendered = _Rendered(shown(file), classify.KUSTOMIZED)
    try:
        found = kustomize(folder, seconds=wanted.seconds, online=wanted.online)
    except CannotRender as error:
        rendered.failure = Unread(rendered.file, 0, f"cannot be rendered: {error}", remedy=error.remedy)
        return rendered
    rendered.items, rendered.files = found.items, found.files
    return rendered


def _templated(folder: str, wanted: Rendering) -> _Rendered:
    rendered = _Rendered(shown(os.path.join(folder, CHART)), classify.TEMPLATED)
    folder = folder or "."
    if chart(folder).get("type") == "library":
        rendered.label = LIBRARY
        return rendered
    try:
        rendered.items = template(folder, seconds=wanted.seconds, values=wanted.values, kubernetes_version=wanted.kubernetes_version)
    except CannotRender as error:
        rendered.failure = Unread(rendered.file, 0, f"cannot be rendered: {error}", remedy=error.remedy)
        return rendered
    rendered.folders = tuple(os.path.realpath(os.path.join(folder, name)) + os.sep for name in ("templates", "charts"))
    return rendered


def _joined(reading: Reading, done: list[_Rendered]) -> Reading:
    """What was read, without what is judged as rendered, and with what that is."""
    files = {file for one in done for file in one.files}
    folders = tuple(folder for one in done for folder in one.folders)
    labels = {os.path.realpath(one.file): one.label for one in done if one.failure is None}
    joined = Reading(
        folders=reading.folders, files=reading.files, files_judged=reading.files_judged, files_unread=reading.files_unread,
        files_not_judged=reading.files_not_judged, unread=[*reading.unread, *(one.failure for one in done if one.failure)],
    )  # fmt: skip
    real: dict[str, str] = {}

    def stands_for(file: str) -> bool:
        if file not in real:
            real[file] = os.path.realpath(file)
        return real[file] in files or real[file].startswith(folders)

    for document in reading.documents:
        if stands_for(document.file):
            joined.not_judged.append(NotJudged(document.file, document.line, classify.RENDERED))
        else:
            joined.documents.append(document)
    for item in reading.not_judged:
        label = labels.get(os.path.realpath(item.file)) if isinstance(item, Kustomization) or item.reason == classify.CHART else None
        if label is None and isinstance(item, Kustomization) and os.path.realpath(item.file) in files:
            label = classify.KUSTOMIZED
        if label is None and item.reason == classify.CHART and stands_for(item.file):
            label = classify.TEMPLATED
        if label is None and item.reason == classify.TEMPLATE and stands_for(item.file):
            label = classify.RENDERED
        joined.not_judged.append(NotJudged(item.file, item.line, label) if label else item)
    for one in done:
        for found in one.items or ():
            joined.take(found)
    joined.documents.sort(key=lambda document: (document.file, document.index))
    return joined
