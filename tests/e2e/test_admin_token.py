"""A router whose admin interface wants a token: whole, with the commands that ask it and the routers of other nodes."""

import sys
from pathlib import Path

import pytest
import trio

from noderouter.app import App
from tests.testing.backend import backend
from tests.testing.http import Answer, ask
from tests.testing.ports import free_ports
from tests.testing.router import Running, checked, config, inet, replace, routing

ONE, TWO = "a-token-of-many-characters", "another-token-of-many-characters"


async def shown(router: Running, target: str, token: str) -> Answer:
    return await router.admin(target, fields=[("Authorization", f"Bearer {token}")])


async def test_the_file_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{ONE}\n")
    async with routing(config("", admin={"token": {"file": str(file)}})) as router:
        assert (await router.admin("/config.json")).status == 401
        assert (await router.admin("/readyz")).status == 200
        assert (await router.admin("/admin/metrics.json")).status == 200
        assert (await shown(router, "/config.json", ONE)).status == 200
        assert (await shown(router, "/config.json", TWO)).status == 401
        assert (await router.admin("/admin/shutdown", "POST")).status == 401
        replace(file, f"{TWO}\n{ONE}\n")
        with trio.fail_after(30):
            while (await shown(router, "/config.json", TWO)).status != 200:
                await trio.sleep(0.005)
        assert (await shown(router, "/config.json", ONE)).status == 200
        replace(file, "")
        with trio.fail_after(30):
            while "the last good one counts: 0 tokens" not in (await router.admin("/readyz?verbose")).text:
                await trio.sleep(0.005)
        assert (await shown(router, "/config.json", TWO)).status == 200
        said = [event["event"] for event in router.events if event["event"].startswith("admin.token")]
        assert said.count("admin.token_wrong") >= 1
        assert [each for each in said if each != "admin.token_wrong"] == ["admin.token_loaded", "admin.token_refused"]
        assert ONE not in str(router.events)


async def test_a_router_without_its_token_does_not_start(tmp_path: Path) -> None:
    app = App(checked(config("", admin={"token": {"file": str(tmp_path / "token")}})))
    with pytest.raises(BaseExceptionGroup) as caught:
        await app.run()
    assert "admin.token" in str(caught.value.exceptions) or caught.group_contains(Exception, match="no such file")


async def test_commands_show_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(ONE)
    async with backend("hello") as service:
        dtab = f"/svc/hello => {inet(service.port)}"
        async with routing(config(dtab, admin={"token": {"file": str(file)}})) as router:
            assert (await router.ask("hello")).status == 200
            where = ["--admin", f"127.0.0.1:{router.admin_port}"]

            async def run(*words: str) -> tuple[int, str, str]:
                command = [sys.executable, "-m", "noderouter.cli", *words]
                done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
                return done.returncode, done.stdout.decode(), done.stderr.decode()

            code, out, err = await run("endpoints", *where)
            assert (code, out) == (1, "")
            assert "it wants the token of its `admin.token`: --token-file" in err
            code, out, err = await run("endpoints", *where, "--token-file", str(file))
            assert code == 0
            assert str(service.port) in out
            code, out, err = await run("endpoints", *where, "--token-file", str(tmp_path / "none"))
            assert "--token-file" in err


async def test_the_routers_of_all_nodes(tmp_path: Path) -> None:
    """They prove to each other that they have the same token; who has another sees nothing."""
    file, other = tmp_path / "token", tmp_path / "other"
    file.write_text(ONE)
    other.write_text(TWO)
    ports = free_ports(3)
    peers = {"addresses": [f"127.0.0.1:{port}" for port in ports]}

    def node(number: int, token: Path) -> dict[str, object]:
        probes = {"ip": "127.0.0.1", "port": ports[number]}
        return {"token": {"file": str(token)}, "peers": peers, "probes": probes}

    async with routing(config("", admin=node(0, file))) as one, routing(config("", admin=node(1, file))):
        async with routing(config("", admin=node(2, other))):
            assert (await ask(ports[1], "localhost", "/admin/summary.json")).status == 401
            assert (await ask(ports[1], "localhost", "/livez")).status == 200
            page = (await shown(one, "/?nodes=all", ONE)).text
            assert "it answers 401" in page
            metrics = await one.metrics("admin/peers")
            assert (metrics["heard"], metrics["refused"]) == (1, 1)
