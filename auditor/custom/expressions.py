"""A rule's expressions, compiled: together with the variables that they name, and checked for what they may cost.

A variable becomes a ``cel.bind`` around the expression that names it, so that values never leave the evaluator. ``variables.x`` is written
``variables_x`` for it, which is as long, so that columns stay what they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from auditor.custom.cel import BOOL, DYN, STRING, CelError, Environment, Program
from auditor.custom.cost import MAX_COST, Size, cost, forbidden
from auditor.custom.fields import SCOPES
from auditor.custom.keys import Draft
from auditor.custom.reads import Reads, read_by
from auditor.custom.wire import Loop, parts
from auditor.document import Path
from auditor.registry import suggestion

__all__ = ["Expression", "Expressions", "compile_all"]

# Texts, comments, and what is neither: in the first two nothing is a name.
_TOKENS = re.compile(
    r"""(?P<skip>[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?''')|[rR][bB]?(?:"[^"\n]*"|'[^'\n]*')|[bB]?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|//[^\n]*)"""
    r"|(?<![\w.])variables\s*\.\s*(?P<name>[A-Za-z_]\w*)",
    re.DOTALL,
)
_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")
_TYPES = {"when": (BOOL, DYN), "messageExpression": (STRING, DYN), "atExpression": (STRING, DYN)}
_SAID = {BOOL: "true or false", STRING: "a text"}

# An expression that is too costly for an object as small as this is refused when it is loaded.
_SMALLEST = Size.of(16, 4096)


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled expression.

    Attributes:
        key: what it is called in the file.
        program: the expression with its variables.
        reads: what it looks at.
    """

    key: str
    program: Program
    reads: Reads

    def cost(self, longest: int, weight: int) -> int:
        """The most that it costs for values of this size; see `auditor.custom.cost`."""
        return cost(self.program.tree, Size.of(longest, weight))


@dataclass(frozen=True, slots=True)
class Expressions:
    """The expressions of a rule; those that it does not have are None."""

    when: Expression
    message: Expression | None
    at: Expression | None


def compile_all(draft: Draft, environment: Environment) -> Expressions | None:
    """Compile a rule's expressions; what is wrong with them goes to its mistakes, and None comes back."""
    compiler = _Compiler(draft, environment)
    for number, (name, text) in enumerate(draft.variables):
        compiler.variable(name, text, ("variables", number, "expression"))
    when = compiler.expression("when", draft.when)
    message = compiler.expression("messageExpression", draft.message_expression)
    at = compiler.expression("atExpression", draft.at_expression)
    return None if draft.mistakes or when is None else Expressions(when, message, at)


class _Compiler:
    def __init__(self, draft: Draft, environment: Environment) -> None:
        self.draft, self.environment = draft, environment
        self.known: dict[str, str] = {}  # variables so far, with the text that a binding takes
        self.named: dict[str, list[str]] = {}  # by variable, the variables that it needs

    def variable(self, name: str, text: str, path: Path) -> None:
        """Check a variable by itself, so that what is wrong with it is said once and at its own place."""
        found = self.rewritten(text, path)
        if found is not None:
            self.compiled(*found, path)
        self.known[name], self.named[name] = found or ("true", [])

    def expression(self, key: str, text: str) -> Expression | None:
        if not text.strip():
            return None
        found = self.rewritten(text, (key,))
        program = None if found is None else self.compiled(*found, (key,))
        if program is None:
            return None
        if program.type not in _TYPES[key]:
            self.wrong((key,), f"{key!r} is {_SAID[_TYPES[key][0]]}, and this is {program.type.lower()}")
        return Expression(key, program, read_by(program.tree, self.environment.fields))

    def rewritten(self, text: str, path: Path) -> tuple[str, list[str]] | None:
        """A text with its variables as bindings name them, and those variables in the order in which they are bound. None where it names
        one that there is not, which is noted."""
        needed: dict[str, None] = {}
        unknown: list[str] = []

        def replace(match: re.Match[str]) -> str:
            name = match["name"]
            if name is None:
                return match[0]
            if name not in self.known:
                line, column = _place(text, match.start())
                unknown.append(name)
                hint = suggestion(name, self.known) or "a variable is defined before it is named"
                self.wrong(path, f"there is no variable {name!r}", hint, line, column)
            needed.update(dict.fromkeys((*self.named.get(name, ()), name)))
            return re.sub(r"\s*\.\s*", "_", match[0], count=1)

        body = _TOKENS.sub(replace, text)
        if unknown:
            return None
        order = list(self.known)
        return body, sorted((name for name in needed if name in self.known), key=order.index)

    def compiled(self, body: str, needed: list[str], path: Path) -> Program | None:
        before = "".join(f"cel.bind(variables_{name}, (\n{self.known[name]}\n),\n" for name in needed)
        text = f"{before}{body}" + (f"\n{')' * len(needed)}" if needed else "")
        above, below = before.count("\n"), before.count("\n") + body.count("\n") + 1
        try:
            program = self.environment.compile(text)
        except CelError as error:
            if error.line > below:  # at the parentheses
                self.wrong(path, "Syntax error: it ends too early", "", below - above, len(body.rpartition("\n")[2]) + 1)
            elif error.line > above or not error.line:
                self.wrong(path, error.what, self.hint(error.what), error.line - above if error.line else 0, error.column)
            elif not self.draft.mistakes:  # else the variable has said it
                self.wrong(path, error.what)
            return None
        self.check(program, text, above, path)
        return program

    def check(self, program: Program, text: str, above: int, path: Path) -> None:
        """What CEL allows and own rules do not."""
        found = [(position, what, "") for position, what in forbidden(program.tree)]
        if not found and cost(program.tree, _SMALLEST) > MAX_COST:
            self.wrong(path, "it may take too many steps, even for a small object", "nest fewer macros, and let texts not grow in them")
        for one in read_by(program.tree, self.environment.fields).misspelt:
            found.append((one.position, one.what, suggestion(one.name, one.known) or ", ".join(one.known)))
        roots = {name.partition(".")[0] for name in self.environment.fields}
        for node in parts(program.tree.root):
            if isinstance(node, Loop) and node.var in roots:
                found.append((program.tree.positions.get(node.id, 0), f"a macro may not call its entry {node.var!r}", "take another word"))
        for position, what, hint in found:
            line, column = _place(text, position)
            if line > above:
                self.wrong(path, what, hint, line - above, column)

    def hint(self, what: str) -> str:
        match = _UNDECLARED.search(what)
        if match is None:
            return ""
        root, _, rest = match[1].partition(".")
        roots: dict[str, list[str]] = {}
        for field in self.environment.fields.values():
            roots.setdefault(field.owner, []).append(field.name)
        if root in roots:
            return suggestion(rest, roots[root]) or f"{root} has {', '.join(roots[root])}"
        if any(root in words for _, words in SCOPES.values()):
            return f"a rule for a {self.draft.where} speaks of {', '.join(roots)}"
        return suggestion(root, [*roots, "quantity"])

    def wrong(self, path: Path, what: str, hint: str = "", line: int = 0, column: int = 0) -> None:
        place = self.draft.source.within(path, line, column) if line else self.draft.source.at(path)
        self.draft.mistakes.append(f"{place} {what}" + (f"; {hint}" if hint else ""))


def _place(text: str, position: int) -> tuple[int, int]:
    """Line and column, from 1, of a code point."""
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
