"""From a change of an object to edits of its text, in the style in which the text is written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditor.document import Path, format_path
from auditor.fix.sheet import Edit
from auditor.fix.spelling import spelled
from auditor.patch import Change, Misfit, Put, Rename
from auditor.source.nodes import Node, Object, Place

__all__ = ["edits_of"]

# A new entry of a mapping of more lines stands behind its first short ones, where people look, and not below everything.
_LONG = 20
_INDENT = 2
_DASH = re.compile(r"[ \t]*-[ \t]+")

Value = str | int | bool


def edits_of(changes: Sequence[Change], found: Object, lines: Sequence[str]) -> list[Edit]:
    """The edits that make changes to an object.

    Args:
        changes: for different places of it.
        found: where it stands.
        lines: of the file.

    Raises:
        Misfit: a change cannot be made to the text without touching something else.
    """
    editor = _Editor(found, lines)
    return [edit for change in changes for edit in editor.edits(change)]


class _Editor:
    def __init__(self, found: Object, lines: Sequence[str]) -> None:
        self.top, self.column, self.lines = found.node, found.column, lines
        self.aliased = found.aliased
        json = found.root.flow and found.root.keys and found.root.keys[0].style == '"'
        self.quote = '"' if json else ""

    def edits(self, change: Change) -> list[Edit]:
        if isinstance(change, Put):
            return self.put(change.path, change.value)
        above = [self.own(self.top)]
        indices = []
        for step in change.path:
            index = _index(above[-1], step)
            if index is None:
                raise Misfit(f"{format_path(change.path)} is not written out there")
            indices.append(index)
            above.append(self.own(above[-1].values[index]))
        if isinstance(change, Rename):
            return self.rename(above[-2], indices[-1], change)
        while len(above) > 2 and len(above[-2].values) == 1:  # what would be left is empty
            above.pop()
            indices.pop()
        return self.remove(above[-2], indices[-1])

    def own(self, node: Node) -> Node:
        """The node, if nothing else in the file is the same text."""
        if node.kind == "alias" or (node.anchor and node.anchor in self.aliased):
            name = f"*{node.text}" if node.kind == "alias" else f"&{node.anchor}"
            raise Misfit(f"other places of the file share the text ({name})")
        return node

    # -- put ----------------------------------------------------------------------------------------------------------------------------

    def put(self, path: Path, value: Value) -> list[Edit]:
        node = self.own(self.top)
        for depth, step in enumerate(path):
            index = _index(node, step)
            rest = path[depth + 1 :]
            if index is None:
                return self.insert(node, path[depth:], value)
            child = self.own(node.values[index])
            if rest and child.kind == "scalar":
                return self.fill(node, index, rest, value)
            node = child
        return [self.replace(node, value)]

    def replace(self, node: Node, value: Value) -> Edit:
        """Another scalar in the place of one."""
        if node.kind != "scalar" or node.start[0] != node.end[0] or node.style in ("|", ">"):
            raise Misfit("what stands there is more than a word in one line")
        if node.anchor or node.tagged:
            raise Misfit("what stands there has an anchor or a tag")
        text = spelled(value, node.style or (self.quote if isinstance(value, str) else ""))
        return Edit(node.start, node.end, text if node.start != node.end else f" {text}")

    def fill(self, node: Node, index: int, rest: Path, value: Value) -> list[Edit]:
        """A mapping in the place of nothing."""
        key, child = node.keys[index], node.values[index]
        if child.style or child.anchor or child.tagged or child.text not in ("", "~", "null", "Null", "NULL"):
            raise Misfit(f"{key.text} is no mapping")
        if node.flow or child.text:
            text = "{" + self.flow(rest, value) + "}"
            return [Edit(child.start, child.end, text if child.start != child.end else f" {text}")]
        return [self.line_below(child.end[0], key.start[1] + self.step(node), self.block(rest, value, _INDENT))]

    def insert(self, node: Node, rest: Path, value: Value) -> list[Edit]:
        """A new entry of a mapping."""
        if node.kind != "mapping" or not all(isinstance(step, str) for step in rest):
            raise Misfit(f"{format_path(rest)} has no mapping to stand in")
        if len(rest) > 1 and any(key.key == "<<" for key in node.keys):
            raise Misfit("a merge key (<<) may bring what stands there")
        if node.flow:
            return self.insert_in_braces(node, self.flow(rest, value))
        flows = [child.flow for child in node.values if child.kind == "mapping"]
        text = self.flow(rest, value) if len(rest) > 1 and flows and all(flows) else self.block(rest, value, self.step(node))
        index = _after(node)
        last = index == len(node.keys) - 1
        line = self.below_comments(node.values[index].end[0], node.start[1] + (not last))
        return [self.line_below(line, node.keys[0].start[1], text)]

    def insert_in_braces(self, node: Node, text: str) -> list[Edit]:
        if not node.keys:
            inside = (node.start[0], node.start[1] + len(self.lines[node.start[0]][node.start[1] :].partition("{")[0]) + 1)
            return [Edit(inside, inside, text)]
        key, end = node.keys[-1], node.values[-1].end
        before = self.lines[key.start[0]][self.column : key.start[1]]
        behind = self.lines[end[0]][end[1] :].strip()
        comma = behind.startswith(",")
        rest = behind.removeprefix(",").strip()
        if before.strip() or (rest and not rest.startswith("#")):
            return [Edit(end, end, f", {text}")]
        of_line = (end[0], len(self.lines[end[0]]))
        if comma:
            return [Edit(of_line, of_line, f"\n{before}{text},", self.column)]
        if not rest:
            return [Edit(end, end, f",\n{before}{text}", self.column)]
        return [Edit(end, end, ","), Edit(of_line, of_line, f"\n{before}{text}", self.column)]

    def flow(self, path: Path, value: Value) -> str:
        """An entry, and those above it, in one line."""
        text = spelled(value, self.quote)
        for number, step in enumerate(reversed(path)):
            text = f"{spelled(str(step), self.quote)}: {'{' + text + '}' if number else text}"
        return text

    def block(self, path: Path, value: Value, step: int) -> str:
        """An entry and those above it, each in a line of its own."""
        lines = [f"{' ' * step * depth}{spelled(str(key), self.quote)}:" for depth, key in enumerate(path)]
        return "\n".join(lines) + f" {spelled(value, self.quote)}"

    def line_below(self, line: int, column: int, text: str) -> Edit:
        at = (line, len(self.lines[line]))
        indent = " " * (column - self.column)
        return Edit(at, at, "".join(f"\n{indent}{part}" for part in text.split("\n")), self.column)

    def below_comments(self, line: int, column: int) -> int:
        """The last of the comments below a line that are indented at least so far: they belong to what stands above."""
        while line + 1 < len(self.lines):
            below = self.lines[line + 1][self.column :]
            comment = below.lstrip(" ")
            if not comment.startswith("#") or "mlaudit:" in comment or self.column + len(below) - len(comment) < column:
                break
            line += 1
        return line

    def step(self, node: Node) -> int:
        """By how much the entries of a mapping's mappings are indented."""
        steps = [child.keys[0].start[1] - node.keys[0].start[1] for child in node.values if child.kind == "mapping" and not child.flow]
        return steps[0] if steps and steps[0] > 0 else _INDENT

    # -- rename and remove --------------------------------------------------------------------------------------------------------------

    def rename(self, node: Node, index: int, change: Rename) -> list[Edit]:
        key = node.keys[index]
        if key.anchor or key.tagged or key.start[0] != key.end[0] or any(key.key == change.key for key in node.keys):
            raise Misfit(f"{key.text} cannot be renamed to {change.key}")
        return [Edit(key.start, key.end, spelled(change.key, key.style))]

    def remove(self, node: Node, index: int) -> list[Edit]:
        """Take an entry out: in a block its lines, in brackets it and a comma."""
        starts = [key.start for key in node.keys] or [value.start for value in node.values]
        start, end = starts[index], node.values[index].end
        last = index == len(starts) - 1
        if len(starts) == 1:
            raise Misfit("nothing would be left")
        if node.flow:
            return [self.cut(node.values[index - 1].end, end) if last else self.cut(start, starts[index + 1])]
        before = self.lines[start[0]][self.column : start[1]]
        if not before.strip() if node.keys else _DASH.fullmatch(before):
            below = end[0] + 1
            if below < len(self.lines):
                return [Edit((start[0], 0), (below, 0), "")]
            return [Edit((start[0] - 1, len(self.lines[start[0] - 1])), (end[0], len(self.lines[end[0]])), "")]
        if last:
            raise Misfit("it shares its line with something else")
        return [self.cut(start, starts[index + 1])]

    def cut(self, start: Place, end: Place) -> Edit:
        """Take out what stands between two places, unless there may be a comment in it."""
        between = [self.lines[line][start[1] if line == start[0] else 0 :] for line in range(start[0], end[0] + (start[0] == end[0]))]
        if start[0] != end[0] and any("#" in line for line in between):
            raise Misfit("there is a comment beside it")
        return Edit(start, end, "")


def _index(node: Node, step: str | int) -> int | None:
    """Which entry of a collection a step leads to; of keys that stand twice the last, which counts."""
    if isinstance(step, int):
        return step if node.kind == "sequence" and step < len(node.values) else None
    if node.kind != "mapping":
        return None
    return next((index for index in reversed(range(len(node.keys))) if node.keys[index].key == step), None)


def _after(node: Node) -> int:
    """The entry of a block mapping behind which a new one stands."""
    last = len(node.keys) - 1
    if node.end[0] - node.start[0] < _LONG:
        return last
    short = [key.start[0] == value.end[0] for key, value in zip(node.keys, node.values, strict=True)]
    first = short.index(True) if True in short else last
    return next((index - 1 for index in range(first + 1, last + 1) if not short[index]), last)
