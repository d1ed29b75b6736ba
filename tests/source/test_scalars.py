"""Plain scalars as kubectl 1.36 reads them.

TABLE was sent through a real API server, v1.36.3. CORNERS and the keys were executed with sigs.k8s.io/yaml 1.6.0, which kubectl uses.
"""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.document import Document
from auditor.source.builder import BrokenYaml, build
from auditor.source.scalars import NotJson, as_key, resolve, resolve_key
from auditor.source.text import read_text

TABLE = [
    *((word, True) for word in ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE")),
    *((word, False) for word in ("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE")),
    ("010", 8),
    ("0o10", 8),
    ("08", 8),
    ("0x1F", 31),
    ("0b11", 3),
    ("1_000", 1000),
    ("1e3", 1000),
    ("+1", 1),
    (".5", 0.5),
    *((word, None) for word in ("~", "null", "Null", "NULL", "")),
    ("1:30", "1:30"),  # no sexagesimal numbers
    ("12:30:45", "12:30:45"),
    ("2001-01-01", "2001-01-01"),  # no dates
    ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("2001-12-14 21:59:43.10 -5", "2001-12-14 21:59:43.10 -5"),
    ("=", "="),
    ("2e", "2e"),
    ("!!str 1", "1"),
]
CORNERS = [
    ("0", 0),
    ("-0", 0),
    ("00", 0),
    ("0755", 493),
    ("-0755", -493),
    ("0O17", 15),
    ("0o", "0o"),
    ("0o8", "0o8"),
    ("09", 9),
    ("0_9", 9),
    ("0_10", 8),
    ("07_7", 63),
    ("0X1f", 31),
    ("-0x1F", -31),
    ("0x", "0x"),
    ("0xg", "0xg"),
    ("0x_1", 1),
    ("0x1p3", "0x1p3"),
    ("0B11", 3),
    ("-0b11", -3),
    ("0b12", "0b12"),
    ("0b-11", -3),  # Go cuts the prefix off, and parses the rest with its sign
    ("0b+11", 3),
    ("-0b-11", "-0b-11"),
    ("1_", 1),
    ("1__0", 10),
    ("_1", "_1"),
    ("1_000.5", 1000.5),
    ("1_0e1_0", 100_000_000_000),
    ("1.", 1),
    ("1.0", 1),
    ("2.50", 2.5),
    ("1.e3", 1000),
    ("1e", "1e"),
    ("1E3", 1000),
    ("1e+3", 1000),
    ("1e-3", 0.001),
    ("1.5e+3", 1500),
    ("0e0", 0),
    ("-0.0", 0),
    ("1e400", "1e400"),  # too large for a float
    ("1e-400", 0),
    ("1e21", 1e21),
    ("1e20", 100_000_000_000_000_000_000),
    (".", "."),
    ("..", ".."),
    ("+.", "+."),
    ("--", "--"),
    ("+-1", "+-1"),
    ("._1", "._1"),
    (".1_", ".1_"),
    (".1_0", 0.1),
    ("5._5", 5.5),
    ("1p3", "1p3"),
    ("1.2.3", "1.2.3"),
    ("1:2", "1:2"),
    ("9223372036854775807", 2**63 - 1),
    ("-9223372036854775808", -(2**63)),
    ("18446744073709551615", 2**64 - 1),
    ("123456789012345678901234567890123456789012345678901234567890", 1.2345678901234567e59),
    ("0.1000000000000000055511151231257827021181583404541015625", 0.1),
    ("0" * 80 + "1", 1),
    *((word, word) for word in ("inf", "Inf", "infinity", "NaN", "nan", "tRUE", "nUll", "Y1", "yes!", "nope", "<<x", "@x"[1:])),
    ("!!int 5", 5),
    ('!!int "5"', 5),
    ("!!float 1", 1),
    ("!!float 1.5", 1.5),
    ("!!bool y", True),
    ('!!bool "no"', False),
    ("!!null ~", None),
    ("!!null", None),
    ("!!str", ""),
    ("!!str y", "y"),
    ("!!binary aGk=", "hi"),
    ("!!timestamp 2001-01-01", "2001-01-01"),
    ("!Ref 5", "5"),  # tags of other systems
    ("!Sub", ""),
    ('""', ""),
    ("''", ""),
    ('"y"', "y"),
    ("'1'", "1"),
    ('"~"', "~"),
    ("1 # one", 1),
    ("y # yes", True),
]
ERRORS = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "-.inf", ".nan", ".NaN", ".NAN"), "no JSON form"),
    "!!int abc": "not what its tag !!int says",
    "!!int 1.5": "not what its tag !!int says",
    "!!int 1e3": "not what its tag !!int says",
    "!!float abc": "not what its tag !!float says",
    "!!float y": "not what its tag !!float says",
    "!!bool 1": "not what its tag !!bool says",
    "!!null x": "not what its tag !!null says",
    "!!binary x": "must be base64",
    "!!float .inf": "no JSON form",
}
KEYS = [
    *((word, "true") for word in ("y", "Y", "yes", "on", "True", "!!bool y")),
    *((word, "false") for word in ("n", "N", "no", "off", "FALSE")),
    ("1", "1"),
    ("010", "8"),
    ("0x1F", "31"),
    ("1_000", "1000"),
    ("1.10", "1.1"),
    ("1.0", "1"),
    ("-0.0", "-0"),
    ("1e3", "1000"),
    ("1e5", "100000"),
    ("1e6", "1e+06"),  # float keys are written with single precision
    ("1234567.0", "1.234567e+06"),
    ("16777217.0", "1.6777216e+07"),
    ("0.0001", "0.0001"),
    ("0.00001", "1e-05"),
    ("0.1", "0.1"),
    ("-2.5", "-2.5"),
    ("1e20", "1e+20"),
    ("1e60", ".inf"),
    ("-1e60", "-.inf"),
    (".inf", ".inf"),
    ("-.Inf", "-.inf"),
    (".NaN", ".nan"),
    ("9223372036854775807", "9223372036854775807"),
    ("18446744073709551616", "1.8446744e+19"),
    ("2001-01-01", "2001-01-01"),
    ("1:30", "1:30"),
    ("=", "="),
    ("foo", "foo"),
    ("nvidia.com/gpu", "nvidia.com/gpu"),
    ('"y"', "y"),
    ("'1'", "1"),
    ("!!str 1", "1"),
    ("!!int 1", "1"),
    ("!!binary aGk=", "hi"),
    ('""', ""),
]
NO_KEYS = {
    **dict.fromkeys(("~", "null", "", "!!null ~"), "must not be null"),
    "18446744073709551615": "too large for a mapping key",
    "!!int x": "not what its tag !!int says",
}


def same(value: object, expected: object) -> bool:
    """Equal, and of one type: ``True == 1`` is not enough."""
    return value == expected and type(value) is type(expected)


@pytest.mark.parametrize(("text", "value"), [*TABLE, *CORNERS])
def test_value(text: str, value: object) -> None:
    assert same(build(f"a: {text}\n").value["a"], value)


@pytest.mark.parametrize(("text", "value"), [row for row in [*TABLE, *CORNERS] if row[0] != ""])
def test_item_of_a_list(text: str, value: object) -> None:
    assert same(build(f"- {text}\n- x\n").value[0], value)


@pytest.mark.parametrize(("text", "value"), TABLE)
def test_row_in_an_object(text: str, value: object) -> None:
    (document,) = read_text(f"apiVersion: v1\nkind: ConfigMap\ndata:\n  a: {text}\n", "a.yaml")
    assert isinstance(document, Document)
    assert same(document.raw["data"]["a"], value)


@pytest.mark.parametrize(("text", "problem"), ERRORS.items())
def test_error(text: str, problem: str) -> None:
    with pytest.raises(BrokenYaml, match=problem) as broken:
        build(f"b: 1\na: {text}\n")
    assert (broken.value.line, broken.value.column) == (1, 3)


@pytest.mark.parametrize(("text", "key"), KEYS)
def test_key(text: str, key: str) -> None:
    assert build(f"? {text}\n: 2\n").value == {key: 2}
    assert build(f"- ? {text}\n  : 2\n").value == [{key: 2}]


@pytest.mark.parametrize(("text", "value"), [row for row in TABLE if isinstance(row[1], bool)])
def test_every_boolean_as_a_key(text: str, value: bool) -> None:
    key = "true" if value else "false"
    assert build(f"{text}: 2\n").value == {key: 2}
    assert build(f"{{{text}: 2}}").value == {key: 2}
    (document,) = read_text(f"apiVersion: v1\nkind: ConfigMap\ndata:\n  {text}: a\n", "a.yaml")
    assert isinstance(document, Document)
    assert document.raw["data"] == {key: "a"}
    assert document.location(("data", key)).line == 4


@pytest.mark.parametrize(("text", "problem"), NO_KEYS.items())
def test_no_key(text: str, problem: str) -> None:
    with pytest.raises(BrokenYaml, match=problem) as broken:
        build(f"a: 1\n? {text}\n: 2\n")
    assert broken.value.line == 1


def test_where_pyyaml_differs() -> None:
    """The reason for all this: PyYAML's own loader would have read these otherwise."""
    for text in ("y", "n", "0o10", "08", "1e3", "1:30", "2001-01-01"):
        assert not same(yaml.safe_load(f"a: {text}")["a"], build(f"a: {text}").value["a"]), text


@given(st.integers(-(2**63), 2**64 - 1))
def test_integers(number: int) -> None:
    assert same(resolve(str(number)), number)
    if number >= 0:
        assert same(resolve(hex(number)), number)
        assert same(resolve(oct(number)), number)
        assert same(resolve(f"0{number:o}"), number)
        assert same(resolve(f"0b{number:b}"), number)
        assert same(resolve(f"{number:_}"), number)
    if number < 2**63:
        assert resolve_key(str(number)) == str(number)


@given(st.integers(2**64, 10**40) | st.integers(-(10**40), -(2**63) - 1))
def test_integers_beyond_64_bits_are_floats(number: int) -> None:
    value = resolve(str(number))
    assert isinstance(value, int | float)
    assert float(value) == float(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats(number: float) -> None:
    value = resolve(repr(number))
    assert isinstance(value, int | float)
    assert not isinstance(value, bool)
    assert float(value) == number
    assert isinstance(value, int) is (number.is_integer() and abs(number) < 1e21)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float_keys_name_the_float(number: float) -> None:
    key = as_key(number)
    assert math.isclose(float(key), number, rel_tol=2**-24, abs_tol=1e-45)
    assert len(key) <= 16


@given(st.text(st.characters(exclude_characters="+-.0123456789", exclude_categories=("Cs",)), min_size=1, max_size=1), st.text(max_size=80))
def test_words_stay_what_they_are(first: str, rest: str) -> None:
    text = first + rest
    value = resolve(text)
    if not (value is None or isinstance(value, bool)):
        assert value == text
        assert resolve_key(text) == text


@given(st.text("+-._0123456789abcdefoxABEX", max_size=14))
def test_anything_numeric_is_resolved_or_refused(text: str) -> None:
    try:
        value = resolve(text)
    except NotJson:
        assert text.lower().lstrip("+-") in (".inf", ".nan")
        return
    assert value is None or isinstance(value, str | int | float)
    assert value == text or not isinstance(value, str)
    assert resolve(text) is value or resolve(text) == value
