"""Options of commands that read a cluster, or a snapshot in place of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auditor.cli import options
from auditor.errors import UsageError
from auditor.kinds import KINDS
from auditor.report import Cluster
from auditor.snapshot import Snapshot
from auditor.source.archive import read_recorded
from auditor.source.cluster import Connection, Live, connect, read_cluster
from auditor.usage import Usage

__all__ = ["WORKLOADS", "connected", "connection", "described", "listed"]

# Group and kind of everything in the table of kinds.
WORKLOADS = frozenset((row.group, row.kind) for row in KINDS)

connection = options.stack(
    click.option("--context", metavar="NAME", help="The context of the kubeconfig; by default the current one."),
    click.option("--kubeconfig", metavar="FILE", help="The kubeconfig; by default $KUBECONFIG, ~/.kube/config, or the pod's own account."),
    click.option("--timeout", default="5m", show_default=True, metavar="TIME", help="For all requests together: 90, 90s or 5m."),
    click.option("--snapshot", type=click.Path(path_type=Path), metavar="FILE", help="Read what `mlaudit snapshot` stored instead."),
    click.option("-n", "--namespace", default="", metavar="NS", help="Only what lives in this namespace."),
    click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces; so it is without -n."),
    click.option("--allow-partial", is_flag=True, help="What may not be listed does not make the report incomplete."),
)


def connected(given: dict[str, Any]) -> Connection:
    """The connection that the options stand for.

    Raises:
        UsageError: there is no such kubeconfig or context, or the options exclude each other.
    """
    if given["all_namespaces"] and given["namespace"]:
        raise UsageError("-n and -A exclude each other", "leave one of them out")
    return connect(given["kubeconfig"], given["context"], options.seconds(given, "timeout"))


def listed(given: dict[str, Any]) -> tuple[Live, Usage | None]:
    """What the cluster, or the snapshot in place of it, holds, and the window of measurements that a snapshot recorded.

    Raises:
        UsageError: there is no such kubeconfig, context, namespace or snapshot.
        SourceError: the cluster or the file cannot be read.
    """
    if given["snapshot"]:
        for option in ("context", "kubeconfig"):
            if given[option]:
                raise UsageError(f"--snapshot and --{option} exclude each other", "leave one of them out")
        found, usage = read_recorded(given["snapshot"])
    else:
        with options.progress("listing", quiet=given.get("quiet", False), long=0) as show:
            found, usage = read_cluster(connected(given), WORKLOADS, namespace=given["namespace"], progress=show), None
    namespaces = {document.ref.name for document in found[0] if document.ref.kind == "Namespace" and not document.ref.group}
    if given["namespace"] and namespaces and given["namespace"] not in namespaces:
        raise UsageError(f"there is no namespace {given['namespace']}", "`kubectl get namespaces` lists them")
    return found, usage


def described(found: Live, snapshot: Snapshot, *, allow_partial: bool) -> Cluster:
    """What a report says of the cluster that it is about.

    Args:
        found: the objects, and what was listed.
        snapshot: what is seen of it.
        allow_partial: the user is content with what may be listed.
    """
    documents, listing = found
    return Cluster(
        listing,
        namespaces=len({document.ref.namespace for document in documents} - {""}),
        nodes=len(snapshot.nodes),
        pods=len(snapshot.pods),
        allow_partial=allow_partial,
    )
