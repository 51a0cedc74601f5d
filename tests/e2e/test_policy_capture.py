"""Policies for captured connections that are no HTTP: refused, or reset while open. On a node in namespaces."""

import os
from pathlib import Path

import pytest

from tests.cluster.node import namespaces
from tests.noderouter.proxy.capture.test_original_destination import DIVERT
from tests.testing.loop import until
from tests.testing.pod_network import (
    BACKEND,
    BACKEND_PORT,
    CAPTURE_PORT,
    CLIENT,
    SERVICE,
    dial,
    echoes,
    missing,
    pod_network,
    read_line,
)
from tests.testing.router import config, process, replace

pytestmark = pytest.mark.root

DTAB = f"/svc => /$/inet/{BACKEND[4]}/{BACKEND_PORT}"
TO, FROM = f"to: {{external: [{BACKEND[4]}]}}", f"from: [{{ip: {CLIENT[4]}}}]"
NOT_THE_CLIENT = f"- {{name: not-the-client, action: deny, {TO}, rules: [{{{FROM}}}]}}"


async def test_a_flow_is_reset_when_it_may_not_be_any_more(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if names := missing():
        pytest.skip(f"needs {names} (Debian: iproute2 nftables iptables ipset)")
    policies = tmp_path / "policies"
    policies.write_text(NOT_THE_CLIENT.replace(CLIENT[4], "203.0.113.9"))
    server = {"ip": "::", "port": CAPTURE_PORT, "capture": {"transparent": True, "detectTimeoutMs": 50}}
    with pod_network(tmp_path, listening=False) as network:
        network.run(network.node, ["nft", "-f", "-"], DIVERT)
        for command in ("rule add fwmark 1 lookup 100", "route add local 0.0.0.0/0 dev lo table 100"):
            network.run(network.node, ["ip", *command.split()])
        place, folder = network.node, tmp_path / "router"
        folder.mkdir()
        configuration = config(DTAB, servers=[server])
        configuration["policy"] = {"kind": "io.noderouter.fs", "policiesFile": str(policies)}
        async with process(configuration, folder, prepare=lambda: namespaces.enter(place)) as router:
            await router.ports()
            client = network.pods["client"]
            with dial(client, SERVICE[4], 80, 60.0) as flow:
                assert read_line(flow).who == "backend"
                assert echoes(flow)
                replace(policies, NOT_THE_CLIENT)
                await router.until("policy.flows_ended")
                assert not echoes(flow), "it was reset"
            with dial(client, SERVICE[4], 80, 60.0) as refused, pytest.raises((OSError, ValueError)):
                read_line(refused)
            await until(lambda: any(line["policy"] == "not-the-client" for line in router.log("policy.denied")))
            assert "not-the-client" in router.log("flow.failed")[0]["reason"]
