"""One router asked for its summary: one connection, one GET, so many bytes, so many seconds.

Of HTTP (RFC 9112) no more is taken than what a noderouter's metrics port answers with: a 200, its length, its body, the
end. Anything else is refused, and nothing is followed, kept or tried again.
"""

import socket
from os import strerror
from typing import Final

import trio

from noderouter.admin.mesh.bounds import SUMMARY_BYTES
from noderouter.admin.mesh.checked import Refused
from noderouter.admin.token import PEER_SCHEME
from noderouter.core.host_port import join_host_port

PATH: Final = "/admin/summary.json"
HEAD_BYTES: Final = 4096
READ_BYTES: Final = 64 * 1024


_HINTS: Final = {
    b"401": " (is its `admin.token` another one, or its clock minutes apart?)",
    b"404": " (an older version, or its `admin.peers` is not set)",
}


class Unreached(Exception):
    """Nobody is there, or he has left; the message says which."""


async def ask(ip: str, port: int, proof: str = "") -> bytes:
    """Return the body of the answer; who calls bounds the time. `proof` is for peers that want some (`admin.gate`).

    Raises:
        Unreached: no connection, or it broke off.
        Refused: the answer is none of ours, or too long.
    """
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    host = join_host_port(ip, port)
    shown = f"authorization: {PEER_SCHEME} {proof}\r\n" if proof else ""
    request = f"GET {PATH} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n{shown}connection: close\r\n\r\n"
    with trio.socket.socket(family, socket.SOCK_STREAM) as sock:
        try:
            await sock.connect((ip, port))
            await sock.send(request.encode("ascii"))  # fits into what the kernel takes at once
            return await _answer(sock)
        except OSError as error:
            raise Unreached(strerror(error.errno or 0).lower()) from None


async def _answer(sock: trio.socket.SocketType) -> bytes:
    data = bytearray()
    body, length = -1, 0
    while body < 0 or len(data) < body + length:
        piece = await sock.recv(READ_BYTES)
        if not piece:
            raise Unreached("it broke off")
        data += piece
        if body < 0:
            body = data.find(b"\r\n\r\n", max(0, len(data) - len(piece) - 3)) + 4
            if body < 4:
                body = -1
            if body > HEAD_BYTES or (body < 0 and len(data) > HEAD_BYTES):
                raise Refused("the head of its answer is too long")
            if body > 0:
                length = _length(bytes(data[:body]))
    return bytes(data[body : body + length])


def _length(head: bytes) -> int:
    """Return how long the body is, by the head of a good answer."""
    first, *fields = head.split(b"\r\n")
    status = first[9:12]
    if not first.startswith(b"HTTP/1.1 ") or not status.isdigit():
        raise Refused("not HTTP")
    if status != b"200":
        raise Refused(f"it answers {status.decode('ascii')}{_HINTS.get(status, '')}")
    lengths = []
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length":
            lengths.append(value.strip())
        elif name.lower() in (b"transfer-encoding", b"content-encoding"):
            raise Refused("its answer is coded")
    if len(lengths) != 1 or not lengths[0].isdigit() or len(lengths[0]) > 9:
        raise Refused("its answer has no length")
    if int(lengths[0]) > SUMMARY_BYTES:
        raise Refused(f"its answer has more than {SUMMARY_BYTES // 1024} KB")
    return int(lengths[0])
