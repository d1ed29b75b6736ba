"""Kubeconfigs as people have them: whose cluster is read with whose credentials, and one line for each that cannot be used."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.errors import SourceError, UsageError
from auditor.source.cluster import Connection, connect
from auditor.source.cluster.answers import CREDENTIALS
from tests.cluster.asking import ask
from tests.testbed.cluster import Testbed
from tests.testbed.proxy import FaultyProxy, Status, Text

SHOWN = "`kubectl config view` shows it"
LOG_IN = "log in again as for kubectl"
FOR_EVER = 1000


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in list(os.environ):
        if name.startswith("KUBE") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a kubeconfig with one context for each name."""

    def written(name: str, *contexts: str, current: str | None = None, cluster: Any = None, user: Any = None) -> Path:
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": one, "cluster": {"server": f"https://{one}.invalid", **(cluster or {})}} for one in contexts],
            "users": [{"name": one, "user": {"token": f"token-of-{name}"} if user is None else user} for one in contexts],
            "contexts": [{"name": one, "context": {"cluster": one, "user": one}} for one in contexts],
            **({} if current is None else {"current-context": current}),
        }
        file = tmp_path / name
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        return file

    return written


@pytest.fixture
def server() -> Iterator[FaultyProxy]:
    """An API server that accepts nobody."""
    with FaultyProxy("http://127.0.0.1:9") as proxy:
        proxy.fail("*", Status(401), times=FOR_EVER)
        yield proxy


def where(connection: Connection) -> tuple[str, str, str]:
    """Name, address and authorization header."""
    return connection.name, connection.host, connection._headers().get("Authorization", "")


def refused(config: Path | str | None, *arguments: str) -> str:
    """The line that a kubeconfig gets that cannot be used."""
    answer = ask(config, *arguments)
    assert answer.code == 2
    return answer.error


# -- which --------------------------------------------------------------------------------------------------------------------------------


def test_files_are_merged_and_the_first_wins(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = write("first", "a", "b", current="b"), write("second", "b", "c", current="c")
    absent = first.parent / "absent"
    monkeypatch.setenv("KUBECONFIG", f"{absent}:{first}::{second}")
    assert where(connect(None, None, 60)) == ("b", "https://b.invalid", "Bearer token-of-first")
    assert where(connect(None, "c", 60)) == ("c", "https://c.invalid", "Bearer token-of-second")
    monkeypatch.setenv("KUBECONFIG", f"{second}:{first}")
    assert where(connect(None, None, 60)) == ("c", "https://c.invalid", "Bearer token-of-second")
    assert where(connect(None, "b", 60)) == ("b", "https://b.invalid", "Bearer token-of-second")
    assert where(connect(str(first), None, 60))[0] == "b"  # --kubeconfig is stronger


def test_a_context_is_enough(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    config = write("config", "a", "b")
    assert where(connect(str(config), "b", 60)) == ("b", "https://b.invalid", "Bearer token-of-config")
    assert refused(config) == f"the kubeconfig {config} has no current context; name one with --context"
    empty = write("empty", "a", current="")
    assert refused(empty) == f"the kubeconfig {empty} has no current context; name one with --context"
    monkeypatch.setenv("KUBECONFIG", f"{empty}:{write('other', 'c', current='c')}")
    assert where(connect(None, None, 60))[0] == "c"


def test_the_file_at_home(write: Callable[..., Path], tmp_path: Path) -> None:
    assert refused(None) == "there is no kubeconfig ~/.kube/config; name one with --kubeconfig, or run inside a cluster"
    (tmp_path / ".kube").mkdir()
    write(".kube/config", "home", current="home")
    assert where(connect(None, None, 60))[0] == "home"


@pytest.mark.parametrize("context", ["absent", ""])
def test_contexts_that_are_not_there(write: Callable[..., Path], context: str) -> None:
    config = write("config", "a", current="gone")
    name = context or "gone"
    message = f"the kubeconfig {config} cannot be used: Invalid kube-config file. Expected object with name {name} in "
    line = refused(config, *(("--context", context) if context else ()))
    assert line.startswith(message)
    assert line.endswith(f"; {SHOWN}")


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("absent") == "there is no kubeconfig absent; name one with --kubeconfig, or run inside a cluster"
    assert refused(tmp_path) == f"the kubeconfig {tmp_path} cannot be used: Is a directory: {tmp_path}; {SHOWN}"
    monkeypatch.setenv("KUBECONFIG", "absent:gone")
    assert refused(None) == "there is no kubeconfig absent:gone; name one with --kubeconfig, or run inside a cluster"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(write: Callable[..., Path]) -> None:
    config = write("config", "a", current="a")
    config.chmod(0)
    assert refused(config) == f"the kubeconfig {config} cannot be used: Permission denied: {config}; {SHOWN}"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"# nothing", b"a: [", b"\tx", b"\xff\xfe\x00", b"\x00", b"[]", b"text", b"7", b"{}", b"current-context: a",
        b"!!python/object:os.x {}",
        b"current-context: a\ncontexts: null\nclusters: null\nusers: null", b"current-context: a\ncontexts: [null]",
        b"current-context: [a]",
        b"current-context: a\ncontexts: [{name: a}]", b"current-context: a\ncontexts: [{name: a, context: null}]", b"current-context: 7",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]", b"current-context: a\ncontexts: {a: b}",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c}]",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: null}]",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {}}]",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: null}}]",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 7}}]",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: ''}}]",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'ftp://x'}}]",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: '[https://x'}}]",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'https://[x'}}]",
        b"current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://x.invalid'}}]\n"
        b"users: [{name: u, user: 7}]",
        b"[" * 5000,
    ],
)  # fmt: skip
def test_files_that_hold_something_else(tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "config"
    config.write_bytes(content)
    line = refused(config)
    assert line.startswith(f"the kubeconfig {config} ")
    assert line.endswith((SHOWN, "name one with --context"))


@pytest.mark.parametrize("user", [None, {}, {"token": ""}, {"auth-provider": {"name": "oidc"}}])
def test_users_without_credentials_are_anonymous(write: Callable[..., Path], server: FaultyProxy, user: Any) -> None:
    config = write("config", "a", current="a", cluster={"server": server.url}, user=user or {})
    answer = ask(config)
    assert (answer.code, answer.error) == (3, f"{server.url} does not accept the credentials; {CREDENTIALS}")


# -- credentials --------------------------------------------------------------------------------------------------------------------------


def test_token_password_and_file(write: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n", encoding="utf-8")
    basic = base64.b64encode(b"me:secret").decode()
    for user, header in (
        ({"token": "abc"}, "Bearer abc"),
        ({"token": " abc\n"}, "Bearer  abc"),
        ({"tokenFile": "token"}, "Bearer from-file"),
        ({"username": "me", "password": "secret"}, f"Basic {basic}"),
    ):
        assert where(connect(str(write("config", "a", current="a", user=user)), None, 60))[2] == header
    gone = write("config", "a", current="a", user={"tokenFile": "gone"})
    assert refused(gone) == f"the kubeconfig {gone} cannot be used: No such file or directory: {tmp_path}/gone; {SHOWN}"


def test_an_error_quotes_no_credentials(write: Callable[..., Path], server: FaultyProxy) -> None:
    config = write("config", "a", current="a", user={"token": None, "password": "s3cret"})
    assert (
        refused(config) == f"the kubeconfig {config} cannot be used: Invalid kube-config file. Expected key token in {config}/user; {SHOWN}"
    )
    config = write("config", "a", current="a", cluster={"server": server.url}, user={"exec": None, "client-key-data": "s3cret"})
    complaint = f"Invalid kube-config file. Expected key exec in {config}/user"
    answer = ask(config)
    assert (answer.code, answer.error) == (3, f"{server.url} does not accept the credentials ({complaint}); {CREDENTIALS}")


@pytest.mark.parametrize("token", ["a\nb", "tökän", "\x1b"])
def test_tokens_that_no_header_holds(write: Callable[..., Path], server: FaultyProxy, token: str) -> None:
    config = write("config", "a", current="a", cluster={"server": server.url}, user={"token": token})
    answer = ask(config)
    assert (answer.code, answer.error) == (3, f"the token for {server.url} holds characters that no token can; {LOG_IN}")
    assert server.seen == []


@pytest.fixture
def plugin(tmp_path: Path, write: Callable[..., Path], server: FaultyProxy) -> Callable[[str], Path]:
    """Writes a kubeconfig with an exec plugin that runs this Python code."""

    def written(code: str) -> Path:
        script = tmp_path / "plugin.py"
        script.write_text(f"import json, os, sys, time\n{code}\n", encoding="utf-8")
        command = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": [str(script)]}
        return write("config", "a", current="a", cluster={"server": server.url}, user={"exec": command})

    return written


def says(**status: str) -> str:
    """Code of a plugin that answers this."""
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(answer)!r})"


def test_a_plugin_that_works(plugin: Callable[[str], Path], server: FaultyProxy) -> None:
    config = plugin(says(token="fresh"))
    assert where(connect(str(config), None, 60)) == ("a", server.url, "Bearer fresh")


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("sys.exit('your session has\\n expired')", "exec: process returned 1. your session has expired"),
        ("sys.exit(7)", "exec: process returned 7"),
        ("print('please log in')", "exec: failed to decode process output: Expecting value: line 1 column 1 (char 0)"),
        ("print('[]')", "exec: malformed response. missing key 'apiVersion'"),
        ("print('{}')", "exec: malformed response. missing key 'apiVersion'"),
        (says(), "exec: missing token or clientCertificateData field in plugin output"),
        (says(clientCertificateData="x"), "exec: missing clientKeyData field in plugin output"),
    ],
)
def test_a_plugin_that_does_not(plugin: Callable[[str], Path], server: FaultyProxy, code: str, complaint: str) -> None:
    answer = ask(plugin(code))
    assert (answer.code, answer.error) == (3, f"{server.url} does not accept the credentials ({complaint}); {CREDENTIALS}")


def test_a_plugin_that_is_not_there(write: Callable[..., Path], server: FaultyProxy) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "gke-gcloud-auth-plugin-absent"}}
    answer = ask(write("config", "a", current="a", cluster={"server": server.url}, user=user))
    complaint = "[Errno 2] No such file or directory: 'gke-gcloud-auth-plugin-absent'"
    assert (answer.code, answer.error) == (3, f"{server.url} does not accept the credentials ({complaint}); {CREDENTIALS}")


def test_a_token_is_renewed_once_it_has_run_out(plugin: Callable[[str], Path], tmp_path: Path) -> None:
    counted = f"open({str(tmp_path / 'count')!r}, 'a').write('x')\n"
    config = plugin(counted + says(token="T", expirationTimestamp="2020-01-01T00:00:00Z"))
    connection = connect(str(config), None, 60)
    assert connection._headers() == {"Authorization": "Bearer T"}
    assert (tmp_path / "count").stat().st_size == 2


def test_a_token_that_cannot_be_renewed(plugin: Callable[[str], Path], tmp_path: Path, server: FaultyProxy) -> None:
    used = tmp_path / "used"
    first = f"used = {str(used)!r}\nif os.path.exists(used): sys.exit('log in again')\nopen(used, 'w')\n"
    answer = ask(plugin(first + says(token="T", expirationTimestamp="2020-01-01T00:00:00Z")))
    message = f"the credentials for {server.url} cannot be renewed: exec: process returned 1. log in again; {LOG_IN}"
    assert (answer.code, answer.error) == (3, message)
    assert server.seen == []


# -- the pod's own account ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the service account, empty, of the pod in which this seems to run."""
    from kubernetes.config import incluster_config

    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    return tmp_path


def test_without_an_account(pod: Path) -> None:
    head, tail = "the service account of this pod cannot be used: ", "; see automountServiceAccountToken"
    assert refused(None) == f"{head}Service token file does not exist.{tail}"
    (pod / "token").touch()
    assert refused(None) == f"{head}Token file exists but empty.{tail}"
    (pod / "token").write_text("abc\n", encoding="utf-8")
    assert refused(None) == f"{head}Service certification file does not exist.{tail}"
    (pod / "ca.crt").touch()
    assert refused(None) == f"{head}Cert file exists but empty.{tail}"
    (pod / "ca.crt").write_text("x", encoding="utf-8")
    assert refused(None).startswith("the certificate-authority of the kubeconfig cannot be used: ")


def test_a_kubeconfig_is_stronger_than_the_account(pod: Path, write: Callable[..., Path]) -> None:
    assert where(connect(str(write("config", "a", current="a")), None, 60))[0] == "a"
    assert refused("absent").startswith("there is no kubeconfig absent; ")
    assert refused(None, "--context", "a").startswith("there is no kubeconfig ~/.kube/config; ")


@pytest.mark.testbed
def test_with_an_account(testbed: Testbed, pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _, port = testbed.server.removeprefix("https://").partition(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    (pod / "ca.crt").write_bytes(testbed.ca.read_bytes())
    token = testbed.kubectl("create", "token", "default", "--namespace", "default")
    (pod / "token").write_text(token + "\n", encoding="utf-8")
    answer = ask(None)
    assert (answer.code, answer.report["cluster"]["server"], answer.report["cluster"]["listed"]) == (3, "in-cluster", [])
    assert "system:serviceaccount:default:default" in answer.not_listed["pods"]


# -- TLS and proxies ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.testbed
def test_client_certificates(testbed: Testbed, write: Callable[..., Path], tmp_path: Path) -> None:
    authority = testbed.ca.parent
    for arguments in (
        ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "client.key"],
        ["req", "-new", "-key", "client.key", "-subj", "/O=system:masters/CN=certified", "-out", "client.csr"],
        ["x509", "-req", "-in", "client.csr", "-CA", authority / "ca.pem", "-CAkey", authority / "ca-key.pem", "-CAcreateserial",
         "-CAserial",
         "client.srl", "-days", "1", "-out", "client.crt"],
    ):  # fmt: skip
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)
    cluster = {"server": testbed.server, "certificate-authority": str(testbed.ca)}
    files = {"client-certificate": "client.crt", "client-key": "client.key"}
    data = {f"{key}-data": base64.b64encode((tmp_path / name).read_bytes()).decode() for key, name in files.items()}
    inline = {**cluster, "certificate-authority-data": base64.b64encode(testbed.ca.read_bytes()).decode()}
    for one, user in ((cluster, files), (inline, data)):
        assert ask(write("config", "a", current="a", cluster=one, user=user)).not_listed == {}
    message = "the client-certificate of the kubeconfig cannot be used: "
    (tmp_path / "client.crt").write_text("no certificate", encoding="utf-8")
    assert refused(write("config", "a", current="a", cluster=cluster, user=files)).startswith(message)
    gone = write("config", "a", current="a", cluster={**cluster, "certificate-authority": "gone.pem"})
    assert refused(gone) == f"the kubeconfig {gone} cannot be used: File does not exist: {tmp_path}/gone.pem; {SHOWN}"
    bad = write("config", "a", current="a", cluster={**cluster, "certificate-authority": "client.crt"})
    assert refused(bad).startswith("the certificate-authority of the kubeconfig cannot be used: ")


@pytest.mark.testbed
def test_certificates_that_are_not_looked_at(testbed: Testbed, write: Callable[..., Path]) -> None:
    user = {"token": testbed.token("admin")}
    answer = ask(write("config", "a", current="a", cluster={"server": testbed.server}, user=user))
    assert answer.error == f"the certificate of {testbed.server} is not trusted; check certificate-authority in the kubeconfig"
    skipped = write("config", "a", current="a", cluster={"server": testbed.server, "insecure-skip-tls-verify": True}, user=user)
    done = subprocess.run(  # a process of its own: warnings of the library would come here
        [sys.executable, "-m", "auditor", "cluster", "--exit-zero", "--kubeconfig", skipped],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.testbed
def test_a_proxy(testbed: Testbed, write: Callable[..., Path]) -> None:
    user = {"token": testbed.token("admin")}
    with testbed.proxy(tls=False) as proxy:  # it takes what is meant for a plain HTTP server, as a proxy does
        through = {"server": "http://cluster.invalid", "proxy-url": proxy.url}
        for path in ("/version", "/api", "/apis"):
            proxy.fail(
                f"http://cluster.invalid{path}", Text('{"gitVersion": "v1", "major": "1", "minor": "36", "versions": [], "groups": []}')
            )
        answer = ask(write("config", "a", current="a", cluster=through, user=user))
        assert answer.report["cluster"]["version"] == "1.36"
        assert [each.target for each in proxy.seen] == [f"http://cluster.invalid{path}" for path in ("/version", "/api", "/apis")]


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1", "ftp://x", "://", "127.0.0.1:1"])
def test_proxies_that_cannot_be_used(write: Callable[..., Path], url: str) -> None:
    line = refused(write("config", "a", current="a", cluster={"proxy-url": url}))
    assert line == "the proxy-url of the kubeconfig cannot be used; it is a URL with http or https"


def test_a_proxy_that_is_away(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.source.http._FIRST_PAUSE", 0.001)
    answer = ask(write("config", "a", current="a", cluster={"proxy-url": "http://127.0.0.1:9"}))
    assert (answer.code, answer.error) == (
        3, "https://a.invalid: the proxy in front of it does not let us through (tried 8 times); try again later",
    )  # fmt: skip


def test_errors_that_a_connection_ends_with(write: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="no current context"):
        connect(str(write("config", "a")), None, 60)
    connection = connect(str(write("config", "a", current="a")), None, 60)
    with connection:
        pass
    with pytest.raises(SourceError, match="the connection is closed"):
        connection.get("/version")
