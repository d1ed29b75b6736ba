"""Credentials that stand in an object as they are: tokens of a known form, passwords in URLs, values under the name of a credential.

One table of what is a credential serves the rule that reports them and the redaction that takes them out, so that the two never differ.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from auditor.document import Document, Path, is_placeholder, mapping
from auditor.finding import Confidence, Severity

__all__ = [
    "Credential",
    "credentials_in",
    "credentials_of_text",
    "is_secret_object",
    "looks_made_up",
    "may_hold_credentials",
    "values_of_secret",
]

# What a token of each sort begins with, and the whole of it.
_KEY = "-----BEGIN"
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
    *((f"xox{sort}-", "a Slack token", rf"\bxox{sort}-[\w-]{{10,}}") for sort in "abposr"),
    ("dop_v1_", "a DigitalOcean token", r"\bdop_v1_[a-f0-9]{64}"),
    ("dckr_pat_", "a Docker Hub token", r"\bdckr_pat_[\w-]{20,}"),
    (_KEY, "a private key", r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----(?:\\n|\s)*[A-Za-z0-9+/=]{16,}"),
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


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential, and what to say of it.

    Attributes:
        path: the string that holds it.
        start, end: where it stands in that string. A private key reaches to its last line.
        fixed: how many characters at its beginning are the form of its sort (``nvapi-``), and no secret; 0 for what is known by a name.
        sort: ``token``, ``key``, ``url`` or ``literal``: how it was recognised.
        message, severity, confidence: of the finding. The message holds at most four characters of it.
    """

    path: Path
    start: int
    end: int
    fixed: int
    sort: str
    message: str
    severity: Severity
    confidence: Confidence


def credentials_in(document: Document, *, every: bool = False) -> Iterator[Credential]:
    """The credentials of an object, at most one for each string: the surest.

    A Secret, an object of the operators that seal or fetch secrets, and one that SOPS encrypted have none.

    Args:
        document: the object.
        every: all credentials of each string, in whatever order; their spans may overlap.
    """
    raw, ref = document.raw, document.ref
    if is_secret_object(document) or ref.group in _SEALED or "sops" in raw:
        return
    if not may_hold_credentials(document):
        return
    tokens = any(map(document.blob.__contains__, _HINTS))
    settings = ref.kind == "ConfigMap"
    for key, value in raw.items():
        if key in _NOT_WALKED:
            continue
        for text in _texts(value, (key,), settings, settings or key in _MAPPINGS):
            for credential in _found(text, tokens, settings):
                yield credential
                if not every:
                    break


def may_hold_credentials(document: Document) -> bool:
    """A quick look at the whole object, and at what is kept of who set its fields: False where it certainly holds no credential."""
    blob = document.blob + document.provenance
    return any(map(blob.__contains__, _HINTS)) or (b"@" in blob and b"://" in blob) or _names_credential(blob)


def credentials_of_text(text: str) -> Iterator[Credential]:
    """The tokens of a known form and the passwords in URLs that a text holds, wherever it stands; their paths are empty."""
    yield from _known_tokens((), text)
    yield from _passwords((), text)


def is_secret_object(document: Document) -> bool:
    """Whether the object is a Secret of Kubernetes, where credentials belong."""
    return document.ref.kind == "Secret" and not document.ref.group


def values_of_secret(document: Document) -> list[str]:
    """The values of a Secret that are filled in: neither empty, nor to be filled in later, nor encrypted."""
    data = {**mapping(document.raw.get("data")), **mapping(document.raw.get("stringData"))}
    texts = [value for value in data.values() if isinstance(value, str) and value]
    return [text for text in texts if not is_placeholder(text) and not _DUMMY.search(text) and not text.startswith("ENC[")]


def looks_made_up(text: str) -> bool:
    """Whether a text says of itself that it is no secret: an example, a dummy, something to be filled in."""
    return _DUMMY.search(text) is not None or is_placeholder(text)


def _names_credential(blob: bytes) -> bool:
    """Whether the object holds a word that names a credential, other than in fields that refer to one."""
    lower = blob.lower()
    return any(map(lower.__contains__, _NAME_HINTS)) and any(map(_REFERENCES.sub(b"", lower).__contains__, _NAME_HINTS))


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


def _found(text: _Text, tokens: bool, settings: bool) -> Iterator[Credential]:
    """The credentials of one string, the surest first."""
    if tokens:
        yield from _known_tokens(text.path, text.value)
    yield from _passwords(text.path, text.value)
    yield from _literals(text, settings)


def _known_tokens(path: Path, value: str) -> Iterator[Credential]:
    """Tokens that are known by their form: a message that does not give them away, the harm and the certainty."""
    for match in _TOKEN.finditer(value):
        found = match[0]
        if _DUMMY.search(found) or _bits(found) < 3:
            continue
        start, sort = next((start, sort) for n, (start, sort, _) in enumerate(_TOKENS) if match[f"t{n}"])
        message = f"{sort} in plain text: {found[:4]}… ({len(found)} characters)"
        if start != _KEY:
            fixed, end, how = len(start), match.end(), "token"
        else:
            fixed, end, how = found.index("KEY-----") + len("KEY-----"), _end_of_key(value, match.end()), "key"
        yield Credential(path, match.start(), end, fixed, how, message, Severity.CRITICAL, Confidence.HIGH)


def _end_of_key(value: str, after: int) -> int:
    """Where the lines of a private key end: at its closing line, or with the text."""
    closing = value.find("-----END", after)
    return closing if closing >= 0 else len(value)


def _passwords(path: Path, value: str) -> Iterator[Credential]:
    for url in _URL.finditer(value) if "@" in value and "://" in value else ():
        password = url[1]
        if not (is_placeholder(password) or _DUMMY.search(password) or _CODE.search(password) or _PASSWORD.fullmatch(password)):
            strong = len(password) >= 8 and _bits(password) >= 3
            message = f"a URL holds a password of {len(password)} characters in plain text"
            severity = Severity.CRITICAL if strong else Severity.HIGH
            yield Credential(path, *url.span(1), 0, "url", message, severity, Confidence.HIGH)


def _literals(text: _Text, settings: bool) -> Iterator[Credential]:
    """Literal values where a name speaks of a credential."""
    value = text.value
    pairs = [(text.name, value, 0)] if text.name else []
    if text.script and any(map(value.lower().__contains__, _ASSIGNED_HINTS)):
        pairs += _assigned(value)
    for name, written, at in pairs:
        plain, secret = _plain(name), written.strip()
        if not _secret(plain, secret):
            continue
        at += len(written) - len(written.lstrip())
        end = at + len(secret)
        if plain.lower().endswith("wandb_api_key") and _WANDB.fullmatch(written):
            message = f"a Weights & Biases key in plain text: {secret[:4]}… ({len(secret)} characters)"
            yield Credential(text.path, at, end, 0, "token", message, Severity.CRITICAL, Confidence.HIGH)
        else:
            message = f"`{name.lstrip('-')}` has a literal value of {len(secret)} characters"
            severity = Severity.MEDIUM if settings else Severity.HIGH
            yield Credential(text.path, at, end, 0, "literal", message, severity, Confidence.MEDIUM)


def _assigned(script: str) -> Iterator[tuple[str, str, int]]:
    """Names and values in a script or in settings, with the place of the value."""
    for match in _ASSIGNED.finditer(script):
        before = _NAME_BEFORE.search(script[max(match.start() - _LONGEST_NAME, 0) : match.start()])
        if before is not None and (before[1] or not match[2].isspace()):
            yield before[2] + match[1], match[3], match.start(3)


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
