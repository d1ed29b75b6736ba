"""``mlaudit prices``: what the price book says, of which day, and what the owner says."""

from __future__ import annotations

import datetime
import fnmatch
import json
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import click

from auditor.cli.outputs import write
from auditor.cost.prices import Currency, Figure, Match, Owner, OwnersRule, Prices, Reference, Row, Source, book, model_of
from auditor.errors import UsageError
from auditor.registry import renderer, suggestion

__all__ = ["command"]

_ROOMY = 100  # columns from which on ranges are written out
_BROADEST = 8  # characters of an amount; longer ones are rounded
_DIGITS = Decimal("0.0001")
_KINDS = ("on_demand", "spot", "one_year", "three_year")


@click.command("prices")
@click.argument("pattern", default="", metavar="[PATTERN]")
@click.option(
    "--prices", "file", type=click.Path(path_type=Path), metavar="FILE", help="Your own prices, discounts and exchange rates (YAML)."
)
@click.option("--currency", default="USD", show_default=True, metavar="CODE", help="Print in this currency, at the rate of your file.")
@click.option("--model", default="", metavar="MODEL", help="Only this model, however you write it: H100, nvidia-a100-80gb …")
@click.option("--cloud", default="", metavar="CLOUD", help="Only this cloud: aws, gcp, azure, coreweave …")
@click.option(
    "-f",
    "--format",
    "shape",
    type=click.Choice(["table", "json", "yaml"]),
    default="table",
    show_default=True,
    help="How to write the list.",
)
def command(pattern: str, file: Path | None, currency: str, model: str, cloud: str, shape: str) -> int:
    """List what accelerators cost per hour: the price book, and your own prices.

    PATTERN is a part of an instance type or model, or a pattern like `g5*`. List prices, Linux, without taxes.

    \b
    Examples:
      mlaudit prices p5
      mlaudit prices --model A100-80GB --cloud azure
      mlaudit prices --prices our-prices.yaml --currency EUR

    \b
    Your own prices, in a file for --prices:
      discount: 12%                # off every list price
      currencies:
        - {code: EUR, per-usd: 0.92, date: 2026-11-20, source: ECB}
      rules:                       # the first that matches counts
        - match: {instance-type: "p5*", region: "eu-*"}
          node-hour: 31.5          # or device-hour
          currency: EUR
          commitment: reserved     # stopping it saves no cash
        - match: {pool: basement}
          on-premises: {purchase: 250000, years: 5, devices: 8,
                        power-kw: 10.2, pue: 1.3, energy-price: 0.21}
    """
    prices = Prices.load(file)
    money = prices.currency(currency)
    rows, references = _chosen(pattern, model, cloud)
    if shape == "table":
        width = min(max(shutil.get_terminal_size((100, 24)).columns, 80), 200)
        text = "\n".join(_table(prices, rows, references, money, width)) + "\n"
    else:
        fields = _fields(prices, rows, references, money)
        text = json.dumps(fields, indent=1, ensure_ascii=False) + "\n" if shape == "json" else renderer("yaml").dump(fields)
    write(text, None)
    return 0


def _chosen(pattern: str, model: str, cloud: str) -> tuple[list[Row], list[Reference]]:
    """The rows and references that are asked for.

    Raises:
        UsageError: there are none.
    """
    table = book()
    clouds = sorted({row.cloud for row in table.rows})
    if cloud and cloud.lower() not in clouds:
        raise UsageError(f"the price book has no cloud {cloud!r}", suggestion(cloud.lower(), clouds) or f"it has {', '.join(clouds)}")
    wanted = model_of(model) or model
    rows = [
        row
        for row in table.rows
        if (not cloud or row.cloud == cloud.lower())
        and (not model or _like(wanted, row.model))
        and (_like(pattern, row.instance_type) or _like(pattern, row.instance_type.removeprefix("Standard_")) or _like(pattern, row.model))
    ]
    held = {row.model for row in rows}
    references = [one for one in table.references.values() if (one.model in held if cloud or pattern or model else True)]
    references += [one for one in table.references.values() if model and not cloud and one.model == wanted and one not in references]
    if not rows and not references:
        models = {row.model for row in table.rows}
        raise UsageError("the price book has no such price", suggestion(wanted or pattern, models) or "`mlaudit prices` lists all")
    return rows, references


def _like(pattern: str, text: str) -> bool:
    """A part of a text, or a pattern that matches the whole, in either case."""
    pattern, text = pattern.lower(), text.lower()
    return fnmatch.fnmatchcase(text, pattern) if set("*?[") & set(pattern) else pattern in text


# -- for people -----------------------------------------------------------------------------------------------------------------------


def _table(prices: Prices, rows: list[Row], references: list[Reference], money: Currency, width: int) -> Iterator[str]:
    yield from _owner(prices, money, width)
    by_node = {row.cloud for row in rows if row.unit == "node"}
    for cloud, several in groupby(rows, key=lambda row: row.cloud if row.cloud in by_node else ""):
        shown = [row for row in several if _shown(row, roomy=width >= _ROOMY)]
        if not shown:
            continue
        figures = [figure for row in shown for figure in _shown(row, roomy=width >= _ROOMY)]
        sources = _named(figures)
        letters = {source.name: letter for source, letter in zip(sources, ascii_lowercase, strict=False)}
        yield f"{cloud}:" if cloud else "By the device:"
        yield _lines(shown, letters, money, roomy=width >= _ROOMY)
        for source in sources:
            yield from _wrapped(f"{letters[source.name]}  {_day(source.date)}, {source.where}", width)
        yield ""
    if references:
        yield "Where no more is known than the model:"
        yield _references(references, money)
        yield ""
    yield from _closing(rows, references, money, width)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _lines(rows: list[Row], letters: Mapping[str, str], money: Currency, *, roomy: bool) -> str:
    from tabulate import tabulate  # 15 ms that no other command needs

    columns = {
        "INSTANCE TYPE": [_name(row) for row in rows],
        "DEVICES": [_devices(row) for row in rows],
        "REGION": [row.region for row in rows],
        "ON\nDEMAND": [_amount(row.on_demand, money) for row in rows],
        "SPOT": [_spot(row.spot, money, roomy=roomy) for row in rows],
        "1\nYEAR": [_amount(row.one_year, money) for row in rows],
        "3\nYEARS": [_amount(row.three_year, money) if roomy else "" for row in rows],
        "EACH": [_number(_device_hour(row), money) for row in rows],
        "": ["".join(dict.fromkeys(letters[figure.source.name] for figure in _shown(row, roomy=roomy))) for row in rows],
    }
    filled = {name: cells for name, cells in columns.items() if any(cells)}
    aligned = ["left" if name in ("INSTANCE TYPE", "DEVICES", "REGION", "") else "right" for name in filled]
    return tabulate(list(zip(*filled.values(), strict=True)), list(filled), tablefmt="plain", disable_numparse=True, colalign=aligned)


def _shown(row: Row, *, roomy: bool) -> tuple[Figure, ...]:
    """The figures that there is room for."""
    return tuple(figure for figure in row.figures if roomy or figure is not row.three_year)


def _name(row: Row) -> str:
    if row.unit == "node":
        return row.instance_type.removeprefix("Standard_")
    if row.unit == "add-on":
        return "add-on"
    return row.instance_type if row.unit == "host" else " ".join(filter(None, (row.cloud, row.instance_type)))


def _devices(row: Row) -> str:
    if not row.model:
        return "(host only)"
    return row.model if row.unit != "node" else f"{'?' if row.devices is None else row.devices}×{row.model}"


def _device_hour(row: Row) -> Fraction | None:
    """On demand, else spot; None where the number of devices is not known."""
    figure = row.on_demand or row.spot
    return Fraction(figure.usd) / row.schedulable if figure and row.schedulable else None


def _amount(figure: Figure | None, money: Currency) -> str:
    """As published, where nothing is converted and there is room."""
    if figure is None:
        return ""
    return str(figure.usd) if money.code == "USD" and len(str(figure.usd)) <= _BROADEST else _number(Fraction(figure.usd), money)


def _spot(figure: Figure | None, money: Currency, *, roomy: bool) -> str:
    high = _amount(figure, money)
    if figure is None or figure.low is None or figure.low == figure.usd:
        return high
    return f"{_number(Fraction(figure.low), money)}-{high}" if roomy else f"≤{high}"


def _number(usd: Fraction | None, money: Currency) -> str:
    if usd is None:
        return ""
    text = str(_decimal(money.of_usd(usd)).quantize(_DIGITS))
    return text[:-2] + text[-2:].rstrip("0")


def _decimal(amount: Fraction) -> Decimal:
    return Decimal(amount.numerator) / Decimal(amount.denominator)


def _references(references: list[Reference], money: Currency) -> str:
    from tabulate import tabulate

    cells = [
        (one.model, _amount(one.device_hour, money), _day(one.device_hour.source.date), one.instance_type.removeprefix("Standard_"))
        for one in references
    ]
    headers = ("MODEL", "A DEVICE", "OF", "AS IN")
    return tabulate(cells, headers, tablefmt="plain", disable_numparse=True, colalign=("left", "right", "left", "left"))


def _owner(prices: Prices, money: Currency, width: int) -> Iterator[str]:
    """What the owner says, and what is assumed."""
    owner = prices.owner
    if not owner.file:
        return
    yield f"Your prices, of {owner.file}; the first rule that matches counts:"
    for rule in owner.rules:
        yield from _wrapped(f"- {_matched(rule.match)}: {_said(rule, money)}", width)
    if not owner.rules:
        yield "- no rules"
    yield from _wrapped(f"- {_assumed(owner)}", width)
    for problem in prices.problems:
        yield from _wrapped(f"- note: {problem}", width)
    yield ""


def _matched(match: Match) -> str:
    parts = [
        f"{name.replace('_', '-')} {' or '.join(patterns)}"
        for name in ("instance_type", "region", "model", "pool", "node", "capacity_type")
        if (patterns := getattr(match, name))
    ]
    parts += [f"label {key}={' or '.join(values)}" for key, values in match.labels.items()]
    return ", ".join(parts) or "everything"


def _said(rule: OwnersRule, money: Currency) -> str:
    usd, what = rule.hour
    parts = [f"{_number(usd, money)} {money.code} an hour for {what}", rule.commitment or ("owned" if rule.on_premises else "")]
    parts += [f"from {rule.valid_from}" if rule.valid_from else "", f"until {rule.valid_until}" if rule.valid_until else "", rule.source]
    return ", ".join(filter(None, parts))


def _assumed(owner: Owner) -> str:
    spot = f"{float(owner.spot_discount):.4g} off where no spot price is known ({'yours' if owner.spot_discount_said else 'assumed'})"
    committed = "unknown, so list price" if owner.commitment_discount is None else f"{float(owner.commitment_discount):.4g} off"
    return f"discount {float(owner.discount):.4g} off every list price; spot {spot}; reserved {committed}"


def _day(date: datetime.date | None) -> str:
    return str(date) if date else "day not known"


def _closing(rows: list[Row], references: list[Reference], money: Currency, width: int) -> Iterator[str]:
    sources = _sources(rows, references)
    dates = sorted(source.date for source in sources if source.date)
    today = datetime.datetime.now(datetime.UTC).date()
    age = ""
    if dates:
        oldest, newest = (f"of {date} ({(today - date).days} days ago)" for date in (dates[0], dates[-1]))
        age = f"; the oldest are {oldest}, the newest {newest}"
    unknown = sum(any(figure.source.date is None for figure in row.figures) for row in rows)
    age += f"; of {unknown} rows the day of a price is not known" if unknown else ""
    yield from _wrapped(f"{len(rows)} rows, {money.code} per hour{age}. Give your own prices with --prices FILE; --help shows one.", width)
    if any(row.spot and row.spot.low not in (None, row.spot.usd) for row in rows) and width < _ROOMY:
        yield from _wrapped("≤: of the spot prices seen, the highest, by which is reckoned; -f json has the lowest, too", width)
    if any(row.model and row.devices is None for row in rows):
        yield from _wrapped("?: the number of devices is not known for certain; it is asked of the node", width)
    if money.code != "USD":
        yield from _wrapped(f"1 USD = {float(money.per_usd):.6g} {money.code}, {money.date}, {money.source or 'of your file'}", width)


def _sources(rows: Iterable[Row], references: Iterable[Reference]) -> list[Source]:
    return _named([*(figure for row in rows for figure in row.figures), *(one.device_hour for one in references)])


def _named(figures: Iterable[Figure]) -> list[Source]:
    found = {figure.source.name: figure.source for figure in figures}
    return [found[name] for name in sorted(found)]


# -- for programs ---------------------------------------------------------------------------------------------------------------------


def _fields(prices: Prices, rows: list[Row], references: list[Reference], money: Currency) -> dict[str, Any]:
    """All amounts are texts, exact as published; converted ones and those of a device have at most ten digits behind the point."""
    owner = prices.owner
    sources = _sources(rows, references)
    dates = sorted(str(source.date) for source in sources if source.date)
    return {
        "version": 1,
        "currency": _currency(money),
        "oldest": dates[0] if dates else None,
        "newest": dates[-1] if dates else None,
        "rows": [
            {
                "cloud": row.cloud,
                "instance_type": row.instance_type,
                "region": row.region,
                "unit": row.unit,
                "model": row.model,
                "devices": None if row.devices is None else str(row.devices),
                **{kind: _figure(getattr(row, kind), money) for kind in _KINDS},
                "device_hour": _exact(_device_hour(row), money),
            }
            for row in rows
        ],
        "references": [
            {"model": one.model, "device_hour": _figure(one.device_hour, money), "instance_type": one.instance_type} for one in references
        ],
        "sources": {
            one.name: {"date": str(one.date) if one.date else None, "confidence": str(one.confidence), "where": one.where, "note": one.note}
            for one in sources
        },
        "owner": {
            "file": owner.file,
            "discount": _plain(owner.discount),
            "spot_discount": _plain(owner.spot_discount),
            "spot_discount_assumed": not owner.spot_discount_said,
            "commitment_discount": None if owner.commitment_discount is None else _plain(owner.commitment_discount),
            "provider": owner.provider,
            "rules": [
                {
                    "where": rule.where,
                    "match": _matched(rule.match),
                    "of": rule.hour[1],
                    "hour": _exact(rule.hour[0], money),
                    "commitment": rule.commitment or ("owned" if rule.on_premises else ""),
                    "valid_from": str(rule.valid_from) if rule.valid_from else None,
                    "valid_until": str(rule.valid_until) if rule.valid_until else None,
                    "source": rule.source,
                }
                for rule in owner.rules
            ],
        },
        "problems": list(prices.problems),
    }


def _currency(money: Currency) -> dict[str, Any]:
    date = str(money.date) if money.date else None
    return {"code": money.code, "per_usd": _plain(money.per_usd), "date": date, "source": money.source}


def _figure(figure: Figure | None, money: Currency) -> dict[str, Any] | None:
    if figure is None:
        return None
    low = figure.usd if figure.low is None else figure.low
    return {"amount": _exact(Fraction(figure.usd), money), "low": _exact(Fraction(low), money), "source": figure.source.name}


def _exact(usd: Fraction | None, money: Currency) -> str | None:
    return None if usd is None else _plain(money.of_usd(usd))


def _plain(amount: Fraction) -> str:
    text = f"{round(_decimal(amount), 10):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
