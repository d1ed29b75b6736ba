"""A real Prometheus over made-up series (``series.py``), which starts in a fifth of a second.

    with prometheus([steady("up", {"job": "dcgm"}, 1, start, end)]) as server:
        subprocess.run(["mlaudit", "cost", "--prometheus", server.url])

In pytest the fixture ``prometheus`` of ``plugin.py`` is the same, after it has looked for the programs. The series may lie at any time,
since nothing is scraped: a fixed one makes tests repeatable. The server's clock is the real one.
"""

from __future__ import annotations

import atexit
import base64
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.testbed import packages
from tests.testbed.credentials import Certificates, make_certificates, make_client_certificate
from tests.testbed.daemons import Daemon, TestbedError, Watchdog, free_ports, wait_until
from tests.testbed.proxy import FaultyProxy
from tests.testbed.series import Series, remote_write, write_openmetrics

# A user of tests, and the password's bcrypt hash as web configurations want it.
USER, PASSWORD = "auditor", "correct horse battery staple"
_HASH = "$2b$05$mlauditTestbedSaltxxxuRHDhM0vvvnZtZddqF72bGlVKmdewd.K"

_CONFIG = """
global: {scrape_interval: 1h}
storage: {tsdb: {out_of_order_time_window: 10y}}  # staleness markers come after the blocks
"""


@dataclass(frozen=True, slots=True)
class Options:
    """How the server is set up.

    Attributes:
        tls: It speaks TLS, with a certificate of its own CA (``Prometheus.certificates``).
        client_certificate: It wants a certificate of the client too (``Prometheus.client_certificate``).
        basic_auth: It wants `USER` and `PASSWORD`.
        max_samples: How many samples one query may load at once.
        query_timeout: Seconds that one query may take.
        lookback: For how many seconds a last sample is seen.
        prefix: The path under which everything is served.
        block: Blocks of at most so many hours. One large block loads fastest.
        arguments: More flags.
    """

    tls: bool = False
    client_certificate: bool = False
    basic_auth: bool = False
    max_samples: int = 50_000_000
    query_timeout: float = 120
    lookback: float = 300
    prefix: str = ""
    block: int = 24 * 366
    arguments: tuple[str, ...] = field(default=())


@contextmanager
def prometheus(series: Iterable[Series] = (), options: Options | None = None) -> Iterator[Prometheus]:
    """A server that knows these series and nothing else. It stops at the end of the block, and its data go.

    Raises:
        NotBuilt: There is no Prometheus on this machine.
        TestbedError: The series cannot be loaded, or the server does not start.
    """
    server = Prometheus(list(series), options or Options())
    try:
        server.start()
        yield server
    finally:
        server.close()


class Prometheus:
    """A server in a temporary folder, on the loopback interface.

    Attributes:
        url: Where it answers, with the prefix and without a slash at the end.
        folder: Data, log and certificates. Removed at the end.
        daemon: The process: its memory, its log.
        samples: How many were loaded.
        certificates: Of its CA, with TLS only.
        client_certificate: A client's certificate and key that it accepts, with TLS only.
    """

    certificates: Certificates
    client_certificate: tuple[Path, Path]

    def __init__(self, series: list[Series], options: Options) -> None:
        program, promtool = packages.find("prometheus"), packages.find("promtool")
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="mlaudit-prometheus-"))
        self._watchdog = Watchdog(self.folder)
        atexit.register(self.close)
        try:
            (self.folder / "prometheus.yml").write_text(_CONFIG, encoding="utf-8")
            self._web()
            self.samples = self._load(promtool, series)
        except BaseException:
            self.close()
            raise
        self._markers = remote_write(series)
        (port,) = free_ports(1)
        scheme = "https" if options.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{port}{options.prefix}"
        flags = {
            "config.file": "prometheus.yml",
            "storage.tsdb.path": "data",
            "storage.tsdb.retention.time": "10y",
            "web.listen-address": f"127.0.0.1:{port}",
            "web.config.file": "web.yml",
            "web.external-url": self.url,
            "query.max-samples": options.max_samples,
            "query.timeout": f"{options.query_timeout * 1000:.0f}ms",
            "query.lookback-delta": f"{options.lookback * 1000:.0f}ms",
            "log.level": "warn",
        }
        arguments = [f"--{name}={value}" for name, value in flags.items()]
        self.daemon = Daemon([program, *arguments, "--web.enable-remote-write-receiver", *options.arguments], self.folder, self._watchdog)

    def start(self) -> None:
        """Start it, and wait until it answers queries.

        Raises:
            TestbedError: It ended, or was not ready in time.
        """
        self.daemon.start()
        try:
            wait_until("Prometheus is ready", lambda: self.daemon.crashed or self._answers())
        except TestbedError as error:
            raise TestbedError(f"{error}\n{self.daemon.tail()}") from None
        if self.daemon.crashed:
            raise TestbedError(f"Prometheus ended while it started\n{self.daemon.tail()}")
        if self._markers:
            self._request("/api/v1/write", self._markers)
            self._markers = b""  # they are in its log of writes now, and survive a restart

    def stop(self) -> None:
        """Stop it, as for a fault; it may be started again."""
        self.daemon.stop(kill=True)

    def close(self) -> None:
        """Stop it for good, and remove its folder."""
        atexit.unregister(self.close)
        if hasattr(self, "daemon"):
            self.stop()
        self._watchdog.close()

    def proxy(self, *, tls: bool = False) -> FaultyProxy:
        """A faulty proxy in front of it. Use it as a context manager. With ``tls`` only where the server has certificates."""
        files = self.certificates if self.options.tls else None
        own = (files.certificate, files.key) if files and tls else None
        return FaultyProxy(self.url.removesuffix(self.options.prefix), files.ca if files else None, own)

    def _load(self, promtool: Path, series: list[Series]) -> int:
        text, data = self.folder / "series.txt", self.folder / "data"
        data.mkdir()
        count = write_openmetrics(series, text)
        if count:
            limit = f"--max-block-duration={self.options.block}h"
            command = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", "--quiet", limit, str(text), str(data)]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode:
                raise TestbedError(f"promtool: {done.stderr.strip() or done.stdout.strip()}")
        text.unlink()
        return count

    def _web(self) -> None:
        """Write the web configuration (https://prometheus.io/docs/prometheus/latest/configuration/https/)."""
        lines = []
        if self.options.tls:
            self.certificates = make_certificates(self.folder)
            self.client_certificate = make_client_certificate(self.folder, USER)
            files = {"cert_file": self.certificates.certificate.name, "key_file": self.certificates.key.name}
            if self.options.client_certificate:
                files |= {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": self.certificates.ca.name}
            lines += ["tls_server_config:", *(f"  {name}: {value}" for name, value in files.items())]
        if self.options.basic_auth:
            lines += ["basic_auth_users:", f"  {USER}: {_HASH}"]
        (self.folder / "web.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _answers(self) -> bool:
        try:
            self._request("/-/ready")
        except OSError:  # refused, reset, or an HTTPError
            return False
        return True

    def _request(self, path: str, body: bytes | None = None) -> None:
        request = urllib.request.Request(self.url + path, body)
        request.add_header("Content-Type", "application/x-protobuf")
        request.add_header("Content-Encoding", "snappy")
        if self.options.basic_auth:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
        context = None
        if self.options.tls:
            context = ssl.create_default_context(cafile=str(self.certificates.ca))
            context.load_cert_chain(*self.client_certificate)
        try:
            urllib.request.urlopen(request, timeout=30, context=context).close()
        except urllib.error.HTTPError as error:
            if path.startswith("/-/"):
                raise
            raise TestbedError(f"{path}: {error.code} {error.read().decode(errors='replace')}\n{self.daemon.tail()}") from None
