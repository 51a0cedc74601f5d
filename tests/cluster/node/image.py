"""What an image name means here, since nothing is pulled: a command of this machine, and what goes with it.

A container whose `command` is given needs no image at all: its command is looked for in `PATH`. Otherwise the image's
entry does what ENTRYPOINT would.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Attributes:
        command: what ENTRYPOINT would be; empty if it has none.
        args: what CMD would be.
        env: what ENV would be, beside `PATH`.
        user: what USER would be.
    """

    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: int = 0


@dataclass(frozen=True, slots=True)
class Images:
    """All images, by the last part of their names.

    Attributes:
        path: folders before the system's in every container's `PATH`.
        visible: folders of this machine that any user in a container may read, wherever they are.
    """

    named: Mapping[str, Image]
    path: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()

    def find(self, reference: str) -> Image | None:
        """The image of a reference such as `registry:5000/team/noderouter:1.2@sha256:…`."""
        name = reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
        return self.named.get(name)

    @property
    def search_path(self) -> str:
        """`PATH` in containers."""
        return ":".join([*self.path, SYSTEM_PATH])

    def to_json(self) -> dict[str, Any]:
        """For the harness' process."""
        named = {
            name: {"command": image.command, "args": image.args, "env": dict(image.env), "user": image.user}
            for name, image in self.named.items()
        }
        return {"named": named, "path": self.path, "visible": self.visible}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Back from `to_json`."""
        named = {
            name: Image(tuple(image["command"]), tuple(image["args"]), image["env"], image["user"])
            for name, image in value["named"].items()
        }
        return cls(named, tuple(value["path"]), tuple(value["visible"]))
