"""The owner's file of prices."""

from __future__ import annotations

import dataclasses
import datetime
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.cost.prices import Price, Prices, Subject
from auditor.errors import PricesError
from auditor.finding import Confidence

TODAY = datetime.date(2026, 11, 25)
P5 = Subject("p5.48xlarge", "us-east-1", product="NVIDIA-H100-80GB-HBM3", node="gpu-1", pool="train", devices=8)
EUR = "currencies: [{code: EUR, per-usd: 0.8, date: 2026-11-20, source: ECB}]\n"


def load(folder: Path, text: str) -> Prices:
    file = folder / "prices.yaml"
    file.write_text(text, encoding="utf-8")
    return Prices.load(file)


def priced(folder: Path, text: str, subject: Subject = P5, on: datetime.date = TODAY) -> Price:
    price = load(folder, text).of(subject, on)
    assert price is not None
    return price


def test_a_node_price_is_shared_by_its_devices(tmp_path: Path) -> None:
    price = priced(tmp_path, "rules: [{match: {instance-type: p5.48xlarge}, node-hour: 27.197, source: contract 7}]")
    assert (price.device_hour, price.node_hour, price.devices) == (Fraction(27197, 8000), Fraction("27.197"), 8)
    assert (price.basis, price.source, price.confidence, price.cash) == ("owner's price", "contract 7", Confidence.HIGH, True)


def test_a_price_in_another_currency(tmp_path: Path) -> None:
    prices = load(tmp_path, EUR + "rules: [{match: {model: H100}, device-hour: 4, currency: eur}]")
    price = prices.of(P5, TODAY)
    assert price is not None
    assert (price.device_hour, price.node_hour) == (5, None)
    assert prices.currency("EUR").of_usd(price.device_hour) == 4
    assert prices.currency("usd").of_usd(Fraction(3)) == 3
    with pytest.raises(PricesError, match=r"no rate for CHF; .*known: EUR, USD"):
        prices.currency("CHF")


def test_machines_of_ones_own(tmp_path: Path) -> None:
    text = "rules: [{on-premises: {purchase: 262800, years: 5, power-kw: 10, pue: 1.5, energy-price: 0.20, devices: 8}}]"
    price = priced(tmp_path, text)
    assert price.node_hour == 6 + 3  # 262,800 / (5 × 8,760 h), and 10 kW × 1.5 × 0.20
    assert price.device_hour == Fraction(9, 8)
    assert (price.capacity_type, price.cash) == ("owned", False)
    assert "3 USD is energy" in price.notes[0]


def test_what_the_machine_fetches_and_costs_each_year(tmp_path: Path) -> None:
    text = "rules: [{on-premises: {purchase: 100000, residual: 12400, years: 2, yearly: 8760, devices: 4}}]"
    assert priced(tmp_path, text).node_hour == 5 + 1


@pytest.mark.parametrize(
    ("match", "matches"),
    [
        ("{}", True),
        ("{instance-type: 'p5*'}", True),
        ("{instance-type: P5.48XLARGE, region: us-*}", True),
        ("{instance-type: p5}", False),
        ("{region: [eu-*, us-east-?]}", True),
        ("{region: eu-*}", False),
        ("{model: h100}", True),
        ("{model: 'NVIDIA-H100-80GB-HBM3'}", True),
        ("{model: 'H*'}", True),
        ("{model: H200}", False),
        ("{pool: tr*, node: gpu-?}", True),
        ("{pool: serve}", False),
        ("{node: gpu-2}", False),
        ("{capacity-type: on-demand}", True),
        ("{capacity-type: [spot, reserved]}", False),
        ("{labels: {site: basement}}", True),
        ("{labels: {site: [attic, base*]}, pool: train}", True),
        ("{labels: {site: attic}}", False),
        ("{labels: {nobody: '*'}}", False),
        ("{labels: {spare: yes}}", True),
    ],
)
def test_what_a_rule_is_for(match: str, matches: bool, tmp_path: Path) -> None:
    subject = dataclasses.replace(P5, labels={"site": "basement", "spare": "true"})
    price = priced(tmp_path, f"rules: [{{match: {match}, node-hour: 40}}]", subject)
    assert (price.basis == "owner's price") is matches


def test_the_first_rule_that_matches_counts(tmp_path: Path) -> None:
    text = """
rules:
- {match: {pool: other}, node-hour: 16}
- {match: {instance-type: p5*}, node-hour: 24, valid-until: 2026-11-24}
- {match: {instance-type: p5*}, node-hour: 32, valid-from: 2026-11-25, valid-until: 2026-11-25}
- {node-hour: 40}
"""
    assert priced(tmp_path, text).device_hour == 4
    assert priced(tmp_path, text, on=datetime.date(2026, 11, 24)).device_hour == 3
    assert priced(tmp_path, text, on=datetime.date(2026, 11, 26)).device_hour == 5


@pytest.mark.parametrize("commitment", ["reserved", "owned"])
def test_a_commitment_saves_no_cash(commitment: str, tmp_path: Path) -> None:
    price = priced(tmp_path, f"rules: [{{node-hour: 40, commitment: {commitment}}}]")
    assert (price.capacity_type, price.cash) == (commitment, False)


def test_discounts(tmp_path: Path) -> None:
    spot = Subject("g6.12xlarge", "us-east-1", capacity_type="spot")
    reserved = Subject("g6.12xlarge", "us-east-1", capacity_type="reserved")
    text = "discount: 10%\nspot-discount: 0.5\ncommitment-discount: 25%\n"
    listed = Fraction("1.1504")
    price = priced(tmp_path, text, Subject("g6.12xlarge", "us-east-1"))
    assert (price.device_hour, price.basis) == (listed * Fraction(9, 10), "price book, less the owner's discount of 10 %")
    price = priced(tmp_path, text, spot)
    assert price.device_hour == listed / 2 * Fraction(9, 10)
    assert price.basis == "spot discount of 50 % of the owner's, less the owner's discount of 10 %"
    price = priced(tmp_path, text, reserved)
    assert (price.device_hour, price.cash) == (listed * Fraction(3, 4) * Fraction(9, 10), False)
    assert priced(tmp_path, text + "rules: [{node-hour: 8}]", spot).device_hour == 2


def test_a_node_price_without_a_number_of_devices_is_no_price(tmp_path: Path) -> None:
    prices = load(tmp_path, "rules: [{node-hour: 8}]")
    assert prices.of(Subject(product="H100", node="n"), TODAY) is None
    assert prices.problems == ("n: its price is known (owner's price), but not by how many devices it is shared",)
    price = load(tmp_path, "rules: [{node-hour: 8, devices: 4}]").of(Subject(product="H100"), TODAY)
    assert price is not None
    assert price.device_hour == 2


def test_a_price_out_of_proportion_is_used_and_said(tmp_path: Path) -> None:
    prices = load(tmp_path, "rules:\n- {match: {model: H100}, device-hour: 55.04}")
    price = prices.of(Subject(product="H100"), TODAY)
    assert price is not None
    assert price.device_hour == Fraction("55.04")
    assert len(prices.problems) == 1
    assert "prices.yaml:2: 55.04 USD an hour for a device is far from what H100 costs elsewhere" in prices.problems[0]


def test_a_provider_by_the_device(tmp_path: Path) -> None:
    price = priced(tmp_path, "provider: CoreWeave", Subject(product="H100"))
    assert (price.device_hour, price.basis) == (Fraction("6.155"), "price book")


def test_a_model_that_nobody_knows_is_said(tmp_path: Path) -> None:
    prices = load(tmp_path, "rules: [{match: {model: A100}, device-hour: 2}]")
    assert "no model is known as 'A100', it is compared as it stands; did you mean A100-40GB or A100-80GB?" in prices.problems[0]
    assert load(tmp_path, "rules: [{match: {model: Foo 9}, device-hour: 2}]").of(Subject(product="foo 9"), TODAY) is not None


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert priced(tmp_path, "").device_hour == Fraction("6.88")
    assert priced(tmp_path, "# nothing\n---\n").basis == "price book"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("spot-discont: 0.5", 1, "there is no 'spot-discont' here; did you mean spot-discount"),
        ("discount: 60", 1, "discount: 60 is no discount; write a part of 1, like 0.60, or 60%"),
        ("discount: much", 1, "'much' is no discount"),
        ("rules:\n- match: {instance: p5*}\n  node-hour: 1", 2, "did you mean instance-type?"),
        ("rules:\n- node-hour: 1\n  device-hour: 2", 2, "gives node-hour and device-hour; give one of"),
        ("rules:\n- match: {}\n", 2, "gives no price"),
        ("rules:\n- node-hour: 0\n", 2, "0 is no amount; write a number above 0"),
        ("rules:\n- node-hour: -3\n", 2, "-3 is no amount"),
        ("rules:\n- node-hour: $3\n", 2, "'$3' is no number; write it like 55.04"),
        ("rules:\n- node-hour: true\n", 2, "true is no number"),
        ("rules:\n- {node-hour: 3, currency: EUR}", 2, "there is no rate for 'EUR'; give one under `currencies`; known: USD"),
        ("currencies:\n- {code: EUR, rate: 1.1}", 2, "there is no 'rate' here; did you mean per-usd?"),
        ("currencies:\n- {code: EUR, date: 2026-11-20}", 2, "does not say the rate of EUR"),
        ("currencies:\n- {code: EUR, per-usd: 1}", 2, "does not say of which day"),
        ("currencies:\n- {code: Euro, per-usd: 1, date: 2026-11-20}", 2, "'EURO' is no currency"),
        ("currencies:\n- {code: USD, per-usd: 1, date: 2026-11-20}", 2, "USD is what rates are of"),
        ("rules:\n- {node-hour: 3, valid-from: 2026-13-01}", 2, "'2026-13-01' is no day; write it like 2026-11-25"),
        ("rules:\n- {node-hour: 3, valid-from: 2026-12-01, valid-until: 2026-11-01}", 2, "before it begins"),
        ("rules:\n- {node-hour: 3, commitment: rserved}", 2, "did you mean reserved?"),
        ("rules:\n- {node-hour: 3, match: {capacity-type: sopt}}", 2, "there is no capacity type 'sopt'; did you mean spot?"),
        ("rules:\n- {node-hour: 3, match: {pool: []}}", 2, "is an empty list"),
        ("rules:\n- {node-hour: 3, match: {pool: ''}}", 2, "is empty"),
        ("rules:\n- {node-hour: 3, match: p5}", 2, "is 'p5', and no mapping"),
        ("rules:\n- p5", 2, "is 'p5', and no mapping"),
        ("rules: p5", 1, "is 'p5', and no list"),
        ("rules:\n- on-premises: {purchase: 1}", 2, "does not say years"),
        ("rules:\n- on-premises: {purchase: 1, years: 3, power-kw: 2}", 2, "gives one of power-kw and energy-price"),
        ("rules:\n- on-premises: {purchase: 1, years: 3, pue: 0.9}", 2, "0.9 is no power usage effectiveness"),
        ("rules:\n- on-premises: {purchase: 1, years: 3, residual: 1}", 2, "is not below the purchase price"),
        ("rules:\n- {node-hour: 3\n", 2, "is no YAML"),
        ("discount: 0\ndiscount: 0", 2, "says discount again, after line 1"),
        ("a: 1\n---\nb: 1", 2, "begins a second document"),
        ("- 1", 1, "holds no mapping"),
    ],
)
def test_errors_name_the_line_and_the_remedy(text: str, line: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(PricesError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert f"prices.yaml:{line}" in message
    assert said in message
    assert "\n" not in message
    assert caught.value.exit_code == 2


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PricesError, match="cannot be read: No such file"):
        Prices.load(tmp_path / "none.yaml")
    with pytest.raises(PricesError, match="cannot be read: Is a directory"):
        Prices.load(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PricesError, match="is not UTF-16"):
        Prices.load(tmp_path / "bytes")


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8),
    st.sampled_from(["EUR", "60%", "2026-11-20", "reserved", "p5*", "H100", "0.5", "1e99", "[", "spot"]),
)  # fmt: skip
KEYS = st.sampled_from(
    ["discount", "spot-discount", "commitment-discount", "provider", "currencies", "rules", "match", "node-hour", "device-hour",
     "on-premises", "devices", "currency", "commitment", "valid-from", "valid-until", "source", "instance-type", "region", "model", "pool",
     "node", "capacity-type", "labels", "purchase", "years", "power-kw", "energy-price", "pue", "residual", "code", "per-usd", "date", "x"]
)  # fmt: skip
JUNK = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25)


@st.composite
def nearly_right(draw: st.DrawFn) -> object:
    """A file in its true shape, of which every value may be junk."""
    value = st.one_of(JUNK, st.sampled_from([1, 0.5, "40", "p5*"]))
    rule = st.fixed_dictionaries(
        {},
        optional={
            "node-hour": value, "device-hour": value, "currency": value, "commitment": value, "valid-from": value, "devices": value,
            "match": st.fixed_dictionaries({}, optional=dict.fromkeys(("instance-type", "region", "model", "pool", "labels"), value)),
            "on-premises": st.fixed_dictionaries({"purchase": value, "years": value}, optional={"pue": value, "devices": value}),
        },
    )  # fmt: skip
    currency = st.fixed_dictionaries({"code": value, "per-usd": value, "date": value})
    return draw(
        st.fixed_dictionaries(
            {"rules": st.lists(rule, max_size=3)},
            optional={"currencies": st.lists(currency, max_size=2), "discount": value, "spot-discount": value, "provider": value},
        )
    )


@given(st.one_of(JUNK, nearly_right()))
def test_no_file_gives_a_traceback(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    file = tmp_path_factory.getbasetemp() / "junk.yaml"
    file.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    try:
        prices = Prices.load(file)
    except PricesError as error:
        assert "\n" not in str(error)
        return
    for subject in (P5, Subject(), Subject(product="H100", capacity_type="spot")):
        price = prices.of(subject, TODAY)
        assert price is None or price.device_hour > 0


@given(st.text(max_size=60))
def test_no_text_gives_a_traceback(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "text.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        Prices.load(file)
    except PricesError as error:
        assert "\n" not in str(error)
