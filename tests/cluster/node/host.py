"""A node's files, as `hostPath` volumes show them.

All nodes are one machine. What nodes have for themselves while they run, `/run`, is a folder of each; everything else
is the machine's.
"""

from pathlib import Path

from tests.cluster.node.api import Object
from tests.cluster.node.environment import MissingSource

OWN = Path("/run")

_CHECKS = {
    "Directory": ("a directory", Path.is_dir),
    "DirectoryOrCreate": ("a directory", Path.is_dir),
    "File": ("a file", Path.is_file),
    "FileOrCreate": ("a file", Path.is_file),
    "Socket": ("a socket", Path.is_socket),
}


def host_path(folder: Path, volume: Object) -> Path:
    """Where the `hostPath` of a volume is; `folder` is the node's own.

    Raises:
        MissingSource: it is not there, or not of the type that is asked for.
    """
    source = volume["hostPath"]
    path = Path(source["path"])
    place = folder / path.relative_to("/") if path.is_relative_to(OWN) else path
    kind = source.get("type", "")
    if kind == "DirectoryOrCreate":
        place.mkdir(0o755, parents=True, exist_ok=True)
    elif kind == "FileOrCreate" and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch(0o644)
    if kind and kind not in _CHECKS:
        raise MissingSource(f"volume {volume['name']}: the harness has no hostPath of type {kind}")
    name, good = _CHECKS.get(kind, ("there", Path.exists))
    if not good(place):
        raise MissingSource(f"volume {volume['name']}: hostPath type check failed: {path} is not {name}")
    return place
