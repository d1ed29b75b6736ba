"""The price book of the package: what clouds ask for machines with accelerators, each figure with its source and day.

The tables are data beside this module: ``book.csv`` has one row for each cloud, instance type and region, ``references.csv`` what a model
costs per hour where no more than the model is known, and ``sources.csv`` where figures come from, of which day, and how sure they are.

Of a row's ``unit``, ``node`` prices a whole machine, with ``devices`` in it (empty: not known; less than 1: a share of a device);
``device`` a single device, at clouds that sell by the device; ``host`` a machine without devices, to which ``add-on`` rows add so much
each.

A spot price is a range: over the zones of a region, or over time. What runs is priced at its upper end, so that costs are not
understated; both ends are kept and shown.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib import resources

from auditor.finding import Confidence

__all__ = ["Book", "Figure", "Reference", "Row", "Source", "book", "same_type"]

# In which region a type is looked up when its own is not in the book, or not known: where the book's list prices are from.
USUAL_REGIONS = {"aws": "us-east-1", "gcp": "us-central1", "azure": "eastus"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure comes from.

    Attributes:
        name: what rows call it.
        date: the day of the figures; None where that is not known.
        confidence: in them.
        where: an address, or a repository and the file in it.
        note: what to know about it.
    """

    name: str
    date: datetime.date | None
    confidence: Confidence
    where: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount in USD per hour with its source.

    Attributes:
        usd: the amount, as published; of a range its upper end.
        low: the lower end.
    """

    usd: Decimal
    source: Source
    low: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What one cloud asks for one instance type in one region. See the module for ``unit``.

    Attributes:
        cloud, instance_type, region: which; the region is empty where the price list knows none.
        unit: ``node``, ``device``, ``host`` or ``add-on``.
        model: canonical name; empty for a host.
        devices: how many; None where that is not known.
        on_demand, spot, one_year, three_year: what is asked, where it is known.
    """

    cloud: str
    instance_type: str
    region: str
    unit: str
    model: str
    devices: Fraction | None
    on_demand: Figure | None
    spot: Figure | None
    one_year: Figure | None
    three_year: Figure | None

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Those that it has."""
        return tuple(figure for figure in (self.on_demand, self.spot, self.one_year, self.three_year) if figure)

    @property
    def schedulable(self) -> Fraction | None:
        """By how many devices the price of the node is shared: a fraction of a device is one that a pod can ask for."""
        return None if self.devices is None else max(self.devices, Fraction(1))


@dataclass(frozen=True, slots=True)
class Reference:
    """What a device of a model costs at a large cloud in the United States, as a share of the whole node.

    Attributes:
        model: canonical name.
        device_hour: rounded, with its source.
        instance_type: whose price it is a share of.
    """

    model: str
    device_hour: Figure
    instance_type: str


@dataclass(frozen=True, slots=True)
class Book:
    """All rows, in the order of the table, and the references by model."""

    rows: tuple[Row, ...]
    references: Mapping[str, Reference]
    by_type: Mapping[str, tuple[Row, ...]]

    def of_type(self, instance_type: str) -> tuple[Row, ...]:
        """The rows of an instance type, that of its cloud's usual region first."""
        return self.by_type.get(same_type(instance_type), ())

    def of_devices(self, cloud: str, model: str, unit: str = "device") -> tuple[Row, ...]:
        """The rows of a cloud that price one device of a model."""
        return tuple(row for row in self.rows if row.unit == unit and row.cloud == cloud and row.model == model)

    @property
    def dates(self) -> tuple[datetime.date, ...]:
        """The days of all figures, the oldest first."""
        figures = [figure for row in self.rows for figure in row.figures]
        figures += [reference.device_hour for reference in self.references.values()]
        return tuple(sorted({figure.source.date for figure in figures if figure.source.date}))


def same_type(instance_type: str) -> str:
    """A name that is equal for all spellings of an instance type: Azure's are written with and without ``Standard_``."""
    return instance_type.strip().lower().removeprefix("standard_")


@cache
def book() -> Book:
    """The price book, read once."""
    sources = {row["name"]: _source(row) for row in _table("sources.csv")}
    rows = tuple(_row(row, sources) for row in _table("book.csv"))
    references = {
        row["model"]: Reference(row["model"], Figure(Decimal(row["device_hour"]), sources[row["source"]]), row["instance_type"])
        for row in _table("references.csv")
    }
    by_type: dict[str, list[Row]] = {}
    for row in rows:
        if row.unit in ("node", "host"):
            by_type.setdefault(same_type(row.instance_type), []).append(row)
    ordered = {key: tuple(sorted(several, key=lambda row: row.region != USUAL_REGIONS.get(row.cloud))) for key, several in by_type.items()}
    return Book(rows, references, ordered)


def _table(name: str) -> Iterator[dict[str, str]]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _source(row: Mapping[str, str]) -> Source:
    date = datetime.date.fromisoformat(row["date"]) if row["date"] else None
    return Source(row["name"], date, Confidence[row["confidence"].upper()], row["where"], row["note"])


def _row(row: Mapping[str, str], sources: Mapping[str, Source]) -> Row:
    def figure(amount: str, source: str, low: str = "") -> Figure | None:
        if not row[amount]:
            return None
        return Figure(Decimal(row[amount]), sources[row[source]], Decimal(row[low]) if low else None)

    return Row(
        cloud=row["cloud"],
        instance_type=row["instance_type"],
        region=row["region"],
        unit=row["unit"],
        model=row["model"],
        devices=Fraction(row["devices"]) if row["devices"] else None,
        on_demand=figure("on_demand", "on_demand_source"),
        spot=figure("spot", "spot_source", "spot_low"),
        one_year=figure("one_year", "commitment_source"),
        three_year=figure("three_year", "commitment_source"),
    )
