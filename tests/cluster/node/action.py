"""The four things that a kubelet does to a container: run a command, get a page, open a connection, sleep.

Probes, `postStart` and `preStop` are made of them. Connections come from the node, as with a kubelet.
"""

import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import trio

from tests.cluster.node import namespaces
from tests.cluster.node.api import Object

LAUNCH = Path(__file__).with_name("launch.py")
ANSWER_BYTES = 4096


def launcher(*args: str | Path) -> list[str]:
    """The command line of `launch.py`."""
    return [sys.executable, "-I", "-S", str(LAUNCH), *map(str, args)]


@dataclass(frozen=True, slots=True)
class Target:
    """A container as its node sees it.

    Attributes:
        spec: of the container; names of ports are looked up there.
        folder: of `launch.py`.
        address: the pod's.
        node: the network namespace that connections come from.
    """

    spec: Object
    folder: Path
    address: str
    node: Path

    def port(self, value: int | str) -> int:
        """The number of a port.

        Raises:
            OSError: a name that the container does not have.
        """
        if isinstance(value, int):
            return value
        for port in self.spec.get("ports", []):
            if port.get("name") == value:
                return int(port["containerPort"])
        raise OSError(f"container {self.spec['name']} has no port {value}")


async def act(action: Object, target: Target) -> str:
    """Do it; an empty string is success, any other says what went wrong. To be called with a time limit."""
    try:
        match action:
            case {"exec": {"command": argv}}:
                return await _execute(argv, target)
            case {"httpGet": request}:
                return await _get(request, target)
            case {"tcpSocket": {"port": port, **rest}}:
                await (await _connect(str(rest.get("host") or target.address), target.port(port), target)).aclose()
                return ""
            case {"sleep": {"seconds": seconds}}:
                await trio.sleep(seconds)
                return ""
    except (OSError, trio.BrokenResourceError, ssl.SSLError) as error:
        return f"{type(error).__name__}: {error}"
    return f"the harness cannot do {', '.join(action)}"


async def _execute(argv: list[str], target: Target) -> str:
    done = await trio.run_process(
        launcher("exec", target.folder, "--", *argv), check=False, capture_stdout=True, stderr=subprocess.STDOUT
    )
    if done.returncode == 0:
        return ""
    return f"status {done.returncode}: {done.stdout[-500:].decode(errors='replace')}"


async def _connect(host: str, port: int, target: Target) -> trio.SocketStream:
    connection = trio.socket.from_stdlib_socket(namespaces.make_socket(target.node))
    try:
        await connection.connect((host, port))
    except BaseException:
        connection.close()
        raise
    return trio.SocketStream(connection)


async def _get(request: Object, target: Target) -> str:
    port = target.port(request["port"])
    host = request.get("host") or target.address
    fields = {"Host": f"{target.address}:{port}", "User-Agent": "kube-probe/1.36", "Accept": "*/*"}
    fields |= {field["name"]: field["value"] for field in request.get("httpHeaders", [])}
    lines = [f"GET {request.get('path', '/')} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    stream: trio.abc.Stream = await _connect(host, port, target)
    if request.get("scheme", "HTTP") == "HTTPS":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        stream = trio.SSLStream(stream, context, https_compatible=True)
    try:
        await stream.send_all("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        head = b""
        while b"\r\n" not in head and len(head) < ANSWER_BYTES:
            more = await stream.receive_some(ANSWER_BYTES)
            if not more:
                break
            head += more
    finally:
        await trio.aclose_forcefully(stream)
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) < 2 or not words[1].isdigit():
        return f"no HTTP answer: {head[:100]!r}"
    return "" if 200 <= int(words[1]) < 400 else f"status {words[1].decode()}"
