"""Prices of lists: what the price book asks for an instance type, for one device of a cloud, and for a model anywhere.

In this order: the very type, region and capacity type; the same type in another region; the price on demand less a discount, for what is
spot or reserved; a cloud's price of one device; what the model costs elsewhere.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from auditor.cost.prices.book import Book, Figure, Row
from auditor.cost.prices.models import is_fraction
from auditor.cost.prices.owner import Owner
from auditor.cost.prices.subject import Subject, cloud_of
from auditor.finding import Confidence

__all__ = ["Found", "Known", "Lists"]


@dataclass(frozen=True, slots=True)
class Known:
    """A subject with what the price book knows of it."""

    subject: Subject
    rows: tuple[Row, ...]
    model: str | None
    devices: Fraction | None
    capacity_type: str
    notes: tuple[str, ...]

    @property
    def region(self) -> str:
        """The subject's region, as the book is compared with it."""
        return self.subject.region.lower()


@dataclass(frozen=True, slots=True)
class Found:
    """An amount on its way to a price."""

    usd: Fraction
    of_node: bool
    basis: str
    source: str
    date: datetime.date | None
    confidence: Confidence
    notes: tuple[str, ...] = ()


class Lists:
    """The price book, with the discounts that the owner has.

    Args:
        table: the price book.
        owner: what the owner says.
    """

    def __init__(self, table: Book, owner: Owner) -> None:
        self.book, self.owner = table, owner

    def of(self, known: Known) -> Found | None:
        """The best of what the lists say, less the discount that the owner has on everything."""
        found = self.by_type(known) or self._by_device(known) or self._by_model(known)
        discount = self.owner.discount
        if found is None or not discount:
            return found
        return replace(found, usd=found.usd * (1 - discount), basis=f"{found.basis}, less the owner's discount of {_percent(discount)}")

    def by_type(self, known: Known) -> Found | None:
        """A row of the price book for the instance type."""
        rows = known.rows
        if any(row.unit == "host" for row in rows):
            rows = tuple(self._with_devices(known, rows))
        return next(self._of_rows(known, rows, of_node=True), None)

    def _of_rows(self, known: Known, rows: tuple[Row, ...], *, of_node: bool) -> Iterator[Found]:
        """What rows say, the best first."""
        here = tuple(row for row in rows if not row.region or row.region.lower() == known.region)
        for figure_of, discounts in self._ways(known):
            for regional, several in ((True, here), (False, tuple(row for row in rows if row not in here))):
                priced = [(figure, row) for row in several if (figure := figure_of(row))]
                if priced and (regional or figure_of is not _one_year):
                    figure, row = priced[0] if of_node else max(priced, key=lambda pair: pair[0].usd)
                    yield self._of_figure(known, figure, row, regional=regional, of_node=of_node, discounts=discounts)

    def _ways(self, known: Known) -> Iterator[tuple[Callable[[Row], Figure | None], tuple[Fraction, str] | None]]:
        """Which figure of a row to ask for, and what to take off it with which words, in turn."""
        if known.capacity_type == "spot":
            yield _spot, None
        elif known.capacity_type == "reserved" and self.owner.commitment_discount is None:
            yield _one_year, (Fraction(0), "one-year commitment")
        yield _on_demand, self._off(known.capacity_type)

    def _off(self, capacity_type: str) -> tuple[Fraction, str] | None:
        """What to take off the price on demand, and in which words."""
        if capacity_type == "spot":
            said = "of the owner's" if self.owner.spot_discount_said else "assumed"
            return self.owner.spot_discount, f"spot discount of {_percent(self.owner.spot_discount)} {said}"
        if capacity_type == "reserved" and self.owner.commitment_discount:
            discount = self.owner.commitment_discount
            return discount, f"commitment discount of {_percent(discount)} of the owner's"
        if capacity_type == "reserved":
            return Fraction(0), "list price of what is reserved"
        return None

    def _of_figure(
        self, known: Known, figure: Figure, row: Row, *, regional: bool, of_node: bool, discounts: tuple[Fraction, str] | None
    ) -> Found:
        off, words = discounts or (Fraction(0), "")
        basis, notes = "price book", []
        confidence = min(figure.source.confidence, Confidence.MEDIUM)
        if not regional:
            basis += ", other region" if known.region else ", region unknown"
            confidence = Confidence.LOW
            notes.append(f"the price is that of {row.region}")
        if words:
            basis = f"{basis}, {words}" if not off or not regional else words
        if off:
            confidence = Confidence.LOW
        if figure.low is not None and figure.low != figure.usd:
            notes.append(f"prices from {figure.low} to {figure.usd} USD were seen; the higher is used")
        if not of_node and row.instance_type:
            notes.append(f"the price is that of {row.instance_type} at {row.cloud}")
        if row.devices is not None and row.devices < 1:
            notes.append(f"the node has {row.devices} of a device, which is priced as one")
        return Found(Fraction(figure.usd) * (1 - off), of_node, basis, figure.source.where, figure.source.date, confidence, tuple(notes))

    def _with_devices(self, known: Known, hosts: Iterable[Row]) -> Iterator[Row]:
        """Hosts with as many devices as were added to them, for clouds that price the two apart."""
        if known.model is None or not known.devices:
            return
        for host in hosts:
            for extra in self.book.of_devices(host.cloud, known.model, "add-on"):
                yield replace(
                    extra,
                    region=host.region,
                    devices=known.devices,
                    on_demand=_sum(host.on_demand, extra.on_demand, known.devices),
                    spot=_sum(host.spot, extra.spot, known.devices),
                )

    def _by_device(self, known: Known) -> Found | None:
        """What a cloud asks for one device."""
        cloud = known.subject.cloud or cloud_of(known.subject.labels) or self.owner.provider
        if not cloud and known.model and known.model.startswith("TPU"):
            cloud = "gcp"
        if not cloud or not known.model or is_fraction(known.subject.product):
            return None
        return next(self._of_rows(known, self.book.of_devices(cloud.lower(), known.model), of_node=False), None)

    def _by_model(self, known: Known) -> Found | None:
        """What the model costs elsewhere."""
        reference = self.book.references.get(known.model or "")
        if reference is None or is_fraction(known.subject.product):
            return None
        off, words = self._off(known.capacity_type) or (Fraction(0), "")
        basis, notes = "model reference", []
        if known.subject.on_premises:
            basis += ", on-premises"
            notes.append("a cloud's list price stands in for machines of one's own: give their purchase price, years and power")
        if words:
            basis = f"{basis}, {words}"
        figure = reference.device_hour
        where = f"{figure.source.where} ({reference.instance_type})" if reference.instance_type else figure.source.where
        return Found(Fraction(figure.usd) * (1 - off), False, basis, where, figure.source.date, Confidence.LOW, tuple(notes))

    def reference_of(self, model: str | None) -> Fraction | None:
        """USD per hour for which the book knows one device of a model to be rented; None where it does not."""
        reference = self.book.references.get(model or "")
        return Fraction(reference.device_hour.usd) if reference else None


def _on_demand(row: Row) -> Figure | None:
    return row.on_demand


def _spot(row: Row) -> Figure | None:
    return row.spot


def _one_year(row: Row) -> Figure | None:
    return row.one_year


def _sum(host: Figure | None, extra: Figure | None, devices: Fraction) -> Figure | None:
    if host is None or extra is None:
        return None
    usd = host.usd + extra.usd * int(devices)
    return Figure(usd, host.source if host.source.confidence <= extra.source.confidence else extra.source)


def _percent(discount: Fraction) -> str:
    return f"{float(discount * 100):.4g} %"
