"""Names replaced by stable pseudonyms, so that a snapshot or a report may be shared.

Every word that is not everybody's (`auditor.redact.words`) is replaced, wherever it stands, always by the same other word:
``acme-fraud-trainer`` becomes ``xbakomile-xfudoreta-trainer``. So whatever belongs together by name still does, also what an operator
derives (``NAME-head-svc``, a host ``NAME.NAMESPACE.svc``, the claims of a StatefulSet), in kinds that nobody has heard of and inside
arguments, scripts and settings; and the words by which rules and roles judge are kept. Nobody can say what a pseudonym stood for without
the key.

A name of several words that are all everybody's (``ml-training``) is known for a name only if the objects were shown to `Pseudonyms.learn`
before. A name of one such word (``inference``) stays: it cannot be told from the word, and tells nothing.

Kept as they are: fields, kinds, the names of flags, numbers, keys below domains that belong to everybody, the values of labels about
hardware, places and Pod Security, private addresses.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b
from itertools import cycle, islice
from typing import Any

from auditor.credentials import Credential, credentials_in
from auditor.document import Document, ObjectRef, Path, along, mapping
from auditor.kinds import KINDS
from auditor.provenance import LAST_APPLIED
from auditor.rbac.subjects import is_software
from auditor.redact.standins import rewrite, without_credentials
from auditor.redact.words import PUBLIC_DOMAINS, PUBLIC_WORDS, pieces

__all__ = ["Pseudonyms"]

_CONSONANTS, _VOWELS = "bcdfghjklmnpqrstvwxz", "aeiou"
_MARK = "x"  # what every pseudonym begins with
_SYLLABLES = 4  # a hundred millions of words
_LABEL = 63  # characters in a DNS label and in the value of a label

_GROUPS = {row.group for row in KINDS if "." in row.group}
_DOMAINS = "|".join(map(re.escape, sorted(_GROUPS.union(PUBLIC_DOMAINS), key=lambda domain: (-len(domain), domain))))
_TOKEN = re.compile(
    rf"""
      (?P<flag>(?<![\w.-])(?:--[A-Za-z][\w.-]*|-[A-Za-z]{{1,2}}(?![\w-])))
    | (?P<public>(?<![\w/-])(?<!node-role\.)(?<!node-restriction\.)(?:{_DOMAINS})(?![\w.-])(?:/[A-Za-z0-9][\w.-]*)?)
    | (?P<uid>\b[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}\b)
    | (?P<address>(?<![\w.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?![\w.]))
    | (?P<account>(?<!\w)\d{{12}}(?!\w))
    | (?P<label>[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)
    """,
    re.VERBOSE,
)
_RUN = re.compile(r"[A-Za-z0-9]+")
_LETTERS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_HEXADECIMAL = re.compile(r"(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{12,}")
_LABEL_VALUE = re.compile(r"[\w.-]+")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_BLOB = 16

# Names that come with Kubernetes, a cloud or an operator, and kinds whose objects mostly do.
_PROVIDED = re.compile(
    r"kube-.+|.+-system|(?:nvidia-)?gpu-operator|node-feature-discovery|openshift-.+|system-.+|istio-.+|knative-.+|cluster-admin"
)
_PROVIDED_KINDS = frozenset({
    "APIService", "ClusterServingRuntime", "CSIDriver", "CustomResourceDefinition", "DeviceClass", "GatewayClass",
    "IngressClass", "RuntimeClass", "StorageClass",
})  # fmt: skip
# Words by which a role or a reach is told from a name of any sort.
_TELLING = re.compile(
    r"(?:pre)?train(?:ing|er|job)?|fine|tun(?:e|er|ing)|finetun(?:e|er|ing)|batch|predict(?:ion|or)?|infer(?:ence)?|eval(?:uate|uation)?"
    r"|internal|private|intranet|local|rilb|tailscale|gce|gxlb|external|public|internet|auth|oauth|oidc|jwt|sso|iap|saml|login|proxy"
)
# What rules look for inside of a word.
_PARTS = re.compile(
    r"mlserver|server$|auth|oidc|jwt|saml|login|gpu|cuda|rocm|tpu|npu|vllm|sglang|kserve|ollama|(?:^|(?<=[-_.]))(?:sso|iap)|(?:sso|iap)$"
)

# Mappings whose keys are the user's, where elsewhere a single word is a field.
_FREE = frozenset({
    "labels", "matchLabels", "annotations", "nodeSelector", "selector", "nodeLabels", "podLabels", "data", "stringData", "binaryData",
    "sparkConf", "hadoopConf", "env", "envs", "env_vars", "envVars", "parameters", "scopes", "limits", "requests", "hard",
})  # fmt: skip
_KINDS = frozenset({"kind"})
# Fields whose values, where they are one capitalised word, are Kubernetes' or an operator's.
_ENUMERATED = frozenset({
    "accessModes", "add", "concurrencyPolicy", "drop", "effect", "externalTrafficPolicy", "imagePullPolicy", "ipFamilyPolicy", "mode",
    "operator", "pathType", "phase", "policy", "policyTypes", "preemptionPolicy", "protocol", "reason", "reclaimPolicy", "restartPolicy",
    "type", "updateStrategy", "volumeBindingMode", "volumeMode", "whenDeleted", "whenScaled", "whenUnsatisfiable",
})  # fmt: skip
_TELLS_ENUMERATED = re.compile(r"[a-z](?:Mode|Policy|Protocol|Strategy|Type)$")
_CAPITALISED = re.compile(r"[A-Z][A-Za-z_]*")
# Labels whose values tell of hardware, places and policy.
_KEPT_VALUES = re.compile(
    r"(?:[\w-]+\.)*(?:nvidia\.com|amd\.com|intel\.com|habana\.ai|mlaudit\.io)/.+|(?:beta\.)?kubernetes\.io/(?:arch|os)"
    r"|(?:node|beta)\.kubernetes\.io/instance-type|(?:topology|failure-domain\.beta|feature\.node|pod-security)\.kubernetes\.io/.+"
    r"|karpenter\.(?:k8s\.aws|azure\.com|k8s\.gcp)/instance-.+|karpenter\.sh/capacity-type|eks\.amazonaws\.com/capacityType"
    r"|cloud\.google\.com/(?:gke-accelerator.*|machine-family|gke-spot|gke-provisioning|gke-tpu-.+|gke-gpu-.+)"
    r"|kubernetes\.azure\.com/(?:accelerator|scalesetpriority|mode)"
)


class Pseudonyms:
    """Replaces names, the same name always by the same pseudonym.

    Args:
        key: the secret that pseudonyms depend on; the same key gives the same pseudonyms in the next snapshot. 1 to 64 bytes.
        judged: more words to keep; see `auditor.redact.words.words_of`.

    Raises:
        ValueError: the key is empty or too long.
    """

    def __init__(self, key: bytes, judged: Iterable[str] = ()) -> None:
        if not 0 < len(key) <= 64:
            raise ValueError("a key has 1 to 64 bytes")
        self._key = key
        self._public = PUBLIC_WORDS | {word.lower() for word in judged}
        self._long = tuple(word for word in self._public if len(word) >= 4)
        self._known: dict[str, str] = {}
        self._taken: dict[str, str] = {}
        self._texts: dict[str, str] = {}

        self._phrases: dict[str, str] = {}
        self._phrase: re.Pattern[str] | None = None

    def learn(self, documents: Iterable[Document]) -> None:
        """Take in names that only their objects show to be names, before any object is replaced.

        A name that is also part of an image (``vllm-openai``) is the software's.
        """
        names: set[str] = set()
        images: set[str] = set()
        for document in documents:
            ref = document.ref
            own = "" if ref.kind in _PROVIDED_KINDS else ref.name
            names.update(part.strip("-") for name in (ref.namespace, own) for part in name.split("."))
            _images(document.raw, images)
        for name in names - images:
            words = name.split("-")
            if len(words) > 1 and not _PROVIDED.fullmatch(name) and not is_software(name) and _TOKEN.sub(self._token, name) == name:
                self._phrases[name] = "-".join([self._word(name), *filter(_TELLING.fullmatch, words)])
        if self._phrases:
            longest = sorted(self._phrases, key=lambda name: (-len(name), name))
            self._phrase = re.compile("(?<![A-Za-z0-9])(?:" + "|".join(map(re.escape, longest)) + ")(?![A-Za-z0-9])")
            self._texts.clear()

    # -- objects ------------------------------------------------------------------------------------------------------------------------

    def document(self, document: Document) -> Document:
        """The same object with pseudonyms, and without credentials."""
        document = without_credentials(document)
        found: dict[Path, list[Credential]] = {}
        for credential in credentials_in(document, every=True):
            found.setdefault(credential.path, []).append(credential)
        raw = document.raw

        def text(path: Path, value: str) -> str:
            if path in found:
                return self._around(value, found[path])
            return self._value(raw, path, value)

        made = document.rewritten(rewrite(raw, text, self._field), self.ref(document.ref), self._comments(document))
        kept = {self._path(path): {_text_of(raw, credential) for credential in credentials} for path, credentials in found.items()}
        return _without_new_credentials(made, kept)

    def ref(self, ref: ObjectRef) -> ObjectRef:
        """Who an object is, with pseudonyms. Kinds and versions stay."""
        return replace(ref, group=self.text(ref.group), namespace=self.text(ref.namespace), name=self.text(ref.name))

    def _comments(self, document: Document) -> Any:
        parted = ((comment, *comment.text.partition("]")) for comment in document.comments)
        return tuple(replace(comment, text=head + bracket + self.text(reason)) for comment, head, bracket, reason in parted)

    def _path(self, path: Path) -> Path:
        return tuple(self._field(path[:at], step) if isinstance(step, str) else step for at, step in enumerate(path))

    def _field(self, path: Path, key: str) -> str:
        """A key: a field stays."""
        if _FIELD.fullmatch(key) and (not path or path[-1] not in _FREE):
            return key
        return self.text(key)

    def _value(self, raw: dict[str, Any], path: Path, value: str) -> str:
        field = next((step for step in reversed(path) if isinstance(step, str)), "")
        if field == LAST_APPLIED or "binaryData" in path:
            return ""
        if field in _KINDS or ((field in _ENUMERATED or _TELLS_ENUMERATED.search(field)) and _CAPITALISED.fullmatch(value)):
            return value
        key: object = field
        if field in ("values", "value"):
            key = mapping(along(raw, path[: -1 if field == path[-1] else -2])[-1]).get("key")
        if isinstance(key, str) and "/" in key and _KEPT_VALUES.fullmatch(key):
            return value
        return self.text(value)

    def _around(self, value: str, credentials: list[Credential]) -> str:
        """A text whose stand-ins for credentials stay as they are."""
        made, at = "", 0
        for credential in sorted(credentials, key=lambda credential: credential.start):
            if credential.start >= at:
                made += self.text(value[at : credential.start]) + value[credential.start : credential.end]
            else:
                made += value[at : credential.end]
            at = max(at, credential.end)
        return made + self.text(value[at:])

    # -- words --------------------------------------------------------------------------------------------------------------------------

    def text(self, text: str) -> str:
        """A text with pseudonyms for the words in it that are not everybody's."""
        made = self._texts.get(text)
        if made is None:
            made = _TOKEN.sub(self._token, text)
            if len(text) <= _LABEL:
                if len(made) > _LABEL and _LABEL_VALUE.fullmatch(text):
                    made = self._word(text)
                self._texts[text] = made
        return made

    def _token(self, match: re.Match[str]) -> str:
        token = match[0]
        match match.lastgroup:
            case "flag" | "public":
                return token
            case "uid":
                digits = self._digits(token, "0123456789abcdef", 32)
                return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
            case "address":
                return self._address(token)
            case "account":
                return self._digits(token, "0123456789", 12)
        made = token if self._phrase is None else self._phrase.sub(lambda name: self._phrases[name[0]], token)
        made = _RUN.sub(self._run if "-" not in made else self._part, made)
        return made if len(made) <= _LABEL or len(token) > _LABEL else self._word(token)

    def _part(self, match: re.Match[str]) -> str:
        """One part of a name with hyphens, where also a single letter is a word: the ``a`` of ``team-a``."""
        return self._word(match[0]) if len(match[0]) == 1 and match[0].islower() else self._run(match)

    def _run(self, match: re.Match[str]) -> str:
        run = match[0]
        if run.isdigit() or run.lower() in self._public or run in self._taken or len(set(run)) == 1:
            return run
        if _HEXADECIMAL.fullmatch(run):
            return self._digits(run, "0123456789abcdef", len(run))
        words = pieces(run)
        if len(run) >= _BLOB and len(re.findall(r"[A-Z]+|[a-z]+|\d+", run)) * 4 > len(run):
            return self._word(run)
        if len(words) == 1 and words[0] == run:
            return self._piece(run)
        return _LETTERS.sub(lambda piece: piece[0] if len(piece[0]) <= 2 and len(piece[0]) < len(run) else self._piece(piece[0]), run)

    def _piece(self, word: str) -> str:
        lower = word.lower()
        if len(word) == 1 or lower in self._public:
            return word
        part = _PARTS.search(lower)
        made = self._word(lower) + (part[0] if part else "")
        if word.isupper():
            return made.upper()
        return made.capitalize() if word[0].isupper() else made

    def _word(self, word: str) -> str:
        """The pseudonym of a word. In the rare case that two words would share one, the later one gets another."""
        made = self._known.get(word)
        attempt = 0
        while made is None:
            number = int.from_bytes(self._hash(f"{attempt}:{word}"))
            made = _MARK
            for _ in range(_SYLLABLES):
                number, consonant = divmod(number, len(_CONSONANTS))
                number, vowel = divmod(number, len(_VOWELS))
                made += _CONSONANTS[consonant] + _VOWELS[vowel]
            attempt += 1
            if self._taken.setdefault(made, word) != word or any(public in made for public in self._long):
                made = None
        self._known[word] = made
        return made

    def _digits(self, text: str, alphabet: str, length: int) -> str:
        number = int.from_bytes(self._hash(text))
        return "".join(alphabet[number // len(alphabet) ** at % len(alphabet)] for at in range(length))

    def _address(self, text: str) -> str:
        """An address of the Internet becomes one that nobody has."""
        try:
            public = ipaddress.ip_address(text).is_global
        except ValueError:
            public = False
        return f"203.0.113.{self._hash(text)[0]}" if public else text

    def _hash(self, text: str) -> bytes:
        return blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=64).digest()


def _images(node: Any, found: set[str]) -> None:
    """The parts of all images in an object."""
    if isinstance(node, dict):
        for key, child in node.items():
            if key in ("image", "repository") and isinstance(child, str):
                found.update(re.split("[/:@]", child))
            else:
                _images(child, found)
    elif isinstance(node, list):
        for child in node:
            _images(child, found)


def _text_of(raw: dict[str, Any], credential: Credential) -> str:
    text: str = along(raw, credential.path)[-1]
    return text[credential.start : credential.end]


def _without_new_credentials(document: Document, kept: Mapping[Path, set[str]]) -> Document:
    """A pseudonym in the place of a short password looks like a longer one; nobody is to be told to revoke it."""
    new: dict[Path, list[Credential]] = {}
    for credential in credentials_in(document, every=True):
        if _text_of(document.raw, credential) not in kept.get(credential.path, ()):
            new.setdefault(credential.path, []).append(credential)
    if not new:
        return document

    def text(path: Path, value: str) -> str:
        characters = list(value)
        for credential in new.get(path, ()):
            characters[credential.start : credential.end] = islice(cycle("redacted"), credential.end - credential.start)
        return "".join(characters)

    return document.rewritten(rewrite(document.raw, text, lambda _, key: key), document.ref, document.comments)
