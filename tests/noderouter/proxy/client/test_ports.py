"""When this machine has run out of something no endpoint is to blame: local ports, in a network of its own.

Covers `pool_settings.py`.
"""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from noderouter.core.errors import ConnectError, OverloadError
from noderouter.proxy.client.pool import Pool
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats
from noderouter.proxy.http1.upstream import connect_http1
from tests.cluster.node.namespaces import create, inside, remove, set_sysctl
from tests.testing.loop import looping
from tests.testing.origin import client
from tests.testing.proxy import proxy

pytestmark = pytest.mark.root

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Path]:
    """A network with loopback and few ports, which this thread is in."""
    if os.geteuid():
        pytest.skip("needs root")
    place = tmp_path / "network"
    try:
        create(place)
    except OSError as error:
        pytest.skip(f"no network namespaces here: {error}")
    try:
        set_sysctl(place, "ipv4/ip_local_port_range", "40000 40009")
        with inside(place):
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield place
    finally:
        remove(place)


def take_all_ports(server: socket.socket) -> list[socket.socket]:
    """Connect to `server` from every port there is."""
    taken = []
    while True:
        sock = socket.socket()
        if sock.connect_ex(server.getsockname()):
            sock.close()
            return taken
        taken.append(sock)


async def test_no_port_is_nobodys_fault(network: Path) -> None:
    with socket.create_server(("127.0.0.1", 30000)) as server:
        async with proxy(30000, fail_fast=True) as p:
            taken = take_all_ports(server)
            try:
                assert len(taken) >= 5
                peer = await client(p.port)
                for _ in range(2):
                    await peer.send(GET)
                    head = await peer.head()
                    assert head.startswith(b"HTTP/1.1 503 ")
                    assert b"l5d-retryable: true\r\n" in head
                    await peer.exactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
                assert p.client.down == 0
                assert p.client.requeues == 0  # each would look through all ports
                await peer.close()
            finally:
                for sock in taken:
                    sock.close()


@pytest.mark.parametrize("address", ["::1", "2001:db8::1"])
async def test_no_address_to_reach_an_endpoint_from_is_no_lack_of_ports(network: Path, address: str) -> None:
    """The kernel's word is the same; here it is well to go elsewhere."""
    set_sysctl(network, "ipv6/conf/all/disable_ipv6", "1")
    async with looping() as loop:
        pool = Pool(loop.reactor, address, 80, PoolSettings(), PoolStats(), connect_http1)
        with pytest.raises(ConnectError):
            await loop.run(pool.open(None))


async def test_no_datagram_port_either(network: Path) -> None:
    """What is asked to tell one from the other may have run out, too."""
    with socket.create_server(("127.0.0.1", 30000)) as server:
        taken = take_all_ports(server)
        while True:
            sock = socket.socket(type=socket.SOCK_DGRAM)
            taken.append(sock)
            if sock.connect_ex(server.getsockname()):
                break
        try:
            async with looping() as loop:
                pool = Pool(loop.reactor, *server.getsockname(), PoolSettings(), PoolStats(), connect_http1)
                with pytest.raises(OverloadError):
                    await loop.run(pool.open(None))
        finally:
            for sock in taken:
                sock.close()
