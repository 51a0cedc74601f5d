"""The one thing that the API server asks a kubelet for here: logs, so that `kubectl logs` and `helm test --logs` work.

A page per container over TLS on the machine's loopback, which is where the API server can reach it. `exec`, `attach`
and `port-forward` are another protocol and are not served; tests have `Cluster.exec` and `Cluster.network`.
"""

import ssl
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import trio

REQUEST_BYTES = 16384
CHUNK_BYTES = 65536
FOLLOW_SECONDS = 0.1


class Logs:
    """Serves the logs of all pods below a folder."""

    def __init__(self, folder: Path, certificate: str, key: str) -> None:
        self._folder = folder
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, key)

    async def serve(self, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve for ever; tells the port."""
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        task_status.started(listener.socket.getsockname()[1])
        await trio.serve_listeners(self._handle, [listener])

    async def _handle(self, raw: trio.SocketStream) -> None:
        stream = trio.SSLStream(raw, self._context, server_side=True, https_compatible=True)
        try:
            head = b""
            while b"\r\n\r\n" not in head and len(head) < REQUEST_BYTES:
                more = await stream.receive_some(REQUEST_BYTES)
                if not more:
                    return
                head += more
            await self._answer(stream, head.split(b" ", 2)[1].decode())
        except (trio.BrokenResourceError, ssl.SSLError, IndexError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async def _answer(self, stream: trio.abc.SendStream, target: str) -> None:
        url = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        match [unquote(part) for part in url.path.split("/")[1:]]:
            case ["containerLogs", namespace, pod, container]:
                folder = self._find(namespace, pod, container)
            case _:
                folder = None
        if folder is None:
            await stream.send_all(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            return
        await stream.send_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n")
        with (folder / "log").open("rb") as log:
            if "tailLines" in query:
                lines = log.read().splitlines(keepends=True)
                await stream.send_all(b"".join(lines[max(len(lines) - int(query["tailLines"]), 0) :]))
            following = query.get("follow") == "true"
            while (chunk := log.read(CHUNK_BYTES)) or (following and (folder / "pid").exists()):
                if chunk:
                    await stream.send_all(chunk)
                else:
                    await trio.sleep(FOLLOW_SECONDS)

    def _find(self, namespace: str, pod: str, container: str) -> Path | None:
        found = self._folder.glob(f"{namespace}_{pod}_*/{container}/log")
        return max((log.parent for log in found), key=lambda path: path.stat().st_ctime, default=None)
