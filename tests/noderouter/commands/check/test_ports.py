"""Ports that are free, held by somebody, held by the router itself."""

import socket

import pytest
import trio

from noderouter.commands.check import ports
from noderouter.commands.check.ports import Running, check_descriptors, check_ports
from tests.testing.ports import free_ports
from tests.testing.router import checked, config, routing


def at(port, admin_port):
    return checked(config(servers=[{"port": port}], admin={"port": admin_port}))


async def lines(configuration):
    return await trio.to_thread.run_sync(lambda: [str(line) for line in check_ports(configuration)])


async def test_free():
    assert await lines(at(0, 0)) == [
        "ok   port 127.0.0.1:0: free, for router out",
        "ok   port 127.0.0.1:0: free, for the admin interface",
    ]


async def test_the_port_for_probes_is_looked_at_too():
    admin = {"port": 0, "probes": {"ip": "127.0.0.1", "port": 0}}
    assert (await lines(checked(config(admin=admin))))[2:] == ["ok   port 127.0.0.1:0: free, for probes"]
    with socket.create_server(("127.0.0.1", 0)) as other:
        admin["probes"]["port"] = port = other.getsockname()[1]
        found = (await lines(checked(config(admin=admin))))[2]
    assert found.startswith(f"fail port 127.0.0.1:{port}: cannot open the port for probes 127.0.0.1:{port}: ")
    assert "set another `admin.probes.port`" in found


async def test_held_by_somebody():
    with socket.create_server(("127.0.0.1", 0)) as other, socket.create_server(("127.0.0.1", 0)) as admin:
        admin.close()
        port = other.getsockname()[1]
        found = await lines(at(port, 0))
        assert found[0].startswith(f"fail port 127.0.0.1:{port}: cannot listen on 127.0.0.1:{port}: ")
        assert "\n     -> another process listens there" in found[0]


async def test_held_by_this_very_router():
    port, admin_port = free_ports(2)
    settings = config(servers=[{"port": port}], admin={"port": admin_port})
    async with routing(settings):
        for line in await lines(checked(settings)):
            assert line.startswith("ok ")
            assert line.endswith(": held by a router with this configuration, which is running")


async def test_held_by_a_router_of_another_configuration():
    async with routing(config(admin={"port": 0})) as router:
        found = await lines(at(router.port, router.admin_port))
        assert found[0].startswith("fail ")


async def test_held_by_a_router_that_hides_its_configuration():
    port, admin_port = free_ports(2)
    admin = {"port": admin_port, "security": {"uiEnabled": False}}
    settings = config(servers=[{"port": port}], admin=admin)
    async with routing(settings):
        for line in await lines(checked(settings)):
            assert line.startswith("warn ")
            assert "probably the router that is running" in line


def test_what_is_no_router():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    running = Running("127.0.0.1", port)
    assert (running.alive, running.ports) == (False, set())


@pytest.mark.parametrize(("hard", "status"), [(1024, "warn"), (1 << 20, "ok"), (-1, "ok")])
def test_open_files(monkeypatch, hard, status):
    monkeypatch.setattr(ports.resource, "getrlimit", lambda _which: (1024, hard))
    (line,) = check_descriptors()
    assert line.status.value == status
