"""The page, read by a parser: what it says, that it adds up, and that nothing of a cluster is more than text in it."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib
import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.cost.model import Amount, Category
from auditor.cost.prices import Currency
from auditor.finding import Cost, CostBasis
from auditor.registry import format_names, renderer
from auditor.report import Report, View, rounded
from tests.reports import sample, sample_potential

ROOT = Path(__file__).resolve().parents[2]
VOID = {"meta", "input", "link", "br", "rect", "path", "line", "wbr"}
SAMPLES = [name for name in sample.SAMPLES if name != "large"]
amounts = importlib.import_module("auditor.reports.page.amounts")
charts = importlib.import_module("auditor.reports.page.charts")


class Page(HTMLParser):
    """A page as elements: tags are checked to be closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.contents: list[tuple[str, str]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._open: list[str] = []
        self._rows: list[list[str]] | None = None
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        assert len(found) == len(attributes), self.get_starttag_text()
        self.elements.append((tag, found))
        if tag == "table":
            self._rows = self.tables.setdefault(found.get("id") or found.get("class") or f"table {len(self.tables)}", [])
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th") and self._rows:
            self._rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"line {self.getpos()[0]}"

    def handle_data(self, data: str) -> None:
        self.contents.append((self._open[-1] if self._open else "", data))
        if self._rows and self._rows[-1] and ("td" in self._open or "th" in self._open):
            self._rows[-1][-1] += data

    @property
    def visible(self) -> str:
        return " ".join("".join(data for tag, data in self.contents if tag not in ("style", "script")).split())

    def inside(self, tag: str) -> list[str]:
        return [data for where, data in self.contents if where == tag]


def page(report: Report, **view: str) -> Page:
    return Page(renderer("html").render(report, View(**view)))  # type: ignore[arg-type]


def number(cell: str) -> Decimal:
    """The money of a cell; hours without price stand after it, or in its place."""
    found = re.match(r"\s*([\d,]+(?:\.\d+)?)(?!\d* h)", cell)
    return Decimal(found[1].replace(",", "")) if found else Decimal(0)


@pytest.fixture(params=SAMPLES)
def any_page(request: pytest.FixtureRequest) -> Page:
    return page(sample.SAMPLES[request.param]())


def test_the_format_is_found() -> None:
    assert "html" in format_names()
    assert "page" not in format_names()


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_report_gives_the_same_bytes(name: str) -> None:
    assert page(sample.SAMPLES[name]()).text == page(sample.SAMPLES[name]()).text


def test_only_the_pages_own_style_and_script_may_run(any_page: Page) -> None:
    (policy,) = (found["content"] for tag, found in any_page.elements if found.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in str(policy).split("; "))
    assert rules["default-src"] == "'none'"
    for tag in ("style", "script"):
        (content,) = any_page.inside(tag)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert "unsafe" not in str(policy)
    assert "\r" not in any_page.text
    assert any_page.text.isascii()


def test_nothing_is_inline_and_nothing_is_fetched(any_page: Page) -> None:
    for tag, found in any_page.elements:
        assert not [name for name in found if name.startswith("on") or name in ("style", "src", "srcset", "action", "formaction", "poster")]
        assert tag not in ("img", "link", "iframe", "object", "embed", "base", "form", "image", "use", "foreignobject")
        if "href" in found:
            assert tag == "a"
            assert str(found["href"]).startswith(("#", "https://"))
    assert not re.search(r"@import|url\((?!#)", "".join(any_page.inside("style")))


def test_what_is_referred_to_is_there_once(any_page: Page) -> None:
    names = [found["id"] for _, found in any_page.elements if "id" in found]
    assert len(names) == len(set(names))
    for tag, found in any_page.elements:
        for attribute in ("aria-labelledby", "for", "data-filter"):
            assert set((found.get(attribute) or "").split()) <= set(map(str, names)), (tag, found)
        if tag == "a" and str(found["href"]).startswith("#"):
            assert str(found["href"])[1:] in names


def test_headings_do_not_skip_a_level(any_page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in any_page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_tables_have_captions_and_scopes() -> None:
    found = page(sample.report(sample.costs()))
    assert len(found.inside("caption")) >= 10
    assert all(each.get("scope") in ("col", "row") for tag, each in found.elements if tag == "th")


def test_a_name_is_text() -> None:
    found = page(sample.report(sample.costs()))
    assert sample.ATTACK not in found.text
    assert f"Notebook/research/{sample.ATTACK}" in found.visible
    assert [tag for tag, _ in found.elements].count("script") == 1


@pytest.mark.parametrize(("text", "written"), [("set `a` to `b`", "a|b"), ("an `odd one", ""), ("`<b>`", "<b>"), ("``", "")])
def test_code_in_a_remedy_is_set_as_code(text: str, written: str) -> None:
    report = sample.scan(1)
    found = page(replace(report, findings=(replace(report.findings[0], message="plain", path="", remediation=text),)))
    assert "|".join(data for data in found.inside("code") if data not in ("node_modules", "--complete")) == written
    assert (text.replace("`", "") if text.count("`") % 2 == 0 else text) in found.visible


def test_what_would_turn_the_text_around_is_shown() -> None:
    found = page(sample.report(sample.costs()))
    assert "StatefulSet/vision/gnp\\u202eexe.\\u2066x" in found.visible
    assert not re.search("[\u0000-\u0008\u000b-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2060-\u2069]", found.text)


hostile = st.text(max_size=40) | st.sampled_from(
    [
        "</script><script>alert(1)</script>",
        "</style>",
        '" onfocus=alert(1) x="',
        "' autofocus '",
        "<!--",
        "]]>",
        "&lt;",
        "{{ 7*7 }}",
        "\ud800",
        "\x00",
    ]
)


@functools.cache
def elements(word: str) -> list[str]:
    costs = sample.costs()
    first = replace(costs.lines[0], name=word, namespace=word, team=word, pool=word, model=word, role=word, kind=word, detail="warm")
    action = replace(costs.actions[0], title=word, remedy=word, target=word, team=word, evidence=(word,), query=f"a {word}")
    use = replace(costs.prices[0], what=word, model=word, basis=f"a {word}", source=f"a {word}", notes=(word,))
    costs = replace(costs, lines=(first,), actions=(action,), prices=(use,), notes=(word,))
    report = sample.report(costs, 1)
    who = report.findings[0].object
    assert who
    finding = replace(
        report.findings[0], message=word, remediation=f"a {word}", path=f"a {word}", file=word, object=replace(who, name=word)
    )
    parsed = page(replace(report, findings=(finding,), suppressed=(), not_judged={word: 1}))
    return [tag for tag, _ in parsed.elements if tag not in ("wbr", "code")]


@settings(max_examples=40)
@given(name=hostile)
def test_no_name_changes_the_page(name: str) -> None:
    """Whatever objects, rules' messages and notes hold, the page has the elements that it has with a tame text."""
    assert elements(name or "x") == elements("tame")


@pytest.mark.parametrize("name", ["usage", "euro", "now", "allocation"])
def test_tables_add_up(name: str) -> None:
    report = sample.SAMPLES[name]()
    assert report.costs
    found = page(report)
    last = {}
    for title in ("team", "namespace", "workload", "node-pool", "device-model"):
        head, *rows, total = found.tables[f"t-by-{title}"]
        columns = [
            index
            for index, word in enumerate(head)
            if word.strip() in ("Paid for", "Costs", "Active", "Idle", "Unallocated", "Not running", "Unknown")
        ]
        hours = head.index("Device-hours" if name != "now" else "Devices")
        for column in (*columns, hours):
            assert sum(number(row[column]) for row in rows) == number(total[column]), (title, head[column])
        for row in (*rows, total):
            assert number(row[columns[0]]) == sum(number(row[column]) for column in columns[1:]), row
        last[title] = total[1 : hours + 1]
    assert len(set(map(tuple, last.values()))) == 1
    shares = found.tables["shares"]
    whole = [
        row
        for row in shares[1:-1]
        if row[0].split()[0] in ("Active", "Idle", "Unallocated", "Starting", "Terminating", "Crash", "Unknown") and ":" not in row[0]
    ]
    assert sum(number(row[1]) for row in whole) == number(shares[-1][1]) == number(last["team"][1])
    assert sum(number(row[2]) for row in whole) == number(shares[-1][2])
    parts = [row for row in shares[1:-1] if row[0].startswith("Unallocated: ")]
    assert len(parts) == 4
    assert sum(number(row[1]) for row in parts) == next(number(row[1]) for row in whole if row[0].split()[0] == "Unallocated")


def test_sums_are_the_exact_ones() -> None:
    costs = sample.costs()
    found = page(sample.report(costs))
    total, wasted = costs.total().money, costs.wasted.money
    assert f"{round(total):,}" == found.tables["shares"][-1][1].split(" ")[0]
    assert f"USD {round(wasted):,} of USD {round(total):,} in 7 days ({float(wasted / total * 100):.1f}%)" in found.visible
    assert f"{round(wasted / 168 * 730):,} a month" in found.visible


shares = st.fractions(min_value=0, max_value=10**6, max_denominator=97)


@given(rows=st.lists(st.lists(shares, min_size=3, max_size=3), min_size=1, max_size=8), places=st.sampled_from([0, 1, 2]))
def test_rounding_keeps_sums(rows: list[list[Fraction]], places: int) -> None:
    columns = list(zip(*rows, strict=True))
    totals = rounded([sum(column, Fraction(0)) for column in columns], places)
    shown = amounts.table(rows, totals, places)
    unit = Fraction(1, 10**places)
    for index, column in enumerate(columns):
        assert sum(row[index] for row in shown) == totals[index]
        for exact, row in zip(column, shown, strict=True):
            assert abs(Fraction(row[index]) - exact) < unit
            assert row[index] == exact or exact * 10**places % 1
    for exact_row, row in zip(rows, shown, strict=True):
        assert abs(sum(map(Fraction, row)) - sum(exact_row)) < 3 * unit


def test_what_has_no_price_has_hours_and_no_money() -> None:
    found = page(sample.report(sample.costs()))
    row = next(row for row in found.tables["t-by-node-pool"] if row[0] == "onprem")
    assert row[2].split() == ["–", "1,344.0", "h", "without", "price"]
    assert "0" not in {word for cell in row[2:8] for word in cell.split()}
    price = next(row for row in found.tables["t-prices"] if row[0].startswith("Gaudi"))
    assert price[2] == "–"
    assert "1,344.0 device-hours are in no sum of money" in found.visible


def test_without_any_price_hours_are_drawn() -> None:
    costs = sample.costs()
    unpriced = replace(
        costs,
        lines=tuple(replace(line, money=None) for line in costs.lines),
        actions=tuple(
            replace(action, month=None, amount=Amount(action.amount.hours, Fraction(0), action.amount.hours)) for action in costs.actions
        ),
        prices=(),
    )
    found = page(sample.report(unpriced))
    assert "Where the hours go" in found.visible
    assert "No price is known." in found.visible
    assert not re.search(r"USD \d", found.visible)
    assert [each["width"] for tag, each in found.elements if tag == "rect" and each.get("height") == "34"]


def test_each_basis_has_its_words() -> None:
    now, allocation, usage = (page(sample.SAMPLES[name]()).visible for name in ("now", "allocation", "usage"))
    assert "What an hour of these devices costs" in now
    assert "Months are projections: what it comes to if it stays like this." in now
    assert "52.0 devices" in now
    assert "Timeline" not in now
    assert "Nothing says whether it was used." in allocation
    assert "Worked" not in allocation
    assert "What was paid for in 7 days" in usage


def test_another_currency_says_at_which_rate() -> None:
    found = page(sample.SAMPLES["euro"]()).visible
    assert "1 USD = 0.92 EUR (ECB reference rate, 2026-11-24)" in found
    assert not re.search(r"USD [\d,]{2,}", found)


def test_nothing_is_silent() -> None:
    found = page(sample.report(sample.costs())).visible
    for words in (
        "This report is not complete. 1 input could not be read. 1 rule failed. 1 kind could not be listed. 1 stretch of the window",
        "allocation, 2026-11-23 00:00 to 2026-11-23 04:00 UTC: the server answered 503",
        "Could not be read 1 k8s/broken.yaml:12 mapping values are not allowed here",
        "nodepools.karpenter.sh forbidden: the account may not list them",
        "Not judged 11 7 not a Kubernetes object3 a Helm template1 a folder of packages: node_modules",
        "not in view 6 4 × pdb-missing: PodDisruptionBudgets of the namespace",
        "by annotation: accepted by the platform team (until 2027-01-31)",
        "TypeError: 'NoneType' object is not subscriptable",
        "exporter labels are in exported_pod: honor_labels is false",
        "93.4% have measurements",
        "18.5 device-hours of measurements are of pods that held nothing",
    ):
        assert words in found


def test_a_page_about_money_alone() -> None:
    found = page(sample.money_alone()).visible
    assert "Audit of ML workloads mlaudit 0." in found
    assert "finding" not in found
    assert "No rule was asked: this page is about money alone." in found


def test_a_page_about_findings_alone() -> None:
    found = page(sample.scan())
    assert {"money", "actions", "timeline"}.isdisjoint(each.get("id") for _, each in found.elements)
    assert "24 of 31 files" in found.visible
    assert "critical probe-missing" not in found.visible
    assert "k8s/serving/deployment.yaml:17:9" in found.visible
    assert "requests nvidia.com/gpu: 8 but sets no limit" in found.visible
    assert page(sample.empty()).visible.count("Nothing: everything was read, and every rule could be asked.") == 1


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (Cost(Fraction(1040), Fraction("7155.2"), CostBasis.MEASURED, Fraction(168)), "1,040 device-hours in 7 days, 7,155.20 USD"),
        (Cost(Fraction(5, 2), None, CostBasis.MEASURED, Fraction(24)), "2.5 device-hours in 24 hours"),
        (Cost(Fraction(1), Fraction("6.88"), CostBasis.NOW), "1 device, 6.88 USD an hour"),
    ],
)
def test_a_finding_says_what_it_costs(cost: Cost, said: str) -> None:
    report = sample.scan()
    first, *others = report.findings
    assert said in page(replace(report, findings=(replace(first, cost=cost), *others))).inside("span")


def test_what_a_finding_costs_is_in_the_currency_of_the_page() -> None:
    report = sample.report(replace(sample.costs(), currency=Currency("EUR", Fraction(1, 2))))
    first, *others = report.findings
    found = replace(first, cost=Cost(Fraction(8), Fraction("55.04"), CostBasis.NOW))
    assert "8 devices, 27.52 EUR an hour" in page(replace(report, findings=(found, *others))).inside("span")


@pytest.mark.parametrize(
    ("group_by", "first"), [("rule", "gpu-without-limit"), ("file", "gpu-without-limit"), ("object", "Deployment ml-serving/llm-70b")]
)
def test_findings_are_grouped(group_by: str, first: str) -> None:
    found = page(sample.scan(), group_by=group_by)
    assert next(data for tag, data in found.contents[[d for _, d in found.contents].index("40 findings") :] if tag == "bdi") == first
    assert len([each for tag, each in found.elements if tag == "details" and each.get("class") == "group"]) == (
        12 if group_by == "object" else 6
    )


def test_the_timeline_is_stacked_without_gaps() -> None:
    timeline = charts.timeline(sample.costs())
    assert [category for category, _ in timeline.areas] == [category for category in amounts.ORDER if category in dict(timeline.areas)]
    tops: dict[Category, dict[int, float]] = {}
    for category, path in timeline.areas:
        now = 0.0
        for command, x in re.findall(r"([MVH])([\d.]+)", path):
            if command == "V":
                height = (1 - float(x)) * 60
            elif command == "H":
                for hour in range(round(now * 168), round(float(x) * 168)):
                    tops.setdefault(category, {})[hour] = height
            if command in "MH":
                now = float(x)
    points = {round((point.start - sample.START).total_seconds() / 3600): point.devices for point in sample.timeline()}
    for category, drawn in tops.items():
        below = amounts.ORDER[: amounts.ORDER.index(category) + 1]
        expected = {hour: sum(map(devices.get, below, [0] * 7)) for hour, devices in points.items() if category in devices}
        assert drawn == pytest.approx({hour: float(value) for hour, value in expected.items()}, abs=0.01)
    assert [tick.label for tick in timeline.levels] == ["0", "20", "40", "60"]
    assert [tick.label for tick in timeline.times] == ["Wed 18", "Thu 19", "Fri 20", "Sat 21", "Sun 22", "Mon 23", "Tue 24"]
    assert len(timeline.points) == 7
    assert sum(sum(point.devices.values()) for point in timeline.points) == 164 * 52


def test_a_timeline_of_nothing() -> None:
    costs = sample.costs()
    empty = replace(costs, timeline=tuple(replace(point, devices={}) for point in costs.timeline))
    assert charts.timeline(empty).areas == ()
    assert "The timeline as a table" in page(sample.report(empty)).visible


def test_no_devices_at_all() -> None:
    found = page(sample.report(replace(sample.costs(), lines=(), actions=(), prices=(), timeline=(), notes=(), missing=())))
    assert "Nothing was found that would save money." in found.visible


def test_what_manifests_could_cost() -> None:
    found = page(sample.SAMPLES["potential"]()).visible
    for words in ("USD -15,067.20 a month", "USD 80,608.82 or more a month", "4 accelerated workloads cost more or less", "not waste"):
        assert words in found
    assert "Deployment ml/<img src=x onerror=alert(1)>" in found


def test_what_has_no_price_costs_a_dash_and_not_nothing() -> None:
    shown = sample_potential.potential()
    unpriced = replace(shown, change=None, lines=shown.unpriced[:1])
    found = page(replace(sample.scan(), potential=unpriced)).visible
    assert "USD – a month" in found
    assert "0.00" not in found


def test_a_large_report_is_a_page_of_few_megabytes() -> None:
    text = page(sample.large()).text
    assert len(text) < 3_500_000


def test_other_formats_do_not_import_jinja2(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "auditor", "scan", str(ROOT / "fixtures" / "demo"), "--exit-zero"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for form, expected in (("table", False), ("html", True)):
        done = subprocess.run([*command, "-f", form], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0
        assert ("jinja2" in done.stderr) is expected
    assert Page(done.stdout).visible.startswith("mlaudit")
