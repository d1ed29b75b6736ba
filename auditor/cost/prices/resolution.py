"""From what is to be priced to a price.

In this order, the first that answers: a rule of the owner's; what a meter says of the node (OpenCost), where that is plausible; the lists,
in the order of `auditor.cost.prices.lists`. What none of them knows has no price: hours only, never 0.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from auditor.cost.prices.book import Book, book
from auditor.cost.prices.lists import Found, Known, Lists
from auditor.cost.prices.models import model_of
from auditor.cost.prices.owner import Currency, Owner, Rule
from auditor.cost.prices.subject import Price, Subject, known_capacity_type
from auditor.errors import PricesError
from auditor.finding import Confidence

__all__ = ["Prices"]

# A price this far from what the model costs elsewhere is not one: a host without its GPUs, a sentinel, a default of a tool.
LOWEST, HIGHEST = Fraction(3, 10), Fraction(3)

_ON_DEMAND = "on-demand"
_NO_CASH = ("reserved", "owned")


class Prices:
    """What accelerators cost: the price book, and what the owner says.

    Args:
        owner: what the owner says.
        table: the price book.
    """

    def __init__(self, owner: Owner | None = None, table: Book | None = None) -> None:
        self.owner = owner or Owner()
        self.book = table or book()
        self._lists = Lists(self.book, self.owner)
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
        found = self._metered(known, metered or {}, on) or self._lists.of(known)
        return self._price(known, found) if found else None

    # -- what is known ------------------------------------------------------------------------------------------------------------------

    def _known(self, subject: Subject) -> Known:
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
        return Known(subject, rows, booked or named, devices, capacity, tuple(notes))

    def _price(self, known: Known, found: Found) -> Price | None:
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

    def _by_rule(self, known: Known, rule: Rule) -> Price | None:
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
            Found(
                usd, rule.device_hour is None, "owner's price", rule.source or rule.where, rule.valid_from, Confidence.HIGH, tuple(notes)
            ),
        )
        if price is not None and not self._plausible(known, price.device_hour):
            said = f"{_amount(price.device_hour)} USD an hour for a device is far from what {price.model or 'it'} costs elsewhere"
            self._problems.add(f"{rule.where}: {said}; it is used all the same")
        return price

    # -- a meter ------------------------------------------------------------------------------------------------------------------------

    def _metered(self, known: Known, metered: Mapping[str, Decimal | Fraction], on: datetime.date) -> Found | None:
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
        return Found(usd, True, "metered (OpenCost)", "node_total_hourly_cost", on, Confidence.HIGH)

    def _plausible(self, known: Known, device_hour: Fraction) -> bool:
        """Whether a price is near that of the book for the very node, or near that of its model; true where neither is known."""
        if device_hour <= 0:
            return False
        near = [self._lists.reference_of(known.model)]
        listed = self._lists.by_type(known)
        if listed is not None and known.devices:
            near.append(listed.usd / known.devices)
        measures = [amount for amount in near if amount]
        return not measures or any(LOWEST * amount <= device_hour <= HIGHEST * amount for amount in measures)


def _amount(usd: Fraction) -> str:
    return f"{float(usd):.6g}"
