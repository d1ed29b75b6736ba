"""What mlaudit asks of a cluster, by the API server's own record: lists, a named ConfigMap, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from auditor.cli import cli
from auditor.cli.live import WORKLOADS
from auditor.source.cluster import CONFIG_MAPS, CONTEXT, connect
from auditor.source.cluster.discovery import discover
from tests.testbed.audit import AuditEvent
from tests.testbed.cluster import Testbed

pytestmark = pytest.mark.testbed

DISCOVERY = {"/api", "/apis", "/version"}


def asked(testbed: Testbed, *arguments: str) -> tuple[list[AuditEvent], Any]:
    """What ``auditor`` asked for during a command, and its answer."""
    before = len(testbed.audit_events("auditor"))
    command, *rest = arguments
    answer = CliRunner().invoke(cli, [command, "--kubeconfig", str(testbed.kubeconfig("auditor")), *rest], standalone_mode=False)
    assert answer.exception is None, answer.output
    return testbed.audit_events("auditor")[before:], answer


COMMANDS = {
    "cluster": ("cluster", "-f", "json"),
    "one namespace": ("cluster", "-f", "json", "-n", "ml"),
    "nodes": ("cluster", "--nodes"),
    "access": ("cluster", "--check-access"),
    "snapshot": ("snapshot", "-o", "OUT"),
    "redacted": ("snapshot", "--redact", "-o", "OUT"),
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_only_lists_and_a_named_config_map(populated: Testbed, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    events, answer = asked(populated, *(str(tmp_path / "out.tar.gz") if word == "OUT" else word for word in arguments))
    assert answer.return_value in (0, 1)  # 3 would be: not everything could be listed
    assert {event.verb for event in events} <= {"get", "list"}
    assert not any(event.writes for event in events)
    assert {event.code for event in events} <= {200, 404}
    assert not [event for event in events if "secret" in event.uri.lower() or event.resource in ("secrets", "events")]

    named = [event for event in events if event.resource == "configmaps"]
    assert {(event.verb, event.namespace, event.name) for event in named} <= {("get", *entry[1:]) for entry in CONFIG_MAPS}
    assert all(event.uri.partition("?")[0] in DISCOVERY for event in events if not event.resource)
    assert all(event.verb == "list" and not event.name for event in events if event.resource and event not in named)
    assert not any("watch" in event.uri or "/" in event.resource for event in events)  # no subresource: pods/log, pods/exec

    served, _ = discover(connect(str(populated.kubeconfig("admin")), None, 60))
    kinds = len((WORKLOADS | CONTEXT) & served.keys())
    expected = kinds + 2 + ("--check-access" not in arguments)  # /api, /apis, and /version
    config_maps = 0 if "--check-access" in arguments or "-n" in arguments else 1
    assert len(named) == config_maps
    assert len(events) == expected + config_maps
    assert len({event.uri for event in events}) == len(events)  # nothing twice
    if "json" in arguments:
        assert json.loads(answer.stdout)["cluster"]["requests"] == len(events)


def test_the_account_could_not_write_either(populated: Testbed) -> None:
    """Whatever the program did wrong, the API server would not let it: no rule of the account's has another verb."""
    review = {"spec": {"namespace": "kueue-system"}}
    answer = populated.client("auditor").request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)
    rules = answer.json()["status"]["resourceRules"]
    own = [rule for rule in rules if not {"authorization.k8s.io", "authentication.k8s.io"} & set(rule["apiGroups"])]
    verbs = {verb for rule in own for verb in rule["verbs"]}
    assert verbs == {"list", "get"}
    assert [rule["resourceNames"] for rule in own if "get" in rule["verbs"]] == [[CONFIG_MAPS[0][2]]]
    assert not [rule for rule in own if {"*", "secrets"} & set(rule["resources"])]
    client = populated.client("auditor")
    assert client.get("/api/v1/namespaces/ml/secrets/credentials").status == 403
    assert client.get("/api/v1/namespaces/ml/configmaps/settings").status == 403
    assert client.get("/api/v1/namespaces/ml/pods", watch="1").status == 403


def test_a_long_list_is_read_in_pages(populated: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of requests grows with the pages, and with nothing else."""
    few, _ = asked(populated, "cluster")
    monkeypatch.setattr("auditor.source.cluster.pages.PAGE", 2)
    many, _ = asked(populated, "cluster")
    pages = [event for event in many if "continue=" in event.uri]
    assert len(many) - len(few) == len(pages) > 0
    pods = len(populated.get("/api/v1/pods")["items"])
    assert len([event for event in pages if event.resource == "pods"]) == (pods - 1) // 2
