"""Users of the testbed: what they may do, what they did, and what they get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.testbed.cluster import Testbed
from tests.testbed.credentials import make_certificates
from tests.testbed.daemons import TestbedError

pytestmark = pytest.mark.testbed


def test_auditor_has_no_rights_until_granted(testbed: Testbed) -> None:
    with pytest.raises(TestbedError, match=r'User "auditor" cannot list resource "pods"'):
        testbed.kubectl("get", "pods", user="auditor")
    testbed.kubectl("create", "clusterrole", "reader", "--verb=list", "--resource=pods")
    testbed.kubectl("create", "clusterrolebinding", "reader", "--clusterrole=reader", "--user=auditor")
    allowed = testbed.wait("the binding is in force", lambda: testbed.client("auditor").get("/api/v1/pods").status == 200)
    testbed.kubectl("delete", "clusterrole,clusterrolebinding", "reader")
    assert allowed


def test_audit_log_sees_the_auditor(testbed: Testbed) -> None:
    before = len(testbed.audit_events("auditor"))
    client = testbed.client("auditor")
    client.get("/api/v1/namespaces/kube-system/secrets")
    client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})
    client.request("DELETE", "/api/v1/namespaces/default/pods/web")
    new = testbed.audit_events("auditor")[before:]
    assert [(event.verb, event.resource, event.namespace, event.name, event.code, event.writes) for event in new] == [
        ("list", "secrets", "kube-system", "", 403, False),
        ("create", "selfsubjectrulesreviews", "", "", 201, False),
        ("delete", "pods", "default", "web", 403, True),
    ]
    assert {event.user for event in testbed.audit_events()} >= {"admin", "kwok", "system:kube-scheduler"}


def test_new_users_may_come_at_any_time(testbed: Testbed) -> None:
    config = testbed.kubeconfig("somebody", namespace="kube-system")
    assert yaml.safe_load(config.read_text(encoding="utf-8"))["contexts"][0]["context"]["namespace"] == "kube-system"
    review = testbed.client("somebody").request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert review.json()["status"]["userInfo"] == {"username": "somebody", "uid": "somebody", "groups": ["system:authenticated"]}


def test_wrong_ca_and_unknown_token(testbed: Testbed, tmp_path: Path) -> None:
    wrong = testbed.kubeconfig("auditor", ca=make_certificates(tmp_path).ca)
    with pytest.raises(TestbedError, match="certificate signed by unknown authority"):
        testbed.kubectl(f"--kubeconfig={wrong}", "get", "pods")
    with pytest.raises(TestbedError, match=r"Unauthorized|must be logged in"):
        testbed.kubectl(f"--kubeconfig={testbed.kubeconfig('auditor', token='expired')}", "get", "pods")
