"""The processes of a cluster: etcd, API server, controller manager, scheduler, and kwok for the nodes. How to start, stop and hurt them."""

from __future__ import annotations

import atexit
import base64
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.testbed import flags
from tests.testbed.audit import AuditEvent, read_events
from tests.testbed.build import Binaries
from tests.testbed.client import Client
from tests.testbed.credentials import MASTERS, write_kubeconfig
from tests.testbed.daemons import Daemon, TestbedError, Watchdog, wait_until
from tests.testbed.proxy import FaultyProxy

T = TypeVar("T")


class ControlPlane:
    """All of it lives in one temporary folder and on the loopback interface.

    Attributes:
        folder: Files, logs, kubeconfigs. Removed at the end.
        server: The API server's URL.
        ca: The certificate authority that vouches for it.
        daemons: The processes by the name of their program.
    """

    def __init__(self, binaries: Binaries, users: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._binaries = binaries
        self._users = {"admin": (MASTERS,), "auditor": (), **(users or {})}
        self.daemons: dict[str, Daemon] = {}
        self._clients: dict[str, Client] = {}

    # -- start and stop -------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything and wait until it is ready.

        Raises:
            TestbedError: Something ended or was not ready in time. Nothing is left running.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="mlaudit-testbed-"))
        self._watchdog = Watchdog(self.folder)
        atexit.register(self.stop)
        try:
            self._layout = flags.lay_out(self.folder, self._users)
            self.server, self.ca, self.tokens = self._layout.server, self._layout.certificates.ca, self._layout.tokens
            self._start_all()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything and remove the folder. There is nothing to save, so the processes are killed."""
        atexit.unregister(self.stop)
        for daemon in reversed(self.daemons.values()):
            daemon.stop(kill=True)
        self._watchdog.close()

    def _start_all(self) -> None:
        layout = self._layout
        self._start("etcd", flags.etcd(layout))
        self._wait_ready("etcd", lambda: self._answers(f"{layout.etcd}/health"))
        self._start("kube-apiserver", flags.apiserver(layout))
        self._wait_ready("kube-apiserver", self._serves)
        self._start("kube-controller-manager", flags.controller_manager(layout))
        self._start("kube-scheduler", flags.scheduler(layout))
        self._start("kwok", flags.kwok(layout))
        self._wait_ready("kube-controller-manager", lambda: self._answers(f"https://127.0.0.1:{layout.manager_port}/healthz"))
        self._wait_ready("kube-scheduler", lambda: self._answers(f"https://127.0.0.1:{layout.scheduler_port}/healthz"))
        self._wait_ready("kwok", lambda: self._answers(f"http://127.0.0.1:{layout.kwok_port}/healthz"))
        account = "/api/v1/namespaces/default/serviceaccounts/default"  # no Pod is admitted before its namespace has one
        self._wait_ready("kube-controller-manager", lambda: self.client().get(account).status == 200)

    def _start(self, program: str, arguments: list[str]) -> None:
        daemon = self.daemons[program] = Daemon([self._binaries.path(program), *arguments], self.folder, self._watchdog)
        daemon.start()

    def _wait_ready(self, program: str, ready: Callable[[], bool]) -> None:
        self.wait(f"{program} is ready", lambda: self.daemons[program].crashed or ready(), timeout=60, blame=program)
        if self.daemons[program].crashed:
            raise TestbedError(f"{program} ended while it started\n{self.daemons[program].tail()}")

    def _answers(self, url: str) -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5, context=ssl.create_default_context(cafile=str(self.ca))) as response:
                return bool(response.status == 200)
        except OSError:  # refused, reset, or an HTTPError
            return False

    def _serves(self) -> bool:
        try:
            return self.client().get("/readyz").status == 200
        except OSError:
            return False

    def wait(self, what: str, predicate: Callable[[], T], timeout: float = 30.0, *, blame: str = "") -> T:
        """Ask until the answer is true, and return it.

        Raises:
            TestbedError: It never was. The text holds the last answer, and the end of the logs of what has crashed and of ``blame``.
        """
        try:
            return wait_until(what, predicate, timeout)
        except TestbedError as error:
            logs = [daemon.tail() for name, daemon in self.daemons.items() if daemon.crashed or name == blame]
            raise TestbedError("\n".join([str(error), *logs])) from None

    # -- access ---------------------------------------------------------------------------------------------------------------------

    def token(self, user: str) -> str:
        """The user's token. A name that is not known yet becomes a user without groups, for which the API server restarts (2 s)."""
        if user not in self.tokens:
            self.tokens.add(user)
            self.restart_apiserver()
        return self.tokens[user]

    def kubeconfig(
        self, user: str = "admin", *, server: str = "", ca: Path | None = None, token: str = "", namespace: str = "default"
    ) -> Path:
        """A kubeconfig of this user; on demand with another server (a proxy), CA (a wrong one) or token (one that nobody knows)."""
        token = token or self.token(user)
        folder = self.folder / "kubeconfigs"
        return write_kubeconfig(folder, user=user, server=server or self.server, ca=ca or self.ca, token=token, namespace=namespace)

    def client(self, user: str = "admin") -> Client:
        """Raw requests as this user; the same client for the same user, which threads may share."""
        if user not in self._clients:
            self._clients[user] = Client(self.server, self.ca, self.token(user))
        return self._clients[user]

    def proxy(self, *, tls: bool = True) -> FaultyProxy:
        """A faulty proxy in front of the API server, with a certificate of the same CA. Use it as a context manager."""
        files = self._layout.certificates
        return FaultyProxy(self.server, self.ca, (files.certificate, files.key) if tls else None)

    # -- faults ---------------------------------------------------------------------------------------------------------------------

    def stop_apiserver(self, *, kill: bool = True) -> None:
        """Kill the API server, or with ``kill=False`` let it finish what it does."""
        self.daemons["kube-apiserver"].stop(kill=kill)

    def start_apiserver(self) -> None:
        """Start it again, on the same port and with the same data, and wait until it is ready."""
        self.daemons["kube-apiserver"].start()
        self._wait_ready("kube-apiserver", self._serves)

    def restart_apiserver(self, *, kill: bool = True) -> None:
        """Both, one after the other. The other components find it again by themselves."""
        self.stop_apiserver(kill=kill)
        self.start_apiserver()

    def compact_etcd(self) -> None:
        """Forget every version of every object but the present one, so that continue tokens given out before are answered with 410.

        Through etcd's JSON gateway: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
        """
        key = base64.b64encode(b"mlaudit-testbed").decode()
        written = self._etcd("put", {"key": key, "value": key})  # a token of the very latest version would remain good
        self._etcd("compaction", {"revision": written["header"]["revision"], "physical": True})

    def _etcd(self, call: str, body: Mapping[str, object]) -> Any:
        url = f"{self._layout.etcd}/v3/kv/{call}"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    # -- what happened --------------------------------------------------------------------------------------------------------------

    def audit_events(self, user: str = "") -> list[AuditEvent]:
        """Requests that the API server has answered, in the order of its log; of one user, or of everybody."""
        return read_events(self._layout.audit_log, self.client(), user)

    def memory(self) -> dict[str, int]:
        """Resident bytes of each process."""
        return {name: daemon.memory() for name, daemon in self.daemons.items()}
