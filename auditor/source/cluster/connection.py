"""One connection to an API server: raw JSON and a rate limit.

Only GET requests can be made with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from auditor.errors import SourceError
from auditor.source.http import RETRIED, Again, Channel, Response, Wording, printable, retry_after

__all__ = ["MAX_IN_FLIGHT", "Connection", "Expired", "Refused"]

# The API server bounds requests in flight (API priority and fairness), and an audit is a guest: few at a time, and not many a second.
# kubectl itself allows 50 a second (https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/kubectl/pkg/cmd/cmd.go).
MAX_IN_FLIGHT = 3
REQUESTS_PER_SECOND = 50.0

# A restarted API server knows no roles for some 100 ms, and says 403 to everybody: so nobody is refused at the first word.
_REFUSALS, _REFUSED_PAUSE = 2, 0.3
_CHECK = "check the server in the kubeconfig"
_CREDENTIALS = "they may have expired; `kubectl auth whoami` with the same kubeconfig tells"
_WORDING = Wording(SourceError, _CHECK, "check certificate-authority in the kubeconfig", "--timeout")


class Refused(Exception):
    """The API server answers, but not with what was asked for (403, 404, 405 …). ``reason`` is its own sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Expired(Exception):
    """A ``continue`` token has expired (410): the list has to be begun again."""


class Connection(Channel):
    """GET requests to one API server. Safe for several threads; see `Channel` for how they end.

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

    def get(self, path: str, query: Mapping[str, str | int] | None = None, accept: str = "application/json") -> Any:
        """The decoded answer to a GET.

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
                return self._once(url, accept, listing=listing)
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

    def _once(self, url: str, accept: str, *, listing: bool) -> Any:
        response = self.request("GET", url, {"Accept": accept, "Accept-Encoding": "gzip", **self._headers()})
        if response.status == 410 and listing:
            raise Expired
        return self._answer(response)

    def _interval(self) -> float:
        return 1 / REQUESTS_PER_SECOND

    def _answer(self, response: Response) -> Any:
        status = response.status
        if status in RETRIED:
            raise Again(f"the API server answers {status}", retry_after(response.headers), status)
        try:
            answer = json.loads(response.body)
        except RecursionError:  # whoever may write one object could otherwise end every audit
            raise Refused(status, "an object is nested too deeply to be read") from None
        except ValueError:
            kind = response.kind
            if status == 200 and kind == "application/json":
                raise Again("the answer was cut off") from None
            if status not in (401, 403) and (status, kind) != (404, "text/plain"):  # so an API server says that it has no such API
                message = f"{self.host} is no Kubernetes API server: it answers {status} with {kind}"
                raise SourceError(message, _CHECK) from None
            answer = {}
        if status == 401:
            complaint = f" ({self.complaints[0]})" if self.complaints else ""
            raise SourceError(f"{self.host} does not accept the credentials{complaint}", _CREDENTIALS)
        if status >= 300:
            reason = answer.get("message") if isinstance(answer, dict) else None
            raise Refused(status, printable(str(reason or f"the API server answers {status}"))[:300])
        return answer
