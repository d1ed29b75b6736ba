"""Who held devices: the objects behind pods that are there, or have gone."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping

from auditor.source.prometheus.asking import Asker
from auditor.source.prometheus.queries import Queries
from auditor.source.prometheus.rows import Pod
from auditor.source.prometheus.span import Facts
from auditor.usage import Holder

__all__ = ["Owners"]


class Owners:
    """The holders of pods, chunk by chunk."""

    def __init__(self, asker: Asker, facts: Facts) -> None:
        self._asker, self._facts = asker, facts
        self._holders: dict[Pod, Holder] = {}

    def of(self, pods: set[Pod], end: datetime.datetime, queries: Queries) -> Mapping[Pod, Holder]:
        """The holders of pods: from the API server, else from monitoring, else told from the name."""
        found: dict[Pod, Holder] = {}
        for pod in pods:
            known = self._holders.get(pod) or self._facts.holder_of(*pod)
            if known is not None:
                found[pod] = known
        gone = pods - found.keys()
        if gone:
            found |= self._of_gone(gone, end, queries)
        self._holders = found  # of this chunk only: the next one has mostly the same pods
        return found

    def _of_gone(self, pods: set[Pod], end: datetime.datetime, queries: Queries) -> dict[Pod, Holder]:
        answers = self._asker.noted("owners of pods that are gone", {"owners": queries.owners(name for _, name in pods)}, end)
        owners = {
            (sample.labels.get("namespace", ""), sample.labels.get("pod", "")): Holder(
                sample.labels.get("namespace", ""), sample.labels.get("owner_kind", ""), sample.labels.get("owner_name", "")
            )
            for sample in answers.said.get("owners", ())
            if sample.labels.get("owner_name", "<none>") != "<none>"
        }
        above = self._above(set(owners.values()), end, queries)
        found: dict[Pod, Holder] = {}
        for namespace, name in pods:
            owner = owners.get((namespace, name))
            holder = (
                Holder(namespace, "Pod", _stem(name), guessed=True) if owner is None else self._facts.outermost(above.get(owner, owner))
            )
            found[namespace, name] = holder
        return found

    def _above(self, owners: set[Holder], end: datetime.datetime, queries: Queries) -> dict[Holder, Holder]:
        """The Deployments of ReplicaSets, and the CronJobs and JobSets of Jobs."""
        labels = {"ReplicaSet": "replicaset", "Job": "job_name"}
        names = {kind: {owner.name for owner in owners if owner.kind == kind} for kind in labels}
        questions = {kind: queries.owners_of(kind, of) for kind, of in names.items() if of}
        answers = self._asker.noted("owners of ReplicaSets and Jobs that are gone", questions, end)
        return {
            Holder(sample.labels.get("namespace", ""), kind, sample.labels.get(label, "")): Holder(
                sample.labels.get("namespace", ""), sample.labels.get("owner_kind", ""), sample.labels["owner_name"]
            )
            for kind, label in labels.items()
            for sample in answers.said.get(kind, ())
            if sample.labels.get("owner_name", "<none>") != "<none>"
        }


_HASHED = re.compile(r"(-[a-z0-9]{8,10})?-[a-z0-9]{5}$|-\d+$")


def _stem(pod: str) -> str:
    """A pod's name without what controllers append."""
    return _HASHED.sub("", pod) or pod
