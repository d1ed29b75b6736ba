"""What networks, proxies, API servers and administrators do to a reading: it ends in time, says what is wrong in one line, and never
shows half a cluster as a whole one.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import live
from auditor.source import cluster, http
from auditor.source.cluster import answers, connection, pages
from tests.cluster.asking import MANY, ask, named
from tests.testbed.cluster import Testbed
from tests.testbed.credentials import make_certificates
from tests.testbed.definitions import define
from tests.testbed.proxy import Cut, Delay, Fault, FaultyProxy, HangUp, Html, Status, Text

pytestmark = pytest.mark.testbed

DEPLOYMENTS = "/apis/apps/v1/deployments"
LATE = "it did not get better before the deadline (--timeout)"
CHECK = "check the server in the kubeconfig"
NO_ROOT = f"is no Kubernetes API server: it does not say what it serves; {CHECK}"
FOR_EVER = 1000


@pytest.fixture(scope="module")
def many(testbed: Testbed) -> Iterator[str]:
    """A namespace with many Deployments at fault."""
    namespace = testbed.namespace("faults")
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    for number in range(MANY):
        assert testbed.client().request("POST", path, _deployment(f"llm-{number:02}")).status == 201
    yield namespace
    testbed.client().request("DELETE", f"/api/v1/namespaces/{namespace}")


def _deployment(name: str, **metadata: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "main", "image": "vllm/vllm-openai:latest", "resources": {"limits": {"nvidia.com/gpu": 1}}}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}, **metadata},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pages of Deployments, in fewer seconds."""
    monkeypatch.setattr(pages, "PAGE", 20)
    monkeypatch.setattr(connection, "REQUESTS_PER_SECOND", 500.0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails for ever does so at once."""
    monkeypatch.setattr(http, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(connection, "_REFUSED_PAUSE", 0.001)


@pytest.fixture
def few_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short reading, for what is tried many times and does not depend on its length."""
    monkeypatch.setattr(live, "WORKLOADS", frozenset({("apps", "Deployment"), ("apps", "ReplicaSet"), ("", "Pod")}))
    monkeypatch.setattr(cluster, "CONTEXT", frozenset({("", "Namespace"), ("", "Node")}))


@pytest.fixture
def proxy(testbed: Testbed) -> Iterator[FaultyProxy]:
    with testbed.proxy() as running:
        yield running


def continued(proxy: FaultyProxy, path: str = DEPLOYMENTS) -> list[bool]:
    """Of each request for a page: whether it goes on with a list."""
    return ["continue=" in each.target for each in proxy.seen if each.target.partition("?")[0] == path]


# -- what passes ----------------------------------------------------------------------------------------------------------------------


def test_a_whole_reading_is_a_polite_guest(testbed: Testbed, many: str, proxy: FaultyProxy) -> None:
    answer = ask(testbed.kubeconfig("admin", server=proxy.url), namespace=many)
    assert (answer.code, answer.not_listed) == (1, {})
    assert continued(proxy) == [False, True, True]
    assert proxy.busiest <= 3
    assert {each.method for each in proxy.seen} == {"GET"}
    assert len(proxy.seen) == answer.report["cluster"]["requests"]
    for each in proxy.seen:
        path, _, query = each.target.partition("?")
        assert "secrets" not in path
        assert not path.endswith("/configmaps")
        assert query == "" or query.startswith("limit=20")


@pytest.mark.parametrize(
    "fault",
    [
        Status(429, retry_after=1), Status(500), Status(502), Status(503), Status(504), HangUp(0), HangUp(0.5), HangUp(0.5, chunked=True),
        Cut(0.5), Delay(0.3),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("pattern", [DEPLOYMENTS, f"{DEPLOYMENTS}*continue=*"])
@pytest.mark.usefixtures("impatient", "few_kinds")
def test_what_passes_is_waited_for(testbed: Testbed, many: str, proxy: FaultyProxy, fault: Fault, pattern: str) -> None:
    proxy.fail(pattern, fault)
    answer = ask(testbed.kubeconfig("admin", server=proxy.url), namespace=many)
    assert (answer.code, answer.not_listed, proxy.pending) == (1, {}, 0)
    assert answer.seconds > (1 if fault == Status(429, retry_after=1) else 0)


@pytest.mark.usefixtures("impatient")
def test_discovery_is_asked_again_too(testbed: Testbed, many: str, proxy: FaultyProxy) -> None:
    for path in ("/version", "/api", "/apis"):
        proxy.fail(path, HangUp(0.5))
        proxy.fail(path, Cut(0.5))
    answer = ask(testbed.kubeconfig("admin", server=proxy.url), namespace=many)
    assert (answer.code, answer.not_listed, proxy.pending) == (1, {}, 0)


def test_a_list_that_expires_is_begun_again(testbed: Testbed, many: str, proxy: FaultyProxy) -> None:
    proxy.fail(f"{DEPLOYMENTS}*continue=*", Delay(1))
    compaction = threading.Thread(target=lambda: (_until(lambda: True in continued(proxy)), testbed.compact_etcd()))
    compaction.start()
    answer = ask(testbed.kubeconfig("admin", server=proxy.url), namespace=many)
    compaction.join()
    assert (answer.code, answer.not_listed) == (1, {})
    assert continued(proxy) == [False, True, False, True, True]


def _until(predicate: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not predicate() and time.monotonic() < end:
        time.sleep(0.01)


def test_api_server_restarted_in_the_middle(testbed: Testbed, many: str, proxy: FaultyProxy) -> None:
    proxy.fail(f"{DEPLOYMENTS}*continue=*", Delay(1))
    restart = threading.Thread(target=lambda: (_until(lambda: True in continued(proxy)), testbed.restart_apiserver()))
    restart.start()
    answer = ask(testbed.kubeconfig("admin", server=proxy.url), namespace=many)
    restart.join()
    assert (answer.code, answer.not_listed) == (1, {})


# -- what does not pass ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Status(410), "the list expired 3 times before its end"),
        (Status(429), "the API server answers 429, 8 times"),
        (Status(500), "the API server answers 500, 8 times"),
        (Status(403), "the faulty proxy answers 403"),
        (Status(405), "the faulty proxy answers 405"),
        (Text("404 page not found\n", 404, "text/plain; charset=utf-8"), "the API server answers 404"),
        (Text("[]"), "what it answers is no list of objects"),
        (Text('"pods"'), "what it answers is no list of objects"),
        (Text("null"), "what it answers is no list of objects"),
        (Text("{}"), "what it answers is no list of objects"),
        (Text('{"kind": "Deployment", "items": null}'), "what it answers is no list of objects"),
        (Text('{"kind": "DeploymentList", "items": {}}'), "what it answers is no list of objects"),
        (Text('{"kind": "DeploymentList", "items": [null]}'), "what it answers is no list of objects"),
        (Text('{"kind": "DeploymentList", "items": [{"metadata": null}]}'), "what it answers is no list of objects"),
        (Text('{"kind": "DeploymentList", "items": [], "metadata": {"continue": 7}}'), "its list does not go on where it should"),
        (Text('{"items": ' + "[" * 5000), "an object is nested too deeply to be read"),
        (Text('{"message": "no\\u001b[2J\\nway"}', 403), "no [2J way"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.usefixtures("impatient", "few_kinds")
def test_one_kind_that_cannot_be_listed_is_named(testbed: Testbed, many: str, proxy: FaultyProxy, fault: Fault, reason: str) -> None:
    config = testbed.kubeconfig("admin", server=proxy.url)
    proxy.fail(f"{DEPLOYMENTS}*continue=*", fault, times=FOR_EVER)
    answer = ask(config, namespace=many)
    assert (answer.code, answer.not_listed) == (3, {"deployments.apps": reason})


@pytest.mark.usefixtures("few_kinds")
def test_the_same_page_for_ever(testbed: Testbed, many: str, proxy: FaultyProxy) -> None:
    page = {"kind": "DeploymentList", "metadata": {"continue": "same"}, "items": [_deployment("llm-00", namespace=many)]}
    proxy.fail(DEPLOYMENTS, Text(json.dumps(page)), times=FOR_EVER)
    answer = ask(testbed.kubeconfig("admin", server=proxy.url), namespace=many)
    assert (answer.code, answer.not_listed) == (3, {"deployments.apps": "its list does not go on where it should"})


@pytest.mark.usefixtures("few_kinds")
def test_an_empty_list_may_be_null(testbed: Testbed, proxy: FaultyProxy) -> None:
    proxy.fail(DEPLOYMENTS, Text('{"kind": "DeploymentList", "items": null}'))
    assert ask(testbed.kubeconfig("admin", server=proxy.url)).not_listed == {}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (HangUp(0.5), "the connection broke (tried 8 times); try again later"),
        (Cut(0.5), "the answer was cut off (tried 8 times); try again later"),
        (Status(401), f"does not accept the credentials; {answers.CREDENTIALS}"),
        (Html(), f"is no Kubernetes API server: it answers 200 with text/html; {CHECK}"),
        (Html(404), f"is no Kubernetes API server: it answers 404 with text/html; {CHECK}"),
        (Html(302), f"is no Kubernetes API server: it answers 302 with text/html; {CHECK}"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("impatient", "few_kinds")
def test_faults_that_end_the_reading(testbed: Testbed, many: str, proxy: FaultyProxy, fault: Fault, message: str) -> None:
    proxy.fail(f"{DEPLOYMENTS}*continue=*", fault, times=FOR_EVER)
    proxy.fail("/api/v1/nodes", Delay(5))  # what another thread waits for is not waited for
    answer = ask(testbed.kubeconfig("admin", server=proxy.url), namespace=many)
    assert answer.code == 3
    assert answer.error.removeprefix(proxy.url).lstrip(": ") == message
    assert answer.seconds < 4
    number = len(proxy.seen)
    time.sleep(0.2)
    assert len(proxy.seen) == number


@pytest.mark.parametrize(
    ("path", "fault", "message"),
    [
        ("/version", Html(), f"is no Kubernetes API server: it answers 200 with text/html; {CHECK}"),
        ("/version", Text('{"version": "1.0"}'), f"is no Kubernetes API server; {CHECK}"),
        ("/version", Text("[]"), f"is no Kubernetes API server; {CHECK}"),
        ("/api", Text("[]"), NO_ROOT),
        ("/apis", Text('{"kind": "APIGroupDiscoveryList", "items": null}'), NO_ROOT),
        ("/apis", Text('{"kind": "APIGroupList", "groups": "all"}'), NO_ROOT),
        ("/api", Status(410), "does not say what it serves: the faulty proxy answers 410; try again later"),
        ("/api", Status(404), f"does not say what it serves: the faulty proxy answers 404; {CHECK}"),
        ("/apis", Status(500), "does not say what it serves: the API server answers 500, 8 times; try again later"),
        (
            "/apis", Status(403),
            "does not say what it serves: the faulty proxy answers 403; the account needs the ClusterRole system:discovery",
        ),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.usefixtures("impatient")
def test_without_discovery_there_is_no_report(testbed: Testbed, proxy: FaultyProxy, path: str, fault: Fault, message: str) -> None:
    proxy.fail(path, fault, times=FOR_EVER)
    answer = ask(testbed.kubeconfig("admin", server=proxy.url))
    assert (answer.code, answer.error) == (3, f"{proxy.url} {message}")


@pytest.mark.usefixtures("impatient")
def test_a_version_that_may_not_be_read_is_no_fault(testbed: Testbed, many: str, proxy: FaultyProxy) -> None:
    proxy.fail("/version", Status(403), times=2)
    answer = ask(testbed.kubeconfig("admin", server=proxy.url), namespace=many)
    assert (answer.code, answer.report["cluster"]["version"]) == (1, "")


# -- time -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Delay(5), f": does not answer; {LATE}"),
        (Status(429, retry_after=60), f": the API server answers 429; {LATE}"),
        (Text(f"{1000 * ' '}{{}}", pause=0.01), ": not everything was read before the deadline; give it longer with --timeout"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("few_kinds")
def test_the_deadline_is_kept(testbed: Testbed, many: str, proxy: FaultyProxy, fault: Fault, message: str) -> None:
    proxy.fail(f"{DEPLOYMENTS}*continue=*", fault, times=FOR_EVER)
    answer = ask(testbed.kubeconfig("admin", server=proxy.url), "--timeout", "2", namespace=many)
    assert (answer.code, answer.error) == (3, f"{proxy.url}{message}")
    assert answer.seconds < 3.5


def test_api_server_killed_and_not_restarted(testbed: Testbed, many: str, proxy: FaultyProxy) -> None:
    proxy.fail(f"{DEPLOYMENTS}*continue=*", Delay(0.5))
    killer = threading.Thread(target=lambda: (_until(lambda: True in continued(proxy)), testbed.stop_apiserver()))
    killer.start()
    try:
        answer = ask(testbed.kubeconfig("admin", server=proxy.url), "--timeout", "3", namespace=many)
        killer.join()
        assert (answer.code, answer.error) == (3, f"{proxy.url}: the connection broke; {LATE}")
        assert answer.seconds < 4
        direct = ask(testbed.kubeconfig("admin"), "--timeout", "1")
        assert (direct.code, direct.error) == (3, f"{testbed.server}: cannot be reached; {LATE}")
    finally:
        killer.join()
        testbed.start_apiserver()


def test_interrupted(testbed: Testbed, proxy: FaultyProxy) -> None:
    for path in (DEPLOYMENTS, "/api/v1/nodes", "/api/v1/pods"):
        proxy.fail(path, Delay(20))
    config = str(testbed.kubeconfig("admin", server=proxy.url))
    process = subprocess.Popen(
        [sys.executable, "-m", "auditor", "cluster", "--kubeconfig", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - what a shell starts in the background ignores it
    )
    _until(lambda: sum(each.fault is not None for each in proxy.seen) == 3)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=15)
    assert time.monotonic() - began < 5  # a second, on a machine with nothing else to do
    assert (process.returncode, out, err.strip()) == (130, "", "mlaudit: interrupted")


# -- where it is ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
def test_addresses_that_are_none(testbed: Testbed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for server, message in {
        f"https://127.0.0.1:{port}": "https://127.0.0.1:{port}: cannot be reached (tried 8 times); try again later",
        "https://mlaudit.invalid": f"https://mlaudit.invalid cannot be resolved; {CHECK}",
        "https://127.0.0.1:port": f"https://127.0.0.1:port is no address; {CHECK}",
        "https://" + "a" * 70: f"https://{'a' * 70} is no address; {CHECK}",
    }.items():
        answer = ask(testbed.kubeconfig("admin", server=server))
        assert (answer.code, answer.error) == (3, message.replace("{port}", str(port)))
        assert answer.seconds < 3


def test_an_address_without_a_way_to_it(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_CONNECT_SECONDS", 0.5)
    answer = ask(testbed.kubeconfig("admin", server="https://192.0.2.1:6443"), "--timeout", "1")  # RFC 5737: nobody is there
    assert answer.code == 3
    assert re.fullmatch(r"https://192\.0\.2\.1:6443: cannot be reached; .*--timeout.*", answer.error)
    assert answer.seconds < 2.5


def test_what_does_not_speak_tls(testbed: Testbed) -> None:
    with testbed.proxy(tls=False) as plain:
        server = plain.url.replace("http:", "https:")
        answer = ask(testbed.kubeconfig("admin", server=server))
        assert (answer.code, answer.error) == (3, f"{server} does not speak TLS; {CHECK}")
        assert ask(testbed.kubeconfig("admin", server=plain.url)).not_listed == {}


def test_a_certificate_of_somebody_else(testbed: Testbed, tmp_path: Path) -> None:
    answer = ask(testbed.kubeconfig("admin", ca=make_certificates(tmp_path).ca))
    message = f"the certificate of {testbed.server} is not trusted; check certificate-authority in the kubeconfig"
    assert (answer.code, answer.error) == (3, message)


@pytest.mark.parametrize("token", ["unknown", "expired.expired.expired"])
def test_a_token_that_nobody_knows(testbed: Testbed, token: str) -> None:
    answer = ask(testbed.kubeconfig("admin", token=token))
    message = f"{testbed.server} does not accept the credentials; {answers.CREDENTIALS}"
    assert (answer.code, answer.error) == (3, message)


# -- what is allowed ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def grant(testbed: Testbed) -> Iterator[Callable[..., None]]:
    """Grants the auditor reading some kinds, in one namespace or everywhere."""
    made: list[tuple[str, str, str]] = []

    def allow(rules: list[Mapping[str, Any]], namespace: str = "", probe: str = DEPLOYMENTS) -> None:
        sort = "" if namespace else "Cluster"
        inside = {"namespace": namespace} if namespace else {}
        api, metadata = "rbac.authorization.k8s.io", {"name": "faults", **inside}
        subject = {"kind": "User", "name": "auditor", "apiGroup": api}
        role = {"apiVersion": f"{api}/v1", "kind": f"{sort}Role", "metadata": metadata, "rules": rules}
        reference = {"kind": f"{sort}Role", "name": "faults", "apiGroup": api}
        binding = {
            "apiVersion": f"{api}/v1",
            "kind": f"{sort}RoleBinding",
            "metadata": metadata,
            "subjects": [subject],
            "roleRef": reference,
        }
        made.append((f"{sort}Role".lower(), f"{sort}RoleBinding".lower(), namespace or "default"))
        testbed.apply([role, binding], namespace=namespace or "default")
        testbed.wait("the binding is in force", lambda: testbed.client("auditor").get(probe).status == 200)

    yield allow
    for role, binding, namespace in made:
        testbed.kubectl("delete", f"{role},{binding}", "faults", "--namespace", namespace)


EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["list"]}


@pytest.mark.usefixtures("impatient")
def test_some_kinds_may_not_be_listed(testbed: Testbed, many: str, grant: Callable[..., None]) -> None:
    grant(
        [{"apiGroups": ["", "apps", "batch"], "resources": ["namespaces", "pods", "replicasets", "deployments", "jobs"], "verbs": ["list"]}]
    )
    config = testbed.kubeconfig("auditor")
    answer = ask(config, namespace=many)
    assert answer.code == 3
    assert {"nodes", "statefulsets.apps", "cronjobs.batch", "clusterroles.rbac.authorization.k8s.io"} <= answer.not_listed.keys()
    assert not {"namespaces", "pods", "deployments.apps", "jobs.batch"} & answer.not_listed.keys()
    assert (
        answer.not_listed["nodes"] == 'nodes is forbidden: User "auditor" cannot list resource "nodes" in API group "" at the cluster scope'
    )
    listed = set(answer.report["cluster"]["listed"])
    assert listed == {"namespaces", "pods", "replicasets.apps", "deployments.apps", "jobs.batch"}
    content = ask(config, "--allow-partial", namespace=many)
    assert (content.code, content.not_listed) == (1, answer.not_listed)


@pytest.mark.usefixtures("impatient")
def test_nothing_may_be_listed(testbed: Testbed, many: str) -> None:
    config = testbed.kubeconfig("auditor")
    answer = ask(config, namespace=many)
    assert (answer.code, answer.report["cluster"]["listed"], answer.report["findings"]) == (3, [], [])
    assert {"pods", "deployments.apps", "nodes"} <= answer.not_listed.keys()
    assert ask(config, "--allow-partial", namespace=many).code == 0


@pytest.mark.usefixtures("impatient")
def test_rights_in_one_namespace_only(testbed: Testbed, many: str, grant: Callable[..., None]) -> None:
    grant([EVERYTHING], many, f"/apis/apps/v1/namespaces/{many}/deployments")
    config = testbed.kubeconfig("auditor")
    answer = ask(config, "-n", many, namespace=many)
    assert answer.code == 3
    assert {"namespaces", "nodes", "clusterroles.rbac.authorization.k8s.io"} <= answer.not_listed.keys()
    assert not {"pods", "deployments.apps", "roles.rbac.authorization.k8s.io"} & answer.not_listed.keys()
    assert ask(config, "-n", many, "--allow-partial", namespace=many).code == 1
    elsewhere = ask(config, "-n", "absent")
    assert (elsewhere.code, elsewhere.report["cluster"]["listed"]) == (3, [])


@pytest.mark.parametrize("name", ["a/b", "kube-system/secrets?", "..", "A", "-a", "a" * 64, "a b", "ä"])
def test_a_name_that_no_namespace_has(testbed: Testbed, proxy: FaultyProxy, name: str) -> None:
    for more in ((), ("--check-access",)):
        answer = ask(testbed.kubeconfig("admin", server=proxy.url), f"--namespace={name}", *more)
        assert (answer.code, answer.error) == (2, f"no namespace can be called {name!r}; `kubectl get namespaces` lists them")
    assert proxy.seen == []


def test_a_namespace_that_is_not_there(testbed: Testbed) -> None:
    answer = ask(testbed.kubeconfig("admin"), "-n", "absent")
    assert (answer.code, answer.error) == (2, "there is no namespace absent; `kubectl get namespaces` lists them")


def test_selectors(testbed: Testbed, many: str, proxy: FaultyProxy) -> None:
    config = testbed.kubeconfig("admin", server=proxy.url)
    answer = ask(config, "-n", many, "-l", "app in (llm-03, llm-44)")
    assert (answer.code, named(answer, many)) == (1, {"llm-03", "llm-44"})
    assert ask(config, "-l", "app=nobody").code == 0
    seen = len(proxy.seen)
    for wrong in ("=", "a in (", "a==b==c", "a b", "-a=b", "a in (b),,c"):
        answer = ask(config, f"--selector={wrong}")
        assert answer.code == 2
        assert answer.error.startswith(f"label selector {wrong!r}: ")
        assert answer.error.endswith("; write it as for kubectl: `app=llm,tier!=test`")
    assert len(proxy.seen) == seen


# -- what objects and APIs are like ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
def test_an_api_whose_server_is_down(testbed: Testbed, many: str) -> None:
    group, version = "policies.kubewarden.io", "v9"  # of a kind that is looked at, and that no test defines
    name = f"{version}.{group}"
    service = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name}}
    spec = {"group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": True}
    testbed.apply({**service, "spec": {**spec, "service": {"name": "absent", "namespace": many}}})
    try:
        testbed.wait("it is not available", lambda: testbed.client().get(f"/apis/{group}/{version}").status == 503)
        testbed.wait("discovery knows it", lambda: f'"{group}"' in testbed.kubectl("get", "--raw", "/apis"))
        answer = ask(testbed.kubeconfig("admin"), namespace=many)
        assert answer.code == 3
        assert answer.not_listed == {f"ClusterAdmissionPolicy.{group}": "the server of this API does not answer"}
    finally:
        testbed.kubectl("delete", "apiservice", name)


def test_hostile_objects(testbed: Testbed, testbed_namespace: str) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\u202e\r\nmlaudit: 0 findings"
    first = _deployment("evil", annotations={"note": evil, "big": "x" * 250_000})
    main = first["spec"]["template"]["spec"]["containers"][0]
    main["env"] = [{"name": "BIG", "value": "y" * 900_000}]
    first["spec"]["template"]["spec"]["containers"] += [{"name": "evil", "image": f"a{evil}b:latest", "command": [evil]}]
    path = f"/apis/apps/v1/namespaces/{testbed_namespace}/deployments"
    assert testbed.client().request("POST", path, first).status == 201
    config = testbed.kubeconfig("admin")
    answer = ask(config, "-n", testbed_namespace)
    assert (answer.code, named(answer, testbed_namespace)) == (1, {"evil"})
    run = [sys.executable, "-m", "auditor", "cluster", "--kubeconfig", str(config), "-n", testbed_namespace, "--fail-on", "low"]
    for form in ("table", "markdown", "json"):
        done = subprocess.run([*run, "-f", form], capture_output=True, text=True, check=False)
        if done.returncode == 2:
            continue  # no such format yet
        assert (done.returncode, done.stderr) == (1, "")
        assert not {"\x1b", "\x07", "\r"} & set(done.stdout), form


@pytest.mark.parametrize(
    ("depth", "missing"), [(200, {}), (900, {}), (5000, {"rayclusters.ray.io": "an object is nested too deeply to be read"})]
)
def test_objects_without_bottom(
    testbed: Testbed, testbed_namespace: str, many: str, tmp_path: Path, depth: int, missing: dict[str, str]
) -> None:
    define(testbed, [("ray.io", "RayCluster", "v1")])
    head = '{"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "deep"}, "spec": '
    body = head + '{"a":' * depth + "1" + "}" * depth + "}"
    path = f"/apis/ray.io/v1/namespaces/{testbed_namespace}/rayclusters"
    assert testbed.client().request("POST", path, body.encode()).status == 201
    answer = ask(testbed.kubeconfig("admin"), namespace=many)
    testbed.client().request("DELETE", f"{path}/deep")
    assert (answer.code, answer.not_listed) == (3 if missing else 1, missing)


def test_a_kind_that_is_found_by_what_it_owns_and_then_goes(testbed: Testbed, many: str, proxy: FaultyProxy) -> None:
    group, kind = "faults.example.com", "Trainer"
    define(testbed, [(group, kind, "v1")])
    trainer = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "trainer"}}
    made = testbed.client().request("POST", f"/apis/{group}/v1/namespaces/{many}/trainers", trainer).json()
    owner = {"apiVersion": f"{group}/v1", "kind": kind, "name": "trainer", "uid": made["metadata"]["uid"], "controller": True}
    path = f"/apis/apps/v1/namespaces/{many}/statefulsets"
    owned = _deployment("owned", ownerReferences=[owner]) | {"kind": "StatefulSet"}
    assert testbed.client().request("POST", path, owned).status == 201
    config = testbed.kubeconfig("admin", server=proxy.url)
    try:
        assert f"trainers.{group}" in ask(config, namespace=many).report["cluster"]["listed"]
        proxy.fail(f"/apis/{group}/v1/trainers", Text("404 page not found", 404, "text/plain"))
        answer = ask(config, namespace=many)
        assert (answer.code, answer.not_listed) == (1, {})  # what it owns stands for it
        assert f"trainers.{group}" not in answer.report["cluster"]["listed"]
        proxy.fail(f"/apis/{group}/v1/trainers", Text("[]"))
        answer = ask(config, namespace=many)
        assert (answer.code, answer.not_listed) == (3, {f"trainers.{group}": "what it answers is no list of objects"})
    finally:
        testbed.client().request("DELETE", f"{path}/owned")
        testbed.kubectl("delete", "crd", f"trainers.{group}")
