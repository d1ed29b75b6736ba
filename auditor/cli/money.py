"""Options about money that commands share, and what they mean. Prices are read only by who asks for them: not every run is about money."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.options import stack
from auditor.errors import UsageError

if TYPE_CHECKING:
    from auditor.cost.prices import Currency, Prices

__all__ = ["currency", "money_options", "potential_options", "prices"]

money_options = stack(
    click.option(
        "--prices",
        "prices",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Your own prices, discounts and rates of exchange; they go before the price book.",
    ),
    click.option(
        "--currency", "currency", metavar="CODE", default="USD", show_default=True, help="Show money in this currency (a rate is in FILE)."
    ),
)

potential_options = stack(
    click.option("--cost", "cost", is_flag=True, help="Add what the manifests could cost: devices × price × a month, as an upper bound."),
    money_options,
    click.option("--region", "region", metavar="REGION", default="", help="The cloud region of nodes where a manifest does not say it."),
    click.option(
        "--base",
        "base",
        metavar="REF",
        default="",
        help="Also add how the cost differs from where the branch left REF, as in pull requests.",
    ),
)


def prices(given: dict[str, Any]) -> Prices:
    """The prices that the options stand for.

    Raises:
        PricesError: the file cannot be read, or says what cannot be meant.
    """
    from auditor.cost.prices import Prices

    return Prices.load(given["prices"])


def currency(given: dict[str, Any], known: Prices | None = None) -> Currency:
    """The currency that the options stand for.

    Args:
        given: the options.
        known: prices that were read already; else they are read for the rate.

    Raises:
        UsageError: what is given is no code of a currency.
        PricesError: there is no rate for it.
    """
    code = given["currency"].strip().upper()
    if re.fullmatch(r"[A-Z]{3}", code) is None:
        raise UsageError(f"{given['currency']!r} is no code of a currency", "write it like EUR")
    return (known or prices(given)).currency(code)
