"""What an owner says about prices: rules, discounts and currencies."""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from auditor.cost.prices.book import same_type
from auditor.cost.prices.models import model_of
from auditor.cost.prices.subject import Subject, known_capacity_type

__all__ = ["HOURS_PER_YEAR", "USD", "Currency", "Match", "OnPremises", "Owner", "Rule"]

HOURS_PER_YEAR = 8760
DEFAULT_SPOT_DISCOUNT = Fraction(60, 100)


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency, and how many units of it one US dollar is worth.

    Attributes:
        code: ``EUR``.
        per_usd: units for one USD.
        date: of the rate; None for USD itself.
        source: whose rate it is.
    """

    code: str
    per_usd: Fraction
    date: datetime.date | None = None
    source: str = ""

    def to_usd(self, amount: Fraction) -> Fraction:
        """An amount of this currency in USD."""
        return amount / self.per_usd

    def of_usd(self, usd: Fraction) -> Fraction:
        """An amount of USD in this currency."""
        return usd * self.per_usd


USD = Currency("USD", Fraction(1))


@dataclass(frozen=True, slots=True)
class OnPremises:
    """A machine of one's own, by the hour.

    Purchase less residual value is written off in equal parts (straight-line depreciation, IAS 16.62,
    https://www.ifrs.org/issued-standards/list-of-standards/ias-16-property-plant-and-equipment/), a year having 8,760 hours; what it draws
    is multiplied by the power usage effectiveness of its site (ISO/IEC 30134-2, https://www.iso.org/standard/63451.html)::

        node hour = (purchase - residual) / (years × 8760) + yearly / 8760 + power-kw × pue × energy-price

    Attributes:
        purchase, residual, yearly, energy_price: in USD; the last for one kWh.
        years: of use.
        power_kw: what the machine draws.
        pue: 1 where only the machine itself draws power.
        devices: in the machine; None where the owner does not say.
    """

    purchase: Fraction
    years: Fraction
    residual: Fraction = Fraction(0)
    yearly: Fraction = Fraction(0)
    power_kw: Fraction = Fraction(0)
    energy_price: Fraction = Fraction(0)
    pue: Fraction = Fraction(1)
    devices: Fraction | None = None

    @property
    def energy_hour(self) -> Fraction:
        """USD for the power of one hour."""
        return self.power_kw * self.pue * self.energy_price

    @property
    def node_hour(self) -> Fraction:
        """USD for one hour of the machine."""
        return (self.purchase - self.residual) / (self.years * HOURS_PER_YEAR) + self.yearly / HOURS_PER_YEAR + self.energy_hour


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule is for. Each field is a set of patterns of which one must match; an empty one matches everything.

    Patterns are those of a shell (``*``, ``?``, ``[…]``). Instance types, regions and models match in either case.
    """

    instance_type: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    pool: tuple[str, ...] = ()
    node: tuple[str, ...] = ()
    capacity_type: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def matches(self, subject: Subject, model: str | None) -> bool:
        """Whether it is for a subject, whose model is known better than from its label."""
        capacity = known_capacity_type(subject.capacity_type)
        return (
            _any(tuple(map(same_type, self.instance_type)), same_type(subject.instance_type))
            and _any(tuple(text.lower() for text in self.region), subject.region.lower())
            and (not self.model or any(_same_model(text, model, subject.product) for text in self.model))
            and _any(self.pool, subject.pool)
            and _any(self.node, subject.node)
            and (not self.capacity_type or capacity in map(known_capacity_type, self.capacity_type))
            and all(key in subject.labels and _any(values, subject.labels[key]) for key, values in self.labels.items())
        )


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


def _same_model(text: str, model: str | None, product: str) -> bool:
    if fnmatch.fnmatchcase((model or "").lower(), text.lower()) and model:
        return True
    named = model_of(text)
    return named == model if named and model else text.strip().lower() == product.strip().lower()


@dataclass(frozen=True, slots=True)
class Rule:
    """One price of the owner's, in USD. One of ``node_hour``, ``device_hour`` and ``on_premises`` is given.

    Attributes:
        match: what it is for.
        commitment: ``reserved`` or ``owned``: stopping it saves no cash; empty for what is paid by the hour.
        valid_from, valid_until: the first and the last day.
        source: whose word it is.
        where: the place of the rule, for people.
        devices: by how many the price of the node is shared; None where the owner does not say.
    """

    match: Match
    node_hour: Fraction | None = None
    device_hour: Fraction | None = None
    on_premises: OnPremises | None = None
    devices: Fraction | None = None
    commitment: str = ""
    valid_from: datetime.date | None = None
    valid_until: datetime.date | None = None
    source: str = ""
    where: str = ""

    @property
    def hour(self) -> tuple[Fraction, str]:
        """USD per hour, and of what."""
        if self.device_hour is not None:
            return self.device_hour, "a device"
        return self.on_premises.node_hour if self.on_premises else self.node_hour or Fraction(0), "the node"

    def valid(self, on: datetime.date) -> bool:
        """Whether it holds on a day."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_until is None or on <= self.valid_until)


@dataclass(frozen=True, slots=True)
class Owner:
    """All that an owner says; what is left out is assumed, and the assumptions are shown.

    Attributes:
        rules: in the order of the file; the first that matches counts.
        currencies: by code.
        provider: the cloud of nodes whose labels do not tell; ``coreweave``.
        discount: off every list price.
        spot_discount: off the price on demand, where a spot price is not known; ``spot_discount_said`` where the owner chose it.
        commitment_discount: off the price on demand of what is reserved; None where the owner does not say.
        file: the file's name; empty where there is none.
        problems: what is odd about it without being an error.
    """

    rules: tuple[Rule, ...] = ()
    currencies: Mapping[str, Currency] = field(default_factory=lambda: {"USD": USD})
    provider: str = ""
    discount: Fraction = Fraction(0)
    spot_discount: Fraction = DEFAULT_SPOT_DISCOUNT
    spot_discount_said: bool = False
    commitment_discount: Fraction | None = None
    file: str = ""
    problems: tuple[str, ...] = ()
