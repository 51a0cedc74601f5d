"""Images as a container engine saves them, written by hand: one layer under several names.

The format is that of `docker save`, which containerd imports: `manifest.json`, a configuration per image, layers.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is called, and what it runs where a pod does not say."""

    names: tuple[str, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def write(path: Path, layer: Path, images: Sequence[Image]) -> None:
    """Write `images`, all with the files of `layer`, a tar."""
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    manifest = []
    with tarfile.open(path, "w") as archive:
        archive.add(layer, f"{digest}.tar")
        for image in images:
            config = {
                "architecture": "amd64",
                "os": "linux",
                "config": {
                    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONUNBUFFERED=1"],
                    "Entrypoint": list(image.entrypoint),
                    "Cmd": list(image.command),
                },
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            }
            name = _add(archive, json.dumps(config).encode())
            manifest.append({"Config": name, "RepoTags": list(image.names), "Layers": [f"{digest}.tar"]})
        _add(archive, json.dumps(manifest).encode(), "manifest.json")


def _add(archive: tarfile.TarFile, content: bytes, name: str = "") -> str:
    entry = tarfile.TarInfo(name or hashlib.sha256(content).hexdigest() + ".json")
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
    return entry.name
