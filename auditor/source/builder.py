"""YAML text to values with positions, in one pass over libyaml's events.

This module is the only one that knows the YAML parser, behind one function, `build`; a faster parser can replace it.

Events are used rather than nodes: composing builds a node for every scalar, and a second walk would build the values again. The pass
is a loop with its own stack, so that depth never meets Python's limit. What is rare (an anchor, a tag, a key for the second time) leaves
the loop for a method.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import yaml
from yaml import events

from auditor.document import DuplicateKey, Path
from auditor.source.lines import Lines, has_odd_breaks
from auditor.source.repeats import MergeKey, NoMapping, Repeating, settle
from auditor.source.scalars import KNOWN, KNOWN_KEYS, NotJson, as_key, resolve, resolve_key, resolve_tagged

# PyYAML may have been built without libyaml: the same events, about ten times slower.
_Parser: Any = getattr(yaml.cyaml, "CParser", None) if yaml.__with_libyaml__ else None
_COUNTS_BYTES = _Parser is not None
_Parser = _Parser or yaml.SafeLoader

# Bound once: each is looked up for every event.
_SCALAR, _ALIAS, _DOCUMENT = events.ScalarEvent, events.AliasEvent, events.DocumentStartEvent
_MAPPING, _MAPPING_END = events.MappingStartEvent, events.MappingEndEvent
_SEQUENCE, _SEQUENCE_END = events.SequenceStartEvent, events.SequenceEndEvent

__all__ = ["BrokenYaml", "Built", "build", "check_syntax"]

# Entries that aliases may add to one document. go-yaml, which kubectl uses, refuses documents of more than 400,000 decoded values that are
# mostly aliases: https://github.com/yaml/go-yaml/blob/v2/decode.go (alias_ratio_range_low).
MAX_ALIASED_ENTRIES = 400_000

# Entries below anchors, each counted once for every anchor above it.
MAX_ANCHORED_ENTRIES = 4_000_000

# Of one mapping.
MAX_DUPLICATES = 10_000

# Real objects stay below 60 levels; the walks over values recurse, and Python's own limit is 1,000 frames.
MAX_DEPTH = 200

_MERGE_TAG = "tag:yaml.org,2002:merge"
_NOTHING_TO_MERGE = "a merge key (<<) needs a mapping, an alias to one, or a list of these"
_MISSING = object()


class BrokenYaml(Exception):
    """Text that is not YAML, or not YAML that Kubernetes can take.

    Attributes:
        problem: what is wrong, in the parser's words.
        line, column: where the parser stood, counted from 0 in the text it was given.
        began: line and column where what it was reading had begun, where it says so.
    """

    def __init__(self, problem: str, line: int, column: int, began: tuple[int, int] | None = None) -> None:
        super().__init__(problem)
        self.problem, self.line, self.column, self.began = problem, line, column, began


@dataclass(frozen=True, slots=True)
class Built:
    """A document's value and the positions of its entries.

    Attributes:
        value: dicts, lists and scalars; None for an empty document.
        marks: line and column, from 0, of each key and each list item, in the order of the text; two numbers an entry.
        line, column: where the value starts, from 0.
        duplicates: keys that stand twice; lines and columns from 0.
        blocks: first line and column, last line and column, from 0, of the text of every scalar that is quoted or spans lines.
    """

    value: Any
    marks: array[int]
    line: int
    column: int
    duplicates: tuple[DuplicateKey, ...]
    blocks: tuple[tuple[int, int, int, int], ...]


def check_syntax(text: str) -> None:
    """Parse without building anything: about a tenth of the cost. Raises `BrokenYaml`."""
    try:
        parser = _Parser(text)
        if hasattr(parser, "raw_parse"):
            parser.raw_parse()
        else:
            while parser.get_event() is not None:
                pass
    except yaml.YAMLError as error:
        raise _broken(error, text) from None


def build(text: str, *, want_blocks: bool = False) -> Built:
    """The value of a text.

    Args:
        text: one YAML document; the caller has split the stream.
        want_blocks: also collect the places of quoted and multi-line scalars.

    Raises:
        BrokenYaml: a syntax error, a value without a JSON form, or an alias that cannot be expanded.
    """
    try:
        built = _Builder(_Parser(text).get_event, want_blocks).run()
    except yaml.YAMLError as error:
        raise _broken(error, text) from None
    except BrokenYaml as error:
        if has_odd_breaks(text):
            error.line, error.column = Lines(text).place(error.line, error.column)
        raise
    return _placed(built, Lines(text)) if has_odd_breaks(text) else built


def _placed(built: Built, lines: Lines) -> Built:
    lines.place_all(built.marks)
    line, column = lines.place(built.line, built.column)
    duplicates = []
    for twice in built.duplicates:
        first, (again, at) = lines.place(twice.first_line, 0)[0], lines.place(twice.line, twice.column)
        duplicates.append(replace(twice, first_line=first, line=again, column=at))
    blocks = tuple((*lines.place(*block[:2]), *lines.place(*block[2:])) for block in built.blocks)
    return Built(built.value, built.marks, line, column, tuple(duplicates), blocks)


def _broken(error: yaml.YAMLError, text: str) -> BrokenYaml:
    begin = getattr(error, "context_mark", None)
    mark = getattr(error, "problem_mark", None) or begin
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).partition("\n")[0]
    context = getattr(error, "context", None)
    if context and context not in problem:
        problem = f"{problem} ({context})"
    if mark is None:
        return BrokenYaml(problem, *_at(text, getattr(error, "position", None)))
    here, there = (mark.line, mark.column), (begin.line, begin.column) if begin else None
    if has_odd_breaks(text):
        lines = Lines(text)
        here, there = lines.place(*here), lines.place(*there) if there else None
    return BrokenYaml(problem, *here, there)


def _at(text: str, position: int | None) -> tuple[int, int]:
    """Line and column of a character that the parser refuses; libyaml counts bytes, and PyYAML's own parser characters."""
    if position is None:
        return 0, 0
    before = text.encode("utf-8", "surrogatepass")[:position].decode("utf-8", "replace") if _COUNTS_BYTES else text[:position]
    return before.count("\n"), len(before) - before.rfind("\n") - 1


class _Anchor:
    """What an anchor names; ``value`` is missing for as long as its end has not been read."""

    __slots__ = ("depth", "marks", "start", "value")

    def __init__(self, start: int, value: Any = _MISSING) -> None:
        self.start = start
        self.value = value
        self.marks: list[int] = []
        self.depth = 0


class _Builder:
    """The loop over events. One instance builds one document."""

    def __init__(self, get_event: Callable[[], Any], want_blocks: bool) -> None:
        self.get_event = get_event
        self.want_blocks = want_blocks
        self.marks: list[int] = []
        self.stack: list[tuple[Any, str | None, _Anchor | None]] = []
        self.anchors: dict[str, _Anchor] = {}
        self.anchored = self.aliased = 0
        self.duplicates: list[DuplicateKey] = []
        self.blocks: list[tuple[int, int, int, int]] = []

    def run(self) -> Built:  # noqa: PLR0912, PLR0915 - one hot loop; splitting it costs a call for each event
        get_event, marks, stack, want_blocks = self.get_event, self.marks, self.stack, self.want_blocks
        mark_at = marks.append
        frame: Any = None  # the dict or list that is being filled
        key: str | None = None  # the key of `frame` that waits for its value
        anchor: _Anchor | None = None  # the anchor of `frame`
        value: Any = None
        line = column = 0
        while True:
            event = get_event()
            kind = event.__class__
            if kind is _SCALAR:
                mark = event.start_mark
                if key is None and frame.__class__ is dict:
                    key = KNOWN_KEYS.get(event.value) if event.implicit[0] else event.value if event.tag is None else None
                    if key is None or key in frame or event.anchor:
                        frame, key = self.key(event, frame)
                    mark_at(mark.line)
                    mark_at(mark.column)
                    continue
                if key is None and frame.__class__ is Repeating:
                    frame, key = self.key(event, frame)
                    mark_at(mark.line)
                    mark_at(mark.column)
                    continue
                if event.implicit[0]:
                    value = KNOWN.get(event.value, _MISSING)
                    if value is _MISSING:
                        value = self.scalar(event)
                elif event.tag is None:
                    value = event.value
                else:
                    value = self.scalar(event)
                if event.anchor:
                    self.anchors[event.anchor] = _Anchor(0, value)
                if want_blocks:
                    self.block(event)
                if frame.__class__ is list:
                    mark_at(mark.line)
                    mark_at(mark.column)
                    frame.append(value)
                    continue
            elif kind is _MAPPING or kind is _SEQUENCE:
                mark = event.start_mark
                if frame.__class__ is list:
                    mark_at(mark.line)
                    mark_at(mark.column)
                elif frame is None:
                    line, column = mark.line, mark.column
                elif key is None:
                    raise BrokenYaml("a mapping key must be a string, not a collection", mark.line, mark.column)
                if len(stack) == MAX_DEPTH:
                    raise BrokenYaml(f"nested deeper than {MAX_DEPTH} levels", mark.line, mark.column)
                stack.append((frame, key, anchor))
                frame, key = {} if kind is _MAPPING else [], None
                anchor = self.open(event) if event.anchor else None
                continue
            elif kind is _MAPPING_END or kind is _SEQUENCE_END:
                value = frame if frame.__class__ is not Repeating else self.settled(frame)
                if anchor is not None:
                    self.close(anchor, value, event)
                frame, key, anchor = stack.pop()
                if frame.__class__ is list:  # its mark was left when it opened
                    frame.append(value)
                    continue
            elif kind is _ALIAS:
                mark = event.start_mark
                if key is None and frame.__class__ is not list:
                    frame, key = self.key(event, frame)
                    mark_at(mark.line)
                    mark_at(mark.column)
                    continue
                alias = self.alias(event)
                if frame.__class__ is list:
                    mark_at(mark.line)
                    mark_at(mark.column)
                    frame.append(alias.value)
                    marks += alias.marks
                    continue
                value = alias.value
                if key.__class__ is MergeKey and value.__class__ is not dict:
                    raise BrokenYaml(_NOTHING_TO_MERGE, mark.line, mark.column)
                marks += alias.marks
            elif event is None:
                return Built(None, array("I"), 0, 0, (), ())
            else:  # the start of the stream, of the document or its end
                continue
            if frame is None:
                break
            frame[key] = value
            key = None
        self.end()
        return Built(value, array("I", marks), line, column, tuple(self.duplicates), tuple(self.blocks))

    def end(self) -> None:
        """Nothing may follow the value; what does would be lost without a word."""
        while (event := self.get_event()) is not None:
            if event.__class__ is _DOCUMENT:
                mark: Any = event.start_mark
                raise BrokenYaml("a second document begins here, behind a line break that kubectl does not know", mark.line, mark.column)

    def block(self, event: Any) -> None:
        """Remember where a quoted or long scalar stands. Behind ``|`` and ``>`` a comment is a comment."""
        begin, end = event.start_mark, event.end_mark
        if event.style in ("|", ">"):
            self.blocks.append((begin.line + 1, 0, end.line, end.column))
        elif event.style or end.line > begin.line:
            self.blocks.append((begin.line, begin.column, end.line, end.column))

    def scalar(self, event: Any) -> object:
        try:
            return resolve(event.value) if event.implicit[0] else resolve_tagged(event.tag, event.value)
        except NotJson as error:
            raise BrokenYaml(str(error), event.start_mark.line, event.start_mark.column) from None

    def key(self, event: Any, frame: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """A key that is not simply new, and the mapping that it belongs to from now on."""
        key = self.key_of(event)
        if frame.__class__ is dict and (key in frame or key.__class__ is MergeKey):
            frame = Repeating(frame, len(self.marks))
        if isinstance(frame, Repeating):
            if len(frame.met) > len(frame) + MAX_DUPLICATES:
                mark = event.start_mark
                raise BrokenYaml(f"more than {MAX_DUPLICATES:,} keys of a mapping stand twice", mark.line, mark.column)
            frame.met.append(key)
            frame.starts.append(len(self.marks))
        return frame, key

    def key_of(self, event: Any) -> str:
        try:
            if isinstance(event, _ALIAS):
                value = self.alias(event).value
                if isinstance(value, dict | list):
                    raise NotJson("a mapping key must be a string, not an alias to a collection")
                return as_key(value)
            key: str
            if event.value == "<<" and (event.implicit[0] or event.tag == _MERGE_TAG):
                key = MergeKey("<<")
            elif event.implicit[0]:
                key = resolve_key(event.value)
            else:
                key = event.value if event.tag is None else str(resolve_tagged(event.tag, event.value, key=True))
            if event.anchor:
                self.anchors[event.anchor] = _Anchor(0, key)
            return key
        except NotJson as error:
            raise BrokenYaml(str(error), event.start_mark.line, event.start_mark.column) from None

    def open(self, event: Any) -> _Anchor:
        anchor = self.anchors[event.anchor] = _Anchor(len(self.marks))
        return anchor

    def close(self, anchor: _Anchor, value: Any, event: Any) -> None:
        anchor.marks = self.marks[anchor.start :]
        self.anchored += len(anchor.marks) // 2
        if self.anchored > MAX_ANCHORED_ENTRIES:
            raise BrokenYaml(f"more than {MAX_ANCHORED_ENTRIES:,} entries below anchors", event.start_mark.line, event.start_mark.column)
        anchor.value, anchor.depth = value, _depth(value)

    def alias(self, event: Any) -> _Anchor:
        mark = event.start_mark
        anchor = self.anchors.get(event.anchor)
        if anchor is None:
            raise BrokenYaml(f"the alias *{event.anchor} has no anchor before it", mark.line, mark.column)
        if anchor.value is _MISSING:
            raise BrokenYaml(f"the alias *{event.anchor} stands inside the value it repeats, and would never end", mark.line, mark.column)
        if len(self.stack) + anchor.depth > MAX_DEPTH:
            raise BrokenYaml(f"nested deeper than {MAX_DEPTH} levels", mark.line, mark.column)
        self.aliased += len(anchor.marks) // 2
        if self.aliased > MAX_ALIASED_ENTRIES:
            raise BrokenYaml(f"aliases expand to more than {MAX_ALIASED_ENTRIES:,} entries (an alias bomb?)", mark.line, mark.column)
        return anchor

    def settled(self, frame: Repeating) -> dict[str, Any]:
        try:
            result, twice = settle(frame, self.marks, self.path())
        except NoMapping as error:
            raise BrokenYaml(_NOTHING_TO_MERGE, error.line, error.column) from None
        self.duplicates += twice
        return result

    def path(self) -> Path:
        """Where the mapping that ends now stands. What a merge key holds stands in the mapping that it is merged into."""
        steps: list[str | int] = []
        merging = False
        for frame, key, _ in self.stack:
            if frame.__class__ is list:
                if not merging:
                    steps.append(len(frame))
            elif frame is not None:
                merging = key.__class__ is MergeKey
                if not merging:
                    steps.append(key)  # type: ignore[arg-type]
        return tuple(steps)


def _depth(value: Any) -> int:
    """How many levels of collections a value has."""
    if isinstance(value, dict):
        return 1 + max((_depth(child) for child in value.values() if isinstance(child, dict | list)), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(child) for child in value if isinstance(child, dict | list)), default=0)
    return 0
