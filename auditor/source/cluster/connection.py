"""One connection to an API server: raw JSON and a rate limit.

Only GET requests can be made with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from auditor.errors import SourceError
from auditor.source.cluster.answers import CHECK, Expired, Refused, content_of
from auditor.source.exchange import Again, Response
from auditor.source.http import Channel, Wording

__all__ = ["MAX_IN_FLIGHT", "Connection", "Reader"]

# The API server bounds requests in flight (API priority and fairness), and an audit is a guest: few at a time, and not many a second.
# kubectl itself allows 50 a second (https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/kubectl/pkg/cmd/cmd.go).
MAX_IN_FLIGHT = 3
REQUESTS_PER_SECOND = 50.0

# A restarted API server knows no roles for some 100 ms, and says 403 to everybody: so nobody is refused at the first word.
_REFUSALS, _REFUSED_PAUSE = 2, 0.3
_WORDING = Wording(SourceError, CHECK, "check certificate-authority in the kubeconfig", "--timeout")


class Reader:
    """What becomes of an answer. This one keeps it whole."""

    def arrived(self, body: bytes) -> None:
        """Called with what has come, before it is decoded; and again where that is found damaged and comes anew."""

    def kept(self, answer: Any) -> Any:
        """What is kept of the decoded answer; no other is decoded meanwhile."""
        return answer


class Connection(Channel):
    """GET requests to one API server, a few at a time. Safe for several threads; see `Channel` for how they end.

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
        super().__init__(host, pool, deadline, _WORDING)
        self.name, self.complaints = name, complaints
        self._headers = headers
        self._decoding = threading.Lock()  # a page weighs ten times what is kept of it: one at a time is no slower, and takes less memory
        self._slots = threading.Semaphore(MAX_IN_FLIGHT)

    def get(
        self, path: str, query: Mapping[str, str | int] | None = None, accept: str = "application/json", reader: Reader | None = None
    ) -> Any:
        """The decoded answer to a GET, or what is kept of it.

        Args:
            path: what to get.
            query: its query.
            accept: the media types that are understood.
            reader: says what is kept.

        Raises:
            Refused: the API server will not give it: it says no, or goes on failing at this one.
            Expired: the ``continue`` token has expired.
            SourceError: the server cannot be reached, does not speak the API, or does not answer in time. Nothing can be asked any more.
        """
        url = f"{self.host}{path}" + (f"?{urlencode(query)}" if query else "")
        listing = "continue" in (query or {})
        refusals = 0

        def once() -> Any:
            nonlocal refusals
            try:
                return self._once(url, accept, reader or Reader(), listing=listing)
            except Refused as refused:
                refusals += 1
                if refused.status != 403 or refusals == _REFUSALS:
                    raise
                raise Again(refused.reason, _REFUSED_PAUSE, refused.status) from None

        try:
            return self.attempt(once)
        except Again as again:
            if again.status:  # an API of its own may be down behind the server: that is no reason to lose all others
                raise Refused(again.status, f"{again.fault}, {again.tries} times") from None
            raise self.lasting(again, "try again later") from None

    def _once(self, url: str, accept: str, reader: Reader, *, listing: bool) -> Any:
        response = self._requested(url, accept)
        if response.status == 410 and listing:
            raise Expired
        if response.status == 200:
            reader.arrived(response.body)
        with self._decoding:
            return reader.kept(content_of(response, self.host, self.complaints))

    def _requested(self, url: str, accept: str) -> Response:
        with self._slots:
            return self.request("GET", url, {"Accept": accept, "Accept-Encoding": "gzip", **self._headers()})

    def _interval(self) -> float:
        return 1 / REQUESTS_PER_SECOND
