"""Prices: the book, the owner's file, and which of them answers."""

from __future__ import annotations

import datetime
from fractions import Fraction

import pytest

from auditor.cost.prices import Prices, Subject

TODAY = datetime.date(2026, 11, 25)


@pytest.mark.parametrize(
    ("subject", "device_hour"),
    [
        (Subject("p5.48xlarge", "us-east-1"), "6.88"),
        (Subject("g2-standard-4", "us-central1", capacity_type="spot"), "0.3973"),
        (Subject("g4dn.xlarge", "us-east-1"), "0.526"),
        (Subject("Standard_ND96asr_v4", "eastus"), "3.399625"),
        (Subject("g6.12xlarge", "us-east-1"), "1.1504"),
    ],
)
def test_worked_examples(subject: Subject, device_hour: str) -> None:
    price = Prices.load().of(subject, TODAY)
    assert price is not None
    assert price.device_hour == Fraction(device_hour)
    assert price.basis == "price book"
