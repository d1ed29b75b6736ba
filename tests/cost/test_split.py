"""Hours and money are conserved, whoever did what, in any order, and whatever was not measured."""

from __future__ import annotations

import datetime
import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.cost.actions import advised
from auditor.cost.facts import Facts
from auditor.cost.model import Costs, rounded
from auditor.cost.prices import Prices
from auditor.cost.split import costs_of
from auditor.document import Document, ObjectRef
from auditor.listing import Listing
from auditor.snapshot import Snapshot
from auditor.source.prometheus import rows
from auditor.source.recording import from_recording, recording
from auditor.usage import Activity, Category, Held, Holder, NodeHours, Usage

END = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)
LISTING = Listing(END, "made up", (1, 36), "", (), (), frozenset({("", "Pod"), ("", "Node")}), 1)
TYPES = ("p5.48xlarge", "g6.12xlarge", "nobody-knows-it")
NODES = tuple(f"n{number}" for number in range(4))
PRICES = Prices()

amounts = st.fractions(0, 50, max_denominator=84)


def node(name: str) -> Document:
    labels = {"node.kubernetes.io/instance-type": TYPES[int(name[1:]) % 3], "topology.kubernetes.io/region": "us-east-1"}
    status = {"capacity": {"nvidia.com/gpu": "4"}, "allocatable": {"nvidia.com/gpu": "4"}}
    raw: dict[str, Any] = {"metadata": {"name": name, "labels": labels}, "spec": {"providerID": "aws:///x"}, "status": status}
    return Document.of_cluster(ObjectRef("", "v1", "Node", "", name), raw)


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    hours = [draw(amounts) for _ in range(6)]
    return Activity(*hours, used=hours[5] * draw(st.fractions(0, 1)), warm=hours[4] * draw(st.fractions(0, 1)))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    names = draw(st.lists(st.sampled_from(NODES), unique=True))
    nodes = []
    for name in names:
        capacity = draw(amounts) * 4
        units = capacity * draw(st.fractions(0, 1))
        allocatable = units * draw(st.fractions(0, 1))
        nodes.append(
            NodeHours(name, capacity, units, allocatable, capacity * draw(st.fractions(0, 1)), capacity * draw(st.fractions(0, 1)))
        )
    holders = st.builds(Holder, st.sampled_from(("a", "b")), st.just("Deployment"), st.sampled_from(("x", "y", "z")), st.booleans())
    held = draw(st.lists(st.builds(Held, holders, st.sampled_from(NODES), activities()), max_size=8))
    return Usage(
        END - datetime.timedelta(days=1), END, 300, tuple(nodes), tuple(held), exporters=("DCGM exporter",), memory=draw(st.booleans())
    )


def costs(usage: Usage) -> Costs:
    facts = Facts(Snapshot([node(name) for name in NODES], listing=LISTING), PRICES)
    return advised(costs_of(usage, facts, PRICES, PRICES.currency("USD")), usage, facts)


@settings(deadline=None)
@given(usages())
def test_hours_and_money_are_conserved(usage: Usage) -> None:
    found = costs(usage)
    known = {one.node: one.capacity for one in usage.nodes}
    for one in usage.held:  # what is held on a node without a capacity is taken for it
        if one.node not in {each.node for each in usage.nodes}:
            known[one.node] = known.get(one.node, Fraction(0)) + one.activity.total
    assert found.total().hours == sum(known.values())
    each = {"p5.48xlarge": Fraction("6.88"), "g6.12xlarge": Fraction("1.1504")}
    paid = sum(hours * each.get(TYPES[int(name[1:]) % 3], Fraction(0)) for name, hours in known.items())
    assert found.total().money == paid
    assert all(line.hours > 0 and 0 <= line.used <= line.hours for line in found.lines)
    assert all(line.money is None for line in found.lines if line.basis == "no price")
    assert (
        sum((amount.hours for parts in found.by(lambda line: line.team).values() for amount in parts.values()), Fraction(0))
        == found.total().hours
    )


@settings(deadline=None)
@given(usages(), st.randoms())
def test_the_order_changes_nothing(usage: Usage, chance: random.Random) -> None:
    nodes, held = list(usage.nodes), list(usage.held)
    chance.shuffle(nodes)
    chance.shuffle(held)
    assert costs(replace(usage, nodes=tuple(nodes), held=tuple(held))) == costs(usage)


@settings(deadline=None)
@given(usages())
def test_a_recording_is_the_same_window(usage: Usage) -> None:
    assert from_recording(recording(usage)) == usage


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_missing_samples_only_make_unknown(running: int, terminating: int, crashing: int, covered: int, idle: int, lost: int) -> None:
    """Of covered looks some are lost, idle ones or others."""
    held = {"running": Fraction(running), "terminating": Fraction(terminating), "crashing": Fraction(crashing)}
    idle = min(idle, covered)
    lost_idle = min(lost, idle)
    lost_active = min(lost, covered - idle)
    before = rows.activity(held, {"covered": Fraction(covered), "idle": Fraction(idle)}, Fraction(1))
    left = {"covered": Fraction(covered - lost_idle - lost_active), "idle": Fraction(idle - lost_idle)}
    after = rows.activity(held, left, Fraction(1))
    assert after.total == before.total == running
    assert after.unknown >= before.unknown
    for category in (Category.STARTING, Category.TERMINATING, Category.CRASHLOOP):
        assert after.of(category) == before.of(category)
    assert after.idle + after.active <= before.idle + before.active


@given(st.lists(st.fractions(0, 10**6), max_size=30), st.integers(0, 6))
def test_shown_parts_add_up(parts: list[Fraction], places: int) -> None:
    shown = rounded(parts, places)
    whole = rounded([sum(parts, Fraction(0))], places)[0]
    assert sum(shown) == whole
    unit = Fraction(1, 10**places)
    assert all(abs(Fraction(one) - part) < unit for one, part in zip(shown, parts, strict=True))
