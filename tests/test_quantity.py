"""Quantities: what they are worth, exactly, and what is none. The values are those of k8s.io/apimachinery 0.36."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import QuantityError
from auditor.quantity import Quantity, format_bytes, parse_quantity

BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
DECIMAL = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "E": 10**18,
}
SUFFIXES = BINARY | DECIMAL

VALUES = [
    ("0", 0),
    ("1", 1),
    ("+1", 1),
    ("-1", -1),
    ("00", 0),
    ("007", 7),
    ("1.", 1),
    (".5", Fraction(1, 2)),
    ("1.0", 1),
    ("100m", Fraction(1, 10)),
    ("0.1", Fraction(1, 10)),
    ("1500m", Fraction(3, 2)),
    ("1.5Gi", 3 * 2**29),
    ("-.5Gi", -(2**29)),
    ("0.5Ki", 512),
    ("1e3", 1000),
    ("1E3", 1000),  # an exponent
    ("1E", 10**18),  # exa
    ("1e-3", Fraction(1, 1000)),
    ("1E+2", 100),
    ("1e03", 1000),
    ("12345678901234567890123", 12345678901234567890123),
    ("128974848", 128974848),
    ("129e6", 129_000_000),
    ("129M", 129_000_000),
    ("123Mi", 123 * 2**20),
]
NONE = [
    *("", " ", ".", "+", "-", "--1", "+-1", " 1", "1 ", "1\n", "1 Gi", "1Gi\n", "1_000", "1,000", "0x10", "0b1"),
    *("1ki", "1K", "1mi", "1gi", "1i", ".5i", "1B", "1GB", "1GiB", "1h", "1Zi", "1Yi", "1Z"),
    *("1e", "1E+", "1e+", "1ee3", "1e3Ki", "1Emi", "1E2i", "1e1.5", "1.5.5", "1..5", "1Gi1", "Gi", "e3", "m"),
    *("one", "true", "null", "<none>", "${GPUS}", "{{ gpus }}", "1/2", "½", "١", "１", "∞", "nan", "inf", "1e1000", "9" * 300),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_value(text: str, value: int | Fraction) -> None:
    quantity = parse_quantity(text)
    assert quantity == value
    assert str(quantity) == text
    assert quantity.whole is (Fraction(value).denominator == 1)


@pytest.mark.parametrize(("suffix", "factor"), SUFFIXES.items())
def test_every_suffix(suffix: str, factor: int | Fraction) -> None:
    assert parse_quantity(f"3{suffix}") == 3 * Fraction(factor)
    assert parse_quantity(f"-2.25{suffix}") == Fraction(-9, 4) * factor


@pytest.mark.parametrize("text", NONE)
def test_refused(text: str) -> None:
    with pytest.raises(QuantityError) as refused:
        parse_quantity(text)
    assert str(refused.value) == f"{text[:40]!r} is not a Kubernetes quantity"


numbers = st.from_regex(r"[+-]?([0-9]{1,25}(\.[0-9]{0,12})?|\.[0-9]{1,12})", fullmatch=True)


@given(numbers, st.sampled_from(sorted(SUFFIXES)))
def test_exact(number: str, suffix: str) -> None:
    assert parse_quantity(number + suffix) == Fraction(number) * SUFFIXES[suffix]


@given(numbers, st.integers(-300, 300), st.sampled_from("eE"))
def test_exact_with_an_exponent(number: str, exponent: int, letter: str) -> None:
    assert parse_quantity(f"{number}{letter}{exponent}") == Fraction(number) * Fraction(10) ** exponent


@given(numbers, numbers, st.sampled_from(sorted(SUFFIXES)), st.sampled_from(sorted(SUFFIXES)))
def test_arithmetic_and_order_are_those_of_fractions(first: str, second: str, suffix: str, other: str) -> None:
    a, b = parse_quantity(first + suffix), parse_quantity(second + other)
    x, y = Fraction(first) * SUFFIXES[suffix], Fraction(second) * SUFFIXES[other]
    assert (a + b, a - b, a * b, a < b, a == b) == (x + y, x - y, x * y, x < y, x == y)
    assert hash(a) == hash(x)


@given(numbers.map(lambda number: number.lstrip("+-")), st.sampled_from([*sorted(SUFFIXES), "e3", "E-2"]))
def test_a_sign_turns_the_amount_round_and_stays_in_the_text(number: str, suffix: str) -> None:
    bare, plus, minus = (parse_quantity(sign + number + suffix) for sign in ("", "+", "-"))
    assert bare == plus == -minus >= 0
    assert [quantity.text for quantity in (bare, plus, minus)] == [number + suffix, f"+{number}{suffix}", f"-{number}{suffix}"]


def test_tenths_add_up() -> None:
    assert sum(parse_quantity("100m") for _ in range(10)) == 1


@given(numbers, st.sampled_from(sorted(SUFFIXES)))
def test_copies_keep_the_text(number: str, suffix: str) -> None:
    quantity = parse_quantity(number + suffix)
    for twin in (copy.copy(quantity), copy.deepcopy(quantity), pickle.loads(pickle.dumps(quantity)), parse_quantity(str(quantity))):
        assert isinstance(twin, Quantity)
        assert (twin, twin.text) == (quantity, quantity.text)


@given(st.text(max_size=12))
def test_anything_is_a_quantity_or_refused(text: str) -> None:
    try:
        quantity = parse_quantity(text)
    except QuantityError:
        return
    assert str(quantity) == text
    assert text.isascii()


BYTES = [
    (0, "0"),
    (1, "1"),
    (1023, "1023"),
    (1024, "1Ki"),
    (1536, "1536"),
    (2**20, "1Mi"),
    (3 * 2**29, "1536Mi"),
    (2**30, "1Gi"),
    (80 * 2**30, "80Gi"),
    (5 * 2**40, "5Ti"),
    (2**60, "1Ei"),
    (10**9, "954Mi"),
    (2**20 + 1, "2Mi"),
    (Fraction(1, 2), "0.5"),
    (Fraction(2**31 + 1, 2), "1025Mi"),
]


@pytest.mark.parametrize(("amount", "text"), BYTES)
def test_bytes_as_people_write_them(amount: int | Fraction, text: str) -> None:
    assert format_bytes(amount) == text


@given(st.integers(0, 2**63))
def test_formatted_bytes_are_never_less(amount: int) -> None:
    written = parse_quantity(format_bytes(amount))
    assert amount <= written < amount + 2**20


@given(st.decimals(0, 2**40, places=3))
def test_formatted_fractions_of_bytes(amount: Decimal) -> None:
    assert parse_quantity(format_bytes(Fraction(amount))) >= Fraction(amount) - Fraction(1, 1000)
