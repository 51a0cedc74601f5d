"""Runs an image by runc as a node would: as its user, with a root that cannot be written to and no capability."""

import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.image.engine import need


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is mounted."""

    root: Path
    config: dict[str, Any]
    """Its own: `User`, `Env`, `Entrypoint`, `Cmd`, `Labels`."""

    def bundle(self, folder: Path, args: list[str], mounted: dict[Path, str]) -> None:
        """Write a bundle of runc that runs `args`; in the network of the host, so that ports are reached."""
        subprocess.run(["runc", "spec", "--bundle", folder], check=True)
        spec = json.loads((folder / "config.json").read_text())
        user, group = map(int, self.config["User"].split(":"))
        none: dict[str, list[str]] = {kind: [] for kind in ("bounding", "effective", "permitted", "ambient")}
        spec["process"] |= {
            "terminal": False,
            "user": {"uid": user, "gid": group},
            "args": args,
            "env": self.config["Env"],
            "capabilities": none,
            "noNewPrivileges": True,
        }
        spec["root"] = {"path": str(self.root), "readonly": True}
        spec["linux"]["namespaces"] = [each for each in spec["linux"]["namespaces"] if each["type"] != "network"]
        spec["mounts"] += [
            {"destination": target, "type": "bind", "source": str(source), "options": ["bind", "ro"]}
            for source, target in mounted.items()
        ]
        (folder / "config.json").write_text(json.dumps(spec))

    @contextmanager
    def running(self, *args: str, mounted: dict[Path, str] | None = None) -> Iterator["Container"]:
        """Run a command, or what the image runs of itself, with files mounted into it."""
        need("runc")
        name = f"noderouter-{uuid4().hex[:8]}"
        with tempfile.TemporaryDirectory() as folder:
            given = list(args) or [*self.config["Entrypoint"], *self.config["Cmd"]]
            self.bundle(Path(folder), given, mounted or {})
            argv = ["runc", "run", "--bundle", folder, name]
            with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
                try:
                    yield Container(name, process)
                finally:
                    if process.poll() is None:
                        subprocess.run(["runc", "kill", name, "KILL"], check=False, capture_output=True)
                        process.kill()

    def output(self, *args: str, mounted: dict[Path, str] | None = None) -> tuple[int, str]:
        """Run a command to its end; its status and what it said."""
        with self.running(*args, mounted=mounted) as container:
            return container.end()


@dataclass(frozen=True, slots=True)
class Container:
    """One that runs."""

    name: str
    process: "subprocess.Popen[str]"

    def pid(self) -> int:
        """Return the number of its first process, here."""
        said = subprocess.run(["runc", "state", self.name], capture_output=True, text=True, check=True).stdout
        return int(json.loads(said)["pid"])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its first process, as a kubelet would."""
        subprocess.run(["runc", "kill", self.name, str(int(number))], check=True)

    def end(self) -> tuple[int, str]:
        """Wait for its end; its status and what it said."""
        said, _ = self.process.communicate(timeout=60)
        return self.process.returncode, said
