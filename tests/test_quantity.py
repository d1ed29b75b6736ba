"""Quantities are exact, and what Kubernetes refuses is refused."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import QuantityError
from auditor.quantity import format_bytes, parse_quantity

SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(1000),
    "M": Fraction(1000) ** 2,
    "G": Fraction(1000) ** 3,
    "T": Fraction(1000) ** 4,
    "P": Fraction(1000) ** 5,
    "E": Fraction(1000) ** 6,
    "Ki": Fraction(1024),
    "Mi": Fraction(1024) ** 2,
    "Gi": Fraction(1024) ** 3,
    "Ti": Fraction(1024) ** 4,
    "Pi": Fraction(1024) ** 5,
    "Ei": Fraction(1024) ** 6,
    "e3": Fraction(1000),
    "E-2": Fraction(1, 100),
}


@given(st.integers(-(10**6), 10**6), st.integers(0, 999), st.sampled_from(sorted(SUFFIXES)))
def test_every_suffix_is_exact(whole: int, part: int, suffix: str) -> None:
    text = f"{whole}.{part:03}{suffix}" if whole else f"0.{part:03}{suffix}"
    sign = -1 if whole < 0 else 1
    expected = sign * (abs(whole) + Fraction(part, 1000)) * SUFFIXES[suffix]
    quantity = parse_quantity(text)
    assert quantity == expected
    assert str(quantity) == text
    assert quantity.whole == (expected.denominator == 1)


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("1.0", 1), ("1k", 1000), ("1e0", 1), (".5", Fraction(1, 2)), ("5.", 5), ("+1", 1), ("-1", -1)]
)
def test_notations(text: str, value: Fraction | int) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "1 Gi", "Gi", "1gi", "1GiB", "1K", "one", "1e", "0x10", "1_000", "--1", "1" * 400, "١"])
def test_what_is_no_quantity_is_refused_by_name(text: str) -> None:
    with pytest.raises(QuantityError, match="is not a Kubernetes quantity"):
        parse_quantity(text)


def test_sums_are_exact() -> None:
    assert parse_quantity("100m") * 10 == 1
    assert parse_quantity("1Gi") - parse_quantity("1G") == 73_741_824


def test_copies_keep_the_text() -> None:
    quantity = parse_quantity("1500m")
    for other in (copy.copy(quantity), copy.deepcopy(quantity), pickle.loads(pickle.dumps(quantity))):
        assert (other, str(other)) == (Fraction(3, 2), "1500m")


@pytest.mark.parametrize(("amount", "text"), [(2**30, "1Gi"), (3 * 2**29, "1536Mi"), (2**20 + 1, "2Mi"), (1000, "1000"), (1024, "1Ki")])
def test_bytes_are_written_as_people_do(amount: int, text: str) -> None:
    assert format_bytes(amount) == text
