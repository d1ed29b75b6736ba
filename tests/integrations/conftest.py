"""A git repository of somebody's manifests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RANKER = "k8s/serving/ranker.yaml"
WITH_LIMIT, WITHOUT = "limits: {memory: 8Gi, nvidia.com/gpu: 1}\n", "limits: {memory: 8Gi}\n"
_RANKER = f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ranker
  namespace: ml-team
spec:
  replicas: 2
  selector:
    matchLabels: {{app: ranker}}
  template:
    metadata:
      labels: {{app: ranker}}
    spec:
      priorityClassName: inference
      containers:
      - name: ranker
        image: example.com/ranker:1.4.0
        ports:
        - {{name: http, containerPort: 8000}}
        resources:
          requests:
            cpu: 2
            memory: 8Gi
            nvidia.com/gpu: 1
          {WITH_LIMIT.rstrip()}
        readinessProbe:
          httpGet: {{path: /ready, port: http}}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clone of a repository with one commit on ``main``: the demo, mistakes and all, and a model server without a fault."""
    upstream, clone = tmp_path / "upstream", tmp_path / "clone"
    shutil.copytree(ROOT / "fixtures" / "demo", upstream / "k8s")
    (upstream / RANKER).write_text(_RANKER, encoding="utf-8")
    git(upstream, "init", "--quiet", "--initial-branch=main")
    git(upstream, "add", ".")
    git(upstream, "commit", "--quiet", "--message", "manifests")
    git(tmp_path, "clone", "--quiet", f"file://{upstream}", str(clone))
    return clone


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular, without the user's settings."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "test"),
        **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "test@example.com"),
    }
    return subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout
