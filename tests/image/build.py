"""Builds the Dockerfile, once for each state of what goes in: `image()` is what other tests ask for."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from tests.image import base
from tests.image.engine import Buildah, buildah, need

ROOT = Path(__file__).resolve().parents[2]
KEPT = 3
"""How many images stay in the cache."""


def version() -> str:
    """Return the distribution's version."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser["metadata"]["version"]


def reference() -> str:
    """Return the image's name, as a node knows what the chart asks for without further values."""
    return f"docker.io/library/noderouter:{version()}"


def inputs() -> list[Path]:
    """List the files that the image is made of: what .dockerignore lets through, itself, and the Dockerfile."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    ignored = [line.removeprefix("**/") for line in lines if line.startswith("**/")]
    found = [ROOT / "Dockerfile", ROOT / ".dockerignore"]
    for top in (ROOT / line.removeprefix("!") for line in lines if line.startswith("!")):
        found += [path for path in (top.rglob("*") if top.is_dir() else [top]) if path.is_file()]
    parts = {path: path.relative_to(ROOT).parts for path in found}
    return sorted(path for path in found if not any(fnmatch(part, name) for part in parts[path] for name in ignored))


def git(*args: str) -> str:
    """Run git here; empty where this is no checkout."""
    argv = ("git", *args, "--", *(path.relative_to(ROOT).as_posix() for path in inputs()))
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def revision() -> str:
    """Return the last commit that changed the image, so that other commits need no new one."""
    commit = git("log", "-1", "--format=%H") or "unknown"
    return f"{commit}-dirty" if git("status", "--porcelain") else commit


def timestamp() -> str:
    """Return the time that all files of the image and the image itself have: that commit's."""
    return os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct") or "0"


def digest() -> str:
    """Return what names this state of what goes in."""
    known = hashlib.sha256(f"{base.digest()} {revision()} {timestamp()}".encode())
    for path in [*inputs(), Path(__file__)]:
        known.update(f"\0{path.relative_to(ROOT)}\0{path.stat().st_mode & 0o777}\0".encode() + path.read_bytes())
    return known.hexdigest()[:16]


def archive() -> Path:
    """Return where the image is, or will be."""
    return base.cache() / digest() / f"noderouter-{version()}.tar"


def image() -> Path:
    """Return the image as a docker-archive that has `reference()` in it, built if it is not there.

    Raises:
        Unavailable: it cannot be built here; says why.
    """
    need("buildah", "mmdebstrap")
    made = archive()
    made.parent.parent.mkdir(parents=True, exist_ok=True)
    with (made.parent.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.parent.mkdir(exist_ok=True)
            with buildah() as engine:
                unfinished = made.with_name("unfinished.tar")
                unfinished.unlink(missing_ok=True)
                engine("push", "--quiet", build(engine), f"docker-archive:{unfinished}:{reference()}")
                unfinished.rename(made)
            forget_old_ones(made.parent)
        os.utime(made.parent)
    return made


def list_of(made: Path) -> Path:
    """Return the list of what is in an image, in a file beside its archive, written if it is not there."""
    listed = made.with_suffix(".cdx.json")
    if not listed.exists():
        from tests.image.sbom import sbom  # whose library only this takes

        with buildah() as engine, engine.root_of(engine.image_of(made)) as root:
            unfinished = listed.with_suffix(".unfinished")
            unfinished.write_text(sbom(root, name="noderouter", version=version(), seconds=int(timestamp())))
            unfinished.rename(listed)
    return listed


def forget_old_ones(newest: Path) -> None:
    """Delete those from the cache that nobody has asked for in the longest time."""
    others = [path for path in newest.parent.iterdir() if path.is_dir() and not path.name.startswith("base-")]
    for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(path)


def build(engine: Buildah, *options: str) -> str:
    """Build the Dockerfile and return the image's identity."""
    container = engine("from", "scratch")
    engine("add", "--quiet", container, base.base(), "/")
    engine("config", "--env", "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", container)
    below = engine("commit", "--quiet", "--rm", f"--timestamp={timestamp()}", container)
    identity = engine.folder / "identity"
    arguments = {"BASE": below, "VERSION": version(), "REVISION": revision()}
    with secrets() as handed_in:
        engine(
            "build-using-dockerfile",
            "--pull=never",
            "--network=host",
            f"--timestamp={timestamp()}",
            f"--iidfile={identity}",
            *(f"--build-arg={name}={value}" for name, value in arguments.items()),
            *handed_in,
            *options,
            ROOT,
        )
    return identity.read_text().strip()


@contextmanager
def secrets() -> Iterator[list[str]]:
    """Hand in this machine's settings of pip, and its certificates, which are part of no layer."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "pip.conf")
        options = [f"--secret=id=pip,src={settings}"]
        lines = []
        for name, value in pip_settings().items():
            if name == "cert":
                options.append(f"--secret=id=ca,src={value}")
                value = "/run/secrets/ca"
            lines.append(f"{name} = {value}\n")
        settings.write_text("[global]\n" + "".join(lines))
        yield options


def pip_settings() -> dict[str, str]:
    """Return where this machine's pip gets packages from."""
    names = ("cert", "index-url", "extra-index-url", "proxy", "timeout", "trusted-host")
    found: dict[str, str] = {}
    for file in ("/etc/pip.conf", Path.home() / ".pip/pip.conf", Path.home() / ".config/pip/pip.conf"):
        parser = ConfigParser(interpolation=None)
        parser.read(file)
        if parser.has_section("global"):
            found |= dict(parser["global"])
    given = {name: os.environ.get(f"PIP_{name.upper().replace('-', '_')}") for name in ("default-timeout", *names)}
    found |= {name: value for name, value in given.items() if value}
    return {name: value for name, value in found.items() if name in names}
