"""Raw requests to an API server, as one user: for what kubectl is too slow for, or hides."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]  # in lower case
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Client:
    """A connection per thread, kept open. Errors of the server are answers, not exceptions."""

    def __init__(self, server: str, ca: Path, token: str, timeout: float = 30.0) -> None:
        self._address = urlsplit(server)
        self._context = ssl.create_default_context(cafile=str(ca)) if self._address.scheme == "https" else None
        self._token = token
        self._timeout = timeout
        self._local = threading.local()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, object] | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send ``body`` as JSON, unless it is bytes. What is answered is given as it came.

        Raises:
            OSError: There is no connection, or it broke.
            http.client.HTTPException: What came was not HTTP, or not all of it.
        """
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self._token}", "Accept": "application/json", **(headers or {})}
        if data is not None:
            sent["Content-Type"] = content_type
        target = f"{path}?{urlencode(query)}" if query else path
        fresh = not hasattr(self._local, "connection")
        try:
            return self._send(method, target, data, sent)
        except (ConnectionError, ssl.SSLEOFError):
            if fresh:
                raise
        return self._send(method, target, data, sent)  # the server closed the old connection, for example by restarting

    def get(self, path: str, **query: object) -> Answer:
        """A GET request, with a query of keyword arguments such as ``labelSelector``."""
        return self.request("GET", path, query=query)

    def _send(self, method: str, target: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
        connection: http.client.HTTPConnection = self._local.connection
        try:
            connection.request(method, target, body=data, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        except (http.client.HTTPException, OSError):
            connection.close()
            del self._local.connection
            raise

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._context:
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)
