"""Where Chromium is, and how it gets there: ``python -m tests.reports.chromium``.

It comes from the Debian package ``chromium``. Unlike the programs of `tests.testbed.packages` it is installed, not unpacked: its starter
names /usr/lib, and it needs some twenty libraries that a bare machine does not have. So only root can do that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.testbed.build import NotBuilt, say

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_RUN = "run python -m tests.reports.chromium as root, or install the package chromium"


def find() -> Path:
    """The browser.

    Raises:
        NotBuilt: There is none.
    """
    for name in _NAMES:
        if found := shutil.which(name):
            return Path(found)
    raise NotBuilt(f"Chromium is missing: {_RUN}")


def fetch() -> Path:
    """Install it, where it is not.

    Raises:
        NotBuilt: It cannot be installed.
    """
    try:
        return find()
    except NotBuilt:
        if os.geteuid() or not shutil.which("apt-get"):
            raise
    say("installing the Debian package chromium (110 MB)")
    for command in (("update",), ("install", "-y", "--no-install-recommends", "chromium")):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            ["apt-get", "-q", *command], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise NotBuilt(f"apt-get {command[0]} failed with status {done.returncode}: {said[-1] if said else 'it says nothing'}")
    return find()


def main() -> int:
    """Install it, and say where it is."""
    try:
        say(f"chromium: {fetch()}")
    except NotBuilt as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
