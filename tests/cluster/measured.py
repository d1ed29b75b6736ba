"""What Prometheus has to say about the pods of cases: one server for all of them.

A case may have a document ``measured``, which lists pods with how busy each of their devices was, in percent: a list is spread evenly over
the window, ``null`` is a device without measurements. More keys of an entry: ``metric``, and ``names_pods: false`` for series that do not
say whose device they show.

    measured:
    - {pod: idle, node: case-gpu-idle, busy: [[0], [0, 0, 0, 80]]}

The window begins when the tests do, and ends a day later: so pods that have just come hold their devices all day.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from auditor.document import Document
from auditor.source.text import read_text
from tests.cost.world import World

HOURS = 25  # more than the day that some rules want to see
_PROFILED = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"  # a part of 1; the others are in percent


def world(cases: Iterable[Path]) -> World:
    """The series of all cases that have any."""
    now = datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0)
    made = World(now - datetime.timedelta(minutes=now.minute % 5), HOURS, every=150, stale=False)
    for path in cases:
        text = path.read_text(encoding="utf-8")
        if "\nmeasured:" in text:
            _add(made, text, path.name)
    return made


def _add(made: World, text: str, name: str) -> None:
    documents = [item for item in read_text(text, name) if isinstance(item, Document)]
    namespace = next(document.ref.name for document in documents if document.ref.kind == "Namespace")
    held: dict[str, str] = {}
    for document in documents:
        if document.ref.kind == "Node":
            key, count = next((key, count) for key, count in document.raw["status"]["capacity"].items() if "/" in key)
            held[document.ref.name] = resource = key.replace(".", "_").replace("/", "_")
            made.node(document.ref.name, int(count), resource=resource)
    entries = next(entry["measured"] for entry in yaml.safe_load_all(text) if entry and "measured" in entry)
    for entry in entries:
        made.pod(namespace, entry["pod"], entry["node"], len(entry["busy"]), running=(0, HOURS), resource=held[entry["node"]])
        for number, busy in enumerate(entry["busy"]):
            if busy is not None:
                _device(made, namespace, entry, number, busy)


def _device(made: World, namespace: str, entry: Mapping[str, Any], number: int, busy: list[float]) -> None:
    metric = entry.get("metric", _PROFILED)
    edges = [HOURS * part / len(busy) for part in range(len(busy) + 1)]
    whole = 100 if metric == _PROFILED else 1
    spans = [(begin, end, percent / whole) for (begin, end), percent in zip(itertools.pairwise(edges), busy, strict=True)]
    pod = (namespace, entry["pod"]) if entry.get("names_pods", True) else None
    made.gpu(f"{namespace}-{entry['pod']}-{number}", entry["node"], pod, spans, metric=metric)
