"""Plain scalars as kubectl reads them.

kubectl 1.36 hands YAML to ``sigs.k8s.io/yaml`` 1.6, which resolves YAML 1.1 booleans (also as keys), the integer notations of Go's
``strconv.ParseInt`` with base 0, and floats, and then converts everything to JSON. There are no sexagesimal numbers, no timestamps and no
``=``; ``.inf`` and ``.nan`` have no JSON form and are errors. Each row was executed against a real API server, v1.36.3, on 2026-11-24, and
the corner cases against ``sigs.k8s.io/yaml`` itself on the day after.

Source: https://github.com/yaml/go-yaml/blob/v2.4.0/resolve.go
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct

__all__ = ["KNOWN", "KNOWN_KEYS", "NotJson", "as_key", "resolve", "resolve_key", "resolve_tagged"]


class NotJson(ValueError):
    """A scalar that YAML allows and JSON, and so Kubernetes, does not."""


_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_NO_NUMBERS = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
# The digits after 0b may carry a sign of their own: Go cuts the prefix off and parses what is left.
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))|0b([-+][01]+)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
# Behind a leading dot underscores are digits' neighbours only; elsewhere they are taken out wherever they stand.
_DOT_FIRST = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?", re.ASCII)
_NUMERIC_START = frozenset("+-.0123456789")
_MAX_INTEGER = 2**63 - 1
_MIN_INTEGER = -(2**63)
_MAX_UNSIGNED = 2**64 - 1
_MAX_DECIMAL_DIGITS = 20
_TAG = "tag:yaml.org,2002:"
_TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),)}
_REMEMBERED = 20_000

# What has been resolved before, for callers in a hurry. A plain ``<<`` is a merge key, and is never among the keys.
KNOWN: dict[str, object] = dict(_WORDS)
KNOWN_KEYS: dict[str, str] = {}


def resolve(text: str) -> object:
    """The value of a plain scalar: None, bool, int, float or str. Equal texts yield the same object, which keeps memory small.

    Raises:
        NotJson: ``.inf`` or ``.nan``.
    """
    try:
        return KNOWN[text]
    except KeyError:
        value = _as_json(_number(text), text) if text[0] in _NUMERIC_START else text
        if len(text) < 64 and len(KNOWN) < _REMEMBERED:
            KNOWN[text] = value
        return value


def resolve_key(text: str) -> str:
    """A plain scalar as a mapping key. JSON knows only strings: ``y: 2`` becomes ``"true": 2`` and ``1: x`` becomes ``"1": x``.

    Raises:
        NotJson: the key is null.
    """
    try:
        return KNOWN_KEYS[text]
    except KeyError:
        key = as_key(_typed(text))
        if len(text) < 64 and text != "<<" and len(KNOWN_KEYS) < _REMEMBERED:
            KNOWN_KEYS[text] = key
        return key


def resolve_tagged(tag: str, text: str, *, key: bool = False) -> object:
    """The value of a scalar with an explicit tag. Tags of other systems (``!Ref``) say nothing here.

    Args:
        tag: as the parser expands it.
        text: the scalar.
        key: it stands for a mapping's key, and becomes a string.

    Raises:
        NotJson: the text is not of the type that the tag claims, or the type has no JSON form.
    """
    value: object = text
    if tag.startswith(_TAG):
        name = tag[len(_TAG) :]
        if name == "binary":
            value = _binary(text)
        elif name in _TYPES:
            value = _typed(text)
            if value.__class__ not in _TYPES[name]:
                raise NotJson(f"{text[:40]!r} is not what its tag !!{name} says")
    return as_key(value) if key else _as_json(value, text)


def as_key(value: object) -> str:
    """A resolved scalar as JSON's string key.

    Raises:
        NotJson: it is null, or an integer beyond 64 bits.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_key(value)
    if isinstance(value, int) and value <= _MAX_INTEGER:
        return str(value)
    raise NotJson("a mapping key must not be null" if value is None else f"{value} is too large for a mapping key")


def _typed(text: str) -> object:
    """The value before it becomes JSON: ``1e3`` is a float still."""
    if text in _WORDS:
        return _WORDS[text]
    return _number(text) if text[0] in _NUMERIC_START else text


def _as_json(value: object, text: str) -> object:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise NotJson(f"{text} has no JSON form, and Kubernetes objects are JSON")
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _number(text: str) -> object:
    if text in _NO_NUMBERS:
        return _NO_NUMBERS[text]
    plain = text.replace("_", "") if "_" in text else text
    if text[0] == ".":
        return _float(plain, text) if _DOT_FIRST.fullmatch(text) else text
    if match := _INTEGER.fullmatch(plain):
        number = _integer(*match.groups())
        if number is not None:
            return number
    return _float(plain, text) if _FLOAT.fullmatch(plain) else text


def _integer(sign: str, hexadecimal: str, binary: str, octal: str, decimal: str, signed: str) -> int | None:
    """The integer, or None where it does not fit into 64 bits: then it is a float."""
    if decimal and len(decimal) > _MAX_DECIMAL_DIGITS:
        return None
    digits, base = next((part, base) for part, base in ((decimal, 10), (octal, 8), (hexadecimal, 16), (binary, 2), (signed, 2)) if part)
    number = int(digits, base) * (-1 if sign == "-" else 1)
    return number if _MIN_INTEGER <= number <= (_MAX_INTEGER if sign else _MAX_UNSIGNED) else None


def _float(plain: str, text: str) -> object:
    """Numbers too large for a float stay strings."""
    value = float(plain)
    return value if math.isfinite(value) else text


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except binascii.Error:
        raise NotJson("a !!binary value must be base64") from None


def _float_key(value: float) -> str:
    """A float as a key, in the words of Go's ``strconv.FormatFloat(value, 'g', -1, 32)``: the shortest that single precision can tell."""
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    shortest = next(text for digits in range(9) if struct.pack("f", float(text := f"{single:.{digits}e}")) == struct.pack("f", single))
    mantissa, _, exponent = shortest.partition("e")
    if -4 <= int(exponent) < 6:
        return f"{single:.{max(len(mantissa.replace('-', '').replace('.', '')) - 1 - int(exponent), 0)}f}"
    return shortest
