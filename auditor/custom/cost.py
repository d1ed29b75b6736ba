"""What an evaluation may cost at most, worked out from the expression and the size of what it is given.

The evaluator itself counts: no more than 10,000 iterations of all macros of one evaluation together, no nesting beyond 32, no expression
beyond 100,000 characters (ParserOptions and RuntimeOptions in https://github.com/google/cel-cpp). It does not count how large a value
grows: ``x + x`` in a chain of macros doubles a text each time. That is bounded here, before anything is evaluated: every part of an
expression gets an upper bound of how many entries its value has, how much it weighs (characters and entries) and how often it is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from auditor.custom.wire import Call, Const, Ident, Items, Loop, Node, Pairs, Select, Tree, parts

__all__ = ["MAX_COST", "Size", "cost", "forbidden"]

# Of one evaluation, in characters or entries looked at: half a second, and 200 MB, on a slow machine.
MAX_COST = 50_000_000
MAX_ITERATIONS = 10_000
MAX_REGEX = 256

# In characters compared: a step of the evaluator; an entry of a list that is copied; an instruction of a regular expression, compiled anew
# each time.
_OPERATION = 32
_COPY = 32
_INSTRUCTION = 100


_HUGE = 1 << 60


@dataclass(frozen=True, slots=True)
class Size:
    """Upper bounds of a value.

    Attributes:
        entries: of the value itself.
        weight: characters and entries at all depths.
        mean: the weight on average over all times that the value is made. The entries of one list together weigh no more than the list.
    """

    entries: int
    weight: int
    mean: float

    @classmethod
    def of(cls, entries: int, weight: int, mean: float | None = None) -> Size:
        """A size; of something that is as heavy each time where no mean is given. Beyond all bounds numbers do not grow."""
        return cls(min(entries, _HUGE), min(weight, _HUGE), min(weight if mean is None else mean, _HUGE))

    def __or__(self, other: Size) -> Size:
        return Size(max(self.entries, other.entries), max(self.weight, other.weight), max(self.mean, other.mean))


_SMALL = Size.of(1, 32)

# The size of what a function makes of its arguments. What is not in here may not be called. Where it is not in proportion to one of them,
# averages say nothing.
_Grows = Callable[[list[Size]], Size]


def _same(sizes: list[Size]) -> Size:
    return sizes[0]


def _small(sizes: list[Size]) -> Size:
    return _SMALL


def _sum(sizes: list[Size]) -> Size:
    return Size.of(sum(size.entries for size in sizes), sum(size.weight for size in sizes), sum(size.mean for size in sizes))


def _choice(sizes: list[Size]) -> Size:
    return sizes[1] | sizes[2]


def _split(sizes: list[Size]) -> Size:
    return Size.of(sizes[0].weight + 1, 2 * sizes[0].weight + 1, 2 * sizes[0].mean + 1)


def _replaced(sizes: list[Size]) -> Size:
    return Size.of(1, (sizes[0].weight + 1) * (sizes[2].weight + 1))


def _joined(sizes: list[Size]) -> Size:
    return Size.of(1, sizes[0].weight + sizes[0].entries * (sizes[1].weight if len(sizes) > 1 else 0))


_BOOLEAN = (
    "_&&_", "_||_", "!_", "@not_strictly_false", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in", "contains", "startsWith", "endsWith",
    "matches",
)  # fmt: skip
_NUMBER = ("_-_", "-_", "_*_", "_/_", "_%_", "size", "int", "uint", "double", "bool", "type", "quantity", "indexOf", "lastIndexOf")
_TEXT = ("string", "dyn", "lowerAscii", "upperAscii", "trim", "substring", "charAt", "_[_]")
_FUNCTIONS: Mapping[str, _Grows] = {
    **dict.fromkeys((*_BOOLEAN, *_NUMBER), _small), **dict.fromkeys(_TEXT, _same), "_+_": _sum, "_?_:_": _choice, "split": _split,
    "replace": _replaced, "join": _joined,
}  # fmt: skip
# These look at one of two values only as far as the other reaches.
_COMPARING = ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "startsWith", "endsWith")
# These look at no more than a table of keys.
_CHEAP = ("_&&_", "_||_", "!_", "@not_strictly_false", "_?_:_", "dyn", "_[_]", "type")


def forbidden(tree: Tree) -> list[tuple[int, str]]:
    """Functions that own rules may not call, and patterns that they may not use: code points with one sentence each."""
    found: list[tuple[int, str]] = []
    for node in parts(tree.root):
        place = tree.positions.get(node.id, 0)
        if isinstance(node, Call) and node.function not in _FUNCTIONS:
            found.append((place, f"{node.function}() may not be used in rules"))
        elif isinstance(node, Pairs) and node.message:
            found.append((place, f"{node.message} may not be used in rules"))
        elif isinstance(node, Call) and node.function == "matches":
            pattern = node.arguments[-1]
            if not isinstance(pattern, Const) or not isinstance(pattern.value, str):
                found.append((place, "matches() needs its pattern as a literal"))
            elif _instructions(pattern.value) > 20 * MAX_REGEX or len(pattern.value) > MAX_REGEX:
                found.append((place, f"the pattern is too large: at most {MAX_REGEX} characters, and few repetitions of parts"))
    return found


def _instructions(pattern: str) -> int:
    """At most so many instructions does a regular expression become: a number in braces repeats what stands before it."""
    numbers = [int(digits) for brace in pattern.split("{")[1:] for digits in brace.partition("}")[0].split(",") if digits.isdigit()]
    return len(pattern) * max((1, *numbers))


def cost(tree: Tree, given: Size) -> int:
    """The most that one evaluation costs where nothing that is given is longer or heavier than ``given``."""
    meter = _Meter(given)
    size = meter.visit(tree.root, {}, 1)
    return int(meter.total) + size.weight


@dataclass(slots=True)
class _Meter:
    given: Size
    total: float = field(default=0.0)

    def charge(self, times: int, weight: float, mean: float) -> None:
        """Add what is done so many times, by what is allowed of that at its heaviest, or by all of it on average."""
        self.total += min(min(times, MAX_ITERATIONS) * weight, times * mean)

    def visit(self, node: Node, bound: Mapping[str, Size], times: int) -> Size:
        """The size of a part's value; what it costs to evaluate it that many times is added."""
        self.charge(times, _OPERATION, _OPERATION)
        match node:
            case Const(value=value):
                return Size.of(1, len(value) + 1) if isinstance(value, str | bytes) else _SMALL
            case Ident(name=name):
                return bound.get(name, self.given)
            case Select(operand=operand, test=test):
                size = self.visit(operand, bound, times)
                return _SMALL if test else self.part(size)
            case Call():
                return self.call(node, bound, times)
            case Items(items=items):
                return self.made([self.visit(one, bound, times) for one in items], times)
            case Pairs(pairs=pairs):
                return self.made([self.visit(part, bound, times) for pair in pairs for part in pair], times)
            case Loop():
                return self.loop(node, bound, times)

    def part(self, size: Size) -> Size:
        """The size of a part of a value."""
        return Size(max(size.entries, self.given.entries), size.weight, size.mean)

    def made(self, sizes: list[Size], times: int) -> Size:
        self.charge(times, len(sizes), len(sizes))
        whole = _sum(sizes)
        entries = max(len(sizes), *(size.entries for size in sizes)) if sizes else 0
        return Size.of(entries, whole.weight + len(sizes) + 1, whole.mean + len(sizes) + 1)

    def call(self, node: Call, bound: Mapping[str, Size], times: int) -> Size:
        sizes = [self.visit(one, bound, times) for one in node.arguments]
        made = _FUNCTIONS[node.function](sizes)
        if node.function in _COMPARING:
            self.charge(times, min(size.weight for size in sizes), min(size.mean for size in sizes))
        elif node.function == "matches":
            pattern = node.arguments[-1]
            steps = _instructions(pattern.value) if isinstance(pattern, Const) and isinstance(pattern.value, str) else MAX_COST
            compiled, each = steps * _INSTRUCTION, 1 + steps // 16
            self.charge(times, compiled + sizes[0].weight * each, compiled + sizes[0].mean * each)
        elif node.function == "contains":
            each = 1 + sizes[1].weight // 64
            self.charge(times, sizes[0].weight * each, sizes[0].mean * each)
        elif node.function not in _CHEAP:
            whole = _sum([*sizes, made])
            self.charge(times, whole.weight, whole.mean)
        return self.part(made) if node.function == "_[_]" else made

    def loop(self, node: Loop, bound: Mapping[str, Size], times: int) -> Size:
        ranged = self.visit(node.range, bound, times)
        rounds = min(times * ranged.entries, _HUGE)
        init = self.visit(node.init, bound, times)
        entry = self.part(Size(ranged.entries, ranged.weight, ranged.mean / max(ranged.entries, 1)))
        inner = {**bound, node.var: entry, node.accu: init}
        self.visit(node.condition, inner, rounds)
        step = self.visit(node.step, inner, rounds)
        grown = min(ranged.entries, MAX_ITERATIONS)
        if not isinstance(node.init, Items):
            accu = step | init  # a truth, a number, or what is bound to a name
        else:  # a list, which is copied for each entry that is added
            self.charge(rounds, grown // 2 * _COPY, grown // 2 * _COPY)
            weight, mean = max(step.weight - init.weight, 0), max(step.mean - init.mean, 0)
            accu = Size.of(init.entries + grown, init.weight + grown * weight, init.mean + ranged.entries * mean)
        return self.visit(node.result, {**bound, node.accu: accu}, times)
