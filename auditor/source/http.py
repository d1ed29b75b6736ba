"""Requests to one server: retries with back-off, one deadline for everything, and an end that breaks off what is being waited for."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from auditor.errors import AuditError
from auditor.source.exchange import BROKE, TRIES, Again, Response, Slow

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Channel", "Wording", "open_pool"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 60.0
_GRACE_SECONDS = 0.5  # after the deadline, answers that still trickle in are broken off
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said of a server that cannot be asked.

    Attributes:
        failure: the error, of a message and a remedy.
        check: where to look when the address is wrong.
        trust: where to look when its certificate is not trusted.
        option: the option that sets the deadline.
    """

    failure: Callable[[str, str], AuditError]
    check: str
    trust: str
    option: str


class Channel:
    """Safe for several threads.

    After an error that concerns the server and not one request, all threads end with the same error, even in the middle of an answer. So
    they do, as a context manager, with the deadline and at the end of the block.

    Args:
        host: ``https://…``, without a slash at the end.
        pool: urllib3's pool manager, with certificates.
        deadline: the value of `time.monotonic` after which no request is begun or waited for.
        wording: what is said when it fails.
    """

    def __init__(self, host: str, pool: Any, deadline: float, wording: Wording) -> None:
        self.host, self.deadline = host, deadline
        self.requests = 0
        self._pool, self._wording = pool, wording
        self._lock = threading.Lock()
        self._next = 0.0
        self._over = threading.Event()
        self._error: AuditError | None = None
        self._open: weakref.WeakSet[Any] = weakref.WeakSet()
        self._watch(pool)

    def __enter__(self) -> Self:
        left = max(0.0, self.deadline - time.monotonic())
        self._timer = threading.Timer(min(left + _GRACE_SECONDS, threading.TIMEOUT_MAX), self.end, (self._late(),))
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        self._timer.join()
        self.end(self._wording.failure(f"{self.host}: the connection is closed", ""))

    def end(self, error: AuditError) -> AuditError:
        """Ask nothing more, and break off what is being waited for. Returns the error that all threads end with: the first."""
        with self._lock:
            self._error = self._error or error
            connections = list(self._open)
        self._over.set()
        for connection in connections:
            with contextlib.suppress(OSError, AttributeError, TypeError):  # it has ended already
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        return self._error

    def _watch(self, pool: Any) -> None:
        """Know each connection that urllib3 opens, since it offers no way to break one off."""

        def watched(kind: Any) -> Any:
            made = kind.ConnectionCls

            def connect(connection: Any) -> None:
                made.connect(connection)
                self._opened(connection)

            return type(kind.__name__, (kind,), {"ConnectionCls": type("Watched", (made,), {"connect": connect})})

        pool.pool_classes_by_scheme = {scheme: watched(kind) for scheme, kind in pool.pool_classes_by_scheme.items()}

    def _opened(self, connection: Any) -> None:
        with self._lock:
            self._open.add(connection)
        if self._error:  # it ended while this was being opened
            self.end(self._error)

    def attempt(self, once: Callable[[], _Result]) -> _Result:
        """What ``once`` returns, which is tried until it does not raise `Again`.

        Raises:
            Again: it goes on failing.
            AuditError: nothing can be asked any more.
        """
        tried = 0
        try:
            while True:
                try:
                    return once()
                except Again as again:
                    tried += 1
                    if tried >= min(TRIES, again.tries):
                        raise
                    pause = random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tried))
                    self._sleep(max(again.wait, pause), again.fault)
        except AuditError as error:
            raise self.end(error) from None

    def lasting(self, again: Again, remedy: str) -> AuditError:
        """The end, because it goes on failing like this."""
        return self.end(self._wording.failure(f"{self.host}: {again.fault} (tried {min(TRIES, again.tries)} times)", remedy))

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        limit: int | None = None,
        seconds: float = _READ_SECONDS,
    ) -> Response:
        """Ask once.

        Args:
            method: of HTTP.
            url: the whole of it.
            headers: the whole of them, beside what every request has.
            body: what is sent.
            limit: not much more bytes than so are read of the answer, unpacked.
            seconds: how long it may say nothing.

        Raises:
            Again: there is no answer; it may help to ask again.
            AuditError: it does not help.
        """
        import urllib3

        left = self._pace()
        timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, left), read=min(seconds, left))
        try:
            response = self._pool.request(
                method, url, headers=dict(headers), body=body, timeout=timeout, retries=False, preload_content=limit is None
            )
            if limit is None:
                return Response(response.status, response.headers, response.data, response.tell())
            with contextlib.closing(response):
                return Response(response.status, response.headers, response.read(limit + 1), response.tell())
        except urllib3.exceptions.HTTPError as error:
            self._go_on()
            raise self._broken(error) from None

    def _go_on(self) -> None:
        if self._error:
            raise self._error

    def _interval(self) -> float:
        """The seconds from one request to the next."""
        return 0.0

    def _pace(self) -> float:
        """Wait for this request's turn, whichever thread asks, and return the seconds that are left."""
        with self._lock:
            now = time.monotonic()
            at = max(self._next, now)
            self._next = at + self._interval()
            self.requests += 1
        self._over.wait(at - now)
        self._go_on()
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self._late()
        return left

    def _late(self) -> AuditError:
        message = f"{self.host}: not everything was read before the deadline"
        return self._wording.failure(message, f"give it longer with {self._wording.option}")

    def _broken(self, error: Exception) -> Again:
        """What a failed request means. A certificate or a name that is wrong stays wrong; everything else may pass.

        Raises:
            AuditError: it will not pass.
        """
        from urllib3 import exceptions

        failure, check = self._wording.failure, self._wording.check
        if isinstance(error, exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise failure(f"the certificate of {self.host} is not trusted", self._wording.trust)
        if isinstance(error, exceptions.NameResolutionError):
            raise failure(f"{self.host} cannot be resolved", check)
        if isinstance(error, exceptions.SSLError) and any(code in str(error) for code in _NO_TLS):
            raise failure(f"{self.host} does not speak TLS", check)
        if isinstance(error, exceptions.LocationValueError):
            raise failure(f"{self.host} is no address", check)
        if isinstance(error, exceptions.ProxyError):
            return Again("the proxy in front of it does not let us through")
        if isinstance(error, exceptions.ConnectTimeoutError | exceptions.NewConnectionError):
            return Again("cannot be reached")
        if isinstance(error, exceptions.TimeoutError):
            return Slow("does not answer")
        return Again(BROKE)

    def _sleep(self, seconds: float, fault: str) -> None:
        if time.monotonic() + seconds > self.deadline:
            message = f"it did not get better before the deadline ({self._wording.option})"
            raise self._wording.failure(f"{self.host}: {fault}", message)
        self._over.wait(seconds)
        self._go_on()


def open_pool(scheme: str, host: str, context: SSLContext, size: int) -> Any:
    """urllib3's pool manager for one server, through the proxy that the environment names for it (``HTTPS_PROXY``, ``NO_PROXY`` …).

    Raises:
        ValueError: the address of the proxy is none.
    """
    import ssl
    import urllib.request

    import urllib3

    if context.verify_mode == ssl.CERT_NONE:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # who skips verification by an option knows it
    proxy = urllib.request.getproxies().get(scheme)
    if not proxy or urllib.request.proxy_bypass(host):
        return urllib3.PoolManager(ssl_context=context, maxsize=size)
    try:
        address = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
        login = urllib3.make_headers(proxy_basic_auth=address.auth) if address.auth else None
        return urllib3.ProxyManager(address._replace(auth=None).url, proxy_headers=login, ssl_context=context, maxsize=size)
    except urllib3.exceptions.HTTPError as error:
        raise ValueError(str(error)) from None
