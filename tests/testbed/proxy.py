"""A reverse proxy that fails on demand: what networks, load balancers and overloaded API servers do to a client.

with testbed.proxy() as proxy:
    proxy.fail("/api/v1/pods", Status(429, retry_after=1), times=2)
    kubeconfig = testbed.kubeconfig("auditor", server=proxy.url)
"""

from __future__ import annotations

import fnmatch
import http.client
import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "upgrade"}  # RFC 9110, 7.6.1
_REASONS = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with this status, and with the object that an API server sends along."""

    code: int
    retry_after: int | None = None  # seconds


@dataclass(frozen=True, slots=True)
class HangUp:
    """Pass the request on, and close the connection after this share of the answer's body; 0: before the first byte of the answer."""

    share: float = 0.5
    chunked: bool = False  # the body comes in chunks, so that its length is not known in advance


@dataclass(frozen=True, slots=True)
class Delay:
    """Pass the request on, after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Html:
    """Answer with a page for people, as login portals and gateways do."""

    code: int = 200


@dataclass(frozen=True, slots=True)
class Cut:
    """Pass the request on, and send this share of the answer's body as if it were all, with status 200."""

    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Text:
    """Answer with this text, as JSON, and with a pause before each byte."""

    body: str
    code: int = 200
    content_type: str = "application/json"
    pause: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()


Fault = Status | HangUp | Delay | Html | Cut | Text


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came, in the order of arrival."""

    method: str
    target: str
    fault: Fault | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class FaultyProxy:
    """A context manager. Without ``tls`` (certificate and key) it speaks plain HTTP; to the API server it always speaks what that wants.

    Attributes:
        url: Where it answers.
        seen: What was asked.
        busiest: The most requests that were being answered at the same time.
    """

    def __init__(self, upstream: str, ca: Path | None = None, tls: tuple[Path, Path] | None = None) -> None:
        self._upstream = urlsplit(upstream)
        self._ca = ca
        self._tls = tls
        self._lock = threading.Lock()
        self._faults: list[tuple[str, Fault]] = []
        self._wanted: dict[str, str] = {}
        self.seen: list[Seen] = []
        self.busiest = 0
        self._busy = 0

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._tls)
            # The handshake is left to the thread of the connection: a slow client does not keep others waiting.
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, pattern: str, fault: Fault, times: int = 1) -> None:
        """Let the next requests that match fail. Faults of one pattern follow one another.

        Args:
            pattern: As a shell's, for the path, for the path with its query, or for the body as a form writes it: ``/api/v1/pods``,
                ``/apis/*``, ``*continue=*``, ``*kube_pod_status_phase*``.
            fault: What happens.
            times: To how many requests.
        """
        with self._lock:
            self._faults.extend([(pattern, fault)] * times)

    def require(self, header: str, value: str) -> None:
        """Let requests without this header, or with another value of it, fail with 401."""
        self._wanted[header] = value

    @property
    def pending(self) -> int:
        """Faults that have not happened yet."""
        return len(self._faults)

    def count(self, change: int) -> None:
        """A request has come (1), or is answered (-1)."""
        with self._lock:
            self._busy += change
            self.busiest = max(self.busiest, self._busy)

    def take(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Fault | None:
        """The fault that is due for this request, which is then done with."""
        with self._lock:
            names = (target.partition("?")[0], target, body.decode(errors="replace"))
            due = next((item for item in self._faults if any(fnmatch.fnmatchcase(name, item[0]) for name in names)), None)
            if due:
                self._faults.remove(due)
            fault = due[1] if due else None
            if any(headers.get(name) != value for name, value in self._wanted.items()):
                fault = Status(401)
            self.seen.append(Seen(method, target, fault, headers, body))
            return fault

    def connect(self) -> http.client.HTTPConnection:
        """A new connection to the API server."""
        host, port = self._upstream.hostname or "", self._upstream.port
        if self._upstream.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=60)
        context = ssl.create_default_context(cafile=str(self._ca) if self._ca else None)
        return http.client.HTTPSConnection(host, port, timeout=60, context=context)


class _Server(ThreadingHTTPServer):
    proxy: FaultyProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server

    def log_message(self, *arguments: object) -> None:
        """Tests look at ``seen`` instead."""

    def do_GET(self) -> None:
        self.server.proxy.count(1)
        try:
            self._answer()
        finally:
            self.server.proxy.count(-1)

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match self.server.proxy.take(self.command, self.path, dict(self.headers), body):
            case Status(code, retry_after):
                self._refuse(code, retry_after)
            case Html(code):
                self._send(code, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Sign in</title><p>Please sign in.</p>\n")
            case Text() as fault:
                self._send(fault.code, {"Content-Type": fault.content_type, **dict(fault.headers)}, fault.body.encode(), fault.pause)
            case HangUp() | Cut() as fault:
                self._pass_on(body, fault)
            case Delay(seconds):
                time.sleep(seconds)
                self._pass_on(body, None)
            case None:
                self._pass_on(body, None)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def _refuse(self, code: int, retry_after: int | None) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code}
        status |= {"reason": _REASONS.get(code, "Unknown"), "message": f"the faulty proxy answers {code}"}
        headers = {"Content-Type": "application/json"} | ({} if retry_after is None else {"Retry-After": str(retry_after)})
        self._send(code, headers, json.dumps(status).encode())

    def _pass_on(self, body: bytes, fault: HangUp | Cut | None) -> None:
        connection = self.server.proxy.connect()
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_HOP}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            passed = {name: value for name, value in answer.getheaders() if name.lower() not in _OF_ONE_HOP}
            if isinstance(fault, HangUp):
                self._hang_up(answer.status, passed, answer.read(), fault)
            elif fault:
                whole = answer.read()
                self._send(200, passed, whole[: int(len(whole) * fault.share)])
            elif "watch=" in self.path or "follow=" in self.path:
                self._stream(answer, passed)
            else:
                self._send(answer.status, passed, answer.read())
        except (OSError, http.client.HTTPException):  # the API server is away, or the client
            self.close_connection = True
        finally:
            connection.close()

    def _head(self, code: int, headers: dict[str, str]) -> None:
        self.send_response_only(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, code: int, headers: dict[str, str], body: bytes, pause: float = 0.0) -> None:
        self._head(code, headers | {"Content-Length": str(len(body))})
        for piece in [body[at : at + 1] for at in range(len(body))] if pause else [body]:
            time.sleep(pause)
            if self.command != "HEAD":
                self.wfile.write(piece)

    def _stream(self, answer: http.client.HTTPResponse, headers: dict[str, str]) -> None:
        self._head(answer.status, headers | {"Transfer-Encoding": "chunked"})
        while part := answer.read1(65536):
            self._chunk(part)
        self._chunk(b"")

    def _hang_up(self, code: int, headers: dict[str, str], body: bytes, fault: HangUp) -> None:
        self.close_connection = True
        if not fault.share:
            return
        part = body[: int(len(body) * fault.share)]
        if fault.chunked:
            self._head(code, headers | {"Transfer-Encoding": "chunked"})
            self._chunk(part)
        else:
            self._head(code, headers | {"Content-Length": str(len(body))})
            self.wfile.write(part)

    def _chunk(self, part: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
