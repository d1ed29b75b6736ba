"""The programs that render: kubectl, which the testbed has built, and helm, built once per machine: ``python -m tests.rendering.tools``.

helm is a program of its own in the cache of the testbed, so that a new version of it does not build the control plane again. Measured with
Go 1.26 from empty caches: 110 s of processor time, 58 s on two cores, 104 MB.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path

from tests.testbed.build import NotBuilt, cache, find, go_build, go_version, lock, say

_MODULE = Path(__file__).resolve().parent / "helm"
_PACKAGE = "helm.sh/helm/v3/cmd/helm"


def _place() -> Path:
    key = hashlib.sha256(f"{go_version()}\n{platform.machine()}\n".encode())
    for name in ("go.mod", "go.sum"):
        key.update((_MODULE / name).read_bytes())
    return cache() / f"helm-{key.hexdigest()[:16]}" / "helm"


def programs() -> list[Path]:
    """The folders of kubectl and of helm.

    Raises:
        NotBuilt: one of them is not there.
    """
    helm = _place()
    if not helm.is_file():
        raise NotBuilt("not built: helm; run python -m tests.rendering.tools")
    return [find().path("kubectl").parent, helm.parent]


def main() -> int:
    """Build helm if it is not there."""
    try:
        helm = _place()
        helm.parent.mkdir(parents=True, exist_ok=True)
        with lock(helm.parent / "lock"):
            if not helm.is_file():
                say("building helm (the first time takes a minute)")
                go_build(_MODULE, _PACKAGE, helm, helm.parent / "helm.log")
    except NotBuilt as error:
        say(str(error))
        return 1
    say(f"helm is in {helm.parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
