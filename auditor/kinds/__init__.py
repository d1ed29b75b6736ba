"""The table of kinds: for each kind that yields pods, where they stand, how many they are, and who fills in the rest.

Kinds are dispatched on group and kind, never on the kind alone: Service, Job, CronJob, Experiment and Workspace exist in several groups
with different shapes. All versions of a kind share a row; where their shapes differ, the row knows each. A kind without a row is found by
its shape.

A new kind is a row in the module of its theme and a case in ``tests/kinds``. The facts were read from custom resource definitions and
published manifests of the projects named in each module, in August 2026.
"""

from __future__ import annotations

from collections.abc import Iterable

from auditor.kinds import builtin, data, infrastructure, kserve, nim, pipelines, ray, serving, training
from auditor.kinds.model import PLAIN, Embedded, Inject, Kind, Role, Spelling, Template
from auditor.kinds.paths import Match, PodCount, bind, matches, pod_count, value_at
from auditor.kinds.pods import component_of, containers_at, image_text, injected, pods_in

__all__ = [
    "KINDS", "PLAIN", "Embedded", "Inject", "Kind", "Match", "PodCount", "Role", "Spelling", "Template", "bind", "component_of",
    "containers_at", "find", "image_text", "injected", "matches", "pod_count", "pods_in", "value_at",
]  # fmt: skip

KINDS: tuple[Kind, ...] = (
    *builtin.KINDS, *training.KINDS, *ray.KINDS, *kserve.KINDS, *nim.KINDS, *serving.KINDS, *pipelines.KINDS, *data.KINDS,
    *infrastructure.KINDS,
)  # fmt: skip


def _index(rows: Iterable[Kind]) -> dict[tuple[str, str], Kind]:
    table: dict[tuple[str, str], Kind] = {}
    for row in rows:
        if table.setdefault((row.group, row.kind), row) is not row:
            raise ValueError(f"the table of kinds has two rows for {row.group}/{row.kind}")
    return table


_TABLE = _index(KINDS)


def find(group: str, kind: str) -> Kind | None:
    """The row of a kind, whatever its version; None where the table has none. The core group is ``""``."""
    return _TABLE.get((group, kind))
