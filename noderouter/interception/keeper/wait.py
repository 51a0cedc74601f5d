"""Waits, in an init container of a pod, until the pod's connections are captured.

The router of the node answers at its port for probes, by the address that the question comes from. A router that is
away must not keep pods from starting: waiting ends after a time, and that is no failure unless it is said to be one.
"""

import socket
from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import Final

from noderouter.interception.keeper.state import Address

PATH: Final = "/captured"
TRY_SECONDS: Final = 1.0
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 0.5
MAX_ANSWER_BYTES: Final = 4096
FINAL: Final = frozenset(((200, "captured"), (409, "direct")))
"""Status and first word of final answers; any other server at that port answers something else."""

Ask = Callable[[], tuple[int, str]]
"""Returns the status and the words of an answer. Raises OSError where there is none."""


def asking(address: Address, port: int) -> Ask:
    """Return a function that asks the router at an address of the node; a slow or long answer counts as none."""
    host = f"[{address}]" if address.version == 6 else str(address)
    question = f"GET {PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()

    def ask() -> tuple[int, str]:
        deadline = monotonic() + TRY_SECONDS
        answer = b""
        with socket.create_connection((str(address), port), TRY_SECONDS) as sock:
            sock.sendall(question)
            while len(answer) < MAX_ANSWER_BYTES:
                sock.settimeout(max(deadline - monotonic(), 0.001))
                if not (more := sock.recv(MAX_ANSWER_BYTES)):
                    break
                answer += more
        head, _, body = answer.decode("utf-8", "replace").partition("\r\n\r\n")
        version, _, rest = head.partition(" ")
        if not (version.startswith("HTTP/1.") and rest[:3].isdecimal()):
            raise OSError("what listens there does not speak HTTP")
        return int(rest[:3]), body.strip()

    return ask


def wait(ask: Ask, seconds: float) -> tuple[bool, str]:
    """Ask until the answer is final; return whether one was within `seconds`, and its text."""
    began = monotonic()
    for pause in _pauses():
        try:
            status, words = ask()
        except OSError as error:
            status, words = 0, f"no answer: {error}"
        if (status, words.partition(":")[0]) in FINAL:
            return True, words
        if status == 404:
            return False, f"the router does not know {PATH}: it captures nothing, or is too old"
        if monotonic() - began + pause > seconds:
            return False, f"gave up after {seconds:g} s: {words}"
        sleep(pause)
    raise AssertionError("pauses do not end")


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
