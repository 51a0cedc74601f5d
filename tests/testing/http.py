"""A small HTTP/1 client for tests: knows just enough of the protocol to count and compare answers."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.origin import Peer, client

Fields = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response; interim ones are in `interim`."""

    status: int
    head: bytes
    body: bytes
    interim: list[int] = field(default_factory=list)

    def __getitem__(self, name: str) -> str | None:
        """The first value of a header field, None where there is none."""
        values = self.all(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """All values of a header field, in order."""
        return values_of(self.head, name)

    @property
    def text(self) -> str:
        """The body."""
        return self.body.decode("utf-8")

    @property
    def names(self) -> list[str]:
        """The names of all header fields, in lower case."""
        return [line.partition(b":")[0].decode("latin-1").lower() for line in self.head.split(b"\r\n")[1:] if line]


def values_of(head: bytes, name: str) -> list[str]:
    """All values of a header field in a message head, in order."""
    wanted = name.lower().encode()
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    return [value.strip(b" \t").decode("latin-1") for key, _, value in lines if key.lower() == wanted]


class Http:
    """One keep-alive connection; requests go out one after the other."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    async def ask(
        self,
        host: str | None = "hello",
        target: str = "/",
        *,
        method: str = "GET",
        fields: Fields = (),
        body: bytes | None = None,
        chunked: bool = False,
        minor: int = 1,
        seconds: float = PATIENCE_SECONDS,
    ) -> Answer:
        """Send a request and read its answer."""
        await self.send(host, target, method=method, fields=fields, body=body, chunked=chunked, minor=minor)
        return await self.answer(head_only=method == "HEAD", seconds=seconds)

    async def send(
        self,
        host: str | None = "hello",
        target: str = "/",
        *,
        method: str = "GET",
        fields: Fields = (),
        body: bytes | None = None,
        chunked: bool = False,
        minor: int = 1,
    ) -> None:
        """Send a request."""
        lines = [f"{method} {target} HTTP/1.{minor}"]
        if host is not None:
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in fields]
        if chunked:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        elif body is not None:
            lines.append(f"Content-Length: {len(body)}")
        await self.peer.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))

    async def answer(self, *, head_only: bool = False, seconds: float = PATIENCE_SECONDS) -> Answer:
        """Read one final response."""
        interim = []
        while True:
            head = await self.peer.until(b"\r\n\r\n", seconds)
            status = int(head[9:12])
            if status >= 200 or status == 101:
                break
            interim.append(status)
        body = b"" if head_only or status in (101, 204, 304) else await self._body(head, seconds)
        return Answer(status, head, body, interim)

    async def _body(self, head: bytes, seconds: float) -> bytes:
        if values_of(head, "transfer-encoding") == ["chunked"]:
            body = b""
            while size := int(await self.peer.until(b"\r\n", seconds), 16):
                body += (await self.peer.exactly(size + 2, seconds))[:-2]
            await self.peer.until(b"\r\n", seconds)
            return body
        length = values_of(head, "content-length")
        return await (self.peer.exactly(int(length[0]), seconds) if length else self.peer.rest(seconds))

    async def close(self) -> None:
        """Close."""
        await self.peer.close()


async def connect(port: int) -> Http:
    """A connection to `port` on the loopback."""
    return Http(await client(port))


async def ask(port: int, host: str | None = "hello", target: str = "/", **keys: object) -> Answer:
    """One request on a connection of its own."""
    http = await connect(port)
    try:
        return await http.ask(host, target, **keys)  # type: ignore[arg-type]  # keys are those of `ask`
    finally:
        await http.close()
