"""An example of `docs/examples` on stage: its files with ports that are free, its services, and the router.

The services are those that its README starts, with the very commands that stand there.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, chdir
from pathlib import Path
from typing import Any

import trio
import yaml

from tests.testing.ports import free_ports
from tests.testing.router import Running, routing

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"

_PORT = re.compile(r"\b(?:4140|4141|81[0-9]{2})\b")
"""The ports that examples use, in all their files."""
_COMMAND = re.compile(r"^python (\S+\.py) (.*)$", re.MULTILINE)
_SCRIPT = re.compile(r"^sh (\S+\.sh)$", re.MULTILINE)
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def names() -> list[str]:
    """The folders of all examples."""
    return sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


class Example:
    """One example; `directory` has its files, with other ports."""

    def __init__(self, name: str, place: Path) -> None:
        self.directory = place / name
        shutil.copytree(EXAMPLES / name, self.directory)
        shutil.copy(EXAMPLES / "backend.py", place)
        texts = [path for path in self.directory.rglob("*") if path.is_file() and path.suffix != ".py"]
        used = {port for path in texts for port in _PORT.findall(path.read_text())}
        self.ports = dict(zip(used, free_ports(len(used)), strict=True))
        for path in texts:
            path.write_text(_PORT.sub(lambda found: str(self.ports[found[0]]), path.read_text()))
        self._readme = (self.directory / "README.md").read_text()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def commands(self) -> list[str]:
        """What the README starts before the router."""
        return [found[0] for found in _COMMAND.finditer(self._started())]

    def _started(self) -> str:
        (block,) = [block for block in _BLOCK.findall(self._readme) if "noderouter run config.yaml" in block]
        return block

    def run_scripts(self) -> None:
        """Run the shell scripts that the README runs before anything else."""
        for script in _SCRIPT.findall(self._started()):
            subprocess.run(["sh", script], cwd=self.directory, check=True, capture_output=True)

    def command(self, name: str) -> str:
        """The command of the README that starts the service `name`."""
        return next(found[0] for found in _COMMAND.finditer(self._readme) if found[2].split(" ")[0] == name)

    async def start(self, command: str) -> None:
        """Start a service, and wait until it listens."""
        _, script, *arguments = command.split(" ")
        process = subprocess.Popen(
            [sys.executable, str(self.directory / script), *arguments], stdout=subprocess.PIPE, cwd=self.directory
        )
        self._processes[arguments[0]] = process
        assert process.stdout is not None
        assert b"listens" in await trio.to_thread.run_sync(process.stdout.readline)

    def end(self, name: str) -> None:
        """End a service."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def end_all(self) -> None:
        """End those that still run."""
        for name in list(self._processes):
            self.end(name)

    def write(self, file: str, text: str) -> None:
        """What the README writes into a file, with `echo` or an editor."""
        (self.directory / file).write_text(_PORT.sub(lambda found: str(self.ports[found[0]]), text))


@asynccontextmanager
async def on_stage(name: str, place: Path, **keys: Any) -> AsyncIterator[tuple[Example, Running]]:
    """The example with its services and its router while inside, in a copy of its folder.

    `keys` are further ones of its router.
    """
    example = Example(name, place)
    try:
        example.run_scripts()
        for command in example.commands:
            await example.start(command)
        configuration = yaml.safe_load((example.directory / "config.yaml").read_text())
        configuration["admin"] = configuration.get("admin", {}) | {"port": 0, "shutdownGraceMs": 0}
        configuration["routers"][0] |= keys
        with chdir(example.directory):  # paths in examples are relative to their folders
            async with routing(configuration) as router:
                yield example, router
    finally:
        example.end_all()
