"""Certificates, token users and kubeconfigs of one testbed: made anew each time, and worth nothing elsewhere."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

MASTERS = "system:masters"  # the group that RBAC never asks
COMPONENTS = {"system:kube-controller-manager": (), "system:kube-scheduler": (), "kwok": (MASTERS,)}


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: a CA, a certificate of it for 127.0.0.1 and localhost with its key, and the key that signs service account tokens."""

    ca: Path
    certificate: Path
    key: Path
    signing_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Elliptic keys, because they are made in milliseconds. Valid for a week.

    Called again with another folder, it gives a CA that the API server does not know, for tests of the wrong one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificates(*(folder / name for name in ("ca.pem", "server.pem", "server-key.pem", "signing-key.pem")))
    for name in ("ca-key.pem", made.key.name, made.signing_key.name):
        _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name)
    (folder / "request.cnf").write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n"
        "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n"
        "[server]\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n"
        "subjectAltName=IP:127.0.0.1,DNS:localhost\n"
        "[client]\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\nauthorityKeyIdentifier=keyid\n",
        encoding="utf-8",
    )
    _openssl(folder, *_REQUEST, "ca-key.pem", "-x509", "-subj", "/CN=testbed-ca", "-out", "ca.pem")
    _sign(folder, "testbed", "server", made.key.name, made.certificate.name)
    return made


def make_client_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate with its key that vouches for a client, signed by the CA that `make_certificates` left in the folder."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key.name)
    _sign(folder, name, "client", key.name, certificate.name)
    return certificate, key


_REQUEST = ("req", "-new", "-config", "request.cnf", "-days", "7", "-key")


def _sign(folder: Path, name: str, sort: str, key: str, certificate: str) -> None:
    _openssl(folder, *_REQUEST, key, "-subj", f"/CN={name}", "-out", f"{sort}.csr")
    sign = ("x509", "-req", "-in", f"{sort}.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "7")
    _openssl(folder, *sign, "-extfile", "request.cnf", "-extensions", sort, "-out", certificate)


def _openssl(folder: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RuntimeError("openssl is missing: the testbed makes its certificates with it") from None
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.strip()}")


class Tokens:
    """Users with static tokens, as ``--token-auth-file`` wants them. The API server reads that file once, when it starts."""

    def __init__(self, file: Path, users: dict[str, tuple[str, ...]]) -> None:
        self.file = file
        self._users: dict[str, tuple[str, tuple[str, ...]]] = {}
        for user, groups in (COMPONENTS | users).items():
            self.add(user, groups)

    def __contains__(self, user: str) -> bool:
        return user in self._users

    def __getitem__(self, user: str) -> str:
        """The user's token."""
        return self._users[user][0]

    def add(self, user: str, groups: tuple[str, ...] = ()) -> None:
        """Add a user, or give a user other groups and a new token."""
        self._users[user] = (secrets.token_hex(16), groups)
        lines = [f'{token},"{name}","{name}"' + (f',"{",".join(of)}"' if of else "") + "\n" for name, (token, of) in self._users.items()]
        self.file.touch(mode=0o600)
        self.file.write_text("".join(lines), encoding="utf-8")


def write_kubeconfig(folder: Path, *, user: str, server: str, ca: Path, token: str, namespace: str = "default") -> Path:
    """A kubeconfig with one context, called ``testbed``. The same arguments give the same file."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": {"server": server, "certificate-authority": str(ca)}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user, "namespace": namespace}}],
    }
    text = json.dumps(content, indent=2)  # JSON is YAML
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{user.replace('/', '-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.yaml"
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")
    return file
