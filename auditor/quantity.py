"""Kubernetes quantities, exact.

A quantity is a decimal number with an optional suffix: binary (Ki … Ei), decimal (n, u, m, k, M … E) or an exponent (e3, E-2).
Values are `fractions.Fraction`, so that 100m + 900m is exactly 1 and nothing is ever rounded. (The API server rounds what is finer than
1n up to it.)

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from auditor.errors import QuantityError

__all__ = ["Quantity", "format_bytes", "format_usd", "parse_quantity"]

_SYNTAX = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d{1,3}))?", re.ASCII)
_BINARY = {suffix: Fraction(1024**power) for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}
_DECIMAL = {suffix: Fraction(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), start=-3)}
_LONGEST = 256


class Quantity(Fraction):
    """An exact amount that remembers how it was written.

    Attributes:
        text: the quantity as it stands in the manifest, for messages.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, value: Fraction | int, text: str) -> Quantity:
        """Keep the text beside the number."""
        self = super().__new__(cls, value)
        self.text = text
        return self

    @property
    def whole(self) -> bool:
        """Whether the amount is an integer, as extended resources must be."""
        return self.denominator == 1

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Quantity({self.text!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return Quantity, (Fraction(self), self.text)

    def __copy__(self) -> Quantity:  # Fraction's would take the denominator for the text
        return self

    def __deepcopy__(self, memo: object) -> Quantity:
        return self


@lru_cache(maxsize=4096)
def parse_quantity(text: str) -> Quantity:
    """The quantity that a text stands for.

    Args:
        text: for example ``500m``, ``1.5Gi``, ``1e3``. YAML numbers are passed as they were written.

    Raises:
        QuantityError: the text is not a quantity; the message names it.
    """
    match = _SYNTAX.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise QuantityError(f"{text[:40]!r} is not a Kubernetes quantity")
    sign, number, binary, decimal, exponent = match.groups()
    value = Fraction(number)
    if binary:
        value *= _BINARY[binary]
    elif decimal:
        value *= _DECIMAL[decimal]
    elif exponent:
        value *= Fraction(10) ** int(exponent)
    return Quantity(-value if sign == "-" else value, text)


def format_bytes(amount: Fraction | int) -> str:
    """Bytes as a quantity that people write: the largest binary suffix that divides it, else MiB rounded up."""
    number = Fraction(amount)
    for suffix, factor in reversed(_BINARY.items()):
        if number >= factor and (number / factor).denominator == 1:
            return f"{number / factor}{suffix}"
    if number >= _BINARY["Mi"]:
        return f"{-(-number // _BINARY['Mi'])}Mi"
    return str(number) if number.denominator == 1 else str(float(number))


def format_usd(amount: Fraction) -> str:
    """An amount of money as people read it: ``1,234.50 USD``."""
    return f"{Decimal(amount.numerator) / amount.denominator:,.2f} USD"
