"""What pods held in a chunk, and what their devices did: arithmetic of looks.

Amounts of a bucket: what runs and neither terminates nor crashes is *runnable*. Of that, what was measured is idle or active, and the rest
is unknown. A pod's measurements are spread over its rows (one for each node and resource) in proportion to what it held there; no row gets
more than it held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from auditor.source.prometheus.asking import Answers
from auditor.usage import Activity, Physical

__all__ = ["Pod", "Row", "activity", "held_rows", "scale", "spread"]

Pod = tuple[str, str]  # namespace, name
Row = tuple[str, str, str, str]  # namespace, pod, node, resource
_ZERO = Fraction(0)


def held_rows(answers: Answers) -> dict[Row, dict[str, Fraction]]:
    """Unit-looks of pods by state."""
    rows: dict[Row, dict[str, Fraction]] = {}
    for state in ("running", "starting", "terminating", "crashing"):
        for (namespace, pod, node, resource), count in answers.rows(state, "namespace", "pod", "node", "resource").items():
            rows.setdefault((namespace, pod, node, resource), {})[state] = count
    return rows


def _runnable(held: Mapping[str, Fraction]) -> Fraction:
    ended = held.get("terminating", _ZERO) + held.get("crashing", _ZERO)
    return max(held.get("running", _ZERO) - ended, _ZERO)


def spread(
    answers: Answers, mine: Mapping[Row, Mapping[str, Fraction]], physical: Mapping[str, Physical], shared: Iterable[str],
    found: dict[Row, dict[str, Fraction]],
) -> None:  # fmt: skip
    """Measurements of pods over their rows."""
    together = set(shared)
    whole: dict[Pod, Fraction] = {}
    for row, held in mine.items():
        if row[2] not in together:
            whole[row[:2]] = whole.get(row[:2], _ZERO) + _runnable(held)
    for what in ("covered", "idle", "used", "warm"):
        by_pod, by_node = answers.rows(what, "namespace", "pod"), answers.rows(f"shared {what}", "namespace", "pod", "node")
        for row, held in mine.items():
            if row[2] in together:
                measured = by_node.get(row[:3], _ZERO) / physical[row[2]].devices
            elif whole[row[:2]]:
                measured = by_pod.get(row[:2], _ZERO) * _runnable(held) / whole[row[:2]]
                if row[3] in ("aws_amazon_com_neuron", "aws_amazon_com_neurondevice"):  # cores are measured, chips are held
                    cores = physical[row[2]].cores if row[2] in physical else 0
                    measured = measured / cores if cores else _ZERO
            else:
                continue
            found.setdefault(row, {})[what] = measured


def activity(held: Mapping[str, Fraction], measured: Mapping[str, Fraction], weight: Fraction) -> Activity:
    """Looks of one row in devices. Every part is bounded by what it is part of."""
    running, runnable = held.get("running", _ZERO), _runnable(held)
    terminating = min(held.get("terminating", _ZERO), running)
    covered = min(measured.get("covered", _ZERO), runnable)
    idle = min(measured.get("idle", _ZERO), covered)
    active = covered - idle
    done = Activity(
        starting=held.get("starting", _ZERO),
        terminating=terminating,
        crashloop=running - runnable - terminating,
        unknown=runnable - covered,
        idle=idle,
        active=active,
        used=min(measured.get("used", _ZERO), active),
        warm=min(measured.get("warm", _ZERO), idle),
    )
    scale(done, weight)
    return done


def scale(activity: Activity, factor: Fraction) -> None:
    """Multiply all of it."""
    for name in Activity.__dataclass_fields__:
        setattr(activity, name, getattr(activity, name) * factor)
