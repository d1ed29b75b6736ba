"""The programs of the testbed, built once per machine: ``python -m tests.testbed.build``.

``go.mod`` and ``kwok/go.mod`` beside this file are tool lists for https://go.dev/ref/mod: their ``go.sum`` pins every dependency by hash.
The binaries (425 MB) go to ``mlaudit-testbed/<key>`` in the user's cache folder. The key changes with those files, with Go and with the
flags, so that a folder is complete or absent and never stale; older folders may be deleted. ``KUBEBUILDER_ASSETS``, if set, names a
folder that supplies etcd and kube-apiserver (https://book.kubebuilder.io/reference/envtest), which are then not built.

Measured with Go 1.26 from empty caches: 10 min of processor time, which is 5 min on two free cores, and 14 min on two busy ones with
GOFLAGS=-p=1. With nothing to do: 0.2 s. Go's own caches grow by 1.5 GB of sources and 3.5 GB of objects, which may be cleaned.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
_COMPONENT = "k8s.io/component-base/version"
_COMMANDS = {name: (HERE, f"k8s.io/kubernetes/cmd/{name}") for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")}
PROGRAMS: dict[str, tuple[Path, str]] = {  # name: where its go.mod is, and its package
    "etcd": (HERE, "go.etcd.io/etcd/server/v3"),
    **_COMMANDS,
    "kubectl": (HERE, "k8s.io/kubernetes/cmd/kubectl"),
    "kwok": (HERE / "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
}
_SUPPLIED = ("etcd", "kube-apiserver")  # what KUBEBUILDER_ASSETS may hold
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOWORK": "off"}


class NotBuilt(Exception):
    """There are no binaries; the text says why, in one line."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where each program is."""

    folder: Path
    assets: Path | None

    def path(self, program: str) -> Path:
        """The file of a program, which need not exist yet."""
        return (self.assets or self.folder if program in _SUPPLIED else self.folder) / program

    def missing(self) -> list[str]:
        """Programs that are not there, in the order of building."""
        return [program for program in PROGRAMS if not self.path(program).is_file()]


def kubernetes_version() -> str:
    """The version that go.mod asks for, such as ``v1.36.3``."""
    found = re.search(r"k8s\.io/kubernetes (v1\.\d+\.\d+)", (HERE / "go.mod").read_text(encoding="utf-8"))
    assert found
    return found[1]


def _ldflags() -> str:
    """Without these the API server calls itself v0.0.0-master, and clients that look at its version go astray."""
    version = kubernetes_version()
    minor = version.split(".")[1]
    return f"-s -w -X {_COMPONENT}.gitVersion={version} -X {_COMPONENT}.gitMajor=1 -X {_COMPONENT}.gitMinor={minor}"


def go_version() -> str:
    if not shutil.which("go"):
        raise NotBuilt("Go is missing (https://go.dev/dl): it builds the programs of the testbed")
    done = subprocess.run(["go", "version"], cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotBuilt(f"go version: {done.stderr.strip()}")
    return done.stdout.strip()


def cache() -> Path:
    """The folder of everything that is built or fetched for the testbed."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlaudit-testbed"


def _place() -> Binaries:
    """Where the binaries for this Go and these modules belong.

    Raises:
        NotBuilt: Go is missing, or too old for the modules.
    """
    key = hashlib.sha256(f"{go_version()}\n{platform.machine()}\n{_ldflags()}\n".encode())
    for folder in (HERE, HERE / "kwok"):
        for name in ("go.mod", "go.sum"):
            key.update((folder / name).read_bytes())
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    return Binaries(cache() / key.hexdigest()[:16], Path(assets) if assets else None)


def find() -> Binaries:
    """The binaries as built before.

    Raises:
        NotBuilt: Some are missing, or something else that the testbed needs.
    """
    if sys.platform == "win32":
        raise NotBuilt("the testbed does not run on Windows")
    if not shutil.which("openssl"):
        raise NotBuilt("openssl is missing: it makes the certificates of the testbed")
    binaries = _place()
    if missing := binaries.missing():
        raise NotBuilt(f"not built: {', '.join(missing)}; run python -m tests.testbed.build")
    return binaries


@contextmanager
def lock(file: Path) -> Iterator[None]:
    """One build at a time: a second one waits, and then finds everything built. The system frees the lock of a process that dies."""
    import fcntl  # not on Windows, where tests on the testbed are skipped

    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build is running: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def say(line: str) -> None:
    """One line about the progress of a build."""
    print(f"testbed: {line}", flush=True)  # noqa: T201


def go_build(module: Path, package: str, target: Path, log: Path) -> None:
    """Build one program. It appears under its name only when it is complete."""
    partial = target.with_name(f"{target.name}.partial")
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags", _ldflags(), "-o", str(partial), package]
    with log.open("w") as output:
        status = subprocess.run(
            command, cwd=module, env=os.environ | _ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        ).returncode
    if status:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise NotBuilt(f"go build {package} failed with status {status}; the end of {log}:\n{tail}")
    partial.replace(target)
    log.unlink()


def build() -> Binaries:
    """Build what is missing.

    Raises:
        NotBuilt: Go is missing, or a build failed.
    """
    binaries = _place()
    binaries.folder.mkdir(parents=True, exist_ok=True)
    with lock(binaries.folder / "lock"):
        for program in binaries.missing():
            if binaries.assets and program in _SUPPLIED:
                raise NotBuilt(f"KUBEBUILDER_ASSETS has no {program}: {binaries.assets}")
            say(f"building {program} (the first time takes minutes)")
            began = time.monotonic()
            module, package = PROGRAMS[program]
            go_build(module, package, binaries.path(program), binaries.folder / f"{program}.log")
            size = binaries.path(program).stat().st_size
            say(f"built {program}: {size / 1e6:.0f} MB in {time.monotonic() - began:.0f} s")
    return binaries


def main() -> int:
    """Build, and say where the programs are."""
    try:
        binaries = build()
    except NotBuilt as error:
        say(str(error))
        return 1
    say(f"ready in {binaries.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
