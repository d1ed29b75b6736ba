"""What answers mean, as other servers than Prometheus give them too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.source.exchange import Response
from auditor.source.prometheus.answers import Sample, decoded, is_too_much, looks_like, samples_of


def vector(*rows: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "vector", "result": list(rows)}}


def test_numbers_are_kept_and_the_rest_is_counted() -> None:
    rows = [{"metric": {"n": str(number)}, "value": [0, value]} for number, value in enumerate(["1", "NaN", "+Inf", "-Inf", "1e-3"])]
    found, dropped = samples_of(vector(*rows, {"metric": {}, "histogram": [0, {"count": "1"}]}))
    assert found == [Sample({"n": "0"}, 1.0), Sample({"n": "4"}, 0.001)]
    assert dropped == 4


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"data": {"resultType": "matrix", "result": []}}, "it holds matrix instead of a vector"),
        ({"data": {"resultType": "scalar", "result": [0, "1"]}}, "it holds scalar instead of a vector"),
        ({"data": {"resultType": "vector", "result": None}}, "it holds vector instead of a vector"),
        ({"data": None}, "it holds nothing instead of a vector"),
        ({}, "it holds nothing instead of a vector"),
        (vector({"metric": {}, "value": [0]}), "it holds a row that is no sample"),
        (vector({"metric": {}, "value": [0, "x"]}), "it holds a row that is no sample"),
        (vector({"metric": {}, "value": [0, None]}), "it holds a row that is no sample"),
        (vector({"value": [0, "1"]}), "it holds a row that is no sample"),
        (vector(None), "it holds a row that is no sample"),
        (vector("value"), "it holds a row that is no sample"),
    ],
)
def test_no_vectors(answer: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        samples_of(answer)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"a": 1}', b'{"status": "Failure"}', b"[" * 100_000, b'{"message":"Not found"}', b"\xff\xfe"]
)
def test_what_no_prometheus_says(body: bytes) -> None:
    assert decoded(Response(200, {}, body, 0)) is None


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("execution", "query processing would load too many samples into memory in query execution", True),  # Prometheus
        ("timeout", "query timed out in expression evaluation", True),
        ("execution", "the query exceeded the maximum number of series (limit: 100000 series) (err-mimir-max-series-per-query)", True),
        ("execution", "the query exceeded the aggregated chunks size limit (limit: 5 bytes)", True),
        ("execution", "the query hit the max number of chunks limit while fetching chunks from ingesters (limit: 2)", True),  # Cortex
        ("bad_data", "the query time range exceeds the limit (query length: 800h0m0s, limit: 721h0m0s)", True),
        ("422", "cannot select more than -search.maxSamplesPerQuery=1000 samples; possible solutions: …", True),  # VictoriaMetrics
        (
            "422",
            "the number of matching timeseries exceeds 30000; narrow down the search or increase -search.maxUniqueTimeseries",
            True,
        ),
        ("execution", "limit 10 violated (got 11): exceeded samples limit", True),  # Thanos
        ("execution", "rpc error: code = DeadlineExceeded desc = context deadline exceeded", True),
        ("execution", "found duplicate series for the match group {} on the right hand-side of the operation", False),
        ("execution", "many-to-many matching not allowed: matching labels must be unique on one side", False),
        ("bad_data", 'invalid parameter "query": 1:5: parse error: unexpected identifier "limit" exceeded', False),
    ],
)
def test_what_less_would_help(kind: str, text: str, expected: bool) -> None:
    assert is_too_much(kind, text) is expected


@pytest.mark.parametrize(
    ("status", "kind", "body", "expected"),
    [
        (200, "text/html; charset=utf-8", "<html><title>Grafana</title>", "200 with Grafana"),
        (200, "text/html", "<!doctype html><script>window.grafanaBootData = {}", "200 with Grafana"),
        (200, "text/html", "<html><title>Prometheus Time Series Collection", "200 with the start page of Prometheus"),
        (200, "text/html", "<title>Thanos | Highly available</title>", "200 with the start page of its server"),
        (200, "text/html", "<title>Sign in | Corp</title>", "200 with a login page"),
        (200, "application/octet-stream", " <!DOCTYPE html><form><input type='password'>", "200 with a login page"),
        (502, "text/html", "<html><title>\n 502 &lt;Bad\x1b Gateway</title>", "502 with a page for people (502 <Bad  Gateway)"),
        (200, "text/html", "<p>", "200 with a page for people"),
        (200, "text/plain", "hello", "200 with text/plain"),
        (404, "application/json", json.dumps({"message": "Not found"}), "404 with application/json"),
    ],
)  # fmt: skip
def test_who_answers(status: int, kind: str, body: str, expected: str) -> None:
    assert looks_like(Response(status, {"Content-Type": kind}, body.encode(), 0)) == expected
