"""The command lines of a cluster's processes, and the files that they read.

https://kubernetes.io/docs/reference/command-line-tools-reference/, https://etcd.io/docs/v3.6/op-guide/configuration/,
https://kwok.sigs.k8s.io/docs/generated/kwok/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.credentials import Certificates, Tokens, make_certificates, write_kubeconfig
from tests.testbed.daemons import free_ports
from tests.testbed.stages import stages

# 192.0.2.1 is an address for documentation (RFC 5737). It only appears in the endpoints of Service default/kubernetes; without it, the API
# server looks for a default route, and does not start on a machine that has none.
_ADVERTISED = "192.0.2.1"
# With this feature (on since 1.34) pages come from snapshots in memory, which notice a compaction up to 15 s late. Without it, they come
# from etcd, as in earlier versions, and a continue token expires at once. A client cannot tell which it was.
_FEATURES = "ListFromCacheSnapshot=false"
_AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}


@dataclass(frozen=True, slots=True)
class Layout:
    """One cluster's folder and ports."""

    folder: Path
    certificates: Certificates
    tokens: Tokens
    etcd_port: int
    etcd_peer_port: int
    apiserver_port: int
    manager_port: int
    scheduler_port: int
    kwok_port: int

    @property
    def etcd(self) -> str:
        """Where etcd answers the API server."""
        return f"http://127.0.0.1:{self.etcd_port}"

    @property
    def server(self) -> str:
        """Where the API server answers everybody."""
        return f"https://127.0.0.1:{self.apiserver_port}"

    @property
    def audit_log(self) -> Path:
        """A line of JSON for each request."""
        return self.folder / "audit.log"

    def file(self, name: str, content: Mapping[str, object] | str) -> Path:
        """Write a file, as JSON unless it is text, and return its path."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def component(self, user: str) -> Path:
        """The kubeconfig of one of the cluster's own components."""
        token = self.tokens[user]
        return write_kubeconfig(self.folder / "kubeconfigs", user=user, server=self.server, ca=self.certificates.ca, token=token)


def lay_out(folder: Path, users: dict[str, tuple[str, ...]]) -> Layout:
    """Make certificates and tokens, and find free ports."""
    return Layout(folder, make_certificates(folder / "certificates"), Tokens(folder / "tokens.csv", users), *free_ports(6))


def etcd(layout: Layout) -> list[str]:
    """One member, which writes as if there were no tomorrow."""
    peer = f"http://127.0.0.1:{layout.etcd_peer_port}"
    listen = [f"--listen-client-urls={layout.etcd}", f"--advertise-client-urls={layout.etcd}", f"--listen-peer-urls={peer}"]
    member = [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"]
    return [f"--data-dir={layout.folder / 'etcd'}", *listen, *member, "--unsafe-no-fsync", "--log-level=error"]


def apiserver(layout: Layout) -> list[str]:
    """Static tokens, RBAC, the default admission plugins, every request in the audit log."""
    key = layout.certificates.signing_key
    return [
        f"--etcd-servers={layout.etcd}",
        f"--secure-port={layout.apiserver_port}",
        "--bind-address=127.0.0.1",
        f"--advertise-address={_ADVERTISED}",
        *_serving_certificate(layout),
        f"--client-ca-file={layout.certificates.ca}",
        f"--token-auth-file={layout.tokens.file}",
        "--authorization-mode=RBAC",
        "--allow-privileged",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--audit-policy-file={layout.file('audit-policy.yaml', _AUDIT_POLICY)}",
        f"--audit-log-path={layout.audit_log}",
        "--audit-log-maxsize=1000000",  # MB: one file, never rotated
        f"--feature-gates={_FEATURES}",
    ]


def controller_manager(layout: Layout) -> list[str]:
    """Every controller, not held back by the client's own rate limit."""
    return [
        *_component(layout, layout.manager_port, layout.component("system:kube-controller-manager")),
        f"--kubeconfig={layout.component('system:kube-controller-manager')}",
        f"--service-account-private-key-file={layout.certificates.signing_key}",
        f"--root-ca-file={layout.certificates.ca}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
    ]


def scheduler(layout: Layout) -> list[str]:
    """The default profile."""
    config = layout.component("system:kube-scheduler")
    settings = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": {"kubeconfig": str(config), "qps": 1000, "burst": 2000},
    }
    return [*_component(layout, layout.scheduler_port, config), f"--config={layout.file('scheduler.yaml', settings)}"]


def kwok(layout: Layout) -> list[str]:
    """Every node is a simulated one."""
    return [
        f"--kubeconfig={layout.component('kwok')}",
        "--manage-all-nodes",
        f"--config={layout.file('stages.yaml', stages())}",
        f"--server-address=127.0.0.1:{layout.kwok_port}",
    ]


def _component(layout: Layout, port: int, kubeconfig: Path) -> list[str]:
    asks = [f"--authentication-kubeconfig={kubeconfig}", f"--authorization-kubeconfig={kubeconfig}"]
    return ["--bind-address=127.0.0.1", f"--secure-port={port}", *_serving_certificate(layout), *asks]


def _serving_certificate(layout: Layout) -> list[str]:
    return [f"--tls-cert-file={layout.certificates.certificate}", f"--tls-private-key-file={layout.certificates.key}"]
