"""What an accelerator costs per hour: the price book of the package, the owner's own prices, and which of them answers.

`Prices.load` reads both; `Prices.of` prices a `Subject`.
"""

from __future__ import annotations

from auditor.cost.prices.book import Book, Figure, Reference, Row, Source, book, same_type
from auditor.cost.prices.models import MODELS, model_of
from auditor.cost.prices.owner import HOURS_PER_YEAR, USD, Currency, Match, OnPremises, Owner
from auditor.cost.prices.owner import Rule as OwnersRule
from auditor.cost.prices.resolution import Prices
from auditor.cost.prices.subject import Price, Subject, capacity_type_of, cloud_of, region_of

__all__ = [
    "HOURS_PER_YEAR",
    "MODELS",
    "USD",
    "Book",
    "Currency",
    "Figure",
    "Match",
    "OnPremises",
    "Owner",
    "OwnersRule",
    "Price",
    "Prices",
    "Reference",
    "Row",
    "Source",
    "Subject",
    "book",
    "capacity_type_of",
    "cloud_of",
    "model_of",
    "region_of",
    "same_type",
]
