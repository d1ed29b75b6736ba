"""A checked expression as the binding hands it out, decoded: a small reader for the protocol-buffer message ``cel.expr.CheckedExpr``.

The binding gives no other way to look at what an expression says. The message is public and stable:
https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto, checked.proto beside it; the encoding is described at
https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Call", "Const", "Ident", "Items", "Loop", "Node", "Pairs", "Select", "Tree", "decode", "parts"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Const:
    """A literal. ``value`` is a bool, int, float, str, bytes or None."""

    id: int
    value: object


@dataclass(frozen=True, slots=True)
class Ident:
    """A name: of a variable, or of one that a macro binds."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """``operand.field``, or ``has(operand.field)`` where ``test`` is set."""

    id: int
    operand: Node
    field: str
    test: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator with its arguments; the receiver of a method comes first."""

    id: int
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list literal."""

    id: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A map literal; also a message, whose fields are then named by constants."""

    id: int
    message: str
    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """What the macros ``all``, ``exists``, ``exists_one``, ``map``, ``filter`` and ``cel.bind`` become.

    For each entry of ``range`` as ``var``, ``accu`` becomes ``step`` while ``condition`` holds; it starts as ``init``, and ``result`` is
    made of it.
    """

    id: int
    var: str
    range: Node
    accu: str
    init: Node
    condition: Node
    step: Node
    result: Node


Node = Const | Ident | Select | Call | Items | Pairs | Loop


@dataclass(frozen=True, slots=True)
class Tree:
    """An expression taken apart.

    Attributes:
        root: its outermost part.
        positions: for each part's id, the code point where it stands in the text.
        maps: ids of parts whose type is a map.
    """

    root: Node
    positions: dict[int, int] = field(default_factory=dict)
    maps: frozenset[int] = frozenset()


def decode(data: bytes) -> Tree:
    """The expression in a serialized ``google.protobuf.Any`` that holds a ``CheckedExpr``."""
    message = _one(data, 2)
    types: dict[int, int] = {}
    positions: dict[int, int] = {}
    root: Node | None = None
    for number, value in _fields(message):
        if number == 3 and isinstance(value, bytes):
            types[_int(value, 1)] = next((kind for kind, _ in _fields(_one(value, 2))), 0)
        elif number == 4 and isinstance(value, bytes):
            root = _node(value)
        elif number == 5 and isinstance(value, bytes):
            entries = [entry for place, entry in _fields(value) if place == 4 and isinstance(entry, bytes)]
            positions = {_int(entry, 1): _int(entry, 2) for entry in entries}
    assert root is not None
    return Tree(root, positions, frozenset(key for key, kind in types.items() if kind == 7))


def parts(node: Node) -> list[Node]:
    """A part with everything in it."""
    todo, found = [node], []
    while todo:
        one = todo.pop()
        found.append(one)
        match one:
            case Select(operand=operand):
                todo.append(operand)
            case Call(arguments=parts) | Items(items=parts):
                todo += parts
            case Pairs(pairs=pairs):
                todo += [part for pair in pairs for part in pair]
            case Loop():
                todo += [one.range, one.init, one.condition, one.step, one.result]
    return found


def _node(data: bytes) -> Node:
    number, what = 0, 0
    body = b""
    for place, value in _fields(data):
        if place == 2 and isinstance(value, int):
            number = value
        elif isinstance(value, bytes):
            what, body = place, value
    match what:
        case 3:
            return Const(number, _constant(body))
        case 4:
            return Ident(number, _text(body, 1))
        case 5:
            return Select(number, _node(_one(body, 1)), _text(body, 2), bool(_int(body, 3)))
        case 6:
            target = [_node(one) for one in _all(body, 1)]
            return Call(number, _text(body, 2), (*target, *map(_node, _all(body, 3))))
        case 7:
            return Items(number, tuple(map(_node, _all(body, 1))))
        case 8:
            return Pairs(number, _text(body, 1), tuple(map(_pair, _all(body, 2))))
        case 9:
            parts = (_node(_one(body, place)) for place in (2, 4, 5, 6, 7))
            ranged, init, condition, step, result = parts
            return Loop(number, _text(body, 1), ranged, _text(body, 3), init, condition, step, result)
    return Const(number, None)


def _pair(data: bytes) -> tuple[Node, Node]:
    key: Node = _node(_one(data, 3)) if _all(data, 3) else Const(0, _text(data, 2))
    return key, _node(_one(data, 4))


def _constant(data: bytes) -> object:
    for place, value in _fields(data):
        match place:
            case 2:
                return bool(value)
            case 3 if isinstance(value, int):
                return value - (1 << 64) if value >= 1 << 63 else value
            case 4:
                return value
            case 5 if isinstance(value, bytes):
                return struct.unpack("<d", value)[0]
            case 6 if isinstance(value, bytes):
                return value.decode("utf-8", "replace")
            case 7:
                return value
    return None


# -- the encoding -------------------------------------------------------------------------------------------------------------------------


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a message: an int, or the bytes of everything else."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        else:
            size = 8 if kind == _FIXED64 else 4
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _all(data: bytes, number: int) -> list[bytes]:
    return [value for place, value in _fields(data) if place == number and isinstance(value, bytes)]


def _one(data: bytes, number: int) -> bytes:
    return next(iter(_all(data, number)), b"")


def _text(data: bytes, number: int) -> str:
    return _one(data, number).decode("utf-8", "replace")


def _int(data: bytes, number: int) -> int:
    return next((value for place, value in _fields(data) if place == number and isinstance(value, int)), 0)
