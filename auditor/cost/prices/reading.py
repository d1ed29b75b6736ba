"""The owner's file: YAML to `Owner`. What cannot be meant is an error that names the line and says what to write.

::

    discount: 12%               # off every list price
    spot-discount: 65%          # where no spot price is known; 60 % is assumed otherwise
    commitment-discount: 40%    # of what is reserved
    provider: coreweave         # whose nodes they are, where labels do not tell
    currencies:
      - {code: EUR, per-usd: 0.92, date: 2026-11-20, source: "European Central Bank"}
    rules:                      # the first that matches counts
      - match: {instance-type: "p5*", region: "eu-*", capacity-type: reserved}
        node-hour: 31.5
        currency: EUR
        commitment: reserved
        valid-until: 2027-06-30
        source: contract 4711
      - match: {labels: {site: basement}}
        on-premises: {purchase: 250000, years: 5, devices: 8, power-kw: 10.2, pue: 1.3, energy-price: 0.21}
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

from auditor.cost.prices.models import MODELS, model_of
from auditor.cost.prices.owner import DEFAULT_SPOT_DISCOUNT, USD, Currency, Match, OnPremises, Owner, Rule
from auditor.document import Document, format_path
from auditor.document import Path as Steps
from auditor.errors import PricesError, SourceError
from auditor.source.settings import read_settings

__all__ = ["read_owner"]

_TOP = ("discount", "spot-discount", "commitment-discount", "provider", "currencies", "rules")
_CURRENCY = ("code", "per-usd", "date", "source")
_VALUES = ("node-hour", "device-hour", "on-premises")
_RULE = ("match", *_VALUES, "devices", "currency", "commitment", "valid-from", "valid-until", "source")
_PATTERNS = ("instance-type", "region", "model", "pool", "node", "capacity-type")
_MATCH = (*_PATTERNS, "labels")
_AMOUNTS = ("purchase", "residual", "yearly", "energy-price")
_PLAIN = ("years", "power-kw", "pue", "devices")
_ON_PREMISES = (*_AMOUNTS, *_PLAIN)
_COMMITMENTS = ("reserved", "owned")
_CAPACITY_TYPES = ("on-demand", "spot", "reserved")
_CODE = re.compile(r"[A-Za-z]{3}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
_MOST = Decimal(10) ** 15
_LONGEST = 60
# What people write for a key of ours that is called otherwise.
_MEANT = {"rate": "per-usd", "type": "instance-type", "instance": "instance-type", "gpu-hour": "device-hour", "label": "labels"}


def read_owner(path: Path) -> Owner:
    """What a file of prices says.

    Raises:
        PricesError: it cannot be read, or says what cannot be meant.
    """
    try:
        document = read_settings(path)
    except SourceError as error:
        raise PricesError(error.message, error.remedy) from None
    return _Reader(document).owner()


class _Reader:
    """Reads one file; every method takes the path to what it reads."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.currencies: dict[str, Currency] = {"USD": USD}
        self.problems: list[str] = []

    def owner(self) -> Owner:
        top = self.mapping((), _TOP)
        for index in range(len(self.entries(("currencies",)))):
            self.currency(("currencies", index))
        rules = [self.rule(("rules", index)) for index in range(len(self.entries(("rules",))))]
        said = top.get("commitment-discount") is not None
        return Owner(
            rules=tuple(rules),
            currencies=self.currencies,
            provider=self.text(("provider",)).lower(),
            discount=self.share(("discount",), Fraction(0)),
            spot_discount=self.share(("spot-discount",), DEFAULT_SPOT_DISCOUNT),
            spot_discount_said=top.get("spot-discount") is not None,
            commitment_discount=self.share(("commitment-discount",), Fraction(0)) if said else None,
            file=self.document.file,
            problems=tuple(self.problems),
        )

    # -- sections -----------------------------------------------------------------------------------------------------------------------

    def currency(self, path: Steps) -> None:
        self.mapping(path, _CURRENCY)
        code = self.text((*path, "code")).upper()
        if not _CODE.fullmatch(code):
            self.wrong((*path, "code"), f"{_shown(code)} is no currency" if code else "has no code", "write its three letters, like EUR")
        if code in self.currencies:
            self.wrong(
                (*path, "code"), f"gives a rate for {code} again", "USD is what rates are of" if code == "USD" else "remove one of them"
            )
        per_usd = self.number((*path, "per-usd"))
        if per_usd is None:
            self.wrong(path, f"does not say the rate of {code}", "write `per-usd`, how many of it one US dollar buys")
        date = self.date((*path, "date"))
        if date is None:
            self.wrong(path, f"does not say of which day the rate of {code} is", "write `date: 2026-11-20`")
        self.currencies[code] = Currency(code, per_usd, date, self.text((*path, "source")))

    def rule(self, path: Steps) -> Rule:
        given = self.mapping(path, _RULE)
        values = [key for key in _VALUES if given.get(key) is not None]
        if len(values) != 1:
            said = f"gives {' and '.join(values)}" if values else "gives no price"
            self.wrong(path, said, f"give one of {', '.join(_VALUES)}")
        currency = self.known_currency((*path, "currency"))
        commitment = self.one_of((*path, "commitment"), _COMMITMENTS)
        first, last = self.date((*path, "valid-from")), self.date((*path, "valid-until"))
        if first and last and last < first:
            self.wrong((*path, "valid-until"), f"ends on {last}, before it begins on {first}", "swap the two")
        rule = Rule(
            match=self.match((*path, "match")),
            devices=self.number((*path, "devices")),
            commitment=commitment,
            valid_from=first,
            valid_until=last,
            source=self.text((*path, "source")),
            where=self.where(path),
        )
        if values[0] == "on-premises":
            return replace(rule, on_premises=self.on_premises((*path, "on-premises"), currency))
        amount = currency.to_usd(self.number((*path, values[0])) or Fraction(1))
        return replace(rule, node_hour=amount) if values[0] == "node-hour" else replace(rule, device_hour=amount)

    def match(self, path: Steps) -> Match:
        given = self.mapping(path, _MATCH)
        labels = self.mapping((*path, "labels"), None)
        for index, word in enumerate(self.texts((*path, "capacity-type"))):
            if word not in _CAPACITY_TYPES:
                where = (*path, "capacity-type", index) if isinstance(given["capacity-type"], list) else (*path, "capacity-type")
                self.wrong(where, f"there is no capacity type {_shown(word)}", _near(word, _CAPACITY_TYPES))
        for text in self.texts((*path, "model")):
            if model_of(text) is None and not set("*?[") & set(text):
                near = [name for name in MODELS if name.startswith(f"{text.upper()}-")]
                near = near or difflib.get_close_matches(text.upper(), MODELS, n=1, cutoff=0.6)
                hint = f"; did you mean {' or '.join(near)}?" if near else ""
                self.problems.append(
                    f"{self.where((*path, 'model'))}: no model is known as {_shown(text)}, it is compared as it stands{hint}"
                )
        return Match(
            **{key.replace("-", "_"): self.texts((*path, key)) for key in _PATTERNS},
            labels={key: self.texts((*path, "labels", key)) for key in labels},
        )

    def on_premises(self, path: Steps, currency: Currency) -> OnPremises:
        given = self.mapping(path, _ON_PREMISES)
        for key in ("purchase", "years"):
            if given.get(key) is None:
                self.wrong(path, f"does not say {key}", "an hour's share of a purchase needs `purchase` and `years`")
        if (given.get("power-kw") is None) != (given.get("energy-price") is None):
            self.wrong(path, "gives one of power-kw and energy-price", "give both (kW, and the price of one kWh), or neither")
        amounts = {key: self.number((*path, key), zero=key != "purchase") for key in _AMOUNTS}
        plain = {key: self.number((*path, key), zero=key == "power-kw") for key in _PLAIN}
        pue = plain["pue"]
        if pue is not None and pue < 1:
            self.wrong(
                (*path, "pue"), f"{float(pue):g} is no power usage effectiveness", "it is 1 or more: all power over that of the machines"
            )
        purchase, residual = amounts["purchase"] or Fraction(0), amounts["residual"] or Fraction(0)
        if residual >= purchase:
            self.wrong(
                (*path, "residual"), "the residual value is not below the purchase price", "write what the machine fetches in the end"
            )
        return OnPremises(
            purchase=currency.to_usd(purchase),
            years=plain["years"] or Fraction(1),
            residual=currency.to_usd(residual),
            yearly=currency.to_usd(amounts["yearly"] or Fraction(0)),
            power_kw=plain["power-kw"] or Fraction(0),
            energy_price=currency.to_usd(amounts["energy-price"] or Fraction(0)),
            pue=pue or Fraction(1),
            devices=plain["devices"],
        )

    # -- values -------------------------------------------------------------------------------------------------------------------------

    def at(self, path: Steps) -> Any:
        node: Any = self.document.raw
        for step in path:
            node = node.get(step) if isinstance(node, dict) else node[step] if isinstance(node, list) and isinstance(step, int) else None
        return node

    def mapping(self, path: Steps, keys: Iterable[str] | None) -> Mapping[str, Any]:
        """A mapping, whose keys are among those known; an empty one where nothing stands there."""
        value = self.at(path)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(path, f"is {_shown(value)}, and no mapping", f"it has the keys {', '.join(keys)}" if keys else "write `key: value`")
        for key in value:
            if keys is not None and key not in keys:
                self.wrong((*path, key), f"there is no {_shown(key)} here", _near(key, tuple(keys)))
        return value

    def entries(self, path: Steps) -> list[Any]:
        value = self.at(path)
        if value is None:
            return []
        if not isinstance(value, list):
            self.wrong(path, f"is {_shown(value)}, and no list", "begin each entry with a dash")
        for index, entry in enumerate(value):
            if not isinstance(entry, dict):
                self.wrong((*path, index), f"is {_shown(entry)}, and no mapping", "an entry is made of `key: value`")
        return value

    def text(self, path: Steps) -> str:
        value = self.at(path)
        if value is None:
            return ""
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            self.wrong(path, f"is {_shown(value)}, and no text", "write a text")
        return str(value).strip()

    def texts(self, path: Steps) -> tuple[str, ...]:
        """One text or several."""
        value = self.at(path)
        if isinstance(value, list):
            if not value:
                self.wrong(path, "is an empty list", "leave it out to match everything")
            return tuple(self.pattern((*path, index)) for index in range(len(value)))
        return () if value is None and not self.has(path) else (self.pattern(path),)

    def pattern(self, path: Steps) -> str:
        """A text to match with; ``true`` and numbers are what a label holds as a text."""
        value = self.at(path)
        if isinstance(value, bool):
            return "true" if value else "false"
        text = self.text(path)
        if not text and not (len(path) > 1 and path[-2] == "labels"):
            self.wrong(path, "is empty", "leave it out to match everything")
        return text

    def has(self, path: Steps) -> bool:
        above = self.at(path[:-1])
        return isinstance(above, dict) and path[-1] in above

    def number(self, path: Steps, *, zero: bool = False) -> Fraction | None:
        """An amount above 0, exactly as written; None where nothing stands there."""
        value = self.at(path)
        if value is None:
            return None
        text = "" if isinstance(value, bool) or not isinstance(value, str | int | float) else str(value).strip()
        found = _decimal(text)
        if found is None:
            self.wrong(path, f"{_shown(value)} is no number", "write it like 55.04, with a point and without a currency")
        if found < 0 or (found == 0 and not zero) or found > _MOST:
            self.wrong(path, f"{_shown(value)} is no amount", f"write a number {'of at least' if zero else 'above'} 0")
        return Fraction(found)

    def share(self, path: Steps, default: Fraction) -> Fraction:
        """A part of 1: ``0.6`` or ``60%``."""
        value = self.at(path)
        if value is None:
            return default
        text = "" if isinstance(value, bool) or not isinstance(value, str | int | float) else str(value).strip()
        found = _decimal(text.removesuffix("%").rstrip())
        if found is None:
            self.wrong(path, f"{_shown(value)} is no discount", "write it like 0.60 or 60%")
        part = Fraction(found) / (100 if text.endswith("%") else 1)
        if not 0 <= part < 1:
            self.wrong(path, f"{_shown(value)} is no discount", "write a part of 1, like 0.60, or 60%")
        return part

    def date(self, path: Steps) -> datetime.date | None:
        value = self.at(path)
        if value is None:
            return None
        try:
            return datetime.date.fromisoformat(value.strip() if isinstance(value, str) and _DATE.fullmatch(value.strip()) else "")
        except ValueError:
            self.wrong(path, f"{_shown(value)} is no day", "write it like 2026-11-25")

    def one_of(self, path: Steps, words: tuple[str, ...]) -> str:
        text = self.text(path)
        if text and text not in words:
            self.wrong(path, f"there is no {path[-1]} {_shown(text)}", _near(text, words))
        return text

    def known_currency(self, path: Steps) -> Currency:
        code = self.text(path).upper()
        if code and code not in self.currencies:
            self.wrong(
                path, f"there is no rate for {_shown(code)}", f"give one under `currencies`; known: {', '.join(sorted(self.currencies))}"
            )
        return self.currencies[code or "USD"]

    # -- errors -------------------------------------------------------------------------------------------------------------------------

    def where(self, path: Steps) -> str:
        return f"{self.document.file}:{self.document.location(path).line or 1}"

    def wrong(self, path: Steps, what: str, remedy: str) -> NoReturn:
        named = format_path(path)
        raise PricesError(f"{self.where(path)} {named}: {what}" if named else f"{self.where(path)} {what}", remedy)


def _decimal(text: str) -> Decimal | None:
    if not _NUMBER.fullmatch(text) or len(text) > _LONGEST:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _shown(value: object) -> str:
    """A value in a message, in one short line."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "true" if value is True else "false" if value is False else "null" if value is None else repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _near(word: str, known: tuple[str, ...]) -> str:
    meant = _MEANT.get(word)
    near = [meant] if meant in known else difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(filter(None, near))}?" if near else f"known are {', '.join(known)}"
