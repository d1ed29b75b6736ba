"""Queries: a few at a time, again where that may help, and each error as one line that says what to do."""

from __future__ import annotations

import collections
import contextlib
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self, TypeVar
from urllib.parse import urlencode, urlsplit

from auditor import __version__
from auditor.errors import AuditError, MetricsError
from auditor.source.exchange import BROKE, RETRIED, Again, Response, Slow, printable, retry_after
from auditor.source.http import Channel, Wording
from auditor.source.prometheus.answers import Sample, TooMuchData, decoded, is_too_much, looks_like, samples_of
from auditor.source.prometheus.connection import CREDENTIALS, MAX_IN_FLIGHT, Access

__all__ = ["Server", "Statistics"]

_QUERY_SECONDS = 120.0  # Prometheus' own default for a query
_GRACE_SECONDS = 5.0  # for the way there and back
_MOST_BYTES = 64 << 20  # of one answer: what is asked for is aggregated, and a thousandth of that
_MOST_FAILURES = 3  # queries in a row, each tried several times: then the server is broken, and not a query
_MOST_NOTICES = 20
_SLOW_TRIES = 2  # once may be bad luck; more often is a burden
_PREFIXES = "the path may need a prefix, such as /prometheus (Mimir, many ingresses), /api/prom or /select/0/prometheus"
_SMALLER = "raise the limits of the server (--query.max-samples, --query.timeout), or ask for a shorter window"
_OURS = "that is a fault of mlaudit: please report it"
_WORDING = Wording(MetricsError, "check --prometheus", "name the authority that signed it with --prometheus-ca", "--prometheus-timeout")

Key = TypeVar("Key")


@dataclass(slots=True)
class Statistics:
    """What it took.

    Attributes:
        queries: that were asked and answered, or failed.
        requests: one for each try.
        samples: that were numbers.
        dropped: samples that were not: NaN, infinite, histograms.
        bytes: that came over the network.
        waiting: seconds in which at least one answer was being waited for.
        waited: the same, added up over requests at the same time.
        decoding: seconds of processor time for reading answers.
        partial: answers that the server itself calls incomplete, as Thanos does when a store is away.
        notices: what servers remark, and how often; of the first twenty different ones.
    """

    queries: int = 0
    requests: int = 0
    samples: int = 0
    dropped: int = 0
    bytes: int = 0
    waiting: float = 0.0
    waited: float = 0.0
    decoding: float = 0.0
    partial: int = 0
    notices: collections.Counter[str] = field(default_factory=collections.Counter)


class _Declined(Exception):
    """The server will not answer this one query."""

    def __init__(self, error: MetricsError) -> None:
        super().__init__(str(error))
        self.error = error


class Server(Channel):
    """A Prometheus, as a context manager: the time for all queries begins with the block, and nothing goes on behind it.

    An error that concerns the server ends all queries, those to come too; one that concerns a query ends only that.
    """

    def __init__(self, access: Access) -> None:
        super().__init__(access.url, access.pool(), time.monotonic() + access.timeout, _WORDING)
        self.access = access
        self.statistics = Statistics()
        self._method = "POST"
        self._failures = 0
        self._busy, self._since = 0, 0.0

    def __enter__(self) -> Self:
        self.deadline = time.monotonic() + self.access.timeout
        return super().__enter__()

    # -- asking -------------------------------------------------------------------------------------------------------------------------

    def query(self, promql: str, at: float | datetime) -> list[Sample]:
        """The samples of an instant query; those that are no numbers are left out and counted.

        Args:
            promql: an expression whose result is a vector.
            at: seconds since 1970, or a time with a zone.

        Raises:
            TooMuchData: less time or fewer series may succeed.
            MetricsError: this query fails, or nothing can be asked any more.
        """
        with self._lock:
            self.statistics.queries += 1
        try:
            found = self.attempt(lambda: self._once(promql, _seconds(at)))
        except _Declined as declined:
            raise declined.error from None
        except Again as again:
            raise self._lasting(again) from None
        self._failures = 0
        return found

    def query_many(self, asked: Iterable[tuple[Key, str, float | datetime]]) -> Iterator[tuple[Key, list[Sample] | MetricsError]]:
        """Several queries at a time; the answers come in the order of the questions, of which few are held in memory.

        Args:
            asked: a key for each query, and the arguments of `query`.

        Yields:
            the key, and the samples or what is wrong.
        """
        threads = ThreadPoolExecutor(MAX_IN_FLIGHT)
        ahead: collections.deque[tuple[Key, Future[list[Sample] | MetricsError]]] = collections.deque()
        try:
            for key, promql, at in asked:
                ahead.append((key, threads.submit(self._answer_or_error, promql, at)))
                if len(ahead) > 2 * MAX_IN_FLIGHT:
                    first, future = ahead.popleft()
                    yield first, future.result()
            while ahead:
                first, future = ahead.popleft()
                yield first, future.result()
        except GeneratorExit:  # nobody wants the rest
            raise
        except BaseException:
            self.end(MetricsError(f"{self.host}: interrupted"))
            raise
        finally:
            threads.shutdown(cancel_futures=True)

    def _answer_or_error(self, promql: str, at: float | datetime) -> list[Sample] | MetricsError:
        try:
            return self.query(promql, at)
        except MetricsError as error:
            return error

    def _lasting(self, again: Again) -> AuditError:
        """What it means when a query goes on failing."""
        if isinstance(again, Slow):
            return TooMuchData(f"{self.host}: {again.fault}", _SMALLER)
        if not again.status:
            return self.lasting(again, "check --prometheus, and that it can be reached from here")
        with self._lock:
            self._failures += 1
        if self._failures >= _MOST_FAILURES:
            return self.lasting(again, "see its log, and try again later")
        return MetricsError(f"{self.host}: {again.fault} (tried {again.tries} times)", "see its log, and try again later")

    # -- one request --------------------------------------------------------------------------------------------------------------------

    def _once(self, promql: str, at: float) -> list[Sample]:
        seconds = max(1.0, min(_QUERY_SECONDS, self.deadline - time.monotonic()))
        form = urlencode({"query": promql, "time": f"{at:.3f}", "timeout": f"{seconds:.0f}s"})
        url, method = f"{self.host}/api/v1/query", self._method
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": f"mlaudit/{__version__}", **self.access.headers}
        if self.access.authorization:
            headers["Authorization"] = self.access.authorization
        body = None
        if method == "GET":
            url = f"{url}?{form}"
        else:
            headers["Content-Type"], body = "application/x-www-form-urlencoded", form.encode()
        with self._waiting():
            response = self.request(method, url, headers, body=body, limit=_MOST_BYTES, seconds=seconds + _GRACE_SECONDS)
        if response.status in (405, 501) and method == "POST":  # a proxy that only lets reading through
            self._method = "GET"
            return self._once(promql, at)
        began = time.thread_time()
        try:
            return self._read(response)
        finally:
            with self._lock:
                self.statistics.bytes += response.received
                self.statistics.decoding += time.thread_time() - began

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        began = time.monotonic()
        with self._lock:
            self.statistics.requests += 1
            if not self._busy:
                self._since = began
            self._busy += 1
        try:
            yield
        finally:
            ended = time.monotonic()
            with self._lock:
                self._busy -= 1
                self.statistics.waited += ended - began
                if not self._busy:
                    self.statistics.waiting += ended - self._since

    def _broken(self, error: Exception) -> Again:
        text = str(error)
        if reason := re.search(r"certificate verify failed: ([^(]+?) \(", text):
            raise MetricsError(f"the certificate of {self.host} is not trusted: {printable(reason[1])}", _WORDING.trust)
        if re.search(r"certificate[_ ]required|handshake[_ ]failure|bad[_ ]certificate", text, re.IGNORECASE):
            raise MetricsError(f"{self.host} wants another certificate of its clients", "see --prometheus-cert and --prometheus-key")
        again = super()._broken(error)
        if isinstance(again, Slow):
            again.tries = _SLOW_TRIES
        elif again.fault == BROKE and self.host.startswith("https:") and not self.access.cert_file:
            again.fault = f"{BROKE}, as it does when clients need a certificate (--prometheus-cert)"  # the TLS alert may get lost
        return again

    # -- answers ------------------------------------------------------------------------------------------------------------------------

    def _read(self, response: Response) -> list[Sample]:
        """The samples of an answer.

        Raises:
            Again: it may help to ask again.
            _Declined: the query fails.
            MetricsError: this is no server that could be asked.
        """
        if len(response.body) > _MOST_BYTES:
            raise _Declined(TooMuchData(f"{self.host}: the answer is longer than {_MOST_BYTES >> 20} MiB", _SMALLER))
        answer = decoded(response)
        if response.status in (401, 403):
            raise self._no_entry(response)
        if answer is None:
            raise self._foreign(response)
        if answer["status"] == "error":
            raise self._complaint(response, printable(str(answer.get("errorType"))), self._plain(answer.get("error")))
        try:
            found, dropped = samples_of(answer)
        except ValueError as error:
            raise _Declined(MetricsError(f"{self.host} answers a query, but {error}", _OURS)) from None
        self._count(answer, len(found), dropped)
        return found

    def _count(self, answer: dict[str, Any], samples: int, dropped: int) -> None:
        remarks = [(name, self._plain(text)) for name in ("warnings", "infos") for text in _texts(answer.get(name))]
        with self._lock:
            self.statistics.samples += samples
            self.statistics.dropped += dropped
            # Of a query itself Prometheus says "PromQL warning: …"; every other warning means that something could not be read.
            self.statistics.partial += any(name == "warnings" and not text.startswith("PromQL") for name, text in remarks)
            for _, text in remarks:
                if text in self.statistics.notices or len(self.statistics.notices) < _MOST_NOTICES:
                    self.statistics.notices[text] += 1

    def _complaint(self, response: Response, kind: str, text: str) -> Exception:
        """A Prometheus says no."""
        status = response.status
        if status == 429:
            return Again(f"it answers 429: {text}", retry_after(response.headers), status)
        if is_too_much(kind, text):
            return _Declined(TooMuchData(f"{self.host}: {text}", _SMALLER))
        if kind == "bad_data" or status == 400:
            return _Declined(MetricsError(f"{self.host} does not understand a query: {text}", _OURS))
        if status == 404:
            return MetricsError(f"{self.host} has no /api/v1/query: {text}", _PREFIXES)
        if status in RETRIED or "rpc error" in text:  # Mimir: https://github.com/grafana/mimir/issues/8139
            return Again(f"it answers {status}: {text}", retry_after(response.headers), status)
        return _Declined(MetricsError(f"{self.host} cannot evaluate a query: {text}", "its series are not as exporters write them"))

    def _foreign(self, response: Response) -> Exception:
        """Something between us and a Prometheus answers, or something else altogether."""
        status, start = response.status, response.body[:200]
        if status in (408, 504):
            return Slow(f"it answers {status}", status=status, tries=_SLOW_TRIES)
        if status in (413, 414):
            return _Declined(TooMuchData(f"{self.host} answers {status}", _SMALLER))
        if status in RETRIED:
            return Again(f"it answers {status}", retry_after(response.headers), status)
        if status == 200 and response.kind == "application/json" and start.lstrip().startswith(b'{"status"'):
            return Again("the answer was cut off")
        if 300 <= status < 400:
            where = urlsplit(response.headers.get("Location", ""))
            target = self._plain(f"{where.scheme}://{where.netloc}{where.path}" if where.netloc else where.path)
            return MetricsError(f"{self.host} redirects to {target or 'nowhere'}", f"name the address behind it, or set {CREDENTIALS}")
        if b"HTTP request to an HTTPS server" in start:
            return MetricsError(f"{self.host} speaks TLS", "write https:// in --prometheus")
        if status == 404:
            return MetricsError(f"{self.host} has no /api/v1/query: it answers {looks_like(response)}", _PREFIXES)
        message = f"{self.host} is no Prometheus: it answers {looks_like(response)}"
        return MetricsError(message, f"check --prometheus; {_PREFIXES}" if status == 200 else "check --prometheus")

    def _no_entry(self, response: Response) -> MetricsError:
        if b"no org id" in response.body[:500]:
            return MetricsError(f"{self.host} wants to know the tenant", "set PROMETHEUS_HEADERS to `X-Scope-OrgID: TENANT`")
        access, word = self.access, response.status
        if access.token or access.username:
            what = "the token" if access.token else f"user {access.username} with that password"
            remedy = "see PROMETHEUS_TOKEN: it may have expired" if access.token else "see PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD"
            if word == 403:
                return MetricsError(f"{self.host} does not let {what} ask (403)", "grant it the reading of metrics")
            return MetricsError(f"{self.host} does not accept {what} ({word})", remedy)
        return MetricsError(f"{self.host} wants credentials ({word})", f"set {CREDENTIALS}")

    def _plain(self, text: object) -> str:
        """A sentence of the server on one line, without anything secret."""
        plain = printable(str(text or "it does not say why"))
        for secret in self.access.secrets:
            plain = plain.replace(secret, "…")
        return plain[:300]


def _texts(remarks: Any) -> list[str]:
    return [str(text) for text in remarks] if isinstance(remarks, list) else []


def _seconds(at: float | datetime) -> float:
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError("a time without a zone means something else on each machine")
        return at.timestamp()
    return at
