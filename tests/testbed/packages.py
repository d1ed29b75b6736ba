"""The programs of the testbed that Debian packages hold: ``python -m tests.testbed.packages``.

What is on the PATH is taken from there. Everything else is unpacked into ``mlaudit-testbed/debian`` in the user's cache folder, which
changes nothing on the machine and starts no daemon; only where that does not work, and as root, packages are installed.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.testbed.build import NotBuilt, cache, lock, say

PACKAGES: dict[str, tuple[str, ...]] = {"prometheus": ("prometheus", "promtool")}  # package: its programs
_RUN = "run python -m tests.testbed.packages"


def find(program: str) -> Path:
    """Where a program is.

    Raises:
        NotBuilt: It is nowhere.
    """
    package = next(package for package, programs in PACKAGES.items() if program in programs)
    unpacked = _folder() / package / "usr" / "bin" / program
    if found := shutil.which(program):
        return Path(found)
    if unpacked.is_file():
        return unpacked
    raise NotBuilt(f"{program} is missing: {_RUN}, or install the package {package}")


def _folder() -> Path:
    return cache() / "debian" / platform.machine()


def fetch() -> dict[str, Path]:
    """Obtain what is missing, and return where each program is.

    Raises:
        NotBuilt: A package can neither be unpacked nor installed.
    """
    _folder().mkdir(parents=True, exist_ok=True)
    with lock(_folder() / "lock"):
        for package in PACKAGES:
            if _missing(package):
                _obtain(package)
    return {program: find(program) for programs in PACKAGES.values() for program in programs}


def _missing(package: str) -> str:
    """Why the programs of a package cannot be used; empty if they can."""
    try:
        for program in PACKAGES[package]:
            _run(str(find(program)), "--version")
    except NotBuilt as error:
        return str(error)
    return ""


def _obtain(package: str) -> None:
    say(f"fetching the Debian package {package}")
    try:
        _unpack(package)
        reason = _missing(package)
    except NotBuilt as error:
        reason = str(error)
    if not reason:
        return
    shutil.rmtree(_folder() / package, ignore_errors=True)
    if os.geteuid() or not shutil.which("apt-get"):
        raise NotBuilt(f"the Debian package {package} cannot be unpacked, and only root could install it: {reason}")
    say(f"it cannot be used when it is only unpacked ({reason}): installing it")
    _run("apt-get", "install", "-y", "--no-install-recommends", package)
    if reason := _missing(package):
        raise NotBuilt(reason)


def _unpack(package: str) -> None:
    """Unpack a package. It appears under its name only when it is complete."""
    with tempfile.TemporaryDirectory(dir=_folder()) as name:
        folder = Path(name)
        _download(package, folder)
        _run("dpkg", "-x", str(next(folder.glob("*.deb"))), str(folder / "unpacked"))
        (folder / "unpacked").rename(_folder() / package)


def _download(package: str, folder: Path) -> None:
    """With the lists of packages that the machine has; where they are absent or too old, with lists of our own."""
    try:
        _run("apt-get", "download", package, folder=folder)
    except NotBuilt:
        lists, archives = folder / "lists" / "partial", folder / "cache" / "archives" / "partial"
        for each in (lists, archives):
            each.mkdir(parents=True)
        own = ("-o", f"Dir::State::lists={lists.parent}", "-o", f"Dir::Cache={archives.parents[1]}", "-o", "APT::Sandbox::User=")
        _run("apt-get", *own, "update", folder=folder)
        _run("apt-get", *own, "download", package, folder=folder)


def _run(*command: str, folder: Path | None = None) -> None:
    """Run a command that says nothing unless it fails."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"{command[0]}: {error}") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise NotBuilt(f"{' '.join(command[:2])} failed with status {done.returncode}: {said[-1] if said else 'it says nothing'}")


def main() -> int:
    """Obtain the programs, and say where they are."""
    try:
        found = fetch()
    except NotBuilt as error:
        say(str(error))
        return 1
    for program, path in found.items():
        say(f"{program}: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
