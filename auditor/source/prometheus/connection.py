"""Where the server is, and what it lets in: options say where, the environment and files hold what is secret.

Nothing secret is taken from the command line, which every user of a machine can read.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from auditor.errors import UsageError
from auditor.source.http import open_pool

__all__ = ["CREDENTIALS", "MAX_IN_FLIGHT", "Access", "access"]

# COST.md 4.5: an audit is a guest, and this many at a time already keep a server of two cores busy.
MAX_IN_FLIGHT = 4
CREDENTIALS = "PROMETHEUS_TOKEN or PROMETHEUS_TOKEN_FILE, or PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD"
_KEY_LENGTH = 12
_LIKE = "write it like http://prometheus.monitoring:9090"
_HEADERS = "write a line for each, such as `X-Scope-OrgID: team-a`"
_PAGES = re.compile(r"/(?:api/v1(?:/query)?|graph|query)?/*$")  # what people copy from a browser or a manual


@dataclass(frozen=True, slots=True)
class Access:
    """A server and how to get in.

    Attributes:
        url: without a slash at the end; ``/api/v1/query`` follows.
        token: a bearer token; empty without.
        username: for basic authentication; empty without.
        password: likewise.
        headers: sent along, such as the tenant of Mimir.
        ca_file: whom to trust instead of the system's authorities.
        cert_file: the client's certificate.
        key_file: its key; None where the certificate's file holds it.
        insecure: believe any certificate.
        timeout: seconds for all queries together.
    """

    url: str
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    insecure: bool = False
    timeout: float = 1800.0

    @property
    def authorization(self) -> str:
        """The value of that header; empty where nothing is to be shown, or where it is among the headers."""
        if self.token:
            return f"Bearer {self.token}"
        if self.username:
            return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold, the longest first. A short value of a header is a tenant, and may well be a word of the message."""
        basic = self.authorization.partition(" ")[2]
        keys = {value for value in self.headers.values() if len(value) >= _KEY_LENGTH}
        return tuple(sorted({self.token, self.password, basic, *keys} - {""}, key=len, reverse=True))

    def pool(self) -> Any:
        """urllib3's pool manager.

        Raises:
            UsageError: a certificate, a key or the proxy cannot be used.
        """
        import ssl

        what = f"--prometheus-ca {self.ca_file}"
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file:
                what = f"--prometheus-cert {self.cert_file}"
                context.load_cert_chain(self.cert_file, self.key_file, password="")
            if self.insecure:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise UsageError(f"{what} cannot be used: {reason}", "it is a file in PEM, and a key has no pass phrase") from None
        scheme, host = urlsplit(self.url).scheme, urlsplit(self.url).hostname or ""
        try:
            return open_pool(scheme, host, context, MAX_IN_FLIGHT)
        except ValueError:
            raise UsageError("the proxy of the environment cannot be used", f"see {scheme.upper()}_PROXY and NO_PROXY") from None


def access(
    url: str,
    environment: Mapping[str, str],
    *,
    headers_file: Path | None = None,
    ca_file: Path | None = None,
    cert_file: Path | None = None,
    key_file: Path | None = None,
    insecure: bool = False,
    timeout: float = 1800.0,
) -> Access:
    """What options and environment together say.

    Args:
        url: of the server, with the path that comes before ``/api/v1``.
        environment: the variables ``PROMETHEUS_…``, as `CREDENTIALS` lists them, and ``PROMETHEUS_HEADERS``.
        headers_file: a file with more headers, a line for each.
        ca_file: see `Access`, as the other options.
        cert_file: see there.
        key_file: see there.
        insecure: see there.
        timeout: see there.

    Raises:
        UsageError: something of it cannot be meant.
    """
    token, password = _secret(environment, "PROMETHEUS_TOKEN"), _secret(environment, "PROMETHEUS_PASSWORD")
    username = environment.get("PROMETHEUS_USERNAME", "")
    headers = _headers(environment.get("PROMETHEUS_HEADERS", ""), "PROMETHEUS_HEADERS")
    if headers_file:
        headers |= _headers(_read(headers_file, "--prometheus-headers"), f"--prometheus-headers {headers_file}")
    ways = [
        name for name, given in (("a token", token), ("a user name", username), ("a header Authorization", _authorizes(headers))) if given
    ]
    if len(ways) > 1:
        raise UsageError(f"the environment holds {' and '.join(ways)} for Prometheus", "leave one of them out")
    if bool(username) != bool(password):
        raise UsageError("PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD go together", "set both, or none")
    if ":" in username:
        raise UsageError("PROMETHEUS_USERNAME holds a colon, which no user name may")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("PROMETHEUS_TOKEN holds characters that no token can", "it is the bare token, without the word Bearer")
    if key_file and not cert_file:
        raise UsageError("--prometheus-key needs --prometheus-cert", "name the certificate that the key belongs to")
    ca, cert, key = (str(file) if file else None for file in (ca_file, cert_file, key_file))
    return Access(_address(url), token, username, password, headers, ca, cert, key, insecure, timeout)


def _address(url: str) -> str:
    """The address as requests begin with it.

    Raises:
        UsageError: it is none, or holds more than an address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if "@" in url:  # nothing of it is repeated
        remedy = "put them into the environment: PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD, or PROMETHEUS_TOKEN"
        raise UsageError("the address of Prometheus holds credentials, and others can read a command line", remedy)
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not url.isprintable() or " " in url:
        raise UsageError(f"{url!r} is no address of a Prometheus", _LIKE)
    if parts.query or parts.fragment:
        raise UsageError("the address of Prometheus ends before ? and #", f"{_LIKE}; what goes along belongs into PROMETHEUS_HEADERS")
    return f"{parts.scheme}://{parts.netloc}{_PAGES.sub('', parts.path + '/')}"


def _secret(environment: Mapping[str, str], name: str) -> str:
    """A variable, or what stands in the file that its sister names."""
    value, file = environment.get(name, ""), environment.get(f"{name}_FILE", "")
    if value and file:
        raise UsageError(f"{name} and {name}_FILE are both set", "leave one of them out")
    return _read(Path(file), f"{name}_FILE").strip("\r\n") if file else value.strip("\r\n")


def _read(file: Path, what: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"{what}: {file} cannot be read: {reason}") from None


def _headers(text: str, where: str) -> dict[str, str]:
    return dict(_each_header(text, where))


def _each_header(text: str, where: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.fullmatch(r"\s*([!#$%&'*+.^_`|~\w-]+)\s*:\s*(\S(?:.*\S)?)\s*", line, re.ASCII)  # RFC 9110, 5.1
        if match is None or not match[2].isascii() or not match[2].isprintable():
            raise UsageError(f"line {number} of {where} is no header", _HEADERS)
        yield match[1], match[2]


def _authorizes(headers: Mapping[str, str]) -> bool:
    return any(name.lower() == "authorization" for name in headers)
