"""CEL, the Common Expression Language, through ``cel-expr-python``. The only module that knows the binding.

Its evaluator is in C++ and has no access to files, network, environment or clock; it may call the functions declared here, and no others.
Language: https://github.com/google/cel-spec/blob/master/doc/langdef.md. Binding: https://github.com/cel-expr/cel-python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from auditor.custom.fields import SCOPES, Field, declared
from auditor.custom.given import UnknownField
from auditor.custom.wire import Tree, decode
from auditor.errors import ConfigError, QuantityError
from auditor.quantity import parse_quantity

__all__ = ["BOOL", "DYN", "STRING", "CelError", "Environment", "EvaluationError", "Program", "environment"]

BOOL, STRING, DYN = "BOOL", "STRING", "DYN"

_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): ([^\n]*)")
_STATUS = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$")


class CelError(Exception):
    """An expression that does not compile.

    Attributes:
        what: one sentence.
        line, column: 1-based, in the text that was compiled; 0 where they are not known.
    """

    def __init__(self, what: str, line: int = 0, column: int = 0) -> None:
        super().__init__(what)
        self.what, self.line, self.column = what, line, column


class EvaluationError(Exception):
    """An expression that fails at run time. `unknown` says that a field which cannot be known is the reason."""

    def __init__(self, what: str, *, unknown: bool = False) -> None:
        super().__init__(what)
        self.unknown = unknown


@cache
def _binding() -> Any:
    try:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_bindings, ext_strings
    except ImportError:
        raise ConfigError(
            "own rules need the package cel-expr-python, which is not here", 'install it with `pip install "mlaudit[cel]"`'
        ) from None
    return cel, (ext_bindings.ExtBindings(), ext_strings.ExtStrings())


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression.

    Attributes:
        tree: what it says.
        type: of its value, in the binding's words: `BOOL`, `STRING`, `DYN` and others.
    """

    compiled: Any
    tree: Tree
    type: str

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Its value for these values of fields; a bool, a text or a number.

        Raises:
            EvaluationError: it has none.
        """
        try:
            result = self.compiled.eval(data=values)
        except RuntimeError as error:  # what the evaluator gives up on, such as too many iterations
            raise EvaluationError(_plain(str(error))) from None
        kind = result.type().name()
        if kind == "ERROR":
            text = str(result.plain_value())
            raise EvaluationError(_plain(text), unknown=UnknownField.MARK in text)
        if kind not in _TAKEN:  # the binding does not count its references to null
            raise EvaluationError(f"the value is of the type {kind.lower()}")
        return result.plain_value()


_TAKEN = (BOOL, STRING, "INT", "UINT", "DOUBLE")


class Environment:
    """What expressions of one scope may name.

    Args:
        scope: a key of `SCOPES`.

    Attributes:
        fields: by full name.
    """

    def __init__(self, scope: str) -> None:
        cel, extensions = _binding()
        self.fields: dict[str, Field] = declared(SCOPES[scope][1])
        overload = cel.Overload("quantity_string", return_type=cel.Type.DYN, parameters=[cel.Type.STRING], impl=_quantity)
        self._env = cel.NewEnv(
            variables={name: cel.Type(field.declared) for name, field in self.fields.items()},
            functions=[cel.FunctionDecl("quantity", [overload])],
            extensions=list(extensions),
        )

    def compile(self, text: str) -> Program:
        """Compile an expression.

        Raises:
            CelError: it cannot be meant.
        """
        try:
            compiled = self._env.compile(text)
            return Program(compiled, decode(compiled.serialize()), compiled.return_type().name())
        except (RuntimeError, UnicodeError, ValueError) as error:
            found = _ERROR.search(str(error))
            if found is None or int(found[1]) < 1:
                what = "it is nested too deeply" if "recursion" in str(error) else _plain(str(error))
                raise CelError(what) from None
            raise CelError(_readable(found[3]), int(found[1]), int(found[2])) from None


@cache
def environment(scope: str) -> Environment:
    """The environment of a scope, made once."""
    return Environment(scope)


def _quantity(text: str) -> int | float:
    try:
        value = parse_quantity(text)
    except QuantityError as error:
        raise ValueError(str(error)) from None
    if abs(value) >= 1 << 63:
        raise ValueError(f"{text[:40]!r} is too large")
    return value.numerator if value.denominator == 1 else float(value)


def _plain(text: str) -> str:
    """An error without the status words around it."""
    return _STATUS.sub("", _STATUS.sub("", text.partition("\n")[0])).strip()


def _readable(text: str) -> str:
    text = re.sub(r" \(in container ''\)$|\s*\[[A-Z_]+\]$", "", text)
    return re.sub(r" expecting \{.*$", "", text)
