"""Each fault of the proxy, as a client sees it, and nothing between them."""

from __future__ import annotations

import http.client
import time

import pytest

from tests.testbed.client import Client
from tests.testbed.cluster import Testbed
from tests.testbed.proxy import Delay, HangUp, Html, Status

pytestmark = pytest.mark.testbed

PATH = "/api/v1/namespaces"


def client(testbed: Testbed, url: str) -> Client:
    return Client(url, testbed.ca, testbed.token("admin"), timeout=10)


@pytest.mark.parametrize("tls", [True, False])
def test_passes_everything_on(testbed: Testbed, testbed_namespace: str, tls: bool) -> None:
    with testbed.proxy(tls=tls) as proxy:
        through = client(testbed, proxy.url)
        assert through.get(PATH).json()["kind"] == "NamespaceList"
        assert through.get(f"{PATH}/absent").status == 404
        made = through.request("POST", f"{PATH}/{testbed_namespace}/configmaps", {"metadata": {"name": "made"}, "data": {"a": "b"}})
        assert (made.status, made.json()["data"]) == (201, {"a": "b"})
        assert [(each.method, each.target.partition("?")[0]) for each in proxy.seen][:2] == [("GET", PATH), ("GET", f"{PATH}/absent")]


def test_kubectl_through_it(testbed: Testbed) -> None:
    with testbed.proxy() as proxy:
        config = testbed.kubeconfig("admin", server=proxy.url)
        proxy.fail(f"{PATH}*", Status(429, retry_after=1), times=1)
        began = time.monotonic()
        assert "namespace/kube-system" in testbed.kubectl(f"--kubeconfig={config}", "get", "namespaces", "-o", "name")
        assert time.monotonic() - began > 1  # client-go waits as told
        assert proxy.pending == 0


def test_faults_come_in_order_and_only_where_they_match(testbed: Testbed) -> None:
    with testbed.proxy() as proxy:
        through = client(testbed, proxy.url)
        proxy.fail("*continue=*", Status(500))
        proxy.fail(PATH, Status(429, retry_after=3), times=2)
        proxy.fail(PATH, Status(503))
        assert through.get("/api/v1/nodes").status == 200
        busy = through.get(PATH)
        assert (busy.status, busy.headers["retry-after"], busy.json()["reason"]) == (429, "3", "TooManyRequests")
        assert [through.get(PATH, limit=1).status for _ in range(3)] == [429, 503, 200]
        assert through.get(PATH, **{"continue": "x"}).status == 500
        assert [each.fault for each in proxy.seen if each.fault][-1] == Status(500)


@pytest.mark.parametrize("fault", [HangUp(0.5), HangUp(0.5, chunked=True), HangUp(0)], ids=str)
def test_hang_up(testbed: Testbed, fault: HangUp) -> None:
    with testbed.proxy() as proxy:
        through = client(testbed, proxy.url)
        proxy.fail(PATH, fault)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)) as caught:
            through.get(PATH)
        if fault.share:
            assert isinstance(caught.value, http.client.IncompleteRead)
        assert through.get(PATH).status == 200


def test_half_of_the_body_comes(testbed: Testbed) -> None:
    with testbed.proxy() as proxy:
        whole = len(client(testbed, proxy.url).get(PATH).body)
        proxy.fail(PATH, HangUp(0.5))
        with pytest.raises(http.client.IncompleteRead) as caught:
            client(testbed, proxy.url).get(PATH)
        assert len(caught.value.partial) == whole // 2


def test_html_and_delay(testbed: Testbed) -> None:
    with testbed.proxy() as proxy:
        through = client(testbed, proxy.url)
        proxy.fail(PATH, Html())
        proxy.fail(PATH, Delay(0.5))
        page = through.get(PATH)
        assert (page.status, page.headers["content-type"], page.body[:15]) == (200, "text/html", b"<!DOCTYPE html>")
        began = time.monotonic()
        assert through.get(PATH).status == 200
        assert time.monotonic() - began > 0.5


def test_watches_are_streamed(testbed: Testbed, testbed_namespace: str) -> None:
    with testbed.proxy() as proxy:
        path = f"{PATH}/{testbed_namespace}/configmaps"
        answer = client(testbed, proxy.url).get(path, watch="true", timeoutSeconds=1, resourceVersion="0")
        assert answer.status == 200
        assert b"kube-root-ca.crt" in answer.body


def test_api_server_away(testbed: Testbed) -> None:
    with testbed.proxy() as proxy:
        testbed.stop_apiserver()
        with pytest.raises(ConnectionError):
            client(testbed, proxy.url).get(PATH)
        testbed.start_apiserver()
        assert client(testbed, proxy.url).get(PATH).status == 200
