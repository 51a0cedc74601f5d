"""The system's own resolver against a real server: some names are answered, others never.

The child has a mount namespace with a resolv.conf of its own, which takes root.
"""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

CHILD = """
import json, sys, trio
from noderouter.core.addr import AddrBound, AddrPending
from noderouter.naming.dns.resolver import Resolver
from noderouter.core.background import until

async def main():
    async with trio.open_nursery() as nursery:
        resolver = Resolver(nursery.start_soon, lambda *_, **__: None)
        for number in range(60):
            resolver.addr((f"x{number}.dead.test.",), 80).hold()
        await trio.sleep(0)
        found = []
        for number in range(40):
            var = resolver.addr((f"web{number}.live.test.",), 80)
            found.append(await until(var, lambda addr: not isinstance(addr, AddrPending)))
        gone = await until(resolver.addr(("none.live.test.",), 80), lambda addr: not isinstance(addr, AddrPending))
        while not resolver.counts.failures:  # the system gives up after what resolv.conf says
            await trio.sleep(0.01)
        json.dump({
            "found": sum(isinstance(addr, AddrBound) for addr in found),
            "gone": type(gone).__name__,
            "timeouts": resolver.counts.timeouts,
            "in_flight": resolver.slots.in_flight,
        }, sys.stdout)
        nursery.cancel_scope.cancel()

trio.run(main)
"""


class Server:
    """Answers `*.live.test` (A records, but for `none`), and never anything else; `asked` are all names."""

    def __init__(self, address: str) -> None:
        self.asked: list[str] = []
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((address, 53))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._sock.sendto(b"", self._sock.getsockname())
        self._thread.join()
        self._sock.close()

    def _serve(self) -> None:
        while True:
            query, peer = self._sock.recvfrom(4096)
            if not query:
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode())
                at += query[at] + 1
            question = query[12 : at + 5]
            name, is_a = ".".join(labels), question[-4:-2] == b"\0\1"
            self.asked.append(name)
            if name.endswith("live.test"):
                known = not name.startswith("none")
                answer = b"\xc0\x0c\0\1\0\1\0\0\0\x05\0\4\x0a\0\0\1" if known and is_a else b""
                flags = b"\x81\x80" if known else b"\x81\x83"
                head = query[:2] + flags + b"\0\1" + bytes([0, bool(answer)]) + b"\0\0\0\0"
                self._sock.sendto(head + question + answer, peer)


@pytest.fixture
def server() -> Iterator[tuple[Server, str]]:
    address = f"127.{random.randint(60, 99)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
    made = Server(address)
    yield made, address
    made.close()


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare")
def test_names_whose_server_is_dead_hold_up_nobody(server: tuple[Server, str], tmp_path: Path) -> None:
    dns, address = server
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver {address}\noptions timeout:1 attempts:1\n")
    mount = f'mount --bind {conf} /etc/resolv.conf && exec {sys.executable} -c "$CHILD"'
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount],
        env=os.environ | {"CHILD": CHILD},
        capture_output=True,
        timeout=60,
        check=True,
    )
    result = json.loads(done.stdout)
    assert result.pop("in_flight") <= 32
    assert result == {"found": 40, "gone": "AddrNeg", "timeouts": 0}
    answered = [name for name in dns.asked if name.endswith("live.test")]
    dead = {name for name in dns.asked[: dns.asked.index("web39.live.test")] if name.endswith("dead.test")}
    assert len(set(answered)) == 41
    assert len(dead) <= 3  # of sixty: the others wait, because nothing is known to be well with their zone
