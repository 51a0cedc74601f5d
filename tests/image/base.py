"""Makes a base for the Dockerfile by mmdebstrap, where no registry with the published one can be reached.

It is the Debian and the minor version of Python that `python:3.13-slim` has, and as there pip is in /usr/local and
documentation is left out. docs/image.md says what differs.
"""

import fcntl
import hashlib
import os
from pathlib import Path

from tests.image.engine import need, run

SUITE = "trixie"

PACKAGES = ("ca-certificates", "libpython3-dev", "python3-minimal", "python3-venv")

# pip comes with venv, as a wheel that can be run; /usr/local is where Debian's Python installs.
INSTALL_PIP = (
    "ln -s /usr/bin/python3 /usr/local/bin/python;"
    " rm /usr/lib/python3.*/EXTERNALLY-MANAGED;"
    " pip=$(echo /usr/share/python-wheels/pip-*.whl);"
    " python3 $pip/pip install --isolated --no-index --no-cache-dir --root-user-action ignore $pip"
)

ARGV = (
    "mmdebstrap",
    "--mode=root",
    "--variant=minbase",
    f"--include={','.join(PACKAGES)}",
    # The image debian:*-slim sets these, too.
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    f"--customize-hook=chroot \"$1\" sh -ec '{INSTALL_PIP}'",
    SUITE,
)


def cache() -> Path:
    """Return the folder of everything that is built once."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "noderouter" / "images"


def digest() -> str:
    """Return what names this recipe."""
    return hashlib.sha256("\0".join(ARGV).encode()).hexdigest()[:16]


def base() -> Path:
    """Return the base's root as a tar file, made if it is not there; delete the file for newer packages.

    Raises:
        Unavailable: it cannot be made here.
    """
    made = cache() / f"base-{digest()}" / "root.tar"
    made.parent.mkdir(parents=True, exist_ok=True)
    with (made.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            need("mmdebstrap")
            unfinished = made.with_name("unfinished.tar")
            run(*ARGV, unfinished, env=os.environ | {"LC_ALL": "C.UTF-8"})
            unfinished.rename(made)
    return made
