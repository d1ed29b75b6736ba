"""Selectors: every form, what it selects, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.selectors import (
    EVERYTHING,
    NOTHING,
    Requirement,
    Selector,
    label_selector,
    node_terms,
    parse_selector,
    service_selector,
)

LABELS = {"app": "chat", "tier": "gpu", "size": "8"}


@pytest.mark.parametrize(
    ("raw", "selects"),
    [
        ({}, True),
        (None, False),
        ({"matchLabels": {"app": "chat"}}, True),
        ({"matchLabels": {"app": "chat", "tier": "cpu"}}, False),
        ({"matchLabels": {"size": 8}}, True),  # a number is refused by the API server, but plain
        ({"matchLabels": None, "matchExpressions": None}, True),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["chat", "embed"]}]}, True),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["chat"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"app": "chat"}, "matchExpressions": [{"key": "zone", "operator": "Exists"}]}, False),
    ],
)
def test_label_selectors(raw: object, selects: bool) -> None:
    assert label_selector(raw).matches(LABELS) is selects
    assert not label_selector(raw).unknown


@pytest.mark.parametrize(
    "raw",
    [
        "app=chat",
        {"matchLabels": ["app"]},
        {"matchLabels": {"app": None}},
        {"matchLabels": {"app": "${APP}"}},
        {"matchLabels": {"app": {"a": 1}}},
        {"matchExpressions": {"key": "app"}},
        {"matchExpressions": [None]},
        {"matchExpressions": [{"key": "app", "operator": "Equals", "values": ["chat"]}]},
        {"matchExpressions": [{"key": "app", "operator": "In"}]},
        {"matchExpressions": [{"key": "app", "operator": "In", "values": ["${APP}"]}]},
        {"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]},  # for nodes only
        {"matchExpressions": [{"key": ["app"], "operator": "Exists"}]},
    ],
)
def test_what_cannot_be_known_is_left_out(raw: object) -> None:
    found = label_selector(raw)
    assert found.unknown
    assert found.requirements == ()
    assert not found.everything


def test_selectors_of_services() -> None:
    assert service_selector({"app": "chat"}).matches(LABELS)
    assert service_selector({"app": "chat", "tier": "cpu"}).unmet(LABELS) == (Requirement("tier", "In", ("cpu",)),)
    assert service_selector({}) == service_selector(None) == NOTHING
    assert not NOTHING.matches({})
    assert service_selector("${SELECTOR}").unknown


def test_terms_of_nodes() -> None:
    terms = node_terms({
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": "gpus", "operator": "Gt", "values": ["4"]}]},
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-a"]}]},
            {},
        ]
    })  # fmt: skip
    assert [term.matches({"gpus": "8"}, "node-b") for term in terms] == [True, False, False]
    assert [term.matches({"gpus": "4"}, "node-a") for term in terms] == [False, True, False]
    assert [term.matches({}, "node-a") for term in terms] == [False, True, False]
    assert [term.matches({"gpus": "many"}) for term in terms] == [False, False, False]
    (less,) = node_terms({"nodeSelectorTerms": [{"matchExpressions": [{"key": "gpus", "operator": "Lt", "values": ["4"]}]}]})
    assert less.matches({"gpus": "-1"})
    assert not less.matches({"gpus": "4"})
    assert node_terms(None) == node_terms({"nodeSelectorTerms": "x"}) == ()


@pytest.mark.parametrize("value", [["1", "2"], ["1.5"], [], None, ["${N}"]])
def test_a_node_is_compared_with_one_whole_number(value: object) -> None:
    (term,) = node_terms({"nodeSelectorTerms": [{"matchExpressions": [{"key": "gpus", "operator": "Gt", "values": value}]}]})
    assert term.labels.unknown


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        ("", ()),
        ("  ", ()),
        ("a=b", (Requirement("a", "In", ("b",)),)),
        ("a == b", (Requirement("a", "In", ("b",)),)),
        ("a=", (Requirement("a", "In", ("",)),)),
        ("a=,b", (Requirement("a", "In", ("",)), Requirement("b", "Exists"))),
        ("c!=d", (Requirement("c", "NotIn", ("d",)),)),
        ("e in (y, x)", (Requirement("e", "In", ("x", "y")),)),
        ("f notin (z)", (Requirement("f", "NotIn", ("z",)),)),
        ("in in (in,)", (Requirement("in", "In", ("", "in")),)),
        ("nvidia.com/gpu.count>3,size<9", (Requirement("nvidia.com/gpu.count", "Gt", ("3",)), Requirement("size", "Lt", ("9",)))),
        ("g,!h", (Requirement("g", "Exists"), Requirement("h", "DoesNotExist"))),
    ],
)
def test_text(text: str, requirements: tuple[Requirement, ...]) -> None:
    assert parse_selector(text) == Selector(requirements)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a=b,", "expected at the end"),
        (",a", "not ','"),
        ("a b", "after the key 'a'"),
        ("a in x", "'(' was expected, not 'x'"),
        ("a in (x", "')' was expected at the end"),
        ("a=b=c", "',' was expected, not '='"),
        ("!", "expected at the end"),
        ("!!a", "not '!'"),
        ("-a=b", "'-a' cannot be the key"),
        ("a=-b", "'-b' cannot be the value"),
        ("a=" + "x" * 64, "cannot be the value"),
        ("a>b", "> takes a whole number, not 'b'"),
        ("a=(b)", "'(' cannot be the value"),
        ("A/B/c", "cannot be the key"),
        ("a!b", "after the key 'a'"),
    ],
)
def test_bad_text_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match="label selector") as raised:
        parse_selector(text)
    assert says in str(raised.value)


NAMES = st.from_regex(r"[a-z]([-a-z0-9_.]{0,3}[a-z0-9])?", fullmatch=True)
VALUES = st.one_of(st.just(""), NAMES)
REQUIREMENTS = st.one_of(
    st.builds(Requirement, NAMES, st.sampled_from(["Exists", "DoesNotExist"])),
    st.builds(
        lambda key, operator, values: Requirement(key, operator, tuple(sorted(values))),
        NAMES,
        st.sampled_from(["In", "NotIn"]),
        st.sets(VALUES, min_size=1, max_size=3),
    ),
    st.builds(lambda key, sign, number: Requirement(key, sign, (str(number),)), NAMES, st.sampled_from(["Gt", "Lt"]), st.integers(0, 99)),
)


@given(st.lists(REQUIREMENTS, max_size=4), st.dictionaries(NAMES, VALUES, max_size=4))
def test_text_and_object_say_the_same(requirements: list[Requirement], labels: dict[str, str]) -> None:
    """What is written out and read again, as text or as an object, is the same selector; and a label is chosen by one of two opposites."""
    written = Selector(tuple(requirements))
    assert parse_selector(str(written)) == written
    entries = [{"key": one.key, "operator": one.operator, "values": list(one.values)} for one in requirements]
    (term,) = node_terms({"nodeSelectorTerms": [{"matchExpressions": entries}]})
    assert term.labels == written
    assert term.matches(labels) is (bool(requirements) and written.matches(labels))
    assert written.matches(labels) is not bool(written.unmet(labels))
    opposite = {"In": "NotIn", "NotIn": "In", "Exists": "DoesNotExist", "DoesNotExist": "Exists"}
    for one in requirements:
        if one.operator in opposite:
            assert one.holds(labels) is not Requirement(one.key, opposite[one.operator], one.values).holds(labels)  # type: ignore[arg-type]


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_selector(text), Selector)
    except ValueError as error:
        assert str(error).startswith("label selector")


def test_everything_and_nothing() -> None:
    assert EVERYTHING.everything
    assert EVERYTHING.matches({})
    assert not NOTHING.everything
    assert label_selector({}) == EVERYTHING
