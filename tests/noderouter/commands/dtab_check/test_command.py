"""The command as people give it: a fake API with the ConfigMap, and a router that runs."""

import json

import pytest
import trio

from noderouter.cli import main
from tests.testing.api_server import api_server
from tests.testing.backend import backend
from tests.testing.kubeconfig import write_kubeconfig
from tests.testing.loop import until
from tests.testing.router import config, fs, routing


class Command:
    """Runs the command; `out` and `err` are what it said."""

    def __init__(self, server, directory, capsys) -> None:
        self.server = server
        self.directory = directory
        self.capsys = capsys
        self.out = self.err = ""

    def hold(self, text) -> None:
        self.server.store.put("configmaps", {"metadata": {"name": "routes"}, "data": {"dtab": text}})

    def new(self, text) -> str:
        file = self.directory / "new.dtab"
        file.write_text(text)
        return str(file)

    async def __call__(self, *arguments) -> int:
        usual = [
            "--configmap",
            "default/routes",
            "--kubeconfig",
            write_kubeconfig(self.directory / "kubeconfig", self.server.port),
        ]
        code = await trio.to_thread.run_sync(main, ["dtab", "check", *usual, *arguments])
        self.out, self.err = self.capsys.readouterr()
        return code


@pytest.fixture
async def command(tmp_path, capsys):
    async with api_server() as server:
        yield Command(server, tmp_path, capsys)


async def test_what_would_go_elsewhere(command):
    command.hold("/svc => /#/io.l5d.fs")
    names = command.directory / "names"
    names.write_text("/svc/hello\n/svc/world\n")
    new = command.new("/svc => /#/io.l5d.fs ;\n/svc/hello => 9 * /svc/hello-v1 & /svc/hello-v2 ;\n")
    assert await command("--file", new, "--names", str(names)) == 1
    lines = command.out.splitlines()
    assert lines[0].startswith("in force: default/routes:dtab: 1 entries, hash ")
    assert lines[1].startswith(f"new:      {new}: 2 entries, hash ")
    assert lines[2:] == [
        "/svc/hello",
        "    now   /#/io.l5d.fs/hello",
        "    then  0.9 of /#/io.l5d.fs/hello-v1, 0.1 of /#/io.l5d.fs/hello-v2",
        "1 of 2 names would go elsewhere",
        "namers were not asked: every name below /#/ counts as known",
    ]


async def test_without_names_those_of_the_dtabs_are_tried(command):
    command.hold("/svc => /#/io.l5d.fs ; /svc/old => /svc/hello")
    assert await command("--file", command.new("/svc => /#/io.l5d.fs"), "--json") == 1
    said = json.loads(command.out)
    assert said["elsewhere"] == [{"name": "/svc/old", "now": "/#/io.l5d.fs/hello", "then": "/#/io.l5d.fs/old"}]
    assert said["names"] == 2
    assert "those that the dtabs speak of" in said["note"]


async def test_nothing_to_report(command):
    command.hold("/svc => /#/io.l5d.fs")
    assert await command() == 0
    assert await command("--file", command.new("# moved\n/svc => /#/io.l5d.fs ;")) == 0
    assert "0 of 1 names would go elsewhere" in command.out


async def test_findings_of_lint(command):
    command.hold("/svc => /#/io.l5d.fs")
    new = command.new("/svc => /#/io.l5d.fs ;\n/svc => /#/io.l5d.fs")
    assert await command("--file", new) == 1
    assert f"{new}:1:1: duplicate: " in command.out


async def test_an_invalid_dtab(command):
    command.hold("/svc => /#/io.l5d.fs")
    assert await command("--file", command.new("/svc => /a ;\n/b -> /c")) == 2
    assert "new.dtab: invalid: line 2, column 4: '='" in command.out
    command.hold("nonsense")
    assert await command() == 2
    assert await command("--file", command.new("/svc => /#/io.l5d.fs")) == 1
    assert "in force: default/routes:dtab: invalid: line 1, column 1" in command.out
    assert "only the router knows" in command.out


async def test_no_configmap_is_an_empty_dtab(command):
    assert await command("--file", command.new("/svc => /#/io.l5d.fs")) == 1
    assert "in force: default/routes (which does not exist): 0 entries" in command.out
    assert "now   nowhere: no such name" in command.out


async def test_the_api_does_not_answer(command):
    command.server.faults.refuse(403)
    assert await command() == 2
    assert "ConfigMap default/routes: GET /api/v1/namespaces/default/configmaps/routes: 403" in command.err


@pytest.mark.parametrize("key", ["routes", "a/b/c", "/routes"])
def test_wrong_usage(key, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["dtab", "check", "--configmap", key])
    assert ended.value.code == 2
    assert "is not NAMESPACE/NAME" in capsys.readouterr().err


def interpreter(server):
    return {
        "kind": "io.l5d.k8s.configMap",
        "name": "routes",
        "filename": "dtab",
        "host": "127.0.0.1",
        "port": server.port,
    }


async def test_a_running_router_knows_names_and_asks_its_namers(command):
    """`/svc/hello` falls back where the namer does not know the new name; without asking nobody would see that."""
    directory = command.directory / "disco"
    directory.mkdir()
    async with backend("one") as one:
        for name in ("hello", "world", "world-v2"):
            (directory / name).write_text(one.address)
        command.hold("/svc => /#/io.l5d.fs")
        settings = config("/svc/own => /svc/world", namers=[fs(directory)], interpreter=interpreter(command.server))
        async with routing(settings) as router:
            for host in ("hello", "world", "own"):
                await router.answers("one", host)
            new = command.new(
                "/svc => /#/io.l5d.fs ;\n/svc/hello => /#/io.l5d.fs/hello-v2 ;\n/svc/world => /#/io.l5d.fs/world-v2"
            )
            url = f"localhost:{router.admin_port}"
            assert await command("--admin", url, "--file", new, "--json") == 1
            said = json.loads(command.out)
            assert said["inForce"]["source"] == "router out"
            assert said["names"] == 3
            now, then = "/#/io.l5d.fs/world", "/#/io.l5d.fs/world-v2"
            assert said["elsewhere"] == [
                {"name": "/svc/own", "now": now, "then": then},
                {"name": "/svc/world", "now": now, "then": then},
            ]
            assert said["traffic"]["moves"] == pytest.approx(2 / 3)
            assert said["traffic"]["failsThen"] == said["traffic"]["notLookedAt"] == 0
            assert await command("--admin", url, "--file", command.new("/svc/hello => /#/io.l5d.fs/hello")) == 1
            assert "then  nowhere: no such name" in command.out
            assert "66.7% of the requests of the last ten minutes (0.3/s) would go elsewhere; 66.7%" in command.out
            names = command.directory / "names"
            names.write_text("/svc/hello\n/svc/world-v2\n")
            assert await command("--admin", url, "--file", new, "--names", str(names), "--json") == 1
            assert json.loads(command.out)["names"] == 4


async def test_is_this_router_up_to_date(command):
    command.hold("/svc => /#/io.l5d.fs")
    async with routing(config(namers=[fs(command.directory)], interpreter=interpreter(command.server))) as router:
        url = f"http://localhost:{router.admin_port}/"
        await until(lambda: router.app.control.dtabs["out"].dtab)
        assert await command("--admin", url) == 0
        assert "0 of 1 names would go elsewhere" in command.out
        command.hold("nonsense")
        await until(lambda: router.app.control.dtabs["out"].refused)
        assert await command("--admin", url) == 2
        assert "in force: router out: 1 entries" in command.out
        assert "new:      default/routes:dtab: invalid: line 1, column 1" in command.out
        assert await command("--admin", url, "--router", "other") == 2
        assert "router other does not read its dtab from default/routes" in command.err
    assert await command("--admin", url) == 2
    assert f"localhost:{router.admin_port}/config.json: " in command.err


def test_it_is_among_the_commands_of_dtab(capsys):
    with pytest.raises(SystemExit):
        main(["dtab", "-h"])
    assert "\n    check  " in capsys.readouterr().out
