"""What leaves a cluster: no credentials, the same findings; and on request no names, the same joins."""

from __future__ import annotations

import json
import marshal
import re
import string
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auditor.config import Settings
from auditor.credentials import credentials_in
from auditor.document import Comment, Document, ObjectRef, format_path
from auditor.engine import evaluate, select
from auditor.redact import Pseudonyms, without_credentials, words_of
from auditor.redact.words import PUBLIC_WORDS
from auditor.registry import judging_modules, load_rules
from auditor.rule import Profile
from auditor.snapshot import Snapshot
from auditor.source import read_paths
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


def test_tokens_in_names_labels_and_keys() -> None:
    token = "ghp_" + "aB3xY9kLm2" * 4
    labels = {"t": token, "s": "x"}
    before = live(metadata={"name": "server", "labels": labels, "annotations": {f"x/{token}": ""}}, spec={"selector": {"t": token}})
    after = without_credentials(before)
    assert token[5:12] not in str(after.raw)
    assert after.raw["metadata"]["labels"]["t"] == after.raw["spec"]["selector"]["t"]


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


def agree(place: Callable[[str], Document], secret: str) -> None:
    """No more than four characters beyond its form are left, the rule says the same, and doing it again changes nothing."""
    before = place(secret)
    after = without_credentials(before)
    if next(credentials_in(before), None) is not None or before.ref.kind == "Secret":
        assert secret.encode() not in marshal.dumps(after.raw) or secret.encode() in marshal.dumps(place("").raw)
        form = max(
            (len(form) for form in ("hf_", "nvapi-", "sk-", "AKIA", "ghp_", "AIza", "dop_v1_") if secret.startswith(form)), default=0
        )
        rest = secret[max(form, 4) :][:12].encode()
        assert rest not in marshal.dumps(after.raw) or rest in marshal.dumps(place("").raw)
    assert findings(after) == findings(before)
    assert without_credentials(after).raw == after.raw


@given(SECRETS, st.sampled_from(sorted(PLACES)))
def test_tokens_are_nowhere_in_the_result(secret: str, place: str) -> None:
    agree(PLACES[place], secret)


@given(PASSWORDS, st.sampled_from(sorted(NAMED)))
def test_values_under_names_are_nowhere_in_the_result(secret: str, place: str) -> None:
    agree(NAMED[place], secret)


@given(st.lists(st.tuples(SECRETS, st.text(" \n=:,'\"/@", min_size=1, max_size=3)), max_size=4), st.sampled_from(sorted(PLACES)))
def test_several_in_one_string(parts: list[tuple[str, str]], place: str) -> None:
    before = PLACES[place]("".join(secret + between for secret, between in parts))
    after = without_credentials(before)
    assert findings(after) == findings(before)
    assert without_credentials(after).raw == after.raw


def test_the_corpus_says_the_same(corpus: Path) -> None:
    for before in read_paths((str(corpus),)).documents:
        after = without_credentials(before)
        assert [(f.path, f.message, f.severity) for f in check(after)] == [(f.path, f.message, f.severity) for f in check(before)]


# -- names ------------------------------------------------------------------------------------------------------------------------------

KEY_OF_PSEUDONYMS = b"a key that nobody else has"
PRIVATE = re.compile(r"acme|fraud|zebra", re.IGNORECASE)


def named(kind: str, name: str, group: str = "", namespace: str = "acme-fraud", version: str = "v1", **fields: Any) -> Document:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **fields.pop("metadata", {})}
    raw = {"apiVersion": f"{group}/{version}" if group else version, "kind": kind, "metadata": metadata, **fields}
    return Document(ObjectRef(group, version, kind, namespace, name), raw, file="cluster")


def replaced(*documents: Document, key: bytes = KEY_OF_PSEUDONYMS) -> list[Document]:
    pseudonyms = Pseudonyms(key)
    pseudonyms.learn(documents)
    return [pseudonyms.document(document) for document in documents]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("acme-fraud-trainer", r"x\w{8}-x\w{8}-trainer"),
        ("AcmeFraud", r"X\w{8}X\w{8}"),
        ("ACME_API_URL", r"X[A-Z]{8}_API_URL"),
        ("team-a", r"team-x\w{8}"),
        ("acme2-7b-v1.2.3", r"x\w{8}2-7b-v1\.2\.3"),
        (
            "http://zebra-head-svc.acme-fraud.svc.cluster.local:8000/v1",
            r"http://x\w{8}-head-svc\.x\w{8}-x\w{8}\.svc\.cluster\.local:8000/v1",
        ),
        ("registry.acme.com/zebra/vllm-openai:v0.9", r"registry\.x\w{8}\.com/x\w{8}/vllm-openai:v0\.9"),
        ("acme.com/team", r"x\w{8}\.com/team"),
        ("acmeauth", r"x\w{8}auth"),
        ("8.8.8.8 in 10.0.0.0/8", r"203\.0\.113\.\d+ in 10\.0\.0\.0/8"),
        ("arn:aws:iam::123456789012:role/acme", r"arn:aws:\w+::(?!123456789012)\d{12}:role/x\w{8}"),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", r"(?!0f8fad5b)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        ("app@sha256:" + "0a1b" * 16, r"app@sha256:(?!0a1b)[0-9a-f]{64}"),
        ("YWNtZUZyYXVkMjAyNmZyYXVk", r"x\w{8}"),
    ],
)
def test_private_words_are_replaced(text: str, pattern: str) -> None:
    assert re.fullmatch(pattern, Pseudonyms(KEY_OF_PSEUDONYMS).text(text))


@pytest.mark.parametrize(
    "text",
    [
        "default", "kube-system", "cluster-admin", "system:serviceaccounts", "gpu-operator", "nvcr.io/nvidia/pytorch:24.01-py3",
        "nvidia.com/gpu", "nvidia.com/mig-1g.5gb", "kueue.x-k8s.io/queue-name", "node-role.kubernetes.io/control-plane", "16Gi", "500m",
        "*/5 * * * *", "--tensor-parallel-size=8", "vllm serve meta-llama/Llama-3.1-8B-Instruct", "0.0.0.0/0", "127.0.0.1",
        "/var/run/docker.sock",
        "networking.k8s.io/v1", "production-stack.vllm.ai", "sh -lc", "RuntimeDefault", "2026-11-25T07:00:00Z", "",
    ],
)  # fmt: skip
def test_what_is_everybodys_stays(text: str) -> None:
    assert Pseudonyms(KEY_OF_PSEUDONYMS).text(text) == text


def test_the_same_key_gives_the_same_pseudonym() -> None:
    first, second, other = (Pseudonyms(key).text("acme-fraud") for key in (KEY_OF_PSEUDONYMS, KEY_OF_PSEUDONYMS, b"another"))
    assert first == second != other
    assert PRIVATE.search(first) is None


@pytest.mark.parametrize("key", [b"", b"k" * 65])
def test_a_key_has_a_length(key: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 64 bytes"):
        Pseudonyms(key)


def test_fields_kinds_and_values_about_hardware_stay() -> None:
    labels = {"nvidia.com/gpu.product": "Zebra-A100", "acme.com/tier": "zebra", "topology.kubernetes.io/zone": "zebra-1"}
    term = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["zebra.large"]}
    taint = {"key": "acme.com/dedicated", "value": "zebra", "effect": "NoSchedule"}
    [node] = replaced(named("Node", "acme-1", namespace="", metadata={"labels": labels}, spec={"match": [term], "taints": [taint]}))
    assert list(node.raw["metadata"]["labels"].values())[::2] == ["Zebra-A100", "zebra-1"]
    assert node.raw["spec"]["match"] == [term]
    assert node.raw["spec"]["taints"][0]["effect"] == "NoSchedule"
    assert PRIVATE.search(str(node.raw["spec"]["taints"])) is None
    assert PRIVATE.search(str(list(node.raw["metadata"]["labels"])[1])) is None


def test_joins_still_work() -> None:
    template = {
        "metadata": {"labels": {"app": "zebra", "acme.com/owner": "Fraud"}},
        "spec": {
            "serviceAccountName": "zebra-sa",
            "priorityClassName": "acme-high",
            "volumes": [{"name": "m", "persistentVolumeClaim": {"claimName": "zebra-models"}}],
            "containers": [
                {"name": "zebra", "image": "registry.acme.com/zebra/vllm-openai:v1", "args": ["--url=http://zebra.acme-fraud.svc/"]}
            ],
        },
    }
    documents = replaced(
        named("Deployment", "zebra", "apps", spec={"selector": {"matchLabels": {"app": "zebra"}}, "template": template}),
        named("Service", "zebra", spec={"selector": {"app": "zebra", "acme.com/owner": "Fraud"}}),
        named("PersistentVolumeClaim", "zebra-models"),
        named("PriorityClass", "acme-high", "scheduling.k8s.io", namespace="", value=7),
        named("HorizontalPodAutoscaler", "zebra", "autoscaling", spec={"scaleTargetRef": {"kind": "Deployment", "name": "zebra"}}),
        named("LocalQueue", "acme-q", "kueue.x-k8s.io", spec={"clusterQueue": "acme-cq"}),
        named("ClusterQueue", "acme-cq", "kueue.x-k8s.io", namespace=""),
        named("Ingress", "front", "networking.k8s.io", spec={"rules": [{"host": "zebra.acme.com"}]}),
    )
    assert PRIVATE.search(str([document.raw for document in documents]) + str([document.ref for document in documents])) is None
    snapshot = Snapshot(documents)
    workload = snapshot.workloads[0]
    [template_] = workload.templates
    assert snapshot.services_of(template_) == [documents[1]]
    assert snapshot.scalers_of(workload) == [documents[4]]
    assert snapshot.priority_of(template_) == 7
    assert (
        snapshot.get("PersistentVolumeClaim", template_.spec["volumes"][0]["persistentVolumeClaim"]["claimName"], documents[0])
        is documents[2]
    )
    assert snapshot.get("ClusterQueue", documents[5].raw["spec"]["clusterQueue"], documents[5]) is documents[6]
    host = f"{documents[1].ref.name}.{documents[1].ref.namespace}.svc"
    assert template_.containers[0].command_line == f"--url=http://{host}/"
    assert workload.role == "serving"
    assert all(document.raw["metadata"]["name"] == document.ref.name for document in documents)


def test_names_of_everybodys_words_are_learned() -> None:
    pod, service, provided, soft = replaced(
        named("Pod", "model-training", namespace="ml-team", spec={"args": ["model-training-head-svc.ml-team.svc", "model training"]}),
        named("Service", "model-training-head-svc", namespace="ml-team"),
        named("Namespace", "kube-system", namespace=""),
        named("Deployment", "vllm-openai", "apps", namespace="default", spec={"image": "vllm/vllm-openai:v1"}),
    )
    assert re.fullmatch(r"x\w{8}-training", pod.ref.name)
    assert re.fullmatch(r"x\w{8}", pod.ref.namespace)
    assert pod.raw["spec"]["args"] == [f"{service.ref.name}.{service.ref.namespace}.svc", "model training"]
    assert (provided.ref.name, soft.ref.name, soft.ref.namespace) == ("kube-system", "vllm-openai", "default")


def test_names_stay_valid_and_apart() -> None:
    names = [f"{'-'.join(['zebra', 'ox', 'yak'] * 4)}-{number}" for number in range(50)] + ["acme" * 15]
    documents = replaced(*(named("Pod", name) for name in names))
    made = [document.ref.name for document in documents]
    assert len(set(made)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]{,61}[a-z0-9])?", name) for name in made)


def test_stand_ins_of_credentials_stay_and_no_new_ones_arise() -> None:
    before = pod(("DB_PASSWORD", "zeb-ox"), ("ACME_TOKEN", HF), args=("--x=postgresql://acme:k7Qz29vLx@zebra/x",))
    [after] = replaced(before)
    assert [(path, severity) for path, _, severity in findings(after)] == [(path, severity) for path, _, severity in findings(before)]
    assert value(after, 0).startswith("redacted")
    assert value(after, 1) == value(without_credentials(before), 1)
    assert PRIVATE.search(str(after.raw)) is None


def test_a_pseudonym_is_no_credential_before_another() -> None:
    before = pod(args=("token: qHq2Hqr9Ng --api-key=9ae5QwvH3NWitTM0WAWh",))
    [after] = replaced(before)
    assert [message for _, message, _ in findings(after)] == [message for _, message, _ in findings(before)]


def test_annotations_settings_and_messages() -> None:
    metadata = {"annotations": {"acme.com/note": "ask Fraud", "kubectl.kubernetes.io/last-applied-configuration": "{acme}"}}
    [after] = replaced(named("ConfigMap", "a", metadata=metadata, data={"acme.conf": "owner: fraud"}, binaryData={"a": "YWNtZQ=="}))
    assert PRIVATE.search(str(after.raw)) is None
    assert after.raw["binaryData"] == {"a": ""}


def test_suppressions_still_hold() -> None:
    annotations = {"ignore.mlaudit.io/requests-missing": "acme knows, until 2027-01-31", "mlaudit.io/role": "training"}
    [after] = replaced(named("Pod", "a", metadata={"annotations": annotations}))
    made = after.raw["metadata"]["annotations"]
    assert list(made) == list(annotations)
    assert made["ignore.mlaudit.io/requests-missing"].endswith(", until 2027-01-31")
    assert made["mlaudit.io/role"] == "training"


def test_more_words_to_keep() -> None:
    module = ModuleType("rule", "acme")
    module.__dict__.update(_ZEBRA=re.compile(r"\bzebra-?(server)"), table={"fraud": ("x",)})
    words = words_of([module])
    assert words == {"zebra", "server", "fraud"}
    assert re.fullmatch(r"zebra-x\w{8}", Pseudonyms(KEY_OF_PSEUDONYMS, judged=words).text("zebra-acme"))


@given(st.from_regex(r"[b-df-hj-np-tv-z][aeiou][b-df-hj-np-tv-z]{2}[aeiou][a-z]{3,6}", fullmatch=True), st.sampled_from(sorted(PLACES)))
def test_planted_names_are_nowhere_in_the_result(word: str, place: str) -> None:
    assume(word not in PUBLIC_WORDS)
    for text in (word, f"{word}-trainer", f"gpu-{word}.svc", f"a/{word}:v1", f"{word.upper()}_URL", f"my{word.capitalize()}"):
        [after] = replaced(PLACES[place](text))
        assert word.encode() not in marshal.dumps(after.raw).lower()


@pytest.mark.parametrize("raw", [None, 7, [], "text", {"a": None}, [None, {"b": [7], "key": 7, "value": "x"}]])
def test_nothing_raises_for_names_either(raw: Any) -> None:
    replaced(live("Pod", metadata=raw, spec=raw, data=raw, status=[raw]))


@pytest.mark.parametrize("profile", ["recommended", "strict"])
def test_the_findings_of_the_corpus_are_the_same(corpus: Path, profile: str) -> None:
    rules, settings = load_rules(), Settings(profile=Profile(profile))
    pseudonyms = Pseudonyms(KEY_OF_PSEUDONYMS, judged=words_of(judging_modules()))
    chosen = select(rules.values(), settings)
    for folder in sorted(path for path in corpus.iterdir() if path.is_dir()):
        documents = read_paths((str(folder),)).documents
        pseudonyms.learn(documents)
        counts = []
        for view in (documents, [pseudonyms.document(document) for document in documents]):
            outcome = evaluate(Snapshot(view), chosen, settings, known=rules)
            assert not outcome.failures
            counts.append(Counter((f.rule, f.severity, f.object.kind, f.file, f.line) for f in outcome.findings))
        assert counts[0] == counts[1], folder.name
