"""Which pods no node can ever take, and the one cause of it: for each workload of a live cluster.

The causes are told apart in this order: no node has the labels; of those that have them none is large enough; of those that are large
enough every one has a taint that the pod does not tolerate. Nodes that an autoscaler may add soften the verdict.

What is judged is a pod that waits, as it is: admission, and queues, add selectors and tolerations to it. Where no pod is there at all it is
the stored template. A workload whose pods run is not judged, nor one that has ended, is scaled to nothing or held back by its owner.
"""

from __future__ import annotations

from auditor.placement.verdict import Cause, Unplaceable, nodes_known, unplaceable

__all__ = ["Cause", "Unplaceable", "nodes_known", "unplaceable"]
