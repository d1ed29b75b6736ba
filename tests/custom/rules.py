"""Own rules written in tests: a mapping to a file, to rules, to what they find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from auditor.config import Settings
from auditor.custom import load
from auditor.document import Document
from auditor.engine import Outcome, evaluate
from auditor.snapshot import Snapshot
from auditor.source.text import read_text

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: llm, namespace: team-a, labels: {app: llm}}
spec:
  containers:
  - name: server
    image: ghcr.io/example/vllm:0.19.0
    env:
    - {name: MODEL, value: llama}
    - {name: TOKEN, value: "${TOKEN}"}
    resources:
      limits: {nvidia.com/gpu: 2, memory: 48Gi, cpu: 500m}
"""


def written(folder: Path, **fields: Any) -> Path:
    """A file with one rule: these fields, and defaults for those that a rule needs."""
    rule = {"name": "own", "title": "Something", "severity": "low", "for": "container", "message": "wrong", "when": "true", **fields}
    file = folder / f"{rule['name']}.yaml"
    text = yaml.safe_dump(
        {key: value for key, value in rule.items() if value is not None}, sort_keys=False, allow_unicode=True, width=10_000
    )
    file.write_text(text, encoding="utf-8")
    return file


def judged(file: Path, manifest: str = POD, **settings: Any) -> Outcome:
    """What the rules of a file find in a manifest."""
    rules = load([file])
    documents = [item for item in read_text(manifest, "a.yaml") if isinstance(item, Document)]
    chosen = Settings(rules=frozenset(rule.name for rule in rules), **settings)
    return evaluate(Snapshot(documents, complete=chosen.complete), rules, chosen)
