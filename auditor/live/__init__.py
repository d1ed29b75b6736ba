"""What only a live cluster shows: which object made which, pods with their fates, and nodes with what is taken and free."""

from __future__ import annotations

from auditor.live.dynamic import Offer, held_by_pod
from auditor.live.nodes import LABELS_OF_NODES, Devices, Node, Taint, is_spot, nodes_of, pool_of, product_of
from auditor.live.owners import Folding, fold
from auditor.live.pods import ContainerStatus, LivePod, format_minutes, instant, live_pod, minutes_between, pinned_by

__all__ = [
    "LABELS_OF_NODES",
    "ContainerStatus",
    "Devices",
    "Folding",
    "LivePod",
    "Node",
    "Offer",
    "Taint",
    "fold",
    "format_minutes",
    "held_by_pod",
    "instant",
    "is_spot",
    "live_pod",
    "minutes_between",
    "nodes_of",
    "pinned_by",
    "pool_of",
    "product_of",
]
