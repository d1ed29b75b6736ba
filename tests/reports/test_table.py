"""Costs at a terminal."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.registry import renderer
from auditor.report import Costs, View
from tests.reports import sample_costs as sample

EXPECTED = Path(__file__).with_name("expected")
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
render = renderer("table").render


def shown(costs: Costs | None, width: int = 80, **view: bool) -> str:
    text: str = render(sample.report(costs), View(width=width, **view))
    return text


@pytest.mark.parametrize(("name", "width", "verbose"), [("table-80.txt", 80, False), ("table-verbose-120.txt", 120, True)])
def test_the_screen_is_the_expected_one(name: str, width: int, verbose: bool) -> None:
    assert shown(sample.COSTS, width, verbose=verbose) == (EXPECTED / name).read_text(encoding="utf-8")


def test_one_look() -> None:
    assert shown(sample.NOW) == (
        """\
Accelerators, 25 Nov 2026 00:00 UTC, for an hour
                      device-hours          money         a month
  paid for                     8.0         $55.04      $40,179.20
  for nothing (25.0 %)         2.0         $13.76      $10,044.80

                  device-hours          money  of money
  unallocated              2.0         $13.76    25.0 %  █████▊
  unknown                  6.0         $41.28    75.0 %  █████████████████▎

Whose it is                        for nothing: hours          money  of its own
  (unallocated)                                   2.0         $13.76       100 %

Basis: one look: what an hour costs, if it stays like this · confidence in
  prices, by hours: high 100.0 %; the oldest is of 2026-10-01

Seen in 12 namespaces of production, 310 pods on 6 nodes: 24 accelerators
  requested by 10 workloads
"""
    )


def test_nothing_is_held_and_nothing_is_there() -> None:
    text = shown(dataclasses.replace(sample.NOW, lines=(), prices=()))
    assert "paid for                     0.0          $0.00           $0.00\n" in text


def test_a_report_without_costs_says_nothing_of_them() -> None:
    assert shown(None).splitlines() == [
        "0 findings",
        "400 objects in 12 namespaces of production, 310 pods on 6 nodes, 60 workloads,",
        "  24 accelerators requested by 10 of them",
        "0 rules of profile recommended, Kubernetes 1.33",
    ]


def test_columns_are_as_wide_as_the_money_in_them() -> None:
    lines = tuple(
        dataclasses.replace(one, hours=one.hours * 3000, used=one.used * 3000, money=one.money and one.money * 3000) for one in sample.LINES
    )
    text = shown(dataclasses.replace(sample.COSTS, lines=lines, currency=sample.EUR))
    assert "  paid for             9,037,321.4   41,868,971.64 EUR+  181,930,650.57 EUR+\n" in text
    assert "  Deployment/serving/llm-gateway       961,500.0    5,953,608.00 EUR        48 %\n" in text


def test_quiet_is_one_line() -> None:
    assert shown(sample.COSTS, quiet=True) == "$15,507.03+ for 3,012.4 device-hours, of which $6,032.58+ (40.5 %) for nothing\n"


def test_findings_come_first() -> None:
    report = sample.report(sample.COSTS, (sample.finding(),), rules=100)
    lines = render(report, View(width=80)).splitlines()
    assert lines[0].startswith("llm.yaml")
    assert lines.index("1 finding: 1 high") > next(number for number, line in enumerate(lines) if line.startswith("Accelerators"))


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("verbose", [False, True])
def test_colours_change_nothing_else(width: int, verbose: bool) -> None:
    plain = shown(sample.COSTS, width, verbose=verbose)
    coloured = shown(sample.COSTS, width, verbose=verbose, colour=True)
    assert coloured != plain
    assert "\x1b" not in plain
    assert ESCAPE.sub("", coloured) == plain
    assert not [line for line in plain.splitlines() if line != line.rstrip()]


@pytest.mark.parametrize("width", [80, 120])
def test_lines_are_as_long_as_the_terminal_is_wide(width: int) -> None:
    for line in shown(sample.COSTS, width, verbose=True).splitlines():
        assert len(line) <= width or len(line.split()) < 3, line


@pytest.mark.parametrize("verbose", [False, True])
def test_names_tell_the_terminal_nothing(verbose: bool) -> None:
    text = shown(sample.hostile(), verbose=verbose)
    assert all(line.isprintable() for line in text.splitlines())
    assert "\\u001b[31mred" in text


@given(st.text(max_size=40))
def test_any_text_is_printable(text: str) -> None:
    costs = dataclasses.replace(
        sample.COSTS,
        lines=tuple(dataclasses.replace(one, namespace=text, name=text, team=text, pool=text, model=text) for one in sample.LINES),
        actions=tuple(dataclasses.replace(one, title=text, remedy=text, evidence=(text,), query=text) for one in sample.ACTIONS),
        notes=(text,),
    )
    assert all(character.isprintable() for character in shown(costs, verbose=True) if character != "\n")
