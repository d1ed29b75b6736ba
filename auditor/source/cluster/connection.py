"""One connection to an API server: raw JSON, a rate limit, retries with back-off, and one deadline for everything.

Only GET requests can be made with it.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from auditor.errors import SourceError

__all__ = ["MAX_IN_FLIGHT", "Connection", "Expired", "Refused"]

# The API server bounds requests in flight (API priority and fairness), and an audit is a guest: few at a time, and not many a second.
# kubectl itself allows 50 a second (https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/kubectl/pkg/cmd/cmd.go).
MAX_IN_FLIGHT = 3
REQUESTS_PER_SECOND = 50.0

_RETRIED = frozenset({429, 500, 502, 503, 504})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 60.0
_TRIES = 8
_GRACE_SECONDS = 0.5  # after the deadline, answers that still trickle in are broken off
# A restarted API server knows no roles for some 100 ms, and says 403 to everybody: so nobody is refused at the first word.
_REFUSALS, _REFUSED_PAUSE = 2, 0.3
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
_CHECK = "check the server in the kubeconfig"
_CREDENTIALS = "they may have expired; `kubectl auth whoami` with the same kubeconfig tells"


class Refused(Exception):
    """The API server answers, but not with what was asked for (403, 404, 405 …). ``reason`` is its own sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Expired(Exception):
    """A ``continue`` token has expired (410): the list has to be begun again."""


class _Again(Exception):
    """The request may succeed when it is made again.

    Attributes:
        fault: what is wrong.
        wait: the seconds that the server asks to wait; 0 where it does not say.
        status: what the server answers; 0 where it does not.
    """

    def __init__(self, fault: str, wait: float = 0, status: int = 0) -> None:
        super().__init__(fault)
        self.fault, self.wait, self.status = fault, wait, status


class Connection:
    """GET requests to one API server. Safe for several threads.

    After a `SourceError` in one of them, all others end with the same error, even in the middle of an answer. So they do, as a context
    manager, with the deadline and at the end of the block.

    Args:
        host: ``https://…``, without a slash at the end.
        name: what people call the cluster: the context.
        pool: urllib3's pool manager, with certificates.
        headers: gives the authorization header anew for each request, since tokens are renewed.
        deadline: the value of `time.monotonic` after which no request is begun or waited for.
        complaints: what went wrong with the credentials, for the message when they are not accepted.
    """

    def __init__(
        self, host: str, name: str, pool: Any, headers: Callable[[], Mapping[str, str]], deadline: float, complaints: Sequence[str] = ()
    ) -> None:
        self.host, self.name, self.deadline, self.complaints = host, name, deadline, complaints
        self.requests = 0
        self._pool, self._headers = pool, headers
        self._lock = threading.Lock()
        self._next = 0.0
        self._over = threading.Event()
        self._error: SourceError | None = None
        self._open: weakref.WeakSet[Any] = weakref.WeakSet()
        self._watch(pool)

    def __enter__(self) -> Self:
        late = SourceError(f"{self.host}: not everything was read before the deadline", "give it longer with --timeout")
        left = max(0.0, self.deadline - time.monotonic())
        self._timer = threading.Timer(min(left + _GRACE_SECONDS, threading.TIMEOUT_MAX), self.end, (late,))
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        self._timer.join()
        self.end(SourceError(f"{self.host}: the connection is closed"))

    def end(self, error: SourceError) -> SourceError:
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

    def get(self, path: str, query: Mapping[str, str | int] | None = None, accept: str = "application/json") -> Any:
        """The decoded answer to a GET.

        Raises:
            Refused: the API server will not give it: it says no, or goes on failing at this one.
            Expired: the ``continue`` token has expired.
            SourceError: the server cannot be reached, does not speak the API, or does not answer in time. Nothing can be asked any more.
        """
        try:
            return self._tried(path, query or {}, accept)
        except SourceError as error:
            raise self.end(error) from None

    def _tried(self, path: str, query: Mapping[str, str | int], accept: str) -> Any:
        url = f"{self.host}{path}" + (f"?{urlencode(query)}" if query else "")
        refusals, last = 0, _Again("")
        for attempt in range(_TRIES):
            if attempt:
                self._sleep(max(last.wait, random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt))), last.fault)
            try:
                return self._once(url, accept, listing="continue" in query)
            except _Again as again:
                last = again
            except Refused as refused:
                refusals += 1
                if refused.status != 403 or refusals == _REFUSALS:
                    raise
                last = _Again(refused.reason, _REFUSED_PAUSE, refused.status)
        if last.status:  # an API of its own may be down behind the server: that is no reason to lose all others
            raise Refused(last.status, f"{last.fault}, {_TRIES} times")
        raise SourceError(f"{self.host}: {last.fault} (tried {_TRIES} times)", "try again later")

    def _once(self, url: str, accept: str, *, listing: bool) -> Any:
        import urllib3

        left = self._pace()
        timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, left), read=min(_READ_SECONDS, left))
        headers = {"Accept": accept, "Accept-Encoding": "gzip", **self._headers()}
        try:
            response = self._pool.request("GET", url, headers=headers, timeout=timeout, retries=False)
        except urllib3.exceptions.HTTPError as error:
            self._go_on()
            raise self._broken(error) from None
        if response.status == 410 and listing:
            raise Expired
        return self._answer(response)

    def _go_on(self) -> None:
        if self._error:
            raise self._error

    def _pace(self) -> float:
        """Wait for this request's turn, whichever thread asks, and return the seconds that are left."""
        with self._lock:
            now = time.monotonic()
            at = max(self._next, now)
            self._next = at + 1 / REQUESTS_PER_SECOND
            self.requests += 1
        self._over.wait(at - now)
        self._go_on()
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise SourceError(f"{self.host}: not everything was read before the deadline", "give it longer with --timeout")
        return left

    def _answer(self, response: Any) -> Any:
        status = response.status
        if status in _RETRIED:
            after = response.headers.get("Retry-After", "")  # seconds; nobody sends the date that HTTP also allows
            raise _Again(f"the API server answers {status}", int(after) if after.isdecimal() and len(after) < 9 else 0, status)
        try:
            answer = json.loads(response.data)
        except RecursionError:  # whoever may write one object could otherwise end every audit
            raise Refused(status, "an object is nested too deeply to be read") from None
        except ValueError:
            kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
            if status == 200 and kind == "application/json":
                raise _Again("the answer was cut off") from None
            if status not in (401, 403) and (status, kind) != (404, "text/plain"):  # so an API server says that it has no such API
                message = f"{self.host} is no Kubernetes API server: it answers {status} with {kind}"
                raise SourceError(message, _CHECK) from None
            answer = {}
        if status == 401:
            complaint = f" ({self.complaints[0]})" if self.complaints else ""
            raise SourceError(f"{self.host} does not accept the credentials{complaint}", _CREDENTIALS)
        if status >= 300:
            reason = answer.get("message") if isinstance(answer, dict) else None
            raise Refused(status, _printable(str(reason or f"the API server answers {status}"))[:300])
        return answer

    def _broken(self, error: Exception) -> _Again:
        """What a failed request means. A certificate or a name that is wrong stays wrong; everything else may pass.

        Raises:
            SourceError: it will not pass.
        """
        from urllib3 import exceptions

        if isinstance(error, exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise SourceError(f"the certificate of {self.host} is not trusted", "check certificate-authority in the kubeconfig")
        if isinstance(error, exceptions.NameResolutionError):
            raise SourceError(f"{self.host} cannot be resolved", _CHECK)
        if isinstance(error, exceptions.SSLError) and any(code in str(error) for code in _NO_TLS):
            raise SourceError(f"{self.host} does not speak TLS", _CHECK)
        if isinstance(error, exceptions.LocationValueError):
            raise SourceError(f"{self.host} is no address", _CHECK)
        if isinstance(error, exceptions.ProxyError):
            return _Again("the proxy in front of it does not let us through")
        if isinstance(error, exceptions.ConnectTimeoutError | exceptions.NewConnectionError):
            return _Again("cannot be reached")
        if isinstance(error, exceptions.TimeoutError):
            return _Again("does not answer")
        return _Again("the connection broke")

    def _sleep(self, seconds: float, fault: str) -> None:
        if time.monotonic() + seconds > self.deadline:
            raise SourceError(f"{self.host}: {fault}", "it did not get better before the deadline (--timeout)")
        self._over.wait(seconds)
        self._go_on()


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
