"""Sends texts to a WebSocket service through the router, and prints what comes back (RFC 6455).

python talk.py PORT HOST TEXT...
"""

import socket
import sys
from base64 import b64encode
from os import urandom
from typing import BinaryIO

TEXT, CLOSE = 0x81, 0x88


def frame(kind: int, data: bytes) -> bytes:
    """A frame of a client, which has to be masked."""
    mask = urandom(4)
    return bytes([kind, 0x80 | len(data)]) + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


def answer(stream: BinaryIO) -> bytes:
    """The text of the next frame."""
    head = stream.read(2)
    return stream.read(head[1])


def main() -> None:
    """Talk."""
    port, host, *texts = sys.argv[1:]
    key = b64encode(urandom(16)).decode()
    with socket.create_connection(("127.0.0.1", int(port)), timeout=10) as sock, sock.makefile("rb") as stream:
        sock.sendall(
            f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        print(stream.readline().decode().rstrip())
        while stream.readline().strip():
            pass  # the other header fields
        for text in texts:
            sock.sendall(frame(TEXT, text.encode()))
            print(answer(stream).decode())
        sock.sendall(frame(CLOSE, b""))
        answer(stream)


if __name__ == "__main__":
    main()
