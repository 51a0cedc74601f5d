"""`python -m noderouter.probe SOCKET PATH`: asks the router of this pod, and no other (exit code 0: its answer is 200).

For probes of kind `exec`, where two routers of a node share its ports for a while: a probe by address could reach the
other one. Imports next to nothing, since a kubelet runs it every few seconds.
"""

import socket
import sys

SECONDS = 10.0
"""Longer than a kubelet waits."""
MOST = 65536


def main(argv: list[str]) -> int:
    """Ask; what is wrong goes to standard output, where a kubelet looks for it."""
    if len(argv) != 2:
        print("usage: python -m noderouter.probe SOCKET PATH")
        return 2
    where, path = argv
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(SECONDS)
            sock.connect(where)
            sock.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
            answer = b""
            while len(answer) < MOST and (data := sock.recv(MOST)):
                answer += data
    except OSError as error:
        print(f"no router answers at {where}: {error.strerror or error}")
        return 1
    if answer.startswith(b"HTTP/1.1 200 "):
        return 0
    print(answer.partition(b"\r\n\r\n")[2].decode(errors="replace").strip() or "no answer")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
