"""The model's repository may run its own Python code in the pod.

## Why it matters
With `trust_remote_code`, loading a model imports Python files from the model's repository and executes them, with the pod's token, its
data and its network. Whoever can push to that repository, or take over its name, runs code in the cluster; where no commit is pinned,
that is decided anew at each start. `--revision` pins the model; code that the model takes from another repository is pinned by
`--code-revision` only. vLLM from 0.10.1 up to 0.18.0 ignores an explicit *false* in two model files (CVE-2026-27893), so that leaving
the flag out is not enough there.

## Bad
```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: server}
spec:
  template:
    spec:
      containers:
      - name: vllm
        image: vllm/vllm-openai:v0.22.0
        args:
        - --model=example/long-context-7b
        - --trust-remote-code  # finding
      - name: tgi
        image: ghcr.io/huggingface/text-generation-inference:3.0
        env:
        - name: MODEL_ID
          value: example/long-context-7b
        - name: TRUST_REMOTE_CODE
          value: "true"  # finding
      - name: train
        image: ghcr.io/example/finetune:1.4
        command:
        - sh
        - -c
        - python train.py --trust_remote_code True  # finding
```

A commit, a local path or an own store makes it medium: the code cannot change by itself.
```yaml
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: vllm
    image: vllm/vllm-openai:v0.22.0
    command: [vllm, serve, example/long-context-7b]
    args: [--revision=5f3a1c7f0c3e3ac9b1f7a8fce3a1c7f0c3e3ac9b, --trust-remote-code=true]  # finding
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: chat}
spec:
  predictor:
    model:
      modelFormat: {name: huggingface}
      storageUri: s3://models/long-context-7b
      args: [--trust_remote_code]  # finding
---
apiVersion: v1
kind: ConfigMap
metadata: {name: axolotl}
data:
  config.yaml: |  # finding
    base_model: example/long-context-7b
    trust_remote_code: true
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: one
    image: vllm/vllm-openai:v0.22.0
    args: [--model=example/llama-7b, --trust-remote-code=false]
  - name: two
    image: vllm/vllm-openai:v0.22.0
    args: [--model=example/llama-7b, --no-trust-remote-code]
  - name: three
    image: ghcr.io/example/finetune:1.4
    args: [--trust_remote_code, "False"]
    env:
    - {name: HF_HUB_TRUST_REMOTE_CODE, value: "0"}
    - {name: TRUST_REMOTE_CODE, value: "${TRUST}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: scripts}
data:
  train.py: |
    # trust_remote_code=True is not needed for this model
    model = load(name, trust_remote_code=False, other=args.trust_remote_code)
```

## When to ignore
For a model whose code somebody has read, mirrored in a repository that only your team can write, and pinned to a commit.

## References
- https://github.com/huggingface/transformers/blob/main/SECURITY.md
- https://docs.vllm.ai/en/stable/usage/security/
- https://owasp.org/www-project-machine-learning-security-top-10/
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Iterator
from typing import Any

from auditor.document import Document, Path, mapping
from auditor.rule import LLM_SERVING, RECOMMENDED, Fault, Severity, is_placeholder, rule
from auditor.workload import Container, Workload, is_workload

_NAME = re.compile(r"(?:.*[_.])?trust[-_]?remote[-_]?code", re.IGNORECASE)
_TRUE = re.compile(r"true|1|yes|on", re.IGNORECASE)
_FALSE = re.compile(r"false|0|no|off", re.IGNORECASE)
_FLAG = re.compile(r"(?<![\w-])--trust[-_]remote[-_]code(?![\w-])(?:(?:=|\s+)[\"']?(\w*))?", re.IGNORECASE)
_ASSIGNED = re.compile(r"(?<![\w-])\w*trust_?remote_?code[\"']?\s*[=:]\s*[\"']?(?:true|1|yes)\b", re.IGNORECASE)
_COMMENT = re.compile(r"^\s*(?:#|//).*$", re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PINNED_IN_TEXT = re.compile(r"\brevision\w*[\"']?\s*[=:\s]\s*[\"']?[0-9a-f]{40}\b|\b(?:base_)?model\w*[\"']?\s*[=:]\s*[\"']?\.{0,2}/")
_NOT_WALKED = frozenset({"metadata", "status"})


@rule(
    "trust-remote-code",
    title="Code from the model's repository is run",
    severity=Severity.HIGH,
    profiles={RECOMMENDED},
    tags={LLM_SERVING},
    mentions=("trust", "TRUST", "Trust"),
)
def check(document: Document) -> Iterator[Fault]:
    content = marshal.dumps(document.raw)  # a search in bytes takes microseconds, a walk over every string many times that
    if b"emote" not in content and b"EMOTE" not in content:
        return
    for key, value in document.raw.items():
        if key in _NOT_WALKED:
            continue
        for path, said in _walk(value, (key,)):
            container = _container(document, path)
            pinned = _pinned(container) if container else _PINNED_IN_TEXT.search(said) is not None
            code = "code of the model's repository" if pinned else "whatever code the model's repository holds at that time"
            yield Fault(
                document,
                path,
                f"trust_remote_code is on; the pod runs {code}",
                remediation="leave it out; if the model needs it, mirror the repository and pin --revision and --code-revision to commits",
                severity=Severity.MEDIUM if pinned else None,
            )


def _walk(node: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Where it is switched on: in arguments and scripts, as an environment variable, and as a key of a configuration."""
    if isinstance(node, dict):
        name = node.get("name")
        if isinstance(name, str) and _NAME.fullmatch(name) and _truthy(node.get("value")):
            yield (*path, "value"), name
        for key, child in node.items():
            if isinstance(child, dict | list):
                yield from _walk(child, (*path, key))
            elif "emote" in key and _NAME.fullmatch(key) and _truthy(child):
                yield (*path, key), key
            elif isinstance(child, str) and _switched_on(child, None):
                yield (*path, key), child
    elif isinstance(node, list):
        for index, child in enumerate(node):
            if isinstance(child, dict | list):
                yield from _walk(child, (*path, index))
            elif isinstance(child, str) and _switched_on(child, node[index + 1] if index + 1 < len(node) else None):
                yield (*path, index), child


def _switched_on(text: str, following: object) -> bool:
    if "emote" not in text and "EMOTE" not in text:
        return False
    if "\n" in text:
        text = _COMMENT.sub("", text)
    flag = _FLAG.search(text)
    if flag is not None:
        value = flag[1] or (following if flag.end() == len(text) else None)
        return not (isinstance(value, str | bool | int) and _FALSE.fullmatch(str(value)))
    return _ASSIGNED.search(text) is not None


def _truthy(value: object) -> bool:
    return isinstance(value, str | bool | int) and _TRUE.fullmatch(str(value)) is not None


def _container(document: Document, path: Path) -> Container | None:
    if not is_workload(document):
        return None
    return next((container for container in Workload(document).containers if path[: len(container.path)] == container.path), None)


def _pinned(container: Container) -> bool:
    """The model is a commit, or files that somebody put there."""
    spec = container.template.workload.spec
    uri = mapping(mapping(spec.get("predictor")).get("model")).get("storageUri") or mapping(spec.get("model")).get("uri")
    if isinstance(uri, str):  # KServe fetches it before the server starts
        return _COMMIT.fullmatch(uri.rpartition(":")[2]) is not None if uri.startswith("hf://") else not is_placeholder(uri)
    revision = container.flag("--revision") or container.env_value("REVISION")
    if isinstance(revision, str) and _COMMIT.fullmatch(revision):
        return True
    model = container.flag("--model", "--model-path", "--model-id", "--model-name-or-path") or container.env_value("MODEL_ID")
    if model is None:
        served = next((words[words.index("serve") + 1 :] for words in container.commands if "serve" in words), ())
        model = next((word for word in served if not word.startswith("-")), None)
    return isinstance(model, str) and model.startswith(("/", "./"))
