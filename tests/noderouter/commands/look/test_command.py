"""The commands that a router of today answers in full, and how all of them end.

Covers `requests.py`, `line.py`, `policy.py`, `whatif.py`.
"""

import json
import signal
import subprocess
import sys

import pytest
import trio

from noderouter.commands.look.line import lines
from noderouter.commands.look.output import LookError
from tests.testing.backend import backend
from tests.testing.loop import until
from tests.testing.router import config, inet, routing

RECORD = {
    "time": "2026-01-31T12:00:00.123Z", "kind": "request", "service": "/svc/a\x1b[2J", "authority": "a", 
    "method": "GET", "path": "/x\n", "status": 503, "error": None, "duration_ms": 12.34, "endpoint": "10.0.0.1:80", 
    "source": "10.0.0.2:9", "attempts": 2,
    "tries": [{"endpoint": "10.0.0.1:80", "after_ms": 0.0, "duration_ms": 1.0, "status": 503, "error": None}],
    "request_head": {"fields": [["host", "a"]], "cut": False},
}  # fmt: skip


def test_a_line_says_what_came_of_a_call():
    tries = [{**RECORD["tries"][0], "status": 200, "grpc_status": 14}]
    found = list(lines({**RECORD, "status": 200, "grpc_status": 5, "tries": tries}, lambda _colour, text: text))
    assert "from 10.0.0.2:9  grpc 5  2 tries" in found[0]
    assert found[1].strip() == "try 10.0.0.1:80 grpc 14 after 0 ms, 1 ms"


def test_a_line_says_what_came_of_a_request():
    found = list(lines(RECORD, lambda _colour, text: text, "n1"))
    assert found[0] == (
        "12:00:00.123  503      12.3 ms  GET      /svc/a  /x   -> 10.0.0.1:80  from 10.0.0.2:9  2 tries  on n1"
    ).replace("/svc/a", "/svc/a[2J")
    assert [line.strip() for line in found[1:]] == ["try 10.0.0.1:80 503 after 0 ms, 1 ms", "> host: a"]


async def test_requests_of_a_router_as_they_end(command, nursery):
    async with backend() as hello, routing(config(f"/svc => {inet(hello.port)}")) as router:
        done = {}

        async def show(line):
            done[line] = await command(line, router.admin_port)

        for line in ("requests -n 1 --service /svc/hello --heads", "tap -n 1 -o json"):
            await until(lambda: not len(router.app.control.tap))
            nursery.start_soon(show, line)
            await until(lambda: len(router.app.control.tap) == 1)
            await router.ask("hello", "/there")
            await until(lambda line=line: line in done)
            code, out = done[line]
            assert code == 0
            if "json" in line:
                assert json.loads(out)["path"] == "/there"
            else:
                assert "  200  " in out
                assert "/svc/hello  /there" in out
                assert "> " in out


async def test_a_filter_that_is_none_is_said(command):
    async with routing(config()) as router:
        with pytest.raises(LookError, match=r"400.*status"):
            await command("requests --status nonsense", router.admin_port)


async def test_what_is_no_stream_of_requests(stand_in, command):
    stand_in.answers["/requests"] = 200, "<html>\n"
    with pytest.raises(LookError, match="no noderouter"):
        await command("requests", stand_in.port)


async def test_requests_of_all_nodes(stand_in, command):
    stand_in.pods("n1", "n2")
    for node in ("n1", "n2"):
        stand_in.behind(node, "/requests", 200, json.dumps(RECORD) + '\n{"dropped":3}\n')
    code, out = await command("requests --all -o json", cluster=stand_in.port)
    assert code == 0
    found = [json.loads(line) for line in out.splitlines()]
    assert sorted(each["node"] for each in found if "time" in each) == ["n1", "n2"]
    _, out = await command("requests --all -n 1 -o json", cluster=stand_in.port)
    assert len(out.splitlines()) == 1


async def test_what_if(command, tmp_path):
    file = tmp_path / "dtab"
    async with backend() as hello, routing(config(f"/svc => {inet(hello.port)}")) as router:
        await router.ask("hello")
        file.write_text(f"/svc => {inet(hello.port)};")
        code, out = await command(f"whatif {file}", router.admin_port)
        assert (code, out.splitlines()[1]) == (0, "0 of 1 names would go elsewhere")
        file.write_text("/svc => /nowhere;")
        code, out = await command(f"whatif {file}", router.admin_port)
        assert code == 1
        assert "\n/svc/hello  " in out
        code, out = await command(f"whatif {file} -o json", router.admin_port)
        assert (code, list(json.loads(out)["changed"])) == (1, ["/svc/hello"])
    file.write_text("/svc = /x")
    with pytest.raises(LookError, match=rf"{file}:1:\d+: "):
        await command(f"whatif {file}", 1)


async def test_whom_policies_would_refuse(command, tmp_path):
    file = tmp_path / "policies"
    in_force = tmp_path / "in-force"
    in_force.write_text("[]")
    async with backend() as hello:
        configuration = config(f"/svc => {inet(hello.port)}")
        configuration["policy"] = {"kind": "io.noderouter.fs", "policiesFile": str(in_force)}
        async with routing(configuration) as router:
            file.write_text("- {name: out, to: {external: [127.0.0.0/8]}, action: deny, rules: [{}]}")
            code, out = await command(f"policy check {file}", router.admin_port)
            assert (code, out) == (0, "no requests in the last 15 minutes\n")
            await router.ask("hello", "/a/b/c?secret=1")
            code, out = await command(f"policy check {file} --last 5m", router.admin_port)
            assert code == 1
            assert out.startswith(
                "of 1 requests of the last 5 minutes 1 would be refused; 0 were by what is in force\n"
            )
            assert f"1  127.0.0.1 -> 127.0.0.1:{hello.port}  GET /a/b/c\n    refused: policy out denies it" in out
            code, out = await command(f"policy check {file} -o json", router.admin_port)
            assert (code, json.loads(out)["changed"][0]["policy"]) == (1, "out")
            file.write_text("[]")
            assert (await command(f"policy check {file}", router.admin_port))[0] == 0
            assert (await router.ask("hello")).status == 200, "nothing is put into force"
    file.write_text("- {name: out}")
    with pytest.raises(LookError, match=rf"{file}:1:3: "):
        await command(f"policy check {file}", 1)


async def test_ctrl_c_ends_it_without_a_word():
    async with routing(config()) as router:
        words = ["requests", "--admin", f"127.0.0.1:{router.admin_port}"]
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "noderouter.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        await until(lambda: len(router.app.control.tap) == 1, 120)
        process.send_signal(signal.SIGINT)
        with trio.fail_after(60):
            assert await process.wait() == 130
        assert process.stderr is not None
        assert await process.stderr.receive_some() == b""


def test_an_error_is_one_line(capsys):
    from noderouter.cli import main

    assert main(["endpoints", "--admin", "nonsense:x"]) == 1
    assert capsys.readouterr().err.startswith("noderouter endpoints: --admin 'nonsense:x': must be HOST:PORT")
    assert main(["policy", "check", "/none", "--admin", "127.0.0.1:1"]) == 2
    assert capsys.readouterr().err == "noderouter policy: /none: No such file or directory\n"
    assert main(["whatif", "/none", "--admin", "127.0.0.1:1"]) == 2
    assert capsys.readouterr().err == "noderouter whatif: /none: No such file or directory\n"
