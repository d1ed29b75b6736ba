"""From what is to be priced to a price.

In this order, the first that answers: a rule of the owner's; what a meter says of the node (OpenCost), where that is plausible; the price
book for the very type, region and capacity type; the same type in another region; the price on demand less a discount, for what is spot or
reserved; a cloud's price of one device; what the model costs elsewhere. What none of them knows has no price: hours only, never 0.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from auditor.cost.prices.book import Book, Figure, Row, book
from auditor.cost.prices.models import is_fraction, model_of
from auditor.cost.prices.owner import Currency, Owner, Rule
from auditor.cost.prices.subject import Price, Subject, cloud_of, known_capacity_type
from auditor.errors import PricesError
from auditor.finding import Confidence

__all__ = ["Prices"]

# A price this far from what the model costs elsewhere is not one: a host without its GPUs, a sentinel, a default of a tool.
LOWEST, HIGHEST = Fraction(3, 10), Fraction(3)

_ON_DEMAND = "on-demand"
_NO_CASH = ("reserved", "owned")


@dataclass(frozen=True, slots=True)
class _Known:
    """A subject with what the price book knows of it."""

    subject: Subject
    rows: tuple[Row, ...]
    model: str | None
    devices: Fraction | None
    capacity_type: str
    notes: tuple[str, ...]

    @property
    def region(self) -> str:
        return self.subject.region.lower()


@dataclass(frozen=True, slots=True)
class _Found:
    """An amount on its way to a price."""

    usd: Fraction
    of_node: bool
    basis: str
    source: str
    date: datetime.date | None
    confidence: Confidence
    notes: tuple[str, ...] = ()


class Prices:
    """What accelerators cost: the price book, and what the owner says.

    Args:
        owner: what the owner says.
        table: the price book.
    """

    def __init__(self, owner: Owner | None = None, table: Book | None = None) -> None:
        self.owner = owner or Owner()
        self.book = table or book()
        self._problems: set[str] = set(self.owner.problems)

    @classmethod
    def load(cls, owner: Path | None = None) -> Prices:
        """The price book with an owner's file, if there is one.

        Raises:
            PricesError: the file cannot be read, or says what cannot be meant.
        """
        if owner is None:
            return cls()
        from auditor.cost.prices.reading import read_owner  # needs the YAML parser, which runs without a file do not

        return cls(read_owner(owner))

    @property
    def problems(self) -> tuple[str, ...]:
        """What was odd about the prices met so far, in sentences, sorted."""
        return tuple(sorted(self._problems))

    def currency(self, code: str) -> Currency:
        """A currency by its code; USD is always known.

        Raises:
            PricesError: the owner's file gives no rate for it.
        """
        found = self.owner.currencies.get(code.strip().upper())
        if found is None:
            known = ", ".join(sorted(self.owner.currencies))
            raise PricesError(f"there is no rate for {code}", f"give one under `currencies` of the file of --prices; known: {known}")
        return found

    def for_model(
        self, model: str, on: datetime.date, *, region: str = "", capacity_type: str = "", cloud: str = "", devices: int | None = None
    ) -> Price | None:
        """The price of one device, where only its model is known, as in a manifest that selects no instance type."""
        return self.of(Subject(product=model, region=region, capacity_type=capacity_type, cloud=cloud, devices=devices), on)

    def of(self, subject: Subject, on: datetime.date, *, metered: Mapping[str, Decimal | Fraction] | None = None) -> Price | None:
        """The price of a subject on a day; None where nothing knows it.

        Args:
            subject: what is to be priced.
            on: the day.
            metered: by node, USD per hour of the whole node, as a meter in the cluster says.
        """
        known = self._known(subject)
        rule = next((rule for rule in self.owner.rules if rule.valid(on) and rule.match.matches(subject, known.model)), None)
        if rule is not None:
            return self._by_rule(known, rule)
        found = self._metered(known, metered or {}, on) or self._list(known)
        return self._price(known, found) if found else None

    # -- what is known ------------------------------------------------------------------------------------------------------------------

    def _known(self, subject: Subject) -> _Known:
        rows = self.book.of_type(subject.instance_type)
        named = model_of(subject.product, subject.memory)
        booked = next((row.model for row in rows if row.model), None)
        counted = next((row.schedulable for row in rows if row.schedulable), None)
        notes = []
        if booked and named and booked != named:
            notes.append(f"the node's label says {named}, the price book says that {subject.instance_type} has {booked}")
        if counted and subject.devices and counted != subject.devices:
            notes.append(f"the node has {subject.devices} devices in view, {subject.instance_type} has {counted} in the price book")
        self._problems.update(f"{subject.node or subject.instance_type}: {note}" for note in notes)
        devices = counted or (Fraction(subject.devices) if subject.devices and subject.devices > 0 else None)
        capacity = known_capacity_type(subject.capacity_type)
        if subject.on_premises and not rows and capacity == _ON_DEMAND:
            capacity = "owned"
        return _Known(subject, rows, booked or named, devices, capacity, tuple(notes))

    def _price(self, known: _Known, found: _Found) -> Price | None:
        if found.of_node and known.devices is None:
            who = known.subject.node or known.subject.instance_type or "a node"
            self._problems.add(f"{who}: its price is known ({found.basis}), but not by how many devices it is shared")
            return None
        shared = known.devices if found.of_node and known.devices else Fraction(1)
        return Price(
            device_hour=found.usd / shared,
            node_hour=found.usd if found.of_node else None,
            devices=known.devices,
            model=known.model,
            capacity_type=known.capacity_type,
            basis=found.basis,
            source=found.source,
            date=found.date,
            confidence=found.confidence,
            cash=known.capacity_type not in _NO_CASH,
            notes=(*found.notes, *known.notes),
        )

    # -- the owner's rules --------------------------------------------------------------------------------------------------------------

    def _by_rule(self, known: _Known, rule: Rule) -> Price | None:
        """The price that a rule sets. The owner's word stands, however far from what others pay; but that is said."""
        own = rule.on_premises
        devices = (own.devices if own else None) or rule.devices or known.devices
        capacity = rule.commitment or ("owned" if own else known.capacity_type)
        known = replace(known, devices=devices, capacity_type=capacity)
        usd = rule.hour[0]
        notes = []
        if own:
            notes.append(f"of each hour of the machine {_amount(own.energy_hour)} USD is energy, which is saved while it is switched off")
        price = self._price(
            known,
            _Found(
                usd, rule.device_hour is None, "owner's price", rule.source or rule.where, rule.valid_from, Confidence.HIGH, tuple(notes)
            ),
        )
        if price is not None and not self._plausible(known, price.device_hour):
            said = f"{_amount(price.device_hour)} USD an hour for a device is far from what {price.model or 'it'} costs elsewhere"
            self._problems.add(f"{rule.where}: {said}; it is used all the same")
        return price

    # -- a meter ------------------------------------------------------------------------------------------------------------------------

    def _metered(self, known: _Known, metered: Mapping[str, Decimal | Fraction], on: datetime.date) -> _Found | None:
        name = known.subject.node
        if not name or name not in metered:
            return None
        said = metered[name]
        if isinstance(said, Decimal) and not said.is_finite():
            self._problems.add(f"{name}: the meter's price is {said}, and is not used")
            return None
        usd = Fraction(said)
        if known.devices is None or not self._plausible(known, usd / known.devices):
            self._problems.add(f"{name}: the meter's price of {_amount(usd)} USD for the node is out of all proportion, and is not used")
            return None
        return _Found(usd, True, "metered (OpenCost)", "node_total_hourly_cost", on, Confidence.HIGH)

    def _plausible(self, known: _Known, device_hour: Fraction) -> bool:
        """Whether a price is near that of the book for the very node, or near that of its model; true where neither is known."""
        if device_hour <= 0:
            return False
        near = [self._reference_of(known.model)]
        listed = self._by_type(known)
        if listed is not None and known.devices:
            near.append(listed.usd / known.devices)
        measures = [amount for amount in near if amount]
        return not measures or any(LOWEST * amount <= device_hour <= HIGHEST * amount for amount in measures)

    def _reference_of(self, model: str | None) -> Fraction | None:
        reference = self.book.references.get(model or "")
        return Fraction(reference.device_hour.usd) if reference else None

    # -- lists --------------------------------------------------------------------------------------------------------------------------

    def _list(self, known: _Known) -> _Found | None:
        found = self._by_type(known) or self._by_device(known) or self._by_model(known)
        discount = self.owner.discount
        if found is None or not discount:
            return found
        return replace(found, usd=found.usd * (1 - discount), basis=f"{found.basis}, less the owner's discount of {_percent(discount)}")

    def _by_type(self, known: _Known) -> _Found | None:
        """A row of the price book for the instance type."""
        rows = known.rows
        if any(row.unit == "host" for row in rows):
            rows = tuple(self._with_devices(known, rows))
        return next(self._of_rows(known, rows, of_node=True), None)

    def _of_rows(self, known: _Known, rows: tuple[Row, ...], *, of_node: bool) -> Iterator[_Found]:
        """What rows say, the best first."""
        here = tuple(row for row in rows if not row.region or row.region.lower() == known.region)
        for figure_of, discounts in self._ways(known):
            for regional, several in ((True, here), (False, tuple(row for row in rows if row not in here))):
                priced = [(figure, row) for row in several if (figure := figure_of(row))]
                if priced and (regional or figure_of is not _one_year):
                    figure, row = priced[0] if of_node else max(priced, key=lambda pair: pair[0].usd)
                    yield self._of_figure(known, figure, row, regional=regional, of_node=of_node, discounts=discounts)

    def _ways(self, known: _Known) -> Iterator[tuple[Callable[[Row], Figure | None], tuple[Fraction, str] | None]]:
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
        self, known: _Known, figure: Figure, row: Row, *, regional: bool, of_node: bool, discounts: tuple[Fraction, str] | None
    ) -> _Found:
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
        return _Found(Fraction(figure.usd) * (1 - off), of_node, basis, figure.source.where, figure.source.date, confidence, tuple(notes))

    def _with_devices(self, known: _Known, hosts: Iterable[Row]) -> Iterator[Row]:
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

    def _by_device(self, known: _Known) -> _Found | None:
        """What a cloud asks for one device."""
        cloud = known.subject.cloud or cloud_of(known.subject.labels) or self.owner.provider
        if not cloud and known.model and known.model.startswith("TPU"):
            cloud = "gcp"
        if not cloud or not known.model or is_fraction(known.subject.product):
            return None
        return next(self._of_rows(known, self.book.of_devices(cloud.lower(), known.model), of_node=False), None)

    def _by_model(self, known: _Known) -> _Found | None:
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
        return _Found(Fraction(figure.usd) * (1 - off), False, basis, where, figure.source.date, Confidence.LOW, tuple(notes))


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


def _amount(usd: Fraction) -> str:
    return f"{float(usd):.6g}"
