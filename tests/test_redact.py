"""What leaves a cluster: no credentials, the same findings; and on request no names, the same joins."""

from __future__ import annotations

import json
import marshal
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.credentials import credentials_in
from auditor.document import Comment, Document, ObjectRef, format_path
from auditor.redact import without_credentials
from auditor.source.text import read_text
from rules.secret.secret_in_plain_text import check

HF = "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"
WANDB = "9f31c2d7a04be8569f31c2d7a04be8569f31c2d7"
KEY_LINES = ("MIIEowIBAAKCAQEAq7RzT4bN8sLw2Q", "pLw83kQmZc5vB7nX1sDfGhJkLpOiUy", "Zx9Cv8Bn")
KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "\n".join(KEY_LINES) + "\n-----END RSA PRIVATE KEY-----\n"

PODLIKE = ObjectRef("", "v1", "Pod", "team", "server")


def live(kind: str = "Pod", group: str = "", **fields: Any) -> Document:
    """An object as a cluster lists it: no text, no positions."""
    raw = {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": {"name": "server", "namespace": "team"}, **fields}
    return Document(ObjectRef(group, "v1", kind, "team", "server"), raw, file="cluster")


def pod(*env: tuple[str, str], args: tuple[str, ...] = (), **more: Any) -> Document:
    container = {"name": "server", "args": list(args), "env": [{"name": name, "value": value} for name, value in env]}
    return live(spec={"containers": [container]}, **more)


def findings(document: Document) -> list[tuple[str, str, object]]:
    return [(format_path(fault.path), fault.message, fault.severity) for fault in check(document)]


def value(document: Document, number: int = 0) -> str:
    text: str = document.raw["spec"]["containers"][0]["env"][number]["value"]
    return text


# -- credentials ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "secret", "stand_in"),
    [
        ("HF_TOKEN", HF, "hf_qHid3nByMlaud1tHid3nByMlaud1tHid3n"),
        ("AWS", "AKIAQ7W3ERTY5UOPASDF", "AKIAHID3NBYMLAUD1THI"),
        ("WANDB_API_KEY", WANDB, "9f31fedcba9876543210fedcba9876543210fedc"),
        ("DB_PASSWORD", "Tr0ub4dor&3-horse", "Hid3nByMlaud1tHid"),
        ("DB_PASSWORD", "8Chars!?", "Hid3nByM"),
        ("SLACK", "xoxb-1827364550-aBcDeFgH", "xoxb-Hid3nByMlaud1tHid3n"),
        ("X", "nvapi-" + "aB3xY9kLm2W" * 6, "nvapi-" + ("Hid3nByMlaud1t" * 5)[:66]),
        ("X", "dop_v1_" + "0a9b8c7d" * 8, "dop_v1_" + "fedcba9876543210" * 4),
        ("URI", "postgresql://u:k7Qz29vLx@db/x", "postgresql://u:Hid3nByMl@db/x"),
        ("URI", "postgresql://u:abab-abab@db/x", "postgresql://u:hidehideh@db/x"),
        ("URI", "postgresql://u:k7Qz@db/x", "postgresql://u:Hid3@db/x"),
        ("API_TOKEN", f"Bearer {HF}", f"Hid3nB {HF[:4]}Hid3nByMlaud1tHid3nByMlaud1tHid3n"),
    ],
)
def test_stand_ins_have_the_form_and_the_length(name: str, secret: str, stand_in: str) -> None:
    before = pod((name, secret))
    after = without_credentials(before)
    assert value(after) == stand_in
    assert findings(after) == findings(before) != []


def test_private_keys_keep_their_lines_and_nothing_else() -> None:
    before = live("ConfigMap", data={"tls.key": KEY, "env": "KEY=" + KEY.replace("\n", "\\n")})
    after = without_credentials(before)
    assert after.raw["data"]["tls.key"].splitlines()[0] == "-----BEGIN RSA PRIVATE KEY-----"
    assert [len(line) for line in after.raw["data"]["tls.key"].splitlines()] == [len(line) for line in KEY.splitlines()]
    assert after.raw["data"]["env"].count("\\n") == 5
    assert findings(after) == findings(before) != []
    assert not any(line in str(after.raw) for line in KEY_LINES)


@pytest.mark.parametrize(
    "key",
    [
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQdGBGNqZ0MBEADkq7RzT4bN8\n-----END PGP PRIVATE KEY BLOCK-----",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,0A\n\nlQdGBGNqZ0MBEADkq7RzT4bN8\n-----END RSA",
    ],
)
def test_private_keys_that_the_rule_does_not_know(key: str) -> None:
    before = live("ConfigMap", data={"a": key})
    after = without_credentials(before)
    assert "lQdGBGNqZ0MBEADkq7RzT4bN8" not in str(after.raw)
    assert findings(after) == findings(before)


def test_other_occurrences_go_too() -> None:
    metadata = {
        "name": "server",
        "annotations": {"note": f"the token is {HF}!", "quoted": json.dumps({"p": 'pa"ss&word7'}), f"x/{HF}": "y"},
    }
    status = {"conditions": [{"message": "cannot log in with pa\"ss&word7 or pa%22ss%26word7"}]}  # fmt: skip
    before = pod(("T", HF), ("DB_PASSWORD", 'pa"ss&word7'), ("SAME", 'x pa"ss&word7 y'), metadata=metadata, status=status)
    after = without_credentials(before)
    text = json.dumps(after.raw)
    assert HF not in text
    assert "ss&word7" not in text
    assert "ss%26word7" not in text


def test_the_copy_of_an_object_in_its_own_annotation() -> None:
    old = pod(("DB_PASSWORD", "an-Older-1-forgotten"))
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(old.raw)}
    after = without_credentials(pod(("T", HF), metadata={"name": "server", "annotations": annotations}))
    assert "an-Older-1-forgotten" not in str(after.raw)
    copy = json.loads(after.raw["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
    assert copy["spec"]["containers"][0]["env"] == [{"name": "DB_PASSWORD", "value": "Hid3nByMlaud1tHid3nB"}]


def test_a_copy_that_cannot_be_read_is_dropped() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{password: x"}
    after = without_credentials(pod(("T", HF), metadata={"name": "server", "annotations": annotations}))
    assert after.raw["metadata"]["annotations"] == {"kubectl.kubernetes.io/last-applied-configuration": ""}


def test_secrets_lose_all_their_data() -> None:
    data = {"a": "c2VjcmV0LXZhbHVl", "b": "", "c": "changeme"}
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"kind": "Secret", "data": data})}
    before = live("Secret", metadata={"name": "server", "annotations": annotations}, data=data, stringData={"d": "Geheim", "e": 7})
    after = without_credentials(before)
    assert after.raw["data"] == {"a": "Hid3nByMlaud1tHi", "b": "", "c": "redacted"}
    assert after.raw["stringData"] == {"d": "Hid3nB", "e": None}
    assert "c2VjcmV0LXZhbHVl" not in str(after.raw)


def test_a_password_that_is_a_word_does_not_destroy_other_words() -> None:
    before = pod(("URI", "postgresql://train:train@db/x"), ("A", "train"), args=("python", "train.py", "--data=/train/x", "use train"))
    after = without_credentials(before)
    container = after.raw["spec"]["containers"][0]
    assert container["args"] == ["python", "train.py", "--data=/train/x", "use Hid3n"]
    assert [entry["value"] for entry in container["env"]] == ["postgresql://train:Hid3n@db/x", "Hid3n"]


def test_an_object_without_credentials_stays_the_same_one() -> None:
    document = pod(("MODEL", "resnet"), args=("--max-num-batched-tokens=16384",))
    assert without_credentials(document) is document


def test_positions_comments_and_identity_stay() -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n# mlaudit: ignore[x] {HF}\ndata:\n  token: {HF}\n"
    before = next(item for item in read_text(text, "a.yaml") if isinstance(item, Document))
    after = without_credentials(before)
    path = ("data", "token")
    assert after.location(path) == before.location(path)
    assert after.ref == before.ref
    assert [type(comment) for comment in after.comments] == [Comment]
    assert HF not in after.comments[0].text


@pytest.mark.parametrize("raw", [None, 7, [], "text", {"a": None}, [None, {"b": [7]}]])
def test_nothing_raises(raw: Any) -> None:
    for kind in ("Pod", "Secret", "ConfigMap"):
        document = live(kind, metadata=raw, spec=raw, data=raw, status={"token": HF})
        assert HF not in str(without_credentials(document).raw)


ALPHABET = string.ascii_letters + string.digits
# Secrets begin with what no stand-in holds, so that a leak is known for certain.
BODY = st.text(ALPHABET, min_size=40, max_size=70)
SECRETS = st.one_of(
    BODY.map(lambda body: "hf_" + body),
    st.text(ALPHABET, min_size=64, max_size=70).map(lambda body: "nvapi-" + body),
    BODY.map(lambda body: "sk-" + body[:30] + "7"),
    st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=16).map(lambda body: "AKIA" + body),
    BODY.map(lambda body: "ghp_" + body),
    BODY.map(lambda body: "AIza" + body[:35]),
    st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda body: "dop_v1_" + body),
)
PASSWORDS = st.text(ALPHABET + "!#%+-=_~^", min_size=10, max_size=30)
PLACES = {
    "value": lambda text: pod(("X", text)),
    "in a sentence": lambda text: pod(("X", f"use '{text}' now")),
    "argument": lambda text: pod(args=("--flag", text)),
    "script": lambda text: pod(args=("sh", "-c", f"export X={text}; python serve.py")),
    "configuration": lambda text: live("ConfigMap", data={"a": f"x: 1\nvalue: {text}\n"}),
    "annotation": lambda text: live(metadata={"name": "a", "annotations": {"x": text}}),
    "copy": lambda text: live(
        metadata={"annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"kind": "Pod", "spec": {"x": text}})}}
    ),
    "condition": lambda text: live(status={"conditions": [{"message": f"bad {text}"}]}),
    "secret": lambda text: live("Secret", data={"a": text}),
    "custom": lambda text: live("Thing", "example.com", spec={"deep": [{"down": [text]}]}),
}
NAMED = {
    "value": lambda text: pod(("API_KEY", text), ("OTHER", f"[{text}]")),
    "argument": lambda text: pod(args=("--admin-password", text)),
    "script": lambda text: pod(args=("sh", "-c", f'login --password="{text}" || echo {text}')),
    "url": lambda text: pod(("X", f"redis://user:{text}@cache:6379/0"), ("Y", text)),
    "configuration": lambda text: live("ConfigMap", data={"db_password": text, "other": json.dumps({"x": text})}),
    "spark": lambda text: live("SparkApplication", "sparkoperator.k8s.io", spec={"sparkConf": {"fs.s3a.secret.key": text}}),
}


def agree(before: Document, secret: str) -> None:
    """No more than four characters beyond its form are left, the rule says the same, and doing it again changes nothing."""
    after = without_credentials(before)
    if next(credentials_in(before), None) is not None or before.ref.kind == "Secret":
        assert secret.encode() not in marshal.dumps(after.raw)
        form = max(
            (len(form) for form in ("hf_", "nvapi-", "sk-", "AKIA", "ghp_", "AIza", "dop_v1_") if secret.startswith(form)), default=0
        )
        rest = secret[max(form, 4) :]
        assert rest[:12].encode() not in marshal.dumps(after.raw) or len(rest) < 6
    assert findings(after) == findings(before)
    assert without_credentials(after).raw == after.raw


@given(SECRETS, st.sampled_from(sorted(PLACES)))
def test_tokens_are_nowhere_in_the_result(secret: str, place: str) -> None:
    agree(PLACES[place](secret), secret)


@given(PASSWORDS, st.sampled_from(sorted(NAMED)))
def test_values_under_names_are_nowhere_in_the_result(secret: str, place: str) -> None:
    agree(NAMED[place](secret), secret)


@given(st.lists(st.tuples(SECRETS, st.text(" \n=:,'\"/@", min_size=1, max_size=3)), max_size=4), st.sampled_from(sorted(PLACES)))
def test_several_in_one_string(parts: list[tuple[str, str]], place: str) -> None:
    before = PLACES[place]("".join(secret + between for secret, between in parts))
    after = without_credentials(before)
    assert findings(after) == findings(before)
    assert without_credentials(after).raw == after.raw


def test_the_corpus_says_the_same(corpus: Any) -> None:
    from auditor.source import read_paths

    for before in read_paths((str(corpus),)).documents:
        after = without_credentials(before)
        assert [(f.path, f.message, f.severity) for f in check(after)] == [(f.path, f.message, f.severity) for f in check(before)]
