"""``mlaudit cluster --check-access``: what the account may list, and what not."""

from __future__ import annotations

from typing import Any

import tabulate

from auditor.cli import live
from auditor.cli.outputs import write
from auditor.errors import UsageError
from auditor.source.cluster import missing_access

__all__ = ["print_access"]


def print_access(given: dict[str, Any]) -> int:
    """Print what is missing, and return the exit code: 3 if anything is."""
    if given["snapshot"]:
        raise UsageError("--check-access asks a cluster, and a snapshot is none", "leave --snapshot out")
    connection = live.connected(given)
    granted, missing = missing_access(connection, live.WORKLOADS, given["namespace"])
    lines = []
    if missing:
        rows = [(entry.group or '""', entry.resource.partition(".")[0], entry.reason) for entry in missing]
        lines += [tabulate.tabulate(rows, ("API group", "resource", "reason"), maxcolwidths=(None, None, 60)), ""]
        lines.append(f"{connection.name}: {len(missing)} of {len(granted) + len(missing)} kinds may not be listed")
        lines.append("deploy/rbac.yaml grants what is needed: kubectl apply -f deploy/rbac.yaml")
    else:
        lines.append(f"{connection.name}: all {len(granted)} kinds that mlaudit reads may be listed")
    write("\n".join(lines) + "\n", given["output"])
    return 3 if missing and not given["allow_partial"] else 0
