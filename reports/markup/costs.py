"""Costs in Markdown: the headline, where the money goes, what to do first; the rest behind headings that unfold."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from functools import partial

from auditor.report import (
    DIMENSIONS,
    MEANINGS,
    Action,
    Amount,
    Category,
    Costs,
    Figure,
    Group,
    PriceUse,
    Split,
    View,
    as_money,
    details,
    figures,
    groups,
    rounded,
    span,
    standing,
)

from .page import Page, code, fence, prose, row

__all__ = ["evidence", "headline", "owners", "standing_lines", "what_to_do", "where_it_goes"]

_ACTIONS, _GROUPS = 5, 5


def headline(page: Page, costs: Costs) -> None:
    """What was paid, and what of it did nothing. Every dollar sign follows a space: two in a line would make a formula otherwise."""
    split = Split.of(costs)
    page.add(f"### What accelerators cost: {span(costs)}", "")
    for words, amount, figure in (
        (f"Paid for {split.total.hours:,} device-hours", costs.total(), split.total),
        (f"For nothing: {split.wasted_share} %, which is {split.wasted.hours:,} device-hours", costs.wasted, split.wasted),
    ):
        month = Amount(amount.hours, costs.per_month(amount.money), amount.unpriced)
        page.add(f"- **{words}**: {_money(costs, figure)}, or {_money(costs, figures(costs, [month])[0])} a month")
    if split.total.partial:
        (hours,) = rounded([costs.total().unpriced], 1)
        page.add(f"- \\+ and what {hours:,} device-hours cost whose price is not known")
    page.add("")


def where_it_goes(page: Page, costs: Costs, view: View) -> None:
    """Categories, each with its share."""
    split = Split.of(costs)
    page.add(row("", "device-hours", "money", "of money" if split.by_money else "of hours", ""), "|:--|--:|--:|--:|:--|")
    for category, figure in split.categories.items():
        page.add(row(category.value, *_figures(costs, figure), f"{split.shares[category]} %", MEANINGS[category]))
        parts = details(costs, category)
        whole = (figure.hours, figure.money or Decimal())
        for name, part in zip(parts, figures(costs, list(parts.values()), whole=whole), strict=True):
            if view.verbose or (category is Category.ACTIVE and name == "used"):
                page.add(row(f"– {prose(name) or 'other'}", *_figures(costs, part), "", ""))
    page.add(row("all", *_figures(costs, split.total), "100.0 %" if split.categories else "", ""), "")


def what_to_do(page: Page, costs: Costs, view: View) -> None:
    """Actions, the most expensive first."""
    if not costs.actions:
        return
    page.add("#### What to do first", "", "|  | what | saves a month | | confidence |", "|--:|:--|--:|:--|:--|")
    saved = figures(costs, [_saving(action) for action in costs.actions])
    rows = (
        row(
            str(number),
            f"{prose(action.title)}<br>→ {prose(action.remedy)}",
            as_money(figure.money, costs.currency.code),
            "cash" if action.cash else "frees capacity that is paid for anyway",
            str(action.confidence),
        )
        for number, (action, figure) in enumerate(zip(costs.actions, saved, strict=True), 1)
    )
    page.rows(rows, len(saved), None if view.verbose else _ACTIONS)
    page.add("")


def evidence(page: Page, costs: Costs, view: View) -> None:
    """What actions stand on, folded."""
    shown = costs.actions if view.verbose else costs.actions[:_ACTIONS]
    if shown:
        page.add("<details><summary>Evidence</summary>", "")
        page.rows(("\n".join(_evidence(number, action)) for number, action in enumerate(shown, 1)), len(shown), None)
        page.add("", "</details>", "")


def _evidence(number: int, action: Action) -> Iterator[str]:
    yield f"- {number}: {prose(action.title)}"
    yield from (f"  - {prose(text)}" for text in action.evidence)
    if action.query:
        yield from ("  - query:", "", *fence(action.query, "    "), "")


def owners(page: Page, costs: Costs, view: View) -> None:
    """Teams and workloads by what they wasted, and with --verbose all other groups, folded."""
    if not costs.wasted.hours:
        return
    split = Split.of(costs)
    page.add("<details><summary>Whose it is</summary>", "")
    for dimension in DIMENSIONS if view.verbose else ("team", "workload"):
        found = [group for group in groups(costs, dimension) if group.name or dimension != "workload"]
        most = len(found) if view.verbose else sum(bool(group.wasted.hours) for group in found[:_GROUPS])
        rest = found[most:]
        shown = [*found[:most], *([Group.of(f"and {len(rest)} more", rest)] if rest else [])]
        paid = figures(costs, [group.paid for group in shown])
        rows = (
            row(
                prose(group.name) if group.name.startswith("and ") else code(group.name) or "nobody’s",
                *_figures(costs, wasted),
                _money(costs, whole),
                group.mostly.value if group.mostly else "",
            )
            for group, wasted, whole in zip(shown, split.wasted_by(costs, shown), paid, strict=True)
        )
        page.add(row(dimension, "for nothing: device-hours", "money", "paid for", "mostly"), "|:--|--:|--:|--:|:--|")
        page.rows(rows, len(shown), None)
        page.add("")
    page.add("</details>", "")


def standing_lines(page: Page, costs: Costs, view: View) -> None:
    """What the amounts stand on: always the sentence, and notes; with --verbose the prices too."""
    page.add(prose(" · ".join(standing(costs))), "")
    page.rows((f"- {prose(note)}" for note in costs.notes), len(costs.notes), None if view.verbose else _GROUPS, "- {}")
    if costs.notes:
        page.add("")
    if view.verbose and costs.prices:
        page.add("<details><summary>Prices</summary>", "", row("price", "a device-hour", "device-hours", "basis"), "|:--|--:|--:|:--|")
        page.rows(map(partial(_price, costs), costs.prices), len(costs.prices), None)
        page.add("", "</details>", "")


def _price(costs: Costs, use: PriceUse) -> str:
    rate = None if use.device_hour is None else rounded([costs.shown(use.device_hour)], 4)[0]
    basis = "; ".join(part for part in (use.basis, use.source, str(use.date or ""), *use.notes) if part)
    return row(prose(use.what), as_money(rate, costs.currency.code), f"{rounded([use.hours], 1)[0]:,}", prose(basis))


def _money(costs: Costs, figure: Figure) -> str:
    return as_money(figure.money, costs.currency.code) + ("+" if figure.partial else "")


def _figures(costs: Costs, figure: Figure) -> tuple[str, str]:
    return f"{figure.hours:,}", _money(costs, figure)


def _saving(action: Action) -> Amount:
    hours = action.amount.hours or Fraction(1)
    return Amount(hours, action.month or Fraction(), hours if action.month is None else Fraction())
