"""Kustomizations: what one says about the files that it draws together. They are not rendered, only asked what they change.

Source: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
"""

# ruff: noqa: PTH118, PTH120
# These are texts to compare; no file is touched.

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Mapping

from auditor.document import NotJudged, mapping, sequence, strings
from auditor.source import classify

__all__ = ["Kustomization", "images_by_file"]

_PATCHES = ("patches", "patchesJson6902", "patchesStrategicMerge", "replacements", "transformers", "configurations")
_DRAWS_IN = ("resources", "bases", "components")


class Kustomization(NotJudged):
    """A kustomization.

    Attributes:
        patches: the files it patches with, relative to its own folder.
        resources: the files and folders it draws in, likewise.
        images: names of the images whose tag or digest it sets.
        component: it can only be drawn in by another.
    """

    __slots__ = ("component", "images", "patches", "resources")
    patches: tuple[str, ...]
    resources: tuple[str, ...]
    images: tuple[str, ...]
    component: bool

    def __init__(
        self,
        file: str,
        line: int,
        patches: Iterable[str],
        resources: Iterable[str] = (),
        images: Iterable[str] = (),
        component: bool = False,
    ) -> None:
        super().__init__(file, line, classify.KUSTOMIZATION)
        object.__setattr__(self, "patches", tuple(patches))
        object.__setattr__(self, "resources", tuple(resources))
        object.__setattr__(self, "images", tuple(images))
        object.__setattr__(self, "component", component)

    def __reduce__(self) -> tuple[object, ...]:
        return Kustomization, (self.file, self.line, self.patches, self.resources, self.images, self.component)

    @classmethod
    def read(cls, value: object, file: str, line: int) -> Kustomization:
        """A kustomization from what its file holds."""
        spec = mapping(value)
        named = [entry.get("path") if isinstance(entry, dict) else entry for key in _PATCHES for entry in sequence(spec.get(key))]
        patches = [name for name in named if isinstance(name, str) and "\n" not in name]
        resources = [name for key in _DRAWS_IN for name in strings(spec.get(key))]
        images = [mapping(entry) for entry in sequence(spec.get("images"))]
        tagged = [image.get("name") for image in images if image.get("newTag") or image.get("digest")]
        component = spec.get("kind") == "Component"
        return cls(file, line, patches, resources, [name for name in tagged if isinstance(name, str)], component)

    def at(self, name: str) -> str:
        """The path of a file or folder that it names."""
        return os.path.normpath(os.path.join(os.path.dirname(self.file), name))


def images_by_file(items: Iterable[object]) -> Mapping[str, frozenset[str]]:
    """By file, the names of the images in it whose tag or digest some kustomization sets that draws the file in, directly or not."""
    kustomizations = [item for item in items if isinstance(item, Kustomization)]
    by_folder = {os.path.dirname(item.file) or ".": item for item in kustomizations}
    found: dict[str, frozenset[str]] = {}
    for kustomization in kustomizations:
        if kustomization.images:
            for file in _drawn_in(kustomization, by_folder, set()):
                found[file] = found.get(file, frozenset()).union(kustomization.images)
    return found


def _drawn_in(kustomization: Kustomization, by_folder: Mapping[str, Kustomization], seen: set[str]) -> Iterator[str]:
    for path in map(kustomization.at, kustomization.resources):
        if path in seen:
            continue
        seen.add(path)
        inner = by_folder.get(path)
        if inner is None:
            yield path
        else:
            yield from _drawn_in(inner, by_folder, seen)
