"""The unified diff of a text and what edits made of it, as ``patch`` and ``git apply -p0`` take it.

What was edited is known, so that only that is compared: to find it again in a long file of alike lines is slow, and may find it elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

__all__ = ["unified"]

_AROUND = 3

# What became of some lines of one text: ``equal`` or else, and where they stand in both.
_Piece = tuple[str, int, int, int, int]


def unified(file: str, before: str, after: str, origins: Sequence[int]) -> str:
    """The diff.

    Args:
        file: its name.
        before, after: the texts.
        origins: for each line after, which it was before; -1 for new ones and those that were touched.
    """
    old, new = _lines(before), _lines(after)
    matcher: SequenceMatcher[str] = SequenceMatcher(None, [], [], autojunk=False)
    matcher.opcodes = _joined(_pieces(old, new, origins))  # type: ignore[attr-defined]
    tab = "\t" if " " in file else ""  # as git writes it: to patch, a name ends at the first blank unless a tab ends it
    lines = [f"--- {file}{tab}\n+++ {file}{tab}\n"]
    for group in matcher.get_grouped_opcodes(_AROUND):
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n")
        for what, start, end, begin, finish in group:
            if what == "equal":
                lines += _marked(" ", old, start, end)
            else:
                lines += [*_marked("-", old, start, end), *_marked("+", new, begin, finish)]
    return "".join(lines)


def _pieces(old: Sequence[str], new: Sequence[str], origins: Sequence[int]) -> Iterator[_Piece]:
    """The texts line by line: what is known to be equal, and what stands between, compared."""
    at = to = 0
    kept = [(origin, number) for number, origin in enumerate(origins[: len(new)]) if 0 <= origin < len(old)]
    index = 0
    while index < len(kept):
        origin, number = kept[index]
        if (origin, number) != (at, to):
            yield from _compared(old, new, at, origin, to, number)
        length = 1
        while index + length < len(kept) and kept[index + length] == (origin + length, number + length):
            length += 1
        yield "equal", origin, origin + length, number, number + length
        at, to, index = origin + length, number + length, index + length
    if (at, to) != (len(old), len(new)):
        yield from _compared(old, new, at, len(old), to, len(new))


def _compared(old: Sequence[str], new: Sequence[str], start: int, end: int, begin: int, finish: int) -> Iterator[_Piece]:
    for what, i1, i2, j1, j2 in SequenceMatcher(None, old[start:end], new[begin:finish], autojunk=False).get_opcodes():
        yield what, start + i1, start + i2, begin + j1, begin + j2


def _joined(pieces: Iterable[_Piece]) -> list[_Piece]:
    """Neighbours that are equal as one piece."""
    found: list[_Piece] = []
    for piece in pieces:
        if found and piece[0] == found[-1][0] == "equal":
            found[-1] = ("equal", found[-1][1], piece[2], found[-1][3], piece[4])
        else:
            found.append(piece)
    return found


def _lines(text: str) -> list[str]:
    """The lines with their ends; only the last may have none."""
    *lines, last = text.split("\n")
    return [*(f"{line}\n" for line in lines), *([last] if last else [])]


def _marked(mark: str, lines: Sequence[str], start: int, end: int) -> Iterator[str]:
    for line in lines[start:end]:
        yield f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _range(start: int, end: int) -> str:
    length = end - start
    return f"{start + 1 if length else start},{length}"
