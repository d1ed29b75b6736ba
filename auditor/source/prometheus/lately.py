"""What devices did lately: of those that are there, whether they are used now, and whether they ever were."""

from __future__ import annotations

from collections.abc import Container

from auditor.source.prometheus.asking import Asker
from auditor.source.prometheus.probes import Measuring
from auditor.source.prometheus.span import HOUR, Facts, Span
from auditor.usage import Holder, Idling

__all__ = ["lately"]


def lately(asker: Asker, span: Span, measuring: Measuring, facts: Facts, shared: Container[Holder]) -> dict[Holder, Idling]:
    """What the devices of pods that are there now did lately.

    Args:
        asker: who asks.
        span: the window.
        measuring: who measures.
        facts: whose pods they are.
        shared: those whose devices are shared: what is shared has no device of its own.
    """
    sums: dict[Holder, dict[str, int]] = {}
    queries, life = span.queries(span.seconds), min(24 * HOUR, span.seconds)
    for exporter, labels in measuring.exporters:
        if not labels:
            continue
        questions = {
            "devices": queries.lately(exporter, labels, HOUR, idle=False),
            "hour": queries.lately(exporter, labels, HOUR, idle=True),
            "day": queries.lately(exporter, labels, life, idle=True),
            "observed": queries.never(exporter, labels, idle=False),
            "unused": queries.never(exporter, labels, idle=True),
        }
        answers = asker.noted("the devices' last hours", questions, span.end)
        for what in questions:
            for pod, count in answers.rows(what, "namespace", "pod").items():
                holder = facts.holder_of(pod[0], pod[1])
                if holder is not None:
                    of = sums.setdefault(holder, dict.fromkeys(questions, 0))
                    of[what] += int(count)
    return {
        holder: Idling(of["devices"], of["hour"], of["day"], of["unused"], of["observed"])
        for holder, of in sorted(sums.items())
        if holder not in shared
    }
