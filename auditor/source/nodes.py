"""Where the parts of an object stand in the text of its file, from the first character to the last: what editing the text needs.

`auditor.source.builder` keeps one place for each entry, because every file is read; this is for the few that are edited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events

from auditor.document import Document
from auditor.source.builder import BrokenYaml, build
from auditor.source.files import is_markdown
from auditor.source.lines import Lines, has_odd_breaks
from auditor.source.markdown import fenced
from auditor.source.scalars import resolve_key
from auditor.source.stream import split_stream

__all__ = ["Node", "Object", "Objects", "Place"]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Line and column in the file, both from 0.
Place = tuple[int, int]


@dataclass(slots=True)
class Node:
    """A value in the text.

    Attributes:
        kind: ``scalar``, ``mapping``, ``sequence`` or ``alias``.
        start, end: its first character and the one behind its last; for a block, behind the last of what it holds.
        flow: a collection in brackets.
        style: how a scalar is written: empty for plain, else its quote, ``|`` or ``>``.
        text: a scalar's text; the name of an alias.
        anchor: its name, if it has one.
        tagged: it has an explicit type.
        keys: of a mapping.
        values: of a mapping or sequence.
    """

    kind: str
    start: Place
    end: Place
    flow: bool = False
    style: str = ""
    text: str = ""
    anchor: str = ""
    tagged: bool = False
    keys: list[Node] = field(default_factory=list)
    values: list[Node] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What a scalar is called as a mapping's key; empty for an alias."""
        if self.kind != "scalar" or self.style or self.tagged:
            return self.text if self.kind == "scalar" else ""
        return resolve_key(self.text)

    def all(self) -> Iterator[Node]:
        """This node and everything below it."""
        todo = [self]
        while todo:
            node = todo.pop()
            yield node
            todo += node.keys
            todo += node.values


@dataclass(frozen=True, slots=True)
class Object:
    """An object in its text.

    Attributes:
        node: the object.
        root: the document of the stream that holds it: the object itself, or a list.
        column: how many characters stand before each of its lines (a fence in Markdown).
        aliased: the anchors of that document that aliases name.
    """

    node: Node
    root: Node
    column: int
    aliased: frozenset[str]


class Objects:
    """Finds the objects of a file in its text."""

    def __init__(self, text: str, file: str) -> None:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        pieces = fenced(text) if is_markdown(file) else [(text, 0, 0)]
        self._chunks = {first + line: (chunk, column) for body, first, column in pieces for chunk, line in split_stream(body)}
        self._found: dict[int, dict[Place, Object]] = {}

    def find(self, document: Document) -> Object | None:
        """Where an object stands; None for one that stands as text inside another, that comes by an alias, or that YAML cannot read.

        Args:
            document: as it was read from this text.
        """
        at = document.offset
        if at not in self._chunks:
            return None
        if at not in self._found:
            chunk, column = self._chunks[at]
            self._found[at] = _mappings(chunk, at, column)
        return self._found[at].get((document.line - 1, document.column - 1))


def _mappings(chunk: str, line: int, column: int) -> dict[Place, Object]:
    """What may be an object, by its first character."""
    try:
        build(chunk)  # refuses what is too deep or too much
        root = _Composer(chunk, line, column).root()
    except (BrokenYaml, yaml.YAMLError):
        return {}
    nodes = list(root.all())
    aliased = frozenset(node.text for node in nodes if node.kind == "alias")
    return {node.start: Object(node, root, column, aliased) for node in nodes if node.kind == "mapping"}


class _Composer:
    """Events to nodes, with their places in the file."""

    def __init__(self, text: str, line: int, column: int) -> None:
        self.get_event = _Loader(text).get_event
        self.line, self.column = line, column
        self.text = text.split("\n")
        self.lines = Lines(text) if has_odd_breaks(text) else None

    def root(self) -> Node:
        stack: list[Node] = []
        while True:
            event = self.get_event()
            if isinstance(event, events.MappingEndEvent | events.SequenceEndEvent):
                node = stack.pop()
                if node.flow:
                    node.end = self.place(event.end_mark)
                elif node.values:
                    node.end = node.values[-1].end
            elif isinstance(event, events.NodeEvent):
                node = self.node(event)
                if isinstance(event, events.CollectionStartEvent):
                    if stack:
                        _put(stack[-1], node)
                    stack.append(node)
                    continue
                if stack:
                    _put(stack[-1], node)
            else:
                continue
            if not stack:
                return node

    def node(self, event: Any) -> Node:
        start, end = self.place(event.start_mark), self.place(event.end_mark)
        if isinstance(event, events.AliasEvent):
            return Node("alias", start, end, text=str(event.anchor))
        anchor = event.anchor or ""
        if isinstance(event, events.ScalarEvent):
            style = event.style or ""
            end = self.end_of_block(start, end) if style in ("|", ">") else end
            return Node("scalar", start, end, style=style, text=event.value, anchor=anchor, tagged=event.tag is not None)
        kind = "mapping" if isinstance(event, events.MappingStartEvent) else "sequence"
        return Node(kind, start, end, bool(event.flow_style), anchor=anchor)

    def end_of_block(self, start: Place, end: Place) -> Place:
        """The end of the last line of a block scalar that holds something; of the last one where the empty ones count (``|+``)."""
        last = end[0] - self.line - (end[1] == self.column)
        first = start[0] - self.line
        if "+" not in self.text[first][start[1] - self.column :].partition("#")[0]:
            while last > first and not self.text[last].strip():
                last -= 1
        return self.line + last, self.column + len(self.text[last])

    def place(self, mark: Any) -> Place:
        line, column = (mark.line, mark.column) if self.lines is None else self.lines.place(mark.line, mark.column)
        return self.line + line, self.column + column


def _put(parent: Node, node: Node) -> None:
    """Add a node to the collection that holds it: in a mapping keys and values alternate."""
    if parent.kind == "mapping" and len(parent.keys) == len(parent.values):
        parent.keys.append(node)
    else:
        parent.values.append(node)
