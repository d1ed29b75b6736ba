"""What an expression reads, found without evaluating it: the paths of the model that its value may depend on.

Placeholders must not make faults. CEL's own unknowns cannot be handed in through the binding, so it is worked out which parts of the model
an expression may look at; where one of these is unknown, a fault is not believed. That errs on the side of silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from auditor.custom.fields import FIELDS, Field, record_at
from auditor.custom.wire import Call, Const, Ident, Items, Loop, Node, Pairs, Select, Tree
from auditor.document import Path

__all__ = ["Misspelt", "Reads", "read_by"]

_COMPARE = 'compare it with what it is when nothing is set, such as ""'

ANY, ITEM = "*", "[]"  # any step; any step into a list

_Names = frozenset[Path]
_NONE: _Names = frozenset()


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A field that a record does not have, or a question that CEL cannot answer as it is put.

    Attributes:
        position: the code point where it stands.
        what: one sentence.
        name: the name that is not known; empty where that is not the matter.
        known: names that are.
    """

    position: int
    what: str
    name: str = ""
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression looks at.

    Attributes:
        fields: fields of the table, by full name.
        deep: paths of values that are looked at whole.
        shallow: paths of which only the presence, or the keys, matter.
        misspelt: what cannot be meant.
    """

    fields: tuple[str, ...]
    deep: _Names
    shallow: _Names
    misspelt: tuple[Misspelt, ...]

    def touches(self, unknown: Iterable[Path]) -> bool:
        """Whether one of these unknown paths may be read."""
        return any(
            any(_meets(read, path, whole=True) for read in self.deep) or any(_meets(read, path, whole=False) for read in self.shallow)
            for path in unknown
        )

    def encloses(self, absent: Iterable[Path]) -> bool:
        """Whether something is looked at whole in which one of these paths is missing."""
        return any(len(read) < len(path) and _meets(read, path, whole=True) for path in absent for read in self.deep)


def _meets(read: Path, unknown: Path, *, whole: bool) -> bool:
    if not all(one in (ANY, other) or (one == ITEM and isinstance(other, int)) for one, other in zip(read, unknown, strict=False)):
        return False
    return whole or len(unknown) <= len(read)


@dataclass(frozen=True, slots=True)
class _Ref:
    """Where a value comes from: paths that it may be, and paths that the entries of a list made on the way may be."""

    paths: _Names = _NONE
    entries: _Names = _NONE

    def __or__(self, other: _Ref) -> _Ref:
        return _Ref(self.paths | other.paths, self.entries | other.entries)

    def step(self, step: str | int) -> _Ref:
        return _Ref(frozenset((*path, step) for path in self.paths) | self.entries)


def read_by(tree: Tree, fields: Mapping[str, Field]) -> Reads:
    """What an expression reads of these fields."""
    reader = _Reader(tree, dict(fields))
    reader.deeply(reader.visit(tree.root, {}))
    named = sorted({str(path[0]) for path in reader.deep | reader.shallow | reader.met})
    return Reads(tuple(named), frozenset(reader.deep), frozenset(reader.shallow), tuple(reader.misspelt))


@dataclass(slots=True)
class _Reader:
    tree: Tree
    fields: dict[str, Field]
    deep: set[Path] = field(default_factory=set)
    shallow: set[Path] = field(default_factory=set)
    met: set[Path] = field(default_factory=set)
    misspelt: list[Misspelt] = field(default_factory=list)

    def deeply(self, ref: _Ref) -> None:
        """Note that a value is looked at whole."""
        self.deep |= ref.paths | ref.entries

    def visit(self, node: Node, bound: Mapping[str, _Ref]) -> _Ref:
        """Note what a part reads, and tell where its value comes from."""
        match node:
            case Ident(name=name):
                return bound[name] if name in bound else self.named(name)
            case Select():
                return self.select(node, bound)
            case Call(function=function, arguments=arguments):
                return self.call(node, function, [self.visit(one, bound) for one in arguments])
            case Items(items=items):
                refs = [self.visit(one, bound) for one in items]
                self.deep |= {path for ref in refs for path in ref.entries}  # a list in a list: what comes out of it is not followed
                return _Ref(_NONE, frozenset().union(*(ref.paths | ref.entries for ref in refs)))
            case Pairs(pairs=pairs):
                for part in (part for pair in pairs for part in pair):
                    self.deeply(self.visit(part, bound))
                return _Ref()
            case Loop():
                return self.loop(node, bound)
        return _Ref()

    def named(self, name: str) -> _Ref:
        if name not in self.fields:
            return _Ref()
        self.met.add((name,))
        return _Ref(frozenset({(name,)}))

    def select(self, node: Select, bound: Mapping[str, _Ref]) -> _Ref:
        full = _full(node)
        if full in self.fields and full.partition(".")[0] not in bound:
            if node.test:
                self.complain(node, f"{full} is always there; {_COMPARE}")
            return self.named(full)
        ref = self.visit(node.operand, bound)
        for path in ref.paths:
            record = record_at(self.fields, path)
            known = tuple(one.name for one in FIELDS if one.owner == record)
            if record and node.field not in known:
                self.complain(node, f"{record} has no field {node.field!r}", node.field, known)
            elif record and node.test:
                self.complain(node, f"the field {node.field!r} of {record} is always there; {_COMPARE}")
        reached = ref.step(node.field)
        if node.test:
            self.shallow |= reached.paths
            return _Ref()
        return reached

    def call(self, node: Call, function: str, refs: list[_Ref]) -> _Ref:
        if function == "_[_]":
            key = node.arguments[1]
            self.deeply(refs[1])
            return refs[0].step(key.value if isinstance(key, Const) and isinstance(key.value, str | int) else ANY)
        if function == "_?_:_":
            self.deeply(refs[0])
            return refs[1] | refs[2]
        if function == "dyn":
            return refs[0]
        if function == "_+_" and any(ref.entries for ref in refs):  # a list made on the way: its entries are read where they are used
            return _Ref(_NONE, refs[0].entries | refs[1].entries | refs[0].step(ITEM).paths | refs[1].step(ITEM).paths)
        if function == "@in":  # of a map only the keys matter, of a list its items
            self.shallow |= refs[1].paths
            self.deeply(refs[1].step(ITEM))
            refs = refs[:1]
        if function in ("size", "type"):
            self.shallow |= refs[0].paths
        else:
            for ref in refs:
                self.deeply(ref)
        return _Ref()

    def loop(self, node: Loop, bound: Mapping[str, _Ref]) -> _Ref:
        ranged = self.visit(node.range, bound)
        self.shallow |= ranged.paths
        entry = _Ref() if node.range.id in self.tree.maps else ranged.step(ITEM)
        accu = self.visit(node.init, bound)
        inner = {**bound, node.var: entry, node.accu: accu}
        self.deeply(_Ref(self.visit(node.condition, inner).paths))
        accu = accu | self.visit(node.step, inner)
        return self.visit(node.result, {**bound, node.accu: accu})

    def complain(self, node: Node, what: str, name: str = "", known: tuple[str, ...] = ()) -> None:
        self.misspelt.append(Misspelt(self.tree.positions.get(node.id, 0), what, name, known))


def _full(node: Node) -> str:
    """A chain of names as one text; empty where something else is in it."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select):
        before = _full(node.operand)
        return f"{before}.{node.field}" if before else ""
    return ""
