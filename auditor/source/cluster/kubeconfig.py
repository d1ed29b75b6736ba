"""A connection as kubectl would make it: kubeconfig files merged, exec plugins, the service account of the pod this runs in.

The only module that imports ``kubernetes``, and it takes from it what kubectl and it have in common. Its typed models would cost
milliseconds an object.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from typing import Any

from auditor.errors import UsageError
from auditor.source.cluster.connection import Connection

__all__ = ["connect"]

_AT_HOME = "~/.kube/config"


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
    pool = client.ApiClient(settings).rest_client.pool_manager
    return Connection(settings.host.rstrip("/"), name, pool, lambda: _authorization(settings), time.monotonic() + timeout, complaints)


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
        except config.ConfigException as error:
            raise UsageError(f"the service account of this pod cannot be used: {error}", "see automountServiceAccountToken") from None
        return "in-cluster"
    try:
        config.load_kube_config(config_file=files, context=context, client_configuration=settings, persist_config=False)
        contexts, current = config.list_kube_config_contexts(config_file=files)
    except config.ConfigException as error:
        reason = str(error).splitlines()[0]
    except (yaml.YAMLError, UnicodeDecodeError):
        reason = "it is not valid YAML"
    except OSError as error:
        reason = str(error.strerror or error)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # the library does not check what a kubeconfig may hold
        reason = f"{type(error).__name__}: {error}"
    else:
        chosen = next((entry for entry in contexts if entry["name"] == context), current) if context else current
        return str(chosen["name"])
    raise UsageError(f"the kubeconfig {files} cannot be used: {reason}", "`kubectl config view` shows it")


def _authorization(settings: Any) -> dict[str, str]:
    """The header that authenticates a request; the client renews tokens that run out."""
    found = settings.auth_settings().get("BearerToken")
    if found and found.get("value"):
        return {"Authorization": found["value"]}
    if settings.username:
        return {"Authorization": settings.get_basic_auth_token()}
    return {}


@contextlib.contextmanager
def _complaints() -> Iterator[list[str]]:
    """What the library logs, such as the failure of an exec plugin: it goes on without a token, and the API server then says 401."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage().partition("\n")[0])

    root, handler = logging.getLogger(), Keep(logging.WARNING)
    root.addHandler(handler)
    try:
        yield found
    finally:
        root.removeHandler(handler)
