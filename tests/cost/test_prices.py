"""Which price answers, and what it says of itself."""

from __future__ import annotations

import dataclasses
import datetime
import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.cost.prices import Price, Prices, Subject, book, capacity_type_of, cloud_of, region_of
from auditor.document import Document
from auditor.finding import Confidence
from auditor.live import Node
from auditor.source.text import read_text

TODAY = datetime.date(2026, 11, 25)
EAST = "us-east-1"


def price_of(subject: Subject, prices: Prices | None = None) -> Price:
    price = (prices or Prices.load()).of(subject, TODAY)
    assert price is not None
    return price


@pytest.mark.parametrize(
    ("subject", "device_hour"),
    [
        (Subject("p5.48xlarge", EAST), "6.88"),
        (Subject("g2-standard-4", "us-central1", capacity_type="spot"), "0.3973"),
        (Subject("g4dn.xlarge", EAST), "0.526"),
        (Subject("Standard_ND96asr_v4", "eastus"), "3.399625"),
        (Subject("nd96ASR_V4", "EastUS"), "3.399625"),
        (Subject("g6.12xlarge", EAST), "1.1504"),
    ],
)
def test_worked_examples(subject: Subject, device_hour: str) -> None:
    price = price_of(subject)
    assert price.device_hour == Fraction(device_hour)
    assert (price.basis, price.confidence, price.notes) == ("price book", Confidence.MEDIUM, ())
    assert price.node_hour == price.device_hour * (price.devices or 0)


def test_a_month_of_a_manifest() -> None:
    assert 6 * price_of(Subject("p5.48xlarge", EAST)).device_hour * 730 == Fraction("30134.40")


@pytest.mark.parametrize(
    ("subject", "device_hour", "basis", "confidence"),
    [
        (Subject("p5.48xlarge", "eu-north-1"), "7.3616", "price book", Confidence.LOW),
        (Subject("p5.48xlarge", "eu-west-1"), "6.88", "price book, other region", Confidence.LOW),
        (Subject("p5.48xlarge"), "6.88", "price book, region unknown", Confidence.LOW),
        (Subject("g6.12xlarge", EAST, capacity_type="spot"), "0.46016", "spot discount of 60 % assumed", Confidence.LOW),
        (
            Subject("g6.12xlarge", "eu-west-1", capacity_type="spot"), "0.46016",
            "price book, other region, spot discount of 60 % assumed", Confidence.LOW,
        ),
        (Subject("p6-b200.48xlarge", "us-west-2", capacity_type="spot"), "5.8225", "price book", Confidence.LOW),
        (Subject("p6-b200.48xlarge", "us-west-2"), "14.2416", "price book, other region", Confidence.LOW),
        (Subject("p4d.24xlarge", "eu-west-1", capacity_type="spot"), "1.76375", "price book, other region", Confidence.LOW),
        (
            Subject("Standard_ND96isr_H100_v5", "eastus", capacity_type="reserved"), "7.925", "price book, one-year commitment",
            Confidence.LOW,
        ),
        (Subject("g6.12xlarge", EAST, capacity_type="reserved"), "1.1504", "price book, list price of what is reserved", Confidence.MEDIUM),
        (Subject("p5e.48xlarge", "us-east-2"), "7.91", "model reference", Confidence.LOW),
        (Subject(product="NVIDIA-H100-80GB-HBM3"), "6.88", "model reference", Confidence.LOW),
        (Subject("unheard.of", product="nvidia-l4"), "0.80", "model reference", Confidence.LOW),
        (Subject(product="L4", capacity_type="spot"), "0.32", "model reference, spot discount of 60 % assumed", Confidence.LOW),
        (Subject(product="H100", on_premises=True), "6.88", "model reference, on-premises", Confidence.LOW),
        (Subject(product="tpu-v6e-slice", region="us-east5", capacity_type="spot"), "1.35", "price book", Confidence.LOW),
        (Subject(product="tpu-v6e-slice", region="europe-west4"), "2.97", "price book", Confidence.LOW),
        (Subject(product="tpu-v5p-slice", region="us-east5"), "4.20", "price book", Confidence.LOW),
        (Subject(product="H100", cloud="lambda"), "4.29", "price book", Confidence.LOW),
        (Subject(product="H100", labels={"node.coreweave.cloud/class": "gpu"}), "6.155", "price book", Confidence.LOW),
    ],
)  # fmt: skip
def test_the_order(subject: Subject, device_hour: str, basis: str, confidence: Confidence) -> None:
    price = price_of(subject)
    assert (price.device_hour, price.basis, price.confidence) == (Fraction(device_hour), basis, confidence)


@pytest.mark.parametrize(
    "subject",
    [
        Subject(),
        Subject("unheard.of"),
        Subject("m5.large", EAST, product=""),
        Subject(product="NVIDIA-X9000"),
        Subject(product="a100"),
        Subject(product="NVIDIA A10-4Q"),
        Subject("g7e.48xlarge", EAST),
        Subject("n1-standard-4", "us-central1"),
    ],
)
def test_what_nobody_knows_has_no_price(subject: Subject) -> None:
    assert Prices.load().of(subject, TODAY) is None


def test_a_share_of_a_device_is_priced_as_the_node() -> None:
    price = price_of(Subject("Standard_NV6ads_A10_v5", "eastus", product="NVIDIA A10-4Q", devices=1))
    assert (price.device_hour, price.node_hour, price.devices) == (Fraction("0.454"), Fraction("0.454"), 1)
    assert price.notes == ("the node has 1/6 of a device, which is priced as one",)
    assert price_of(Subject("gr6f.4xlarge", EAST)).device_hour == Fraction("1.066")


def test_a_host_and_its_devices_are_added_up() -> None:
    subject = Subject("n1-standard-4", "us-central1", product="nvidia-tesla-t4", devices=2)
    price = price_of(subject)
    assert (price.node_hour, price.device_hour) == (Fraction("0.89"), Fraction("0.445"))
    spot = dataclasses.replace(subject, devices=1, capacity_type="spot")
    assert price_of(spot).device_hour == Fraction("0.177")


def test_devices_are_asked_of_the_node_where_the_book_does_not_know() -> None:
    price = price_of(Subject("g7e.48xlarge", EAST, devices=8))
    assert price.device_hour == Fraction("4.14304")


def test_a_node_that_is_not_as_the_book_says_is_said() -> None:
    prices = Prices.load()
    price = price_of(Subject("p5.48xlarge", EAST, product="NVIDIA-H200", node="n", devices=7), prices)
    assert (price.device_hour, price.devices, price.model) == (Fraction("6.88"), 8, "H100")
    assert prices.problems == (
        "n: the node has 7 devices in view, p5.48xlarge has 8 in the price book",
        "n: the node's label says H200, the price book says that p5.48xlarge has H100",
    )
    assert set(price.notes) == {problem.removeprefix("n: ") for problem in prices.problems}


def test_the_higher_end_of_a_range_prices_what_runs() -> None:
    price = price_of(Subject("p4de.24xlarge", EAST, capacity_type="SPOT"))
    assert price.node_hour == Fraction("11.46")
    assert price.notes == ("prices from 9.73 to 11.46 USD were seen; the higher is used",)


@pytest.mark.parametrize(("capacity", "cash"), [("", True), ("on-demand", True), ("spot", True), ("reserved", False)])
def test_what_is_cash(capacity: str, cash: bool) -> None:
    assert price_of(Subject("g6.12xlarge", EAST, capacity_type=capacity)).cash is cash
    assert price_of(Subject(product="H100", on_premises=True)).cash is False


def metered(usd: Decimal | Fraction | str, subject: Subject) -> tuple[Price | None, tuple[str, ...]]:
    prices = Prices.load()
    amount = Decimal(usd) if isinstance(usd, str) else usd
    return prices.of(subject, TODAY, metered={"n": amount}), prices.problems


def test_a_meter_answers_before_the_book() -> None:
    price, problems = metered("48", Subject("p5.48xlarge", EAST, node="n"))
    assert price is not None
    assert (price.device_hour, price.basis, price.confidence, problems) == (6, "metered (OpenCost)", Confidence.HIGH, ())
    price, problems = metered("4.1", Subject("g4dn.16xlarge", EAST, node="n"))  # far from a T4, near to this host
    assert price is not None
    assert (price.device_hour, problems) == (Fraction("4.1"), ())


@pytest.mark.parametrize("usd", ["7.6", "700", "0", "-1", "NaN", "Infinity", "165.2"])
def test_a_meter_out_of_proportion_is_not_used(usd: str) -> None:
    price, problems = metered(usd, Subject("p5.48xlarge", EAST, node="n"))
    assert price is not None
    assert price.basis == "price book"
    assert len(problems) == 1
    assert "is not used" in problems[0]


def test_for_a_model_alone() -> None:
    prices = Prices.load()
    price = prices.for_model("nvidia-a100-80gb", TODAY)
    assert price is not None
    assert (price.device_hour, price.node_hour, price.model) == (Fraction("3.43"), None, "A100-80GB")
    assert prices.for_model("H100", TODAY, cloud="nebius", capacity_type="spot").device_hour == Fraction("1.25")  # type: ignore[union-attr]
    assert prices.for_model("X9000", TODAY) is None


@pytest.mark.parametrize(
    ("labels", "region"),
    [
        ({"topology.kubernetes.io/region": "eu-west-1"}, "eu-west-1"),
        ({"topology.kubernetes.io/zone": "us-east-1a"}, "us-east-1"),
        ({"topology.kubernetes.io/zone": "us-west-2-lax-1a"}, "us-west-2"),
        ({"topology.kubernetes.io/zone": "us-central1-b"}, "us-central1"),
        ({"topology.kubernetes.io/zone": "eastus2-1"}, "eastus2"),
        ({"topology.kubernetes.io/zone": "0"}, ""),
        ({}, ""),
    ],
)
def test_regions(labels: dict[str, str], region: str) -> None:
    assert region_of(labels) == region


def test_labels_of_capacity_and_cloud() -> None:
    assert capacity_type_of({"karpenter.sh/capacity-type": "reserved"}) == "reserved"
    assert capacity_type_of({"eks.amazonaws.com/capacityType": "ON_DEMAND"}) == "on-demand"
    assert capacity_type_of({"eks.amazonaws.com/capacityType": "CAPACITY_BLOCK"}) == "reserved"
    assert capacity_type_of({"karpenter.sh/capacity-type": "odd"}) == ""
    assert cloud_of({"cloud.google.com/gke-nodepool": "a"}) == "gcp"
    assert cloud_of({"app": "a"}) == ""


def node(labels: dict[str, str], spec: object = None, capacity: int = 8) -> Node:
    raw = {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": labels}, "spec": spec,
        "status": {"capacity": {"nvidia.com/gpu": str(capacity)}, "allocatable": {"nvidia.com/gpu": str(capacity)}},
    }  # fmt: skip
    (document,) = (item for item in read_text(json.dumps(raw), "n.yaml") if isinstance(item, Document))
    return Node(document, ())


def test_a_node_of_a_cluster() -> None:
    labels = {
        "node.kubernetes.io/instance-type": "g4dn.xlarge", "topology.kubernetes.io/region": EAST, "karpenter.sh/capacity-type": "spot",
        "karpenter.sh/nodepool": "serve", "nvidia.com/gpu.product": "Tesla-T4-SHARED", "nvidia.com/gpu.replicas": "4",
        "nvidia.com/gpu.count": "1", "nvidia.com/gpu.memory": "15360",
    }  # fmt: skip
    subject = Subject.of_node(node(labels, {"providerID": "aws:///us-east-1a/i-0"}, capacity=4))
    assert subject == Subject(
        "g4dn.xlarge", EAST, "Tesla-T4-SHARED", "serve", "n", "spot", labels, devices=1, on_premises=False, memory=15360
    )  # fmt: skip
    assert Subject.of_labels("n", labels, devices=1) == subject


@pytest.mark.parametrize(
    ("provider", "region", "own"),
    [
        ("aws:///us-east-1a/i-0", "us-east-1", True), ("gce://p/z/n", "", True), ("metal3://a", "", False), ("vsphere://a", "eu", False),
        (None, "us-east-1", True), (None, "", False), (7, "", False),
    ],
)  # fmt: skip
def test_whose_machine_it_is(provider: object, region: str, own: bool) -> None:
    labels = {"topology.kubernetes.io/region": region} if region else {}
    assert Subject.of_node(node(labels, {"providerID": provider})).on_premises is not own


def test_memory_tells_two_sorts_apart() -> None:
    labels = {"karpenter.k8s.aws/instance-gpu-name": "a100", "karpenter.k8s.aws/instance-gpu-memory": "40960"}
    assert price_of(Subject.of_labels("n", labels)).model == "A100-40GB"


LABELS = st.dictionaries(
    st.sampled_from(
        ["topology.kubernetes.io/region", "cloud.google.com/gke-nodepool", "team", "nvidia.com/gpu.product", "karpenter.sh/capacity-type"]
    ),
    st.sampled_from(["us-east-1", "spot", "reserved", "H100", "Tesla-T4", ""]),
)  # fmt: skip


@given(LABELS, st.randoms(), st.sampled_from([row.instance_type for row in book().rows]))
def test_the_order_of_labels_changes_nothing(labels: dict[str, str], random: object, instance_type: str) -> None:
    labels = {**labels, "node.kubernetes.io/instance-type": instance_type}
    items = list(labels.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    one, other = Prices.load(), Prices.load()
    assert one.of(Subject.of_labels("n", labels), TODAY) == other.of(Subject.of_labels("n", dict(items)), TODAY)
    assert one.problems == other.problems


SUBJECTS = st.builds(
    Subject,
    instance_type=st.sampled_from([row.instance_type for row in book().rows]) | st.text(max_size=5),
    region=st.sampled_from([row.region for row in book().rows]) | st.text(max_size=5),
    product=st.sampled_from(list(book().references)) | st.text(max_size=5),
    capacity_type=st.sampled_from(["", "spot", "reserved", "on-demand", "odd"]),
    devices=st.none() | st.integers(-1, 16),
    on_premises=st.booleans(),
    cloud=st.sampled_from(["", "lambda", "coreweave", "aws"]),
    node=st.sampled_from(["", "n"]),
)


@given(SUBJECTS, st.none() | st.decimals(allow_nan=True, allow_infinity=True))
def test_a_price_is_above_nothing_and_explains_itself(subject: Subject, said: Decimal | None) -> None:
    price = Prices.load().of(subject, TODAY, metered={} if said is None else {"n": said})
    if price is None:
        return
    assert price.device_hour > 0
    assert price.source
    assert price.basis
    if price.node_hour is not None:
        assert price.devices
        assert price.node_hour == price.device_hour * price.devices
    assert price.cash is (price.capacity_type in ("on-demand", "spot"))
