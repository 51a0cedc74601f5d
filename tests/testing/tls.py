"""Certificates for a test, and peers that speak TLS through the standard library: contexts, byte streams in memory."""

import os
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import trio
import trustme

from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.http import Answer, Http
from tests.testing.origin import Origin, Peer, Script, serving

HOST = "web.test"


@cache
def authority() -> trustme.CA:
    """The authority that most tests trust."""
    return trustme.CA(organization_name="tests")


@cache
def stranger() -> trustme.CA:
    """An authority that nobody trusts."""
    return trustme.CA(organization_name="stranger")


@cache
def leaf(name: str = HOST, *, ca: Callable[[], trustme.CA] = authority, days: float = 1.0) -> trustme.LeafCert:
    """A certificate for a name or an IP address, for so many days from now, which may be negative."""
    now = datetime.now(UTC)
    end = now + timedelta(days=days)
    return ca().issue_cert(name, not_after=end, not_before=min(now, end) - timedelta(days=1))


def issued_by_a_clock(ahead: timedelta, ca: Callable[[], trustme.CA] = authority) -> trustme.LeafCert:
    """A certificate as one issues it whose clock is ahead of ours: valid from two minutes before his now, for a day."""
    his = datetime.now(UTC) + ahead
    return ca().issue_cert(HOST, not_before=his - timedelta(minutes=2), not_after=his + timedelta(days=1))


def server_context(
    name: str = HOST, *, verify: bool = False, cert: trustme.LeafCert | None = None, alpn: list[str] | None = None
) -> ssl.SSLContext:
    """Of a server; `verify` asks for certificates of clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    (cert or leaf(name)).configure_cert(context)
    if verify:
        context.verify_mode = ssl.CERT_REQUIRED
        authority().configure_trust(context)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def client_context(
    *, cert: trustme.LeafCert | None = None, alpn: list[str] | None = None, ca: Callable[[], trustme.CA] = authority
) -> ssl.SSLContext:
    """Of a client that trusts `ca`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    ca().configure_trust(context)
    if cert is not None:
        cert.configure_cert(context)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class TlsPeer:
    """One end of a connection, at which the records and the bytes inside can be had one by one."""

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, *, server_side: bool, name: str | None = None
    ) -> None:
        sock.setblocking(False)
        self.stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, server_side=server_side, server_hostname=name)

    async def flush(self, data: bytes | None = None) -> None:
        """Send what TLS has to say."""
        await self.stream.send_all(self.out.read() if data is None else data)

    async def more(self) -> None:
        """Receive some ciphertext."""
        with trio.fail_after(PATIENCE_SECONDS):
            raw = await self.stream.receive_some(65536)
        if raw:
            self.into.write(raw)
        else:
            self.into.write_eof()

    async def handshake(self) -> None:
        """Agree on keys."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.flush()
                await self.more()
                continue
            finally:
                if self.out.pending:
                    await self.flush()
            return

    def sealed(self, data: bytes) -> bytes:
        """The records for `data`."""
        view = memoryview(data)
        while view:
            view = view[self.tls.write(view) :]
        return self.out.read()

    async def send(self, data: bytes) -> None:
        """Send data."""
        await self.flush(self.sealed(data))

    async def receive(self, size: int = 65536) -> bytes:
        """Receive some data, b"" where its end was said.

        Raises:
            ssl.SSLEOFError: the connection was cut off.
        """
        while True:
            try:
                return self.tls.read(size)
            except ssl.SSLWantReadError:
                await self.more()
            except ssl.SSLZeroReturnError:
                return b""

    async def exactly(self, count: int) -> bytes:
        """Receive so many bytes."""
        data = bytearray()
        while len(data) < count:
            more = await self.receive(count - len(data))
            assert more, f"ended after {len(data)} bytes"
            data += more
        return bytes(data)

    async def rest(self) -> bytes:
        """Receive up to the end that is said."""
        data = bytearray()
        while more := await self.receive():
            data += more
        return bytes(data)

    def farewell(self) -> bytes:
        """The record of close_notify."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        return self.out.read()

    def abort(self) -> None:
        """Close with RST."""
        self.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.stream.socket.close()

    def close(self) -> None:
        """Close the socket, without a word."""
        self.stream.socket.close()


async def tls_client(
    port: int, context: ssl.SSLContext | None = None, *, name: str = HOST, host: str = "127.0.0.1"
) -> TlsPeer:
    """A client that has agreed on keys."""
    sock = socket.create_connection((host, port))
    peer = TlsPeer(sock, context or client_context(), server_side=False, name=name)
    await peer.handshake()
    return peer


def write_files(folder: Path, cert: trustme.LeafCert, stem: str = "tls") -> tuple[Path, Path]:
    """The chain and the key of a certificate in files, each changed in one step."""
    chain, key = folder / f"{stem}.crt", folder / f"{stem}.key"
    put(chain, b"".join(blob.bytes() for blob in cert.cert_chain_pems))
    put(key, cert.private_key_pem.bytes())
    return chain, key


def write_authority(folder: Path, ca: trustme.CA | None = None) -> Path:
    """The certificate of an authority in a file."""
    path = folder / "ca.crt"
    put(path, (ca or authority()).cert_pem.bytes())
    return path


def put(path: Path, data: bytes) -> None:
    """Change a file in one step."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    os.replace(fresh, path)


async def https(port: int, context: ssl.SSLContext | None = None, *, name: str = HOST, host: str = "127.0.0.1") -> Http:
    """A connection of a client that speaks HTTP/1 inside of TLS."""
    stream = await trio.open_tcp_stream(host, port)
    secured = trio.SSLStream(stream, context or client_context(), server_hostname=name, https_compatible=True)
    try:
        with trio.fail_after(PATIENCE_SECONDS):
            await secured.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    peer = Peer(secured)  # type: ignore[arg-type]  # as far as it is used, a stream is a stream
    peer.is_client = True
    return Http(peer)


async def ask_https(port: int, context: ssl.SSLContext | None = None, *, name: str = HOST, target: str = "/") -> Answer:
    """One request on a connection of its own."""
    http = await https(port, context, name=name)
    try:
        return await http.ask(target=target)
    finally:
        await trio.aclose_forcefully(http.peer.stream)


def tls_origin(script: Script, context: ssl.SSLContext | None = None) -> AbstractAsyncContextManager[Origin[Peer]]:
    """A listening origin that speaks TLS, while inside."""
    secured = context or server_context()

    def accept(stream: trio.SocketStream) -> Peer:
        return Peer(trio.SSLStream(stream, secured, server_side=True, https_compatible=True))  # type: ignore[arg-type]

    async def guarded(peer: Peer) -> None:
        try:
            await script(peer)
        except ssl.SSLError:
            return  # the client has turned us away

    return serving(guarded, accept)


def server_keys(folder: Path, cert: trustme.LeafCert | None = None, **keys: object) -> dict[str, object]:
    """The key `tls` of a server, with its files in `folder`."""
    chain, key = write_files(folder, cert or leaf())
    return {"certPath": str(chain), "keyPath": str(key)} | keys
