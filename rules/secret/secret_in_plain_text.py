"""A credential stands in the manifest itself, where everybody who may read the object or the repository can read it.

## Why it matters
Environment variables, arguments and ConfigMaps are not protected: `kubectl get` shows them, `view` roles may read them, they are copied
into crash reports and dashboards, and Git keeps them for ever. A Hugging Face, NVIDIA or cloud token opens models, data and somebody's
bill. A value that was ever pushed has to be revoked; taking it out of the file is not enough. A report never shows more than the first
four characters of a known sort of token, and of everything else only its length.

## Bad
A token that is known by its form is critical, wherever it stands; a value under the name of a credential is high, in a ConfigMap
medium.
```yaml
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: vllm/vllm-openai:v0.22.0
    env:
    - name: HF_TOKEN
      value: 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  # finding
    - name: DB_PASSWORD
      value: "Tr0ub4dor&3-horse"  # finding
    - name: TRACKING_URI
      value: postgresql://mlflow:k7Qz29vLx@db.example.com/mlflow  # finding
    args:
    - --api-key=token-9f31c2d7  # finding
    - --admin-password
    - correct-Horse-7-battery  # finding
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  s3_secret_key: wJalrXUtnFEMIK7MDENGbPxRfiCY  # finding
  .env: |  # finding
    MODEL=resnet
    export WANDB_API_KEY=9f31c2d7a04be8569f31c2d7a04be8569f31c2d7
```

```yaml
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {name: features}
spec:
  sparkConf:
    spark.hadoop.fs.s3a.endpoint: http://minio:9000
    spark.hadoop.fs.s3a.secret.key: 8fQ2mZr7Lw0x  # finding
```

## Good
```yaml
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  containers:
  - name: server
    image: vllm/vllm-openai:v0.22.0
    env:
    - name: HF_TOKEN
      valueFrom: {secretKeyRef: {name: hf-token, key: token}}
    - {name: OPENAI_API_KEY, value: "$(OTHER)"}
    - {name: MLFLOW_TRACKING_TOKEN, value: "<your-token>"}
    - {name: GITHUB_TOKEN, value: ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}
    - {name: DB_PASSWORD, value: changeme}
    - {name: VAULT_TOKEN, value: "vault:secret/data/models#token"}
    - {name: SECRET_NAME, value: model-registry-credentials}
    - {name: TOKEN, value: hf-token-secret}
    - {name: TOKEN_FILE, value: /var/run/secrets/tokens/api}
    - {name: TOKENIZER, value: meta-llama/Llama-3.1-8B}
    - {name: PAD_TOKEN, value: "[padding_token_8]"}
    - {name: MAX_TOKENS, value: "16384000"}
    - {name: TRACKING_URI, value: "postgresql://mlflow:$(DB_PASSWORD)@db/mlflow"}
    - {name: MODEL_URI, value: "oci://model:v1.0@sha256:5f3a1c7f0c3e3ac9b1f7a8fce3a1c7f0c3e3ac9b1f7a8fce3a1c7f0c3e3ac9b1"}
    - {name: DISK, value: disk-encryption-set-00112233445566aabb}
    args: [--max-num-batched-tokens=16384, --api-key, $(API_KEY)]
    command: [sh, -c, "export TOKEN=$(cat /var/run/secrets/token) && python serve.py"]
---
apiVersion: v1
kind: Secret
metadata: {name: hf-token}
stringData: {token: "${HF_TOKEN}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  config.yaml: |
    token: ${HF_TOKEN}
    password: ENC[AES256_GCM,data:Tr9Kw2,type:str]
  serve.py: |
    token = os.environ["HF_TOKEN"]
```

## When to ignore
For the made-up credentials of a test that reaches nothing.

## References
- https://kubernetes.io/docs/concepts/security/secrets-good-practices/
- https://docs.vllm.ai/en/stable/deployment/k8s/
- https://owasp.org/www-project-kubernetes-top-ten/
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from auditor.document import Document, Path, mapping
from auditor.rule import RECOMMENDED, STRICT, Confidence, Fault, Severity, is_placeholder, rule

# What a token of each sort begins with, and the whole of it.
_TOKENS = (
    ("hf_", "a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
    ("nvapi-", "an NVIDIA API key", r"\bnvapi-[\w-]{60,}"),
    ("sk-", "an API key of OpenAI's or Anthropic's form", r"(?<![\w-])sk-(?:proj-|ant-)?(?=[\w-]*[A-Za-z0-9]{16})(?=[\w-]*\d)[\w-]{20,}"),
    ("AKIA", "an AWS access key", r"\bAKIA[A-Z0-9]{16}\b"),
    ("ASIA", "an AWS access key", r"\bASIA[A-Z0-9]{16}\b"),
    *((f"gh{sort}_", "a GitHub token", rf"\bgh{sort}_\w{{36,}}") for sort in "pousr"),
    ("github_pat_", "a GitHub token", r"\bgithub_pat_\w{22,}"),
    ("glpat-", "a GitLab token", r"\bglpat-[\w-]{20,}"),
    ("AIza", "a Google API key", r"\bAIza[\w-]{35}"),
    ("ya29.", "a Google access token", r"\bya29\.[\w-]{20,}"),
    ("xox", "a Slack token", r"\bxox[abposr]-[\w-]{10,}"),
    ("dop_v1_", "a DigitalOcean token", r"\bdop_v1_[a-f0-9]{64}"),
    ("dckr_pat_", "a Docker Hub token", r"\bdckr_pat_[\w-]{20,}"),
    ("-----BEGIN", "a private key", r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----(?:\\n|\s)*[A-Za-z0-9+/=]{16,}"),
)
_TOKEN = re.compile("|".join(rf"(?P<t{n}>{pattern})" for n, (_, _, pattern) in enumerate(_TOKENS)))
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@'\"]*:([^/\s@'\"]{4,})@(?!sha256:)[\w.-]", re.IGNORECASE)
_NAME = re.compile(r"(?:.*_)?(?:token|secret|password|passwd|api_?key|access_?key|secret_?key|credentials?)", re.IGNORECASE)
_PASSWORD = re.compile(r"(?:.*_)?passw(?:or)?d", re.IGNORECASE)
_WANDB = re.compile(r"[0-9a-f]{40}")
_MARKER_OF_MODELS = re.compile(r"(?:.*_)?(?:pad|eos|bos|unk|sep|cls|mask|stop|start|end|special|image|audio|video)_token", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# name=value, name: value, "name": "value" and --name value, found by how the name ends.
_ASSIGNED = re.compile(r"(token|secret|passw(?:or)?d|key|credentials?)([\"']?[ \t]*[=:][ \t]*|[ \t]+)[\"']?([^\s\"',;]{8,})", re.IGNORECASE)
_NAME_BEFORE = re.compile(r"(?:^|[^\w$.{/-])(--)?[\"']?((?:[A-Za-z][\w.-]*)?)$")
_LONGEST_NAME = 60
_ASSIGNED_HINTS = ("token", "secret", "passw", "key", "credential")  # to spare long texts the search
# Values that are no secret: to be filled in, kept elsewhere, code that fetches one, the name of an object.
_DUMMY = re.compile(
    r"change[-_]?me|replace|your[-_]|example|dummy|fake|placeholder|redacted|insert|sample|x{4,}|\*{3,}|\.{3}|1234567", re.IGNORECASE
)
_ELSEWHERE = re.compile(
    r"(?:vault|ref\+|op|env|file|arn|awssm|gcpsm|azurekv|sops|sm|ssm|projects)[:+/]|ENC\[|https?://|[~.]{0,2}/", re.IGNORECASE
)
_CODE = re.compile(r"[(){}\[\]<>$%|]|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_WORDS = re.compile(r"[a-z]+\d{0,2}(?:[-._](?:[a-z]+\d{0,2}|\d{1,4}))*")
_HINTS = tuple(start.encode() for start, _, _ in _TOKENS)
_NAME_HINTS = (b"token", b"secret", b"passw", b"_key", b"-key", b".key", b"apikey", b"accesskey", b"credential")
_REFERENCES = re.compile(rb"secret(?:keyref|name|ref|s)|tokeniz|max[-_a-z]*tokens|serviceaccounttoken")
_MAPPINGS = frozenset({"sparkConf", "hadoopConf", "rayStartParams", "parameters", "env_vars", "envVars", "envs", "env"})
_SCRIPTS = frozenset({"args", "command", "source", "entrypoint", "runtimeEnvYAML"})
_NOT_WALKED = frozenset({"apiVersion", "kind", "metadata", "status", "binaryData"})
_SEALED = frozenset({"bitnami.com", "external-secrets.io"})


class _Text(NamedTuple):
    """A string of the object: where it stands, the name it has a value for (or nothing), and whether it is a script or settings."""

    path: Path
    name: str
    value: str
    script: bool = False


@rule("secret-in-plain-text", title="Credential in plain text", severity=Severity.HIGH, profiles={RECOMMENDED})
def check(document: Document) -> Iterator[Fault]:
    raw, ref = document.raw, document.ref
    if ref.kind == "Secret" and not ref.group:
        yield from _kept_in_git(document)
        return
    if ref.group in _SEALED or "sops" in raw:
        return
    blob = document.blob
    tokens = any(map(blob.__contains__, _HINTS))
    if not tokens and (b"@" not in blob or b"://" not in blob) and not _names_credential(blob):
        return
    settings = ref.kind == "ConfigMap"
    for key, value in raw.items():
        if key in _NOT_WALKED:
            continue
        for text in _texts(value, (key,), settings, settings or key in _MAPPINGS):
            found = (_known_token(text.value) if tokens else None) or _judge(text, settings)
            if found is not None:
                message, severity, confidence = found
                yield Fault(
                    document,
                    text.path,
                    message,
                    remediation="revoke it, put a new one into a Secret, and refer to that with `valueFrom.secretKeyRef`",
                    severity=severity,
                    confidence=confidence,
                )


def _names_credential(blob: bytes) -> bool:
    """Whether the object holds a word that names a credential, other than in fields that refer to one."""
    lower = blob.lower()
    return any(map(lower.__contains__, _NAME_HINTS)) and any(map(_REFERENCES.sub(b"", lower).__contains__, _NAME_HINTS))


def _kept_in_git(document: Document) -> Iterator[Fault]:
    """A Secret is where credentials belong, but not in a file: base64 hides nothing."""
    data = {**mapping(document.raw.get("data")), **mapping(document.raw.get("stringData"))}
    texts = [value for value in data.values() if isinstance(value, str) and value]
    filled = [text for text in texts if not is_placeholder(text) and not _DUMMY.search(text) and not text.startswith("ENC[")]
    if filled and document.positioned:
        yield Fault(
            document,
            ("stringData",) if "stringData" in document.raw else ("data",),
            f"the file holds {len(filled)} of the values of this Secret; base64 is no encryption",
            remediation="keep it in a vault or sealed (External Secrets, Sealed Secrets, SOPS)",
            severity=Severity.INFO,
            profiles={STRICT},
        )


def _texts(node: Any, path: Path, settings: bool, named: bool) -> Iterator[_Text]:
    """Every string below a field. In a mapping of settings (``named``) a key is a name; among arguments, a flag names what follows it."""
    if isinstance(node, dict):
        name = node.get("name")
        for key, child in node.items():
            if isinstance(child, dict | list):
                yield from _texts(child, (*path, key), settings, key in _MAPPINGS)
            elif isinstance(child, str):
                script = key in _SCRIPTS or (settings and "\n" in child)
                called = str(name or path[-1]) if key == "value" else key if named and not script else ""
                yield _Text((*path, key), called, child, script)
    elif isinstance(node, list):
        script = path[-1] in _SCRIPTS
        for index, child in enumerate(node):
            if isinstance(child, dict | list):
                yield from _texts(child, (*path, index), settings, False)
            elif isinstance(child, str):
                flag = node[index - 1] if script and index else ""
                called = flag if isinstance(flag, str) and flag.startswith("--") and "=" not in flag else ""
                yield _Text((*path, index), called, child, script)


def _known_token(value: str) -> tuple[str, Severity, Confidence] | None:
    """A token that is known by its form: a message that does not give it away, the harm and the certainty."""
    for match in _TOKEN.finditer(value):
        sort = next(name for n, (_, name, _) in enumerate(_TOKENS) if match[f"t{n}"])
        found = match[0]
        if not _DUMMY.search(found) and _bits(found) >= 3:
            return f"{sort} in plain text: {found[:4]}… ({len(found)} characters)", Severity.CRITICAL, Confidence.HIGH
    return None


def _judge(text: _Text, settings: bool) -> tuple[str, Severity, Confidence] | None:
    """A password in a URL, or a literal value where a name speaks of a credential; as in `_known_token`."""
    value = text.value
    for url in _URL.finditer(value) if "@" in value and "://" in value else ():
        password = url[1]
        if not (is_placeholder(password) or _DUMMY.search(password) or _CODE.search(password) or _PASSWORD.fullmatch(password)):
            strong = len(password) >= 8 and _bits(password) >= 3
            harm = Severity.CRITICAL if strong else Severity.HIGH
            return f"a URL holds a password of {len(password)} characters in plain text", harm, Confidence.HIGH
    pairs = [(text.name, value)] if text.name else []
    if text.script and any(map(value.lower().__contains__, _ASSIGNED_HINTS)):
        pairs += _assigned(value)
    for name, secret in pairs:
        plain = _plain(name)
        if not _secret(plain, secret.strip()):
            continue
        if plain.lower().endswith("wandb_api_key") and _WANDB.fullmatch(secret):
            return f"a Weights & Biases key in plain text: {secret[:4]}… ({len(secret)} characters)", Severity.CRITICAL, Confidence.HIGH
        what = f"`{name.lstrip('-')}` has a literal value of {len(secret.strip())} characters"
        return what, Severity.MEDIUM if settings else Severity.HIGH, Confidence.MEDIUM
    return None


def _assigned(script: str) -> Iterator[tuple[str, str]]:
    """Names and values in a script or in settings."""
    for match in _ASSIGNED.finditer(script):
        before = _NAME_BEFORE.search(script[max(match.start() - _LONGEST_NAME, 0) : match.start()])
        if before is not None and (before[1] or not match[2].isspace()):
            yield before[2] + match[1], match[3]


def _plain(name: str) -> str:
    return _CAMEL.sub("_", name.lstrip("-")).replace("-", "_").replace(".", "_")


def _secret(name: str, value: str) -> bool:
    """Whether a value is a credential, going by its name and its looks."""
    if len(value) < 8 or _NAME.fullmatch(name) is None or _MARKER_OF_MODELS.fullmatch(name):
        return False
    if is_placeholder(value) or _DUMMY.search(value) or _ELSEWHERE.match(value) or _bits(value) < 3:
        return False
    if _PASSWORD.fullmatch(name):
        return not value.startswith(("(", "[", "{", "<", "$"))
    return _CODE.match(value) is None and _WORDS.fullmatch(value) is None and not value.replace(".", "").isdigit()


def _bits(text: str) -> float:
    """Shannon entropy, in bits for each character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())
