"""Costs on one screen: what was paid for, what did nothing, whose it is, what to do first, and what that stands on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from auditor.report import (
    DIMENSIONS,
    MEANINGS,
    Action,
    Amount,
    Category,
    Costs,
    Figure,
    Group,
    Split,
    as_money,
    details,
    figures,
    gap,
    groups,
    printable,
    rounded,
    span,
    standing,
)

from .writer import Writer

__all__ = ["CostWriter"]

_COLOURS = {Category.ACTIVE: "32", Category.UNKNOWN: "2", Category.IDLE: "31"}  # the others are yellow
_GROUPS, _ACTIONS = 3, 5  # so many are named without --verbose
_NAME, _LABEL, _HOURS, _SHARE, _OWN, _MOSTLY = 17, 21, 11, 9, 11, 12
_MONEY = 16  # at least
_NOBODY = {"workload": "(unallocated)", "team": "(unallocated)", "namespace": "(unallocated)", "pool": "(no pool)", "model": "(unknown)"}
_WIDE = 100  # from here on, a table has room for one more column
_BLOCKS = " ▏▎▍▌▋▊▉█"


class CostWriter(Writer):
    """Writes costs for one view."""

    money = _MONEY  # columns for it

    def screen(self, costs: Costs) -> Iterator[str]:
        """All of it, with an empty line at the end."""
        split = Split.of(costs)
        dearest = figures(costs, [costs.total(), _month(costs, costs.total())])
        self.money = max(_MONEY, *(len(_money(costs, figure)) + 2 for figure in dearest))
        yield from self._headline(costs, split)
        yield ""
        yield from self._categories(costs, split)
        yield from self._owners(costs, split)
        yield from self._actions(costs)
        yield from self._standing(costs)
        yield ""

    def line(self, costs: Costs) -> str:
        """The headline in one line."""
        split = Split.of(costs)
        paid, wasted = (_money(costs, figure).strip() for figure in (split.total, split.wasted))
        return f"{paid} for {split.total.hours:,} device-hours, of which {wasted} ({split.wasted_share} %) for nothing"

    def _headline(self, costs: Costs, split: Split) -> Iterator[str]:
        title = f"Accelerators, {span(costs)}"
        yield self.paint(title, "1")
        yield self.paint(f"{'device-hours':>{_LABEL + _HOURS + 2}}{'money':>{self.money - 1}}{'a month':>{self.money}}", "2")
        for label, amount, figure, colour in (
            ("paid for", costs.total(), split.total, "1"),
            (f"for nothing ({split.wasted_share} %)", costs.wasted, split.wasted, "1;31"),
        ):
            month = figures(costs, [_month(costs, amount)])[0]
            yield f"  {label:<{_LABEL}}{figure.hours:>{_HOURS},}" + self.paint(
                f"{self._paid(costs, figure)}{self._paid(costs, month)}".rstrip(), colour
            )
        if split.total.partial:
            hours = rounded([costs.total().unpriced], 1)[0]
            yield self.paint(f"  + and what {hours:,} device-hours cost whose price is not known", "2")

    def _categories(self, costs: Costs, split: Split) -> Iterator[str]:
        legend = max(len(text) for text in MEANINGS.values()) + 2 if self.view.width >= _WIDE else 0
        room = min(self.view.width - 2 - _NAME - _HOURS - self.money - _SHARE - 2 - legend, 50)
        head = f"{'device-hours':>{_NAME + _HOURS}}{'money':>{self.money - 1}}{'of money' if split.by_money else 'of hours':>{_SHARE + 1}}"
        yield self.paint(f"  {head}", "2")
        for category, figure in split.categories.items():
            drawn = bar(split.shares[category] / 100, room)
            words = f"{'':<{room - len(drawn)}}  {MEANINGS[category]}" if legend else ""
            row = f"  {category.value:<{_NAME}}{self._columns(costs, figure)}{split.shares[category]:>{_SHARE - 2}} %"
            yield f"{row}  {self.paint(drawn, _COLOURS.get(category, '33'))}{words}" if drawn or words else row
            parts = details(costs, category)
            whole = (figure.hours, figure.money or Decimal())
            for name, part in zip(parts, figures(costs, list(parts.values()), whole=whole), strict=True):
                if self.view.verbose or name == "used":
                    yield self.paint(f"    {printable(name) or '(other)':<{_NAME - 2}}{self._columns(costs, part)}".rstrip(), "2")
        yield ""

    def _owners(self, costs: Costs, split: Split) -> Iterator[str]:
        """Who wasted most, of teams and workloads; with --verbose all of them, and all other groups."""
        for dimension in DIMENSIONS if self.view.verbose else ("team", "workload"):
            found = [group for group in groups(costs, dimension) if group.name or dimension != "workload"]
            shown = found if self.view.verbose else [group for group in found if group.wasted.hours][:_GROUPS]
            rest = found[len(shown) :]
            if not shown or not any(group.wasted.hours for group in found):
                continue
            if len(rest) == 1 and rest[0].wasted.hours:
                shown, rest = found, []
            rows = [(printable(group.name) or _NOBODY[dimension], group) for group in shown]
            if any(group.wasted.hours for group in rest):
                rows.append((more := f"and {len(rest)} more", Group.of(more, rest)))
            wide = self.view.width >= _WIDE
            tail = f"{'of its own':>{_OWN}}" + (f"{'paid for':>{self.money - 1}}   {'mostly':<{_MOSTLY}}" if wide else "")
            room = self.view.width - 2 - _HOURS - self.money - len(tail)
            title = {"team": "Whose it is", "workload": "Workloads"}.get(dimension, f"By {dimension}")
            head = f"{'for nothing: hours':>{room + 2 + _HOURS - len(title)}}{'money':>{self.money - 1}} {tail}".rstrip()
            yield self.paint(title, "1") + self.paint(head, "2")
            yield from self._rows(costs, rows, split, room, wide=wide)
            yield ""

    def _rows(self, costs: Costs, rows: Sequence[tuple[str, Group]], split: Split, room: int, *, wide: bool) -> Iterator[str]:
        wasted = split.wasted_by(costs, [group for _, group in rows])
        paid = figures(costs, [group.paid for _, group in rows])
        for (label, group), nothing, whole in zip(rows, wasted, paid, strict=True):
            numbers = f"{self._columns(costs, nothing)}{_own(group):>{_OWN - 2}} %"
            if wide:
                numbers += f"{self._paid(costs, whole)}  {group.mostly.value if group.mostly else ''}"
            if len(label) > room:
                yield f"  {label}"
                label = ""
            yield f"  {label:<{room}}{numbers}".rstrip()

    def _actions(self, costs: Costs) -> Iterator[str]:
        if not costs.actions:
            return
        title = "What to do first"
        yield self.paint(title, "1") + self.paint(f"{'saves a month':>{self.view.width - len(title)}}", "2")
        shown = costs.actions if self.view.verbose else costs.actions[:_ACTIONS]
        saved = figures(costs, [_saving(action) for action in costs.actions])
        for number, (action, figure) in enumerate(zip(shown, saved, strict=False), 1):
            yield from self._action(costs, number, action, figure)
        if rest := saved[len(shown) :]:
            money = [figure.money for figure in rest if figure.money is not None]
            worth = f", worth {as_money(sum(money, Decimal()), costs.currency.code)} a month" if money else ""
            yield f"    and {len(rest)} more{worth} (--verbose)"
        if not all(action.cash for action in shown):
            yield from self.wrapped("capacity: the action frees what is paid for anyway, reserved or owned", 4, "    ")
        yield ""

    def _action(self, costs: Costs, number: int, action: Action, figure: Figure) -> Iterator[str]:
        money = f"{as_money(figure.money, costs.currency.code)} {'cash' if action.cash else 'capacity':<8}"
        first, *more = self.wrapped(action.title, 4, f"{number:>2}. ", len(money) + 2) or [f"{number:>2}."]
        gap = max(self.view.width - len(first) - len(money), 2)
        yield self.paint(first, "1") + " " * gap + self.paint(money.rstrip(), "1;32" if action.cash and figure.money else "1")
        yield from (self.paint(line, "1") for line in more)
        yield from self.wrapped(f"{action.remedy} (confidence: {action.confidence})", 6, "    → ")
        if self.view.verbose:
            yield from (line for text in action.evidence for line in self.wrapped(text, 6, "    · "))
            if action.query:
                yield from self.wrapped(action.query, 6, "    ? ")

    def _standing(self, costs: Costs) -> Iterator[str]:
        """What the amounts stand on."""
        yield from self.wrapped(" · ".join(standing(costs)), 2, "")
        if self.view.verbose:
            yield from self._prices(costs)
        for missing in costs.missing if self.view.verbose else costs.missing[:_GROUPS]:
            yield from (self.paint(line, "31") for line in self.wrapped(f"Not known: {gap(missing)}", 2, ""))
        for note in costs.notes if self.view.verbose else costs.notes[:_GROUPS]:
            yield from self.wrapped(f"Note: {note}", 2, "")
        left = 0 if self.view.verbose else max(len(costs.missing) - _GROUPS, 0) + max(len(costs.notes) - _GROUPS, 0)
        if left:
            yield f"and {left} more (--verbose)"

    def _prices(self, costs: Costs) -> Iterator[str]:
        for use in costs.prices:
            (hours,) = rounded([use.hours], 1)
            rate = (
                "no price" if use.device_hour is None else f"{as_money(rounded([costs.shown(use.device_hour)], 4)[0], costs.currency.code)}"
            )
            parts = [f"{use.what}: {rate} for a device and hour, {hours:,} device-hours"]
            parts += [part for part in (use.basis, use.source, str(use.date or "")) if part]
            yield from self.wrapped("; ".join([*parts, *use.notes]), 4, "  ")

    def _paid(self, costs: Costs, figure: Figure) -> str:
        return f"{_money(costs, figure):>{self.money}}"

    def _columns(self, costs: Costs, figure: Figure) -> str:
        return f"{figure.hours:>{_HOURS},}{self._paid(costs, figure)}"


def bar(share: Decimal, room: int) -> str:
    """A part of a whole as block characters, an eighth of a column exact; what is there at all is seen."""
    eighths = int(share * room * 8)
    full, part = divmod(max(eighths, 1) if share else 0, 8)
    return _BLOCKS[8] * full + (_BLOCKS[part] if part else "")


def _money(costs: Costs, figure: Figure) -> str:
    """Money; a plus after it says that hours without a price are not in it."""
    return as_money(figure.money, costs.currency.code) + ("+" if figure.partial else " ")


def _own(group: Group) -> Decimal:
    """How many percent of what it paid for it wasted."""
    money = bool(group.paid.money) and not group.paid.unpriced
    part, whole = (group.wasted.money, group.paid.money) if money else (group.wasted.hours, group.paid.hours)
    return rounded([part * 100 / whole if whole else Fraction()], 0)[0]


def _month(costs: Costs, amount: Amount) -> Amount:
    return Amount(amount.hours, costs.per_month(amount.money), amount.unpriced)


def _saving(action: Action) -> Amount:
    hours = action.amount.hours or Fraction(1)
    return Amount(hours, action.month or Fraction(), hours if action.month is None else Fraction())
