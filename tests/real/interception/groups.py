"""What a container's control group says, of either version."""

from tests.cluster.real.node import RealNode
from tests.cluster.real.reaper import CONTROLLERS


class Group:
    """The memory and the CPU of a container, as the kernel counts them."""

    def __init__(self, node: RealNode, pid: int) -> None:
        lines = [line.split(":", 2) for line in node.run("cat", f"/proc/{pid}/cgroup").splitlines()]
        self._paths = {name: path for _, names, path in lines for name in names.split(",")}

    def limit(self) -> int:
        """Of memory, in bytes."""
        return int(self._read("memory", "memory.limit_in_bytes", "memory.max"))

    def most(self) -> int:
        """The most memory that was ever taken, in bytes; caches of files are in it."""
        return int(self._read("memory", "memory.max_usage_in_bytes", "memory.peak"))

    def refusals(self) -> int:
        """How often the limit of memory was met."""
        text = self._read("memory", "memory.failcnt", "memory.events")
        return int(text) if text.isdigit() else _fields(text)["max"]

    def throttled(self) -> float:
        """The share of periods in which its limit of CPU held it up."""
        fields = _fields(self._read("cpu", "cpu.stat", "cpu.stat"))
        return fields["nr_throttled"] / max(fields["nr_periods"], 1)

    def _read(self, controller: str, first: str, second: str) -> str:
        if controller in self._paths:
            return (CONTROLLERS / controller / self._paths[controller].strip("/") / first).read_text().strip()
        return (CONTROLLERS / self._paths[""].strip("/") / second).read_text().strip()


def _fields(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in map(str.split, text.splitlines())}


def group_of(node: RealNode, container: str) -> tuple[Group, int]:
    """That of a container by containerd's id, and its first process by the number it has on the node."""
    pid = node.pid(container)
    return Group(node, pid), pid
