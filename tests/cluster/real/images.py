"""The images that real nodes have: the product's own, and one for all that tests run beside it.

No registry is reached. The other one has Python, curl and a shell, and goes by the names of the images that workloads
and the documentation ask for, and that of what a pod's sandbox is made of.
"""

import fcntl
import hashlib
import subprocess
from pathlib import Path

from tests.cluster.real.archive import Image, write
from tests.cluster.real.settings import PAUSE
from tests.image import base
from tests.image.build import image
from tests.image.engine import buildah, need

LIBRARY = "docker.io/library"
INSTALL = "apt-get update -qq && apt-get install --yes -qq --no-install-recommends curl && rm -rf /var/lib/apt/lists/*"
IMAGES = (
    Image((PAUSE,), ("sleep",), ("infinity",)),
    Image((f"{LIBRARY}/python:latest", f"{LIBRARY}/python:3.13-alpine"), ("python3",)),
    Image((f"{LIBRARY}/client:latest", "docker.io/curlimages/curl:8.17.0"), (), ("sleep", "infinity")),
)


def archives() -> list[Path]:
    """Return the archives of all images, made where they are not there.

    Raises:
        Unavailable: they cannot be made here; says why.
    """
    return [image(), tools()]


def tools() -> Path:
    """Return the archive of the image that is not the product's; delete it for newer packages.

    Raises:
        Unavailable: see `archives`.
    """
    need("buildah")
    known = hashlib.sha256(f"{base.digest()} {INSTALL} {IMAGES}".encode()).hexdigest()[:16]
    made = base.cache() / f"base-tools-{known}" / "tools.tar"
    made.parent.mkdir(parents=True, exist_ok=True)
    with (made.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = made.with_name("unfinished.tar")
            with buildah() as engine:
                container = engine("from", "scratch")
                engine("add", "--quiet", container, base.base(), "/")
                engine("run", "--network=host", container, "--", "sh", "-c", INSTALL)
                layer = engine.folder / "layer.tar"
                subprocess.run(["tar", "-C", engine("mount", container).strip(), "-cf", layer, "."], check=True)
                engine("umount", container)
                write(unfinished, layer, IMAGES)
            unfinished.rename(made)
    return made
