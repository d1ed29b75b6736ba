"""A report that was stored as JSON, and what formats make of it: the bytes that they make of the report itself."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.cli.scan import scan
from auditor.config import Settings
from auditor.cost.compare import compare
from auditor.cost.potential import DevicePrice, Term
from auditor.cost.prices import USD, Currency
from auditor.document import NotJudged, ObjectRef, Unread
from auditor.errors import UsageError
from auditor.finding import Confidence, Cost, CostBasis, Finding, RuleFailure, Severity, Skipped, Suppressed
from auditor.listing import Listing, NotListed, Resource
from auditor.registry import format_names, renderer
from auditor.report import Cluster, Potential, PotentialLine, PotentialPart, Report, RuleInfo, Span, Summary, TermKind, View
from auditor.rule import Profile
from auditor.stored import load
from tests.reports import sample, sample_costs, sample_potential
from tests.reports.test_shown import all_costs

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "reports" / "report.schema.json").read_text(encoding="utf-8"))
VIEWS = (View(), View(width=80, colour=True, group_by="object", verbose=True), View(group_by="rule", quiet=True))
EMPTY = Report((), (), (), (), (), {}, (), Summary(0, 0, 0, 0, 0, 0, 0, 0, 0), "recommended", "1.33", 0)
UTC = datetime.UTC


def stored(report: Report) -> bytes:
    """As a file holds it, where a name that is no text becomes an escape."""
    text: str = renderer("json").render(report, View())
    return text.encode("utf-8", "backslashreplace")


def same(report: Report, views: tuple[View, ...] = VIEWS) -> None:
    again = load(stored(report), "report.json")
    for name in format_names():
        for view in views:
            assert renderer(name).render(again, view) == renderer(name).render(report, view), (name, view)
    assert again.incomplete == report.incomplete
    assert again.failed == report.failed


# -- reports as they are ------------------------------------------------------------------------------------------------------------------


@cache
def demo() -> Report:
    return scan((str(ROOT / "fixtures" / "demo"),), Settings(profile=Profile.STRICT, jobs=1))


def priced(currency: Currency = USD, *, change: bool = False) -> Report:
    found = sample_potential.potential(currency)
    return dataclasses.replace(demo(), potential=found if change else dataclasses.replace(found, change=None))


def with_costs() -> Report:
    """Whole numbers, numbers without an end, and hours without a price; of what is reported, and of what somebody silenced."""
    costs = (
        Cost(Fraction(40), Fraction("275.2"), CostBasis.MEASURED, Fraction(24)),
        Cost(Fraction(2, 7), Fraction("6.88") * 2 / 7, CostBasis.NOW),
        Cost(Fraction(1, 3), None, CostBasis.MEASURED, Fraction(5, 3)),
        None,
    )
    found = tuple(dataclasses.replace(sample_costs.finding(number), cost=cost) for number, cost in enumerate(costs))
    return dataclasses.replace(sample_costs.report(findings=found[:3], rules=1), suppressed=(Suppressed(found[1], "comment", "why"),))


REPORTS: dict[str, Callable[[], Report]] = {
    "empty": lambda: EMPTY,
    "demo": demo,
    "page": lambda: sample.report(sample.costs()),
    "costs": lambda: sample_costs.report(sample_costs.COSTS),
    "now": lambda: sample_costs.report(sample_costs.NOW),
    "hostile": lambda: sample_costs.report(sample_costs.hostile()),
    "another currency": lambda: sample_costs.report(
        dataclasses.replace(sample_costs.COSTS, currency=Currency("GBP", Fraction(1000, 1087), datetime.date(2026, 11, 1), "a bank"))
    ),
    "potential": priced,
    "potential in another currency": lambda: priced(Currency("GBP", Fraction(1000, 1087)), change=True),
    "change": lambda: priced(change=True),
    "findings with costs": with_costs,
}


@pytest.mark.parametrize("name", REPORTS)
def test_every_format_writes_the_same_bytes(name: str) -> None:
    same(REPORTS[name]())


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_read_as_it_was(name: str) -> None:
    """All of it, but for what no format shows of a listing: what the kinds are besides their names, and which were asked for."""

    def told(report: Report) -> Report:
        return dataclasses.replace(report, cluster=None)

    report = REPORTS[name]()
    again = load(stored(report), "report.json")
    unread = tuple(dataclasses.replace(entry, culprit=0) for entry in report.unread)
    folders = tuple(dataclasses.replace(folder, line=0) for folder in report.folders)
    assert told(again) == told(dataclasses.replace(report, unread=unread, folders=folders))
    assert stored(again) == stored(report)


@pytest.mark.parametrize("name", REPORTS)
def test_the_schema_says_what_is_stored(name: str) -> None:
    jsonschema.validate(json.loads(stored(REPORTS[name]())), SCHEMA)


# -- reports as they could be -------------------------------------------------------------------------------------------------------------


def joined(text: str) -> bool:
    """JSON makes one character of two halves of a pair that stand beside each other; no file name and no manifest has them."""
    return any("\ud800" <= one <= "\udbff" and "\udc00" <= two <= "\udfff" for one, two in pairwise(text))


texts = st.text(st.characters(), max_size=12).filter(lambda text: not joined(text))
words = st.one_of(texts, st.sampled_from(["<img src=x onerror=alert(1)>", "a|b`c", "x\ud83dy", "\udc80", "\u202e", "\x1b[31m", "-1", "`"]))
small = st.integers(0, 2000)
refs = st.builds(ObjectRef, words, words, words.filter(bool), words, words)
finding_costs = st.builds(
    Cost, st.fractions(0, 10_000), st.none() | st.fractions(0, 10_000), st.sampled_from(CostBasis), st.fractions(0, 9_600)
)  # fmt: skip
findings = st.builds(
    Finding,
    words,
    small,
    small,
    words,
    words,
    words,
    st.none() | refs,
    st.sampled_from(Severity),
    st.sampled_from(Confidence),
    words,
    words,
    st.none() | finding_costs,
)
moments = st.integers(0, 2**32).map(lambda second: datetime.datetime.fromtimestamp(second, UTC))
listings = st.builds(
    Listing,
    taken=moments,
    server=words,
    version=st.none() | st.tuples(small, small),
    namespace=words,
    listed=st.lists(
        st.builds(Resource, st.sampled_from(["", "batch", "a.b"]), words, words, st.just("jobs"), st.booleans()), max_size=2
    ).map(tuple),
    not_listed=st.lists(st.builds(NotListed, words, words), max_size=2).map(tuple),
    asked=st.just(frozenset()),
    requests=small,
)
currencies = st.builds(Currency, st.sampled_from(["USD", "EUR"]), st.fractions(Fraction(1, 1000), 1000), st.none() | st.dates(), words)
fractions = st.fractions(0, 10_000, max_denominator=9_999)
spans = st.tuples(fractions, st.none() | fractions).map(lambda ends: Span(ends[0], None if ends[1] is None else ends[0] + ends[1]))
prices = st.builds(
    DevicePrice, words, spans, words, words, st.none() | st.dates(), st.sampled_from(Confidence), st.booleans(), st.tuples(words)
)
parts = st.builds(
    PotentialPart, words, words, words, st.none() | small, st.none() | st.fractions(0, 8, max_denominator=99), spans, st.none() | prices
)
terms = st.builds(Term, st.sampled_from(TermKind), st.none() | fractions, st.none() | fractions, st.booleans(), st.booleans())
potential_lines = st.builds(
    PotentialLine, refs, words, small, words, words, st.lists(parts, min_size=1, max_size=2).map(tuple), terms,
    st.sampled_from(["", "node", "pod"]), words, st.tuples(words),
)  # fmt: skip


@st.composite
def potentials(draw: st.DrawFn) -> Potential:
    before, now = (draw(st.lists(potential_lines, max_size=3, unique_by=lambda line: line.ref).map(tuple)) for _ in range(2))
    found = Potential(now, draw(st.dates()), draw(words), draw(currencies), draw(small))
    return found.compared(compare(before, now, draw(words), "a" * 40, draw(st.tuples(words)))) if draw(st.booleans()) else found


def tuples(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=2).map(tuple)


reports = st.builds(
    Report,
    findings=tuples(findings),
    suppressed=tuples(st.builds(Suppressed, findings, words, words, words)),
    skipped=tuples(st.builds(Skipped, words, words, small)),
    failures=tuples(st.builds(RuleFailure, words, words, small, words, words)),
    unread=tuples(st.builds(Unread, words, small, words, small, st.booleans(), words)),
    not_judged=st.dictionaries(words, small, max_size=2),
    folders=tuples(st.builds(NotJudged, words, st.just(0), words)),
    summary=st.builds(Summary, *[small] * 9),
    profile=st.sampled_from(["", "strict"]),
    kubernetes_version=st.sampled_from(["", "1.36"]),
    rules=small,
    catalogue=tuples(
        st.builds(
            RuleInfo, words, words, words, st.sampled_from(Severity), st.sampled_from(Confidence), tuples(words), tuples(words), words
        )
    ),
    cluster=st.none() | st.builds(Cluster, listings, small, small, small, st.booleans()),
    costs=st.none() | all_costs,
    potential=st.none() | potentials(),
    fail_on=st.none() | st.sampled_from(Severity),
    version=words,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(reports)
def test_whatever_a_report_holds_it_is_stored(report: Report) -> None:
    same(report, VIEWS[1:2])


# -- what is no report --------------------------------------------------------------------------------------------------------------------


def said(data: bytes) -> str:
    with pytest.raises(UsageError) as caught:
        load(data, "x.json")
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return caught.value.message


def edited(change: Callable[[Any], object], report: Report | None = None) -> bytes:
    root = json.loads(stored(report or REPORTS["page"]()))
    change(root)
    return json.dumps(root).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is not JSON (line 1, column 1: Expecting value)"),
        (b"version: 1\n", "it is not JSON (line 1, column 1: Expecting value)"),
        (b'{"a": 1', "it is not JSON (line 1, column 8: Expecting ',' delimiter)"),
        (b"\xff\xfe\xff", "it is not JSON that can be read"),
        (b'{"a": NaN}', "it is not JSON that can be read"),
        (b"[" * 1_000_000, "it is not JSON that can be read"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "it is not JSON that can be read"),
        (b"[]", "it is not an object"),
        (b"{}", "tool is not there"),
        (b'{"tool": {"name": "trivy"}}', "tool.name is not one of mlaudit"),
        (b'{"tool": {"name": "mlaudit"}, "version": "1"}', "version is not a whole number that is not negative"),
        (
            b'{"tool": {"name": "mlaudit"}, "version": 2}',
            "it is not of version 1 of the format but 2: a newer mlaudit wrote it, and reads it",
        ),
        (b'{"tool": {"name": "mlaudit"}, "version": 1}', "findings is not there"),
        (b"[" + b"[]," * 6_000_000 + b"[]]", "it is not of a size that a report can have (at most 256 MB)"),
    ],
    ids=range(14),
)
def test_what_is_no_report_is_said_in_a_line(data: bytes, message: str) -> None:
    assert said(data) == f"x.json is no report of mlaudit: {message}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: root["findings"][1].update(line="3"), "findings[1].line is not a whole number that is not negative"),
        (lambda root: root["findings"][0].update(line=True), "findings[0].line is not a whole number that is not negative"),
        (lambda root: root["findings"][0].update(severity="awful"), "findings[0].severity is not one of info, low, medium, high, critical"),
        (lambda root: root["findings"][0]["object"].pop("kind"), "findings[0].object.kind is not there"),
        (
            lambda root: root["findings"][0].update(cost={"hours": 1, "usd": -1, "basis": "now", "window_hours": 1}),
            "findings[0].cost.usd is not a number that is not negative",
        ),
        (
            lambda root: root["findings"][0].update(cost={"hours": 1, "usd": 1, "basis": "soon", "window_hours": 1}),
            "findings[0].cost.basis is not one of measured, now",
        ),
        (lambda root: root["cluster"].update(taken="2026-11-25"), "cluster.taken is not a time such as 2026-11-25T12:00:00+00:00"),
        (lambda root: root["costs"]["lines"][2].update(hours=-1), "costs.lines[2].hours is not a number that is not negative"),
        (lambda root: root["costs"]["lines"][2].update(hours=1e300), "costs.lines[2].hours is not a number that is not negative"),
        (
            lambda root: root["costs"]["currency"].update(exact={"per_usd": "1/0"}),
            "costs.currency.exact.per_usd is not a fraction such as 1/7",
        ),
        (lambda root: root["costs"].update(end="1999-01-01T00:00:00Z"), "costs is not a window of time: its end is before its start"),
        (lambda root: root["costs"]["coverage"].update(capacity=1.5), "costs.coverage.capacity is not a number from 0 to 1"),
        (lambda root: root.update(not_judged={"chart": -1}), "not_judged.chart is not a whole number that is not negative"),
        (lambda root: root.update(unread={}), "unread is not a list"),
    ],
)
def test_what_is_wrong_in_it_has_a_place(change: Callable[[Any], object], message: str) -> None:
    assert said(edited(change)) == f"x.json is no report of mlaudit: {message}"


def test_what_is_not_known_is_left_out() -> None:
    def change(root: Any) -> None:
        root["more"] = [1]
        root["findings"][0]["more"] = {"a": None}
        root["costs"]["lines"][0]["more"] = 1

    report = REPORTS["page"]()
    assert stored(load(edited(change, report), "x.json")) == stored(report)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with every key of it, all the way down."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *places(value[key]))]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_value_makes_it_fail_in_another_way(data: st.DataObject) -> None:
    report = data.draw(st.sampled_from(["page", "change", "hostile"]))
    root = json.loads(stored(REPORTS[report]()))
    container, key = data.draw(st.sampled_from(places(root)))
    container[key] = data.draw(
        st.sampled_from(
            [None, True, -1, 0, 1, 2**60, 0.1, 1e-300, 1e300, "", "x", "1970-01-01", "2999-12-31T23:59:59Z", [], {}, [None], {"exact": 1}]
        )
    )
    try:
        again = load(json.dumps(root).encode(), "x.json")
    except UsageError:
        return
    for name in format_names():
        renderer(name).render(again, View(verbose=True))


def test_other_encodings_of_unicode_are_read() -> None:
    text = stored(EMPTY).decode()
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert load(text.encode(encoding), "x.json") == EMPTY
