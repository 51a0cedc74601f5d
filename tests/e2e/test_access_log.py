"""The access log file of a router (docs/linkerd1.md section 6.7)."""

import re
import time

import pytest

from noderouter import app
from tests.testing.backend import backend, response
from tests.testing.loop import until
from tests.testing.origin import client
from tests.testing.router import config, inet, routing, several


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Lines are written by housekeeping; wait for it less."""
    monkeypatch.setattr(app, "SWEEP_SECONDS", 0.05)


LINE = re.compile(
    r'(?P<host>\S+) (?P<ip>\S+) - - \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\S+) (?P<bytes>\S+)'
    r' "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"'
)


async def lines_of(file, count):
    """The lines of an access log, once there are so many."""
    await until(lambda: file.exists() and len(file.read_text().splitlines()) >= count)
    found = [LINE.fullmatch(line) for line in file.read_text().splitlines()]
    assert None not in found, file.read_text()
    return found


async def test_every_request_has_a_line(tmp_path):
    file = tmp_path / "access.log"
    async with backend() as service:
        configuration = config(f"/svc/hello => {inet(service.port)}", httpAccessLog=str(file))
        async with routing(configuration) as router:
            http = await router.connect()
            fields = [("User-Agent", "curl/8 (x)"), ("Referer", "http://a/b")]
            await http.ask(target="/a?b=c%20d", fields=fields)
            await http.ask("unknown", method="POST", body=b"x")
            await http.ask(method="HEAD")
            first, second, third = await lines_of(file, 3)
            assert first["host"] == "hello"
            assert first["ip"] == "127.0.0.1"
            assert first["request"] == "GET /a?b=c%20d HTTP/1.1"
            assert (first["status"], first["bytes"]) == ("200", "5")
            assert (first["referer"], first["agent"]) == ("http://a/b", "curl/8 (x)")
            day = time.strftime("%d/%m/%Y", time.localtime())
            assert re.fullmatch(day + r":\d\d:\d\d:\d\d \S+", first["time"])
            assert (second["request"], second["status"]) == ("POST / HTTP/1.1", "502")
            assert (third["request"], third["status"], third["bytes"]) == ("HEAD / HTTP/1.1", "200", "0")
            assert (second["referer"], second["agent"]) == ("-", "-")
            await http.close()


async def test_a_client_cannot_forge_lines(tmp_path):
    file = tmp_path / "access.log"
    async with routing(config("/svc => /$/nil", httpAccessLog=str(file))) as router:
        await router.ask("x", "/a", fields=[("User-Agent", 'evil" 200 1 "-" "\t\xff\\')])
        (line,) = await lines_of(file, 1)
        assert line["agent"] == r"evil\x22 200 1 \x22-\x22 \x22\x09\xff\x5c"


async def test_retries_make_one_line_and_clients_that_leave_make_one_too(tmp_path):
    file = tmp_path / "access.log"
    statuses = iter(["500 Oh", "500 Oh", "200 OK"])

    async def respond(_got):
        status = next(statuses, None)
        if status is None:
            raise AssertionError("the client has left")
        return response("x", status)

    async with backend() as service:
        service.respond = respond
        configuration = config(
            f"/svc => {inet(service.port)}",
            httpAccessLog=str(file),
            service={"responseClassifier": {"kind": "io.l5d.http.retryableRead5XX"}},
        )
        async with routing(configuration) as router:
            assert (await router.ask()).status == 200
            peer = await client(router.port)
            await peer.send(b"POST /gone HTTP/1.1\r\nHost: hello\r\nContent-Length: 100000\r\n\r\nx")
            await until(lambda: service.accepted and router.connections() == 1)
            peer.abort()
            first, second = await lines_of(file, 2)
            assert first["status"] == "200"
            assert (second["request"], second["status"], second["bytes"]) == ("POST /gone HTTP/1.1", "-", "-")


async def test_each_router_has_a_file_of_its_own(tmp_path):
    routers = [
        {
            "protocol": "http",
            "label": label,
            "servers": [{"port": 0}],
            "dtab": f"/svc => /$/io.buoyant.http.status/{status}",
            "httpAccessLog": str(tmp_path / label),
        }
        for label, status in (("one", 201), ("two", 202))
    ]
    async with routing(several(routers)) as router:
        await router.ask()
        (line,) = await lines_of(tmp_path / "one", 1)
        assert line["status"] == "201"
        assert not (tmp_path / "two").exists() or (tmp_path / "two").read_text() == ""


@pytest.mark.parametrize("append", [True, False])
async def test_append_or_not(tmp_path, append):
    file = tmp_path / "access.log"
    file.write_text('x 1.2.3.4 - - [t] "GET / HTTP/1.1" 200 1 "-" "-"\n')
    configuration = config("/svc => /$/nil", httpAccessLog=str(file), httpAccessLogAppend=append)
    async with routing(configuration) as router:
        await router.ask("fresh")
        await until(lambda: "fresh" in file.read_text())
        assert [line["host"] for line in await lines_of(file, 1)] == (["x"] if append else []) + ["fresh"]


async def test_lines_are_written_at_the_latest_at_the_end(tmp_path):
    file = tmp_path / "access.log"
    async with routing(config("/svc => /$/nil", httpAccessLog=str(file))) as router:
        for _ in range(100):
            await router.ask("last")
    assert file.read_text().count("last 127.0.0.1 ") == 100
