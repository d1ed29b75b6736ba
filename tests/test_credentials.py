"""What counts as a credential, where it stands, and how much of it a message shows."""

from __future__ import annotations

import pytest

from auditor.credentials import Credential, credentials_in, credentials_of_text, is_secret_object, values_of_secret
from auditor.document import Document, along
from auditor.finding import Confidence, Severity
from auditor.source.text import read_text

HF = "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"
AWS = "AKIAQ7W3ERTY5UOPASDF"
WANDB = "9f31c2d7a04be8569f31c2d7a04be8569f31c2d7"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAq7Rz\nT4bN8sLw2Q==\n-----END RSA PRIVATE KEY-----\n"


def read(text: str) -> Document:
    return next(item for item in read_text(text, "a.yaml") if isinstance(item, Document))


def pod(env: str = "", args: str = "") -> Document:
    return read(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a, args: [{args}], env: [{env}]}}]}}\n")


def config(text: str, key: str = "settings") -> Document:
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    return read(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  {key}: |\n{lines}")


def texts(document: Document, *, every: bool = False) -> list[str]:
    return [along(document.raw, one.path)[-1][one.start : one.end] for one in credentials_in(document, every=every)]


def test_a_credential_has_its_place_in_the_string() -> None:
    found = list(credentials_in(pod(f"{{name: X, value: 'use {HF} now'}}")))
    assert found == [
        Credential(
            ("spec", "containers", 0, "env", 0, "value"), 4, 41, 3, "token",
            "a Hugging Face token in plain text: hf_q… (37 characters)", Severity.CRITICAL, Confidence.HIGH,
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (pod("{name: DB_PASSWORD, value: ' Tr0ub4dor&3-horse '}"), "Tr0ub4dor&3-horse"),
        (pod("{name: DB, value: 'postgresql://mlflow:k7Qz29vLx@db/x'}"), "k7Qz29vLx"),
        (pod(f"{{name: WANDB_API_KEY, value: {WANDB}}}"), WANDB),
        (pod(args="--admin-password, correct-Horse-7"), "correct-Horse-7"),
        (pod(args="--api-key=token-9f31c2d7"), "token-9f31c2d7"),
        (config("a: 1\ntoken: qW8rT2yU6iOp\n"), "qW8rT2yU6iOp"),
        (config(KEY), KEY[: KEY.index("-----END")]),
    ],
)
def test_its_span_is_the_value(document: Document, expected: str) -> None:
    assert texts(document) == [expected]


def test_one_for_each_string_or_every_one() -> None:
    script = f"export API_KEY=zX9cV8bN7m {HF} {AWS} psql postgres://u:k7Qz29vLx@db/x"
    document = pod(args=f'"{script}"')
    assert texts(document) == [HF]
    assert set(texts(document, every=True)) == {HF, AWS, "k7Qz29vLx", "zX9cV8bN7m"}


def test_the_surest_comes_first() -> None:
    document = pod("{name: API_TOKEN, value: 'redis://u:k7Qz29vLx@host/x'}")
    assert [one.sort for one in credentials_in(document)] == ["url"]
    assert [one.sort for one in credentials_in(document, every=True)] == ["url", "literal"]


@pytest.mark.parametrize("sort", "abposr")
def test_tokens_of_slack(sort: str) -> None:
    assert texts(pod(f"{{name: X, value: xox{sort}-1827364550-aBcDeFgH}}")) == [f"xox{sort}-1827364550-aBcDeFgH"]


def test_messages_show_four_characters_at_most() -> None:
    script = f"TOKEN=zX9cV8bN7m {HF} {AWS} postgres://u:k7Qz29vLx@db/x"
    for one in credentials_in(pod(args=f'"{script}"'), every=True):
        assert script[one.start : one.end][:5] not in one.message


def test_secrets_have_none_but_values() -> None:
    secret = read("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: '${X}', b: qW8rT2yU6iOp, c: changeme, d: ''}\n")
    assert is_secret_object(secret)
    assert texts(secret) == []
    assert values_of_secret(secret) == ["qW8rT2yU6iOp"]


@pytest.mark.parametrize("head", ["apiVersion: external-secrets.io/v1\nkind: ExternalSecret", "sops: {}\napiVersion: v1\nkind: ConfigMap"])
def test_what_is_sealed_has_none(head: str) -> None:
    assert texts(read(f"{head}\nmetadata: {{name: a}}\ndata: {{token: {HF}}}\n")) == []


def test_of_a_text_alone_only_forms_are_known() -> None:
    found = list(credentials_of_text(f"token: qW8rT2yU6iOp {AWS} x://u:abcd@h"))
    assert [(one.sort, one.path) for one in found] == [("token", ()), ("url", ())]
