"""What manifests could cost, in Markdown: what a change does to it, then the dearest workloads."""

from __future__ import annotations

from auditor.report import Change, Potential, View

from .. import _potential
from .page import Page, code, prose, row

__all__ = ["section"]

_SHOWN = 5  # so many workloads are named without --verbose


def section(page: Page, potential: Potential, view: View) -> None:
    """The change first, for that is what a pull request is about."""
    if potential.change is not None:
        _change(page, potential, potential.change, view)
    page.add(f"#### What it could cost in {prose(potential.currency.code)} a month", "")
    page.add("An upper bound, if all of it runs all month; not waste.", "")
    if potential.lines and not view.quiet:
        page.add(row("a month", "workload", "place", "what it consists of"), "|--:|:--|:--|:--|")
        rows = (
            row(
                prose(_potential.amount_of(potential, line, month)),
                code(str(line.ref)),
                code(_potential.where(line)),
                "<br>".join(map(prose, _potential.described(potential, line))),
            )
            for line, month in zip(potential.lines, potential.months, strict=True)
        )
        page.rows(rows, len(potential.lines), None if view.verbose else _SHOWN)
        page.add("")
    page.add(*(f"- {prose(sentence)}" for sentence in _potential.closing(potential)), "")


def _change(page: Page, potential: Potential, change: Change, view: View) -> None:
    total = f"{_potential.signed(potential.money(change.month))} {potential.currency.code} a month"
    page.add(f"#### What this change costs: {prose(total)}", "")
    page.add(f"Since {code(change.base)}, where they parted ({code(change.commit[:12])}).", "")
    if not change.lines:
        page.add("No accelerated workload costs more or less.", "")
    elif not view.quiet:
        page.add(row("more or less", "workload", "place"), "|--:|:--|:--|")
        rows = (
            row(
                prose(_potential.change_of(potential, line)),
                f"{line.how} {code(str(line.line.ref))}",
                code(_potential.where(line.line)),
            )
            for line in change.lines
        )
        page.rows(rows, len(change.lines), None if view.verbose else _SHOWN)
        page.add("")
    notes = [f"{change.unknown} of them without a known price or end are not in the sum"] if change.unknown else []
    notes += change.notes
    if notes:
        page.add(*(f"- {prose(note)}" for note in notes), "")
