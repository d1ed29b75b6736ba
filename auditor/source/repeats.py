"""Mappings in which something repeats: merge keys (``<<``) and keys that stand twice, as kubectl reads them.

kubectl's parser takes a merge key for an assignment of all that it names, at the place where it stands: it overrides the entries before
it and yields to those behind. (Later YAML libraries let every written entry win; executed with ``sigs.k8s.io/yaml`` 1.6.)

Source: https://github.com/yaml/go-yaml/blob/v2.4.0/decode.go (mapping, merge)
"""

from __future__ import annotations

from typing import Any

from auditor.document import DuplicateKey, Path, count_entries

__all__ = ["MergeKey", "NoMapping", "Repeating", "settle"]


class NoMapping(Exception):
    """A merge key whose value is neither a mapping nor a list of mappings. Line and column are the key's, from 0."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.line, self.column = line, column


class MergeKey(str):
    """A key ``<<``. Each is equal to itself alone, so that one mapping can hold several."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other


class Repeating(dict[str, Any]):
    """A mapping under construction that has met a merge key, or a key for the second time.

    Attributes:
        met: all its keys, in the order of the text.
        starts: for each, where its marks begin.
    """

    __slots__ = ("met", "starts")

    def __init__(self, plain: dict[str, Any], end: int) -> None:
        """Go on from a mapping in which nothing repeats, and whose marks end at ``end``."""
        super().__init__(plain)
        self.met = list(plain)
        self.starts: list[int] = []
        for value in reversed(plain.values()):
            end -= 2 + 2 * count_entries(value)
            self.starts.append(end)
        self.starts.reverse()


def settle(mapping: Repeating, marks: list[int], path: Path) -> tuple[dict[str, Any], list[DuplicateKey]]:
    """What the mapping holds in the end, and the written keys that something later overrides.

    Args:
        mapping: all of it.
        marks: the builder's; those of the mapping are put into the order of the result.
        path: where the mapping stands.

    Raises:
        NoMapping: a merge key has nothing to merge.
    """
    begin, ends = mapping.starts[0], [*mapping.starts[1:], len(marks)]
    last = {key: number for number, key in enumerate(mapping.met)}
    written: dict[str, int] = {}  # the lines of keys that stand in this mapping itself
    twice: list[DuplicateKey] = []
    slices: dict[str, list[int]] = {}
    result: dict[str, Any] = {}
    for number, (key, start, end) in enumerate(zip(mapping.met, mapping.starts, ends, strict=True)):
        value, piece = mapping[key], marks[start:end]
        merges = key.__class__ is MergeKey
        for name, (child, mark) in (_sources(value, piece) if merges else {key: (value, piece)}).items():
            if name in written and not (merges and (last[name] > number or result[name] == child)):
                twice.append(DuplicateKey((*path, name), written[name], piece[0], piece[1]))
            result.pop(name, None)
            result[name], slices[name] = child, mark
        if not merges:
            written[key] = piece[0]
    del marks[begin:]
    for name in result:
        marks += slices[name]
    return result, twice


def _sources(value: Any, piece: list[int]) -> dict[str, tuple[Any, list[int]]]:
    """The entries that one ``<<`` brings, with their marks, from a mapping or a list of mappings; the first to name a key wins."""
    found: dict[str, tuple[Any, list[int]]] = {}
    at = 2
    for source in value if isinstance(value, list) else [value]:
        if isinstance(value, list):
            at += 2
        if not isinstance(source, dict):
            raise NoMapping(piece[0], piece[1])
        for key, child in source.items():
            size = 2 + 2 * count_entries(child)
            found.setdefault(key, (child, piece[at : at + size]))
            at += size
    return found
