"""A running router, as far as it can be asked; and what is said where it cannot."""

import pytest
import trio

from noderouter.commands.dtab_check.router import AdminError, RunningRouter
from noderouter.kubernetes.credentials import context_of
from noderouter.naming.stored.key import Key
from tests.testing.api_server import api_server
from tests.testing.loop import until
from tests.testing.ports import free_ports
from tests.testing.router import config, routing, several
from tests.testing.tls import leaf, server_keys, write_authority, write_files

KEY = Key("default", "routes", "dtab")


def reading(server, filename="dtab"):
    """An interpreter."""
    keys = {"name": "routes", "filename": filename, "host": "127.0.0.1", "port": server.port}
    return {"kind": "io.l5d.k8s.configMap"} | keys


async def found(router, key=KEY, label=None):
    return await trio.to_thread.run_sync(RunningRouter, f"127.0.0.1:{router.admin_port}", key, label)


async def test_it_is_found_by_its_configmap():
    async with api_server() as server:
        routers = [
            {"protocol": "http", "label": label, "servers": [{"port": 0}], "interpreter": interpreter}
            for label, interpreter in (
                ("plain", {"kind": "default"}),
                ("one", reading(server)),
                ("two", reading(server, "other")),
            )
        ]
        async with routing(several(routers)) as router:
            assert (await found(router)).label == "one"
            assert (await found(router, Key("default", "routes", "other"))).label == "two"
            assert (await found(router, Key("default", "routes", ""))).key == KEY
            assert (await found(router, Key("default", "routes", ""), "two")).label == "two"
            for key, label, words in (
                (Key("mesh", "routes", "dtab"), None, "no router reads its dtab from mesh/routes:dtab"),
                (KEY, "two", "router two does not read its dtab from default/routes:dtab"),
            ):
                with pytest.raises(AdminError, match=words):
                    await found(router, key, label)


async def test_it_is_asked_over_tls_with_a_certificate(tmp_path):
    authority = str(write_authority(tmp_path))
    keys = server_keys(tmp_path, leaf("localhost"), caCertPath=authority, requireClientAuth=True)
    shown = [str(each) for each in write_files(tmp_path, leaf("operator"), "operator")]
    async with api_server() as server, routing(config(interpreter=reading(server), admin={"tls": keys})) as router:

        def label(*files):
            return RunningRouter(f"https://localhost:{router.admin_port}", KEY, tls=context_of(authority, *files)).label

        assert await trio.to_thread.run_sync(label, *shown) == "out"
        with pytest.raises(AdminError, match=r"/config.json: "):
            await trio.to_thread.run_sync(label)


async def test_before_the_api_has_answered_there_is_nothing_in_effect():
    async with api_server() as server:
        server.faults.refuse(403)
        async with routing(config(interpreter=reading(server))) as router:
            running = await found(router)
            with pytest.raises(AdminError, match=r"router out has no dtab yet: .*/readyz"):
                await trio.to_thread.run_sync(running.in_effect)
            assert await trio.to_thread.run_sync(running.names) == []
            server.faults.accept()
            await until(lambda: router.app.control.dtabs["out"].dtab is not None, 15)
            assert len(await trio.to_thread.run_sync(running.in_effect)) == 0


async def test_what_is_switched_off_is_said():
    admin = {"security": {"uiEnabled": False}}
    async with routing(config(admin=admin)) as router:
        with pytest.raises(AdminError, match=r"/config.json: 404 .*switched off by `admin.security`"):
            await found(router)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://localhost"])
def test_what_is_no_admin_interface(url):
    with pytest.raises(AdminError, match="begins with http://"):
        RunningRouter(url, KEY)


def test_nobody_there():
    (port,) = free_ports(1)
    with pytest.raises(AdminError, match="Connection refused"):
        RunningRouter(f"localhost:{port}", KEY)


async def test_a_proxy_of_the_mesh_is_not_asked(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with api_server() as server, routing(config(interpreter=reading(server))) as router:
        assert (await found(router)).label == "out"
