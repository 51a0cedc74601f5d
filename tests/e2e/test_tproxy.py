"""Connections that come by TPROXY (`capture.transparent`): the whole router, on a node in namespaces.

What arrives has not been translated: the listening socket is transparent, and the local address of each connection is
what was dialled.
"""

import os
from pathlib import Path

import pytest

from tests.cluster.node import namespaces
from tests.noderouter.proxy.capture.test_original_destination import DIVERT
from tests.testing.pod_network import BACKEND, BACKEND_PORT, CAPTURE_PORT, NODE, SERVICE, ask, missing, pod_network
from tests.testing.router import config, process

pytestmark = pytest.mark.root

DTAB = f"/svc => /$/inet/{BACKEND[6]}/{BACKEND_PORT} ; /svc/{SERVICE[4]}:80 => /$/inet/{BACKEND[4]}/{BACKEND_PORT}"


async def test_a_transparent_router_carries_what_is_diverted_to_it(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if names := missing():
        pytest.skip(f"needs {names} (Debian: iproute2 nftables iptables ipset)")
    server = {"ip": "::", "port": CAPTURE_PORT, "capture": {"transparent": True, "detectTimeoutMs": 50}}
    with pod_network(tmp_path, listening=False) as network:
        network.run(network.node, ["nft", "-f", "-"], DIVERT)
        for command in (
            "rule add fwmark 1 lookup 100",
            "route add local 0.0.0.0/0 dev lo table 100",
            "-6 rule add fwmark 1 lookup 100",
            "-6 route add local ::/0 dev lo table 100",
        ):
            network.run(network.node, ["ip", *command.split()])
        place, folder = network.node, tmp_path / "router"
        folder.mkdir()
        async with process(config(DTAB, servers=[server]), folder, prepare=lambda: namespaces.enter(place)) as router:
            await router.ports()
            for version in (4, 6):
                answer = ask(network.pods["client"], SERVICE[version], 80)
                assert answer.who == "backend"
                assert answer.peer == NODE[version], "the router came, and not the pod"
