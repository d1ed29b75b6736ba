"""What the devices of workloads did, as far as it was measured."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.lazy import lazy
from auditor.usage import Activity, Holder, Idling, Usage
from auditor.workload import Workload

__all__ = ["Measured"]


class Measured:
    """A window of usage, by workload.

    Args:
        usage: what devices did in the window; None where nobody measured.
    """

    def __init__(self, usage: Usage | None) -> None:
        self._usage = usage

    def activity_of(self, workload: Workload) -> Activity | None:
        """What the devices did that a workload held in the window; None where it held none, or nobody measured."""
        return self._activities.get(_holder_key(workload))

    @lazy
    def _activities(self) -> Mapping[tuple[str, str, str], Activity]:
        found: dict[tuple[str, str, str], Activity] = {}
        for one in self._usage.held if self._usage else ():
            holder = one.holder
            found.setdefault((holder.namespace, holder.kind, holder.name), Activity()).add(one.activity)
        return found

    def idling_of(self, workload: Workload) -> Idling | None:
        """What the devices of a workload's pods did lately; None where nobody measured them one by one."""
        return self._usage.idling.get(Holder(*_holder_key(workload))) if self._usage else None


def _holder_key(workload: Workload) -> tuple[str, str, str]:
    return (workload.ref.namespace, workload.ref.kind, workload.ref.name)
