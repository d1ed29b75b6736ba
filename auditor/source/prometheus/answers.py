"""What servers answer: samples, a complaint about the query, or something that shows that they are no Prometheus.

The format is that of https://prometheus.io/docs/prometheus/latest/querying/api/.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.errors import MetricsError
from auditor.source.exchange import Response, printable

__all__ = ["Sample", "TooMuchData", "decoded", "is_too_much", "looks_like", "samples_of"]

# How servers say that a query touches more than they allow, or takes longer: Prometheus (promql.ErrTooManySamples, ErrQueryTimeout), Mimir
# (the query exceeded the maximum number of …), Cortex (the query hit the max number of …, the query time range exceeds the limit), Thanos
# (limit … violated), VictoriaMetrics (cannot select more than -search.maxSamplesPerQuery, timeout exceeded).
_TOO_MUCH = re.compile(
    r"too many (samples|series|points)|\bmax(imum)? (number|estimated)|-search\.max|err-mimir-max|\blimit\b.*(exceeded|violated|reached)"
    r"|exceed(s|ed)? (the |a )?.*(limit|maximum|memory)|size limit|timed out|timeout exceeded|deadline exceeded|larger than max",
    re.IGNORECASE,
)
_PAGES = (  # a word of a page for people, and what such a page is
    (r"<title>[^<]*grafana|grafanabootdata", "Grafana"),
    (r"<title>[^<]*prometheus time series", "the start page of Prometheus"),
    (r"<title>[^<]*(thanos|mimir|cortex|victoriametrics)", "the start page of its server"),
    (r"type=[\"']?password|<title>[^<]*(sign|log)[ -]?in|/oauth2?/|<title>[^<]*(sso|authenticat)", "a login page"),
)


class TooMuchData(MetricsError):
    """The server will not load or send as much as the query needs: with less time or fewer series it may."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One number."""

    labels: Mapping[str, str]
    value: float


def decoded(response: Response) -> dict[str, Any] | None:
    """The answer of a Prometheus, whether it is a success or an error; None where it is anything else."""
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) and answer.get("status") in ("success", "error") else None


def samples_of(answer: Mapping[str, Any]) -> tuple[list[Sample], int]:
    """The samples that are numbers, and how many are none: NaN, infinite, or histograms.

    Raises:
        ValueError: it is no vector.
    """
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "vector" or not isinstance(data.get("result"), list):
        found = data.get("resultType") if isinstance(data, dict) else None
        raise ValueError(f"it holds {printable(str(found or 'nothing'))[:30]} instead of a vector")
    found = []
    for row in data["result"]:
        try:
            value = float(row["value"][1]) if "value" in row else math.nan
            if math.isfinite(value):
                found.append(Sample(row["metric"], value))
        except (TypeError, KeyError, IndexError, ValueError):
            raise ValueError("it holds a row that is no sample") from None
    return found, len(data["result"]) - len(found)


def is_too_much(kind: str, text: str) -> bool:
    """Whether a complaint means that less time or fewer series may succeed."""
    return kind == "timeout" or ("parse error" not in text and _TOO_MUCH.search(text) is not None)


def looks_like(response: Response) -> str:
    """What has answered instead of a Prometheus."""
    start = response.body[:20000].decode("utf-8", errors="replace")
    if "html" not in response.kind and not re.match(r"\s*<(!doctype html|html)", start, re.IGNORECASE):
        return f"{response.status} with {response.kind}"
    for pattern, name in _PAGES:
        if re.search(pattern, start, re.IGNORECASE):
            return f"{response.status} with {name}"
    title = re.search(r"<title>\s*([^<]{1,60})", start, re.IGNORECASE)
    return f"{response.status} with a page for people" + (f" ({printable(html.unescape(title[1])).strip()})" if title else "")
