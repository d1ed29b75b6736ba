"""Paths with wildcards and numbers of pods, and that nothing in a manifest makes them raise."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.kinds import (
    KINDS,
    Embedded,
    Kind,
    Match,
    PodCount,
    Template,
    bind,
    component_of,
    containers_at,
    find,
    image_text,
    injected,
    matches,
    pod_count,
    pods_in,
    value_at,
)  # fmt: skip
from auditor.kinds.paths import number

FILES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
OBJECTS: list[dict[str, Any]] = [case["object"] for file in FILES for case in yaml.safe_load_all(file.read_text("utf-8"))]
OBJECT: dict[str, Any] = {"a": {"b": [{"c": {"x": {"d": 1}, "y": {"d": None}}}, "text", None, {"c": {"z": {"d": 2}}}], "e": None, "f": {}}}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", [((), OBJECT, ())]),
        ("a.b[].c.*.d", [(("a", "b", 0, "c", "x", "d"), 1, (0, "x")), (("a", "b", 3, "c", "z", "d"), 2, (3, "z"))]),
        ("a.b[]", [(("a", "b", index), OBJECT["a"]["b"][index], (index,)) for index in (0, 1, 3)]),
        ("a.b.*", []), ("a[]", []), ("a.b.c", []), ("a.e", []), ("a.e.g", []), ("a.missing", []), ("a.f", [(("a", "f"), {}, ())]),
        ("a.f|a.f", [(("a", "f"), {}, ())] * 2), ("a.missing|a.f", [(("a", "f"), {}, ())]),
    ],
)  # fmt: skip
def test_matches(pattern: str, found: list[tuple[Any, ...]]) -> None:
    assert [(match.path, match.value, match.keys) for match in matches(OBJECT, pattern)] == found


def test_keys_that_are_no_text_are_not_values_of_a_map() -> None:
    assert [match.keys for match in matches({"a": {1: {}, None: {}, "k": {}}}, "a.*")] == [("k",)]


def test_items_of_lists_of_lists_and_keys_with_dots() -> None:
    assert [match.path for match in matches({"a": [[1, 2], 3, [4]]}, "a[][]")] == [("a", 0, 0), ("a", 0, 1), ("a", 2, 0)]
    assert next(matches({"a": {"b.c/d": "1"}}, 'a["b.c/d"]')).path == ("a", "b.c/d")


def test_bind() -> None:
    assert bind("a[].b.*", (3, "x")) == ("a", 3, "b", "x")
    assert bind("a[].b.*", (3,)) is None
    assert bind("a.b", (3, "x")) == ("a", "b")


def test_value_at() -> None:
    assert value_at(OBJECT, "a.b[].c.*.d", (3, "z")) == 2
    assert value_at(OBJECT, "a.b[].c.*.d", (1, "z")) is None
    assert value_at(OBJECT, "a.b[].c.*.d", (7, "z")) is None
    assert value_at(OBJECT, "a.b[].c", ()) is None
    assert value_at(OBJECT, "a.e|a.f") == {}


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (0, 0), (3, 3), ("3", 3), ("007", 7), (None, 9), (-1, None), ("-1", None), ("${N}", None), ("", None), (1.5, None), (2.0, None),
        (True, None), ([], None), ({}, None), ("3 ", None), ("٣", None), ("²", None), (2**31 - 1, None), (10**30, None), ("9" * 99, None),
    ],
)  # fmt: skip
def test_number(value: object, count: int | None) -> None:
    assert number({"n": value}, "n", default=9) == count
    assert number({}, "n", default=9) == 9


def count_of(raw: dict[str, Any], pods: str, **more: Any) -> PodCount:
    return pod_count(Template("spec", pods=pods, **more), {"spec": raw}, Match(("spec",), raw, ()))


@pytest.mark.parametrize(
    ("pods", "low"),
    [
        ("3", 3), ("unknown", None), ("unbounded", None), ("spec.two", 2), ("spec.two=7", 2), ("spec.absent", None), ("spec.absent=7", 7),
        ("spec.absent=unknown", None), ("spec.none=7", 7), ("spec.zero=7", 0), ("spec.zero:=7", 7), ("spec.zero:=unbounded", None),
        ("spec.two:=7", 2), ("spec.absent|spec.two=7", 2), ("spec.two|spec.zero=7", 2), ("spec.odd|spec.two=7", None), ("spec.yes?0", 1),
        ("spec.no?1", 0), ("spec.absent?1", 1), ("spec.absent?0", 0), ("spec.two?1", None), ("spec.two * spec.absent=3 * 2", 12),
        ("spec.odd * spec.two", None), ("spec.odd * spec.zero", 0), ("unknown * spec.no?1", 0),
    ],
)  # fmt: skip
def test_products(pods: str, low: int | None) -> None:
    raw = {"two": 2, "zero": 0, "none": None, "odd": "{{ x }}", "yes": True, "no": False}
    assert count_of(raw, pods) == PodCount(low, low)


@pytest.mark.parametrize(
    ("switch", "count"),
    [
        (True, PodCount(1, 8)), ("true", PodCount(1, 8)), (False, PodCount(4, 4)), (None, PodCount(4, 4)), ("false", PodCount(4, 4)),
        ({}, PodCount(4, 4)), ({"metrics": []}, PodCount(1, 8)), ("${ON}", PodCount(None, None)),
    ],
)  # fmt: skip
def test_the_switch_of_an_autoscaler(switch: object, count: PodCount) -> None:
    raw = {"on": switch, "min": 1, "max": 8, "now": 4}
    assert count_of(raw, "spec.now", pods_min="spec.min", pods_max="spec.max", autoscaled="spec.on") == count


def test_a_range_that_always_holds() -> None:
    assert count_of({"min": 2}, "spec.min=1", pods_max="spec.max=unbounded") == PodCount(2, None)
    assert count_of({"max": 5}, "spec.min=1", pods_max="spec.max=unbounded") == PodCount(1, 5)
    assert count_of({"min": 6, "max": 5}, "spec.min=1", pods_max="spec.max=unbounded") == PodCount(6, None)
    assert count_of({"min": "${MIN}", "max": 5}, "spec.min=1", pods_max="spec.max") == PodCount(None, 5)


def test_a_further_factor() -> None:
    assert count_of({"n": 3}, "spec.n", times=lambda raw, keys: 2) == PodCount(6, 6)
    assert count_of({"n": 3}, "spec.n", times=lambda raw, keys: None) == PodCount(None, None)
    assert count_of({"n": 3}, "spec.n", times=lambda raw, keys: 0) == PodCount(0, 0)


def test_copies_of_an_embedded_object() -> None:
    assert pod_count(Embedded("spec.trial", pods="spec.n=3"), {"spec": {"trial": {}}}, Match(("spec", "trial"), {}, ())) == PodCount(3, 3)


def test_what_is_no_number_of_pods_is_refused() -> None:
    with pytest.raises(ValueError, match="no factor"):
        count_of({}, "")


def test_pod_counts() -> None:
    assert PodCount(2, 2).fixed and PodCount(2, 2).known
    assert PodCount(2, None).known and not PodCount(2, None).fixed
    assert not PodCount(None, None).known and not PodCount(None, None).fixed
    assert PodCount(2, 3) * PodCount(4, 5) == PodCount(8, 15)
    assert PodCount(2, None) * PodCount(0, 1) == PodCount(0, None)
    assert PodCount(None, None) * PodCount(0, 0) == PodCount(0, 0)


# -- nothing raises ---------------------------------------------------------------------------------------------------------------------

TEXTS = st.text(max_size=8) | st.sampled_from(["${N}", "{{ x }}", "3"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
KEYS = st.text(max_size=4) | st.sampled_from(["spec", "template", "containers", "replicas", "name", "image", "resources", "limits"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)


def read_everything(row: Kind, raw: dict[str, Any]) -> None:
    for template in row.templates:
        for match in pods_in(raw, template):
            assert isinstance(component_of(template, raw, match), str)
            count = pod_count(template, raw, match)
            assert count.low is None or count.low >= 0
            assert count.high is None or count.low is None or count.high >= count.low
            assert injected(template, raw, match) >= template.injects
            value_at(raw, template.metadata_path, match.keys)
            value_at(raw, template.inherit, match.keys)
            for container in containers_at(raw, match, (*template.containers, *template.sidecars, *template.init_containers)):
                assert at(raw, container.path) is container.value
                image_text(container.value, template.spelling)
            assert at(raw, match.path) is match.value
    for embedded in row.embeds:
        for match in matches(raw, embedded.path):
            assert match.value is not None
            pod_count(embedded, raw, match)


def at(raw: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        raw = raw[step]
    return raw


def everywhere(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(deeper for key, child in children for deeper in everywhere(child, (*path, key)))]


@given(data=st.data())
def test_anything_anywhere_in_a_manifest(data: st.DataObject) -> None:
    raw = copy.deepcopy(data.draw(st.sampled_from(OBJECTS)))
    row = find(raw["apiVersion"].rpartition("/")[0], raw["kind"])
    assert row is not None
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(everywhere(raw)[1:]))
        at(raw, path[:-1])[path[-1]] = data.draw(VALUES)
    read_everything(row, raw)


@given(row=st.sampled_from(KINDS), raw=st.dictionaries(KEYS, VALUES, max_size=4))
def test_anything_for_a_manifest(row: Kind, raw: dict[str, Any]) -> None:
    read_everything(row, raw)


@pytest.mark.parametrize("value", [None, "", "${X}", 0, -1, True, [], {}, [None], ["x"], {"x": None}], ids=repr)
def test_one_value_at_each_place_of_each_manifest(value: object) -> None:
    for original in OBJECTS:
        row = find(original["apiVersion"].rpartition("/")[0], original["kind"])
        assert row is not None
        for path in everywhere(original)[1:]:
            raw = copy.deepcopy(original)
            at(raw, path[:-1])[path[-1]] = value
            read_everything(row, raw)
