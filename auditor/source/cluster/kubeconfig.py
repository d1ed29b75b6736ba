"""A connection as kubectl would make it: kubeconfig files merged, exec plugins, the service account of the pod this runs in.

The only module that imports ``kubernetes``, and it takes from it what kubectl and it have in common. Its typed models would cost
milliseconds an object.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from auditor.errors import SourceError, UsageError
from auditor.source.cluster.connection import Connection

__all__ = ["connect"]

_AT_HOME = "~/.kube/config"
_LOG_IN = "log in again as for kubectl"


def connect(kubeconfig: str | None, context: str | None, timeout: float) -> Connection:
    """A connection to the cluster of a context.

    Args:
        kubeconfig: a file, or None for ``$KUBECONFIG`` (several files are merged), ``~/.kube/config`` or the pod's service account.
        context: a context's name, or None for the current one.
        timeout: seconds for everything together.

    Raises:
        UsageError: there is no such file or context, or it cannot be used.
    """
    from kubernetes import client

    settings = client.Configuration()
    with _complaints() as complaints:
        name = _load(settings, kubeconfig, context)
    settings.retries = False  # ours are bounded by one deadline
    pool = _pool(settings)
    host = settings.host.rstrip("/")
    return Connection(host, name, pool, _headers(settings, host), time.monotonic() + timeout, complaints)


def _load(settings: Any, kubeconfig: str | None, context: str | None) -> str:
    """Fill in the settings, and return the name of the context, or of the place it was found."""
    import yaml
    from kubernetes import config

    files = kubeconfig or os.environ.get("KUBECONFIG") or _AT_HOME
    paths = [os.path.expanduser(file) for file in files.split(os.pathsep) if file]  # noqa: PTH111 - kubectl's own rules for lists of paths
    if not any(map(os.path.exists, paths)):
        if kubeconfig or context or "KUBERNETES_SERVICE_HOST" not in os.environ:
            raise UsageError(f"there is no kubeconfig {files}", "name one with --kubeconfig, or run inside a cluster")
        try:
            config.load_incluster_config(client_configuration=settings)
        except (config.ConfigException, OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the service account of this pod cannot be used: {error}", "see automountServiceAccountToken") from None
        return "in-cluster"
    try:
        name = context or _current(paths)
        if not name:
            raise UsageError(f"the kubeconfig {files} has no current context", "name one with --context")
        settings.host = ""
        config.load_kube_config(config_file=files, context=name, client_configuration=settings, persist_config=False)
    except config.ConfigException as error:
        reason = _without_content(str(error))
    except (yaml.YAMLError, UnicodeDecodeError):
        reason = "it is not valid YAML"
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}" if error.strerror and error.filename else str(error)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:  # the library does not check what one may hold
        reason = _without_content(f"{type(error).__name__}: {error}")
    else:
        if settings.host.startswith(("https://", "http://")):
            return name
        reason = f"the cluster of context {name} has no server that begins with https://"
    raise UsageError(f"the kubeconfig {files} cannot be used: {reason}", "`kubectl config view` shows it")


def _current(paths: Sequence[str]) -> str:
    """The current context of several files, which is that of the first that names one. The library takes the last.

    Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
    """
    import yaml

    for path in filter(os.path.exists, paths):
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as above
            content = yaml.safe_load(file)
        if isinstance(content, dict) and content.get("current-context"):
            return str(content["current-context"])
    return ""


def _pool(settings: Any) -> Any:
    """urllib3's pool manager, with certificates, after they have been looked at: later, they would only break connections.

    Raises:
        UsageError: a certificate, a key or the proxy cannot be used.
    """
    from kubernetes import client

    what, remedy = "certificate-authority", "`kubectl config view` shows it"
    try:
        if settings.host.startswith("https://"):
            checked = ssl.create_default_context(cafile=settings.ssl_ca_cert)
            what = "client-certificate"
            if settings.cert_file:
                checked.load_cert_chain(settings.cert_file, settings.key_file, password="")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise UsageError(f"the {what} of the kubeconfig cannot be used: {reason}", remedy) from None
    warnings.filterwarnings("ignore", "Unverified HTTPS request")  # who skips verification in a kubeconfig knows it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a SOCKS proxy needs; the error says enough
            return client.ApiClient(settings).rest_client.pool_manager
    except (ImportError, ValueError, TypeError, AttributeError):
        raise UsageError("the proxy-url of the kubeconfig cannot be used", "it is a URL with http or https") from None


def _headers(settings: Any, host: str) -> Callable[[], dict[str, str]]:
    """What gives the header for each request; one thread at a time, since it may call an exec plugin to renew the token."""
    lock = threading.Lock()

    def headers() -> dict[str, str]:
        try:
            with lock, _complaints() as complaints:
                found = _authorization(settings)
        except Exception as error:  # noqa: BLE001 - of the library, which calls a plugin or reads a file; the next line says what
            complaints = [_without_content(str(error))]
            found = {}
        if complaints:
            raise SourceError(f"the credentials for {host} cannot be renewed: {complaints[0]}", _LOG_IN)
        value = found.get("Authorization", "")
        if not value.isascii() or not value.isprintable():
            raise SourceError(f"the token for {host} holds characters that no token can", _LOG_IN)
        return found

    return headers


def _authorization(settings: Any) -> dict[str, str]:
    """The header that authenticates a request; the client renews tokens that run out."""
    found = settings.auth_settings().get("BearerToken")
    if found and found.get("value"):
        return {"Authorization": str(found["value"]).strip()}
    if settings.username:
        return {"Authorization": settings.get_basic_auth_token()}
    return {}


@contextlib.contextmanager
def _complaints() -> Iterator[list[str]]:
    """What the library logs, such as the failure of an exec plugin: it goes on without a token, and the API server then says 401."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "root":  # not what other threads log meanwhile
                found.append(_without_content(record.getMessage()))

    root, handler = logging.getLogger(), Keep(logging.WARNING)
    root.addHandler(handler)
    try:
        yield found
    finally:
        root.removeHandler(handler)


def _without_content(text: str) -> str:
    """A complaint of the library on one line, without the parts of the kubeconfig that it quotes: those hold tokens."""
    text = " ".join(re.sub(r"/?\{.*\}", "", text, flags=re.DOTALL).split())
    return "".join(letter for letter in text if letter.isprintable())[:300]
