"""Where a Prometheus is and how to get in: what options, environment and files may say, and that nothing secret leaves them."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import UsageError
from auditor.source.prometheus import access

URL = "http://prometheus:9090"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("http://prometheus:9090", "http://prometheus:9090"),
        ("http://prometheus:9090/", "http://prometheus:9090"),
        ("https://example.org/prometheus//", "https://example.org/prometheus"),
        ("http://prometheus/graph", "http://prometheus"),
        ("http://prometheus/api/v1", "http://prometheus"),
        ("http://vm/select/0/prometheus/api/v1/query", "http://vm/select/0/prometheus"),
        ("http://grafana/api/prom", "http://grafana/api/prom"),
        ("http://[::1]:9090", "http://[::1]:9090"),
        ("http://host/paragraph", "http://host/paragraph"),
    ],
)
def test_addresses(given: str, found: str) -> None:
    assert access(given, {}).url == found


@pytest.mark.parametrize(
    "url", ["prometheus:9090", "ftp://prometheus", "http://", "http://:9090", "http://a b", "http://a:99999", "http://a\n", "http://[", ""]
)
def test_no_addresses(url: str) -> None:
    with pytest.raises(UsageError, match=r"is no address of a Prometheus; write it like http://prometheus\.monitoring:9090"):
        access(url, {})


@pytest.mark.parametrize("url", ["https://me:geheim@host", "https://geheim@host", "me:geheim@host", "http://a:b:geheim@[x"])
def test_credentials_in_the_address_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="put them into the environment: PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD") as caught:
        access(url, {})
    assert "geheim" not in str(caught.value)


def test_a_query_in_the_address_is_refused() -> None:
    with pytest.raises(UsageError, match="ends before") as caught:
        access("http://host/?apikey=geheim", {})
    assert "geheim" not in str(caught.value)


def test_credentials_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("T0K\n", encoding="utf-8")
    (tmp_path / "password").write_text("a b:ü \n", encoding="utf-8")
    assert access(URL, {}).authorization == ""
    assert access(URL, {"PROMETHEUS_TOKEN": "T0K"}).authorization == "Bearer T0K"
    assert access(URL, {"PROMETHEUS_TOKEN_FILE": str(tmp_path / "token")}).authorization == "Bearer T0K"
    assert access(URL, {"PROMETHEUS_USERNAME": "me", "PROMETHEUS_PASSWORD": "x"}).authorization == "Basic bWU6eA=="
    found = access(URL, {"PROMETHEUS_USERNAME": "me", "PROMETHEUS_PASSWORD_FILE": str(tmp_path / "password")})
    assert found.password == "a b:ü "


def test_headers(tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("# tenants\n\nX-Scope-OrgID: team-b\nTHANOS-TENANT:  c  \r\n", encoding="utf-8")
    environment = {"PROMETHEUS_HEADERS": "X-Scope-OrgID: team-a\nX-Other: a: b"}
    assert access(URL, environment).headers == {"X-Scope-OrgID": "team-a", "X-Other": "a: b"}
    found = access(URL, environment, headers_file=tmp_path / "headers")
    assert found.headers == {"X-Scope-OrgID": "team-b", "X-Other": "a: b", "THANOS-TENANT": "c"}


def test_nothing_secret_is_shown() -> None:
    found = access(URL, {"PROMETHEUS_TOKEN": "geheim", "PROMETHEUS_HEADERS": "X-Key: geheim-geheim\nX-Scope-OrgID: a"})
    assert "geheim" not in repr(found)
    assert set(found.secrets) == {"geheim", "geheim-geheim"}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PROMETHEUS_TOKEN": "a", "PROMETHEUS_TOKEN_FILE": "b"}, "PROMETHEUS_TOKEN and PROMETHEUS_TOKEN_FILE are both set"),
        ({"PROMETHEUS_TOKEN_FILE": "/nowhere"}, "PROMETHEUS_TOKEN_FILE: /nowhere cannot be read: No such file or directory"),
        ({"PROMETHEUS_TOKEN_FILE": "/"}, "PROMETHEUS_TOKEN_FILE: / cannot be read: Is a directory"),
        ({"PROMETHEUS_TOKEN": "Bearer geheim"}, "it is the bare token, without the word Bearer"),
        ({"PROMETHEUS_TOKEN": "geheim\nX: y"}, "holds characters that no token can"),
        ({"PROMETHEUS_USERNAME": "me"}, "go together; set both, or none"),
        ({"PROMETHEUS_PASSWORD": "geheim"}, "go together; set both, or none"),
        ({"PROMETHEUS_USERNAME": "a:b", "PROMETHEUS_PASSWORD": "geheim"}, "holds a colon"),
        ({"PROMETHEUS_TOKEN": "a", "PROMETHEUS_USERNAME": "a", "PROMETHEUS_PASSWORD": "b"}, "a token and a user name for Prometheus"),
        ({"PROMETHEUS_TOKEN": "a", "PROMETHEUS_HEADERS": "authorization: geheim"}, "a token and a header Authorization"),
        ({"PROMETHEUS_HEADERS": "A: b\ngeheim"}, "line 2 of PROMETHEUS_HEADERS is no header; write a line for each"),
        ({"PROMETHEUS_HEADERS": "A b: geheim"}, "line 1 of PROMETHEUS_HEADERS is no header"),
        ({"PROMETHEUS_HEADERS": "A: gehei\x00m"}, "line 1 of PROMETHEUS_HEADERS is no header"),
        ({"PROMETHEUS_HEADERS": "A: gehéim"}, "line 1 of PROMETHEUS_HEADERS is no header"),
    ],
)
def test_what_cannot_be_meant(environment: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        access(URL, environment)
    assert message in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key_file": "key.pem"}, "--prometheus-key needs --prometheus-cert"),
        ({"ca_file": "nowhere.pem"}, "--prometheus-ca nowhere.pem cannot be used: No such file or directory"),
        ({"cert_file": "nowhere.pem"}, "--prometheus-cert nowhere.pem cannot be used: No such file or directory"),
        ({"ca_file": __file__}, f"--prometheus-ca {__file__} cannot be used: NO_CERTIFICATE_OR_CRL_FOUND"),
        ({"headers_file": "nowhere"}, "--prometheus-headers: nowhere cannot be read: No such file or directory"),
    ],
)
def test_files_that_cannot_be_used(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        access(URL, {}, **{name: Path(file) for name, file in options.items()}).pool()
    assert message in str(caught.value)


def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert access(URL, {}).pool().proxy is None
    monkeypatch.setenv("http_proxy", "http://me:geheim@proxy:3128")
    monkeypatch.setenv("no_proxy", "10.0.0.1,.internal")
    pool = access(URL, {}).pool()
    assert (pool.proxy.url, pool.proxy_headers) == ("http://proxy:3128", {"proxy-authorization": "Basic bWU6Z2VoZWlt"})
    assert access("http://prometheus.internal", {}).pool().proxy is None
    assert access("https://prometheus", {}).pool().proxy is None
    monkeypatch.setenv("http_proxy", "socks5://proxy")
    with pytest.raises(UsageError, match="see HTTP_PROXY and NO_PROXY"):
        access(URL, {}).pool()
