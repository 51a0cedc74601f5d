"""The JSON access log of a router: to a file, to standard output, and from there through a real rsyslog."""

import json
import os
import shutil
import signal
import subprocess

import pytest
import trio

from noderouter import app
from tests.testing.backend import backend, response
from tests.testing.loop import until
from tests.testing.router import config, inet, process, routing

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
RSYSLOG = """
global(workDirectory="{folder}")
module(load="imfile")
module(load="mmjsonparse")
input(type="imfile" File="{log}" Tag="noderouter:" ruleset="requests")
template(name="line" type="string" string="%$!service%|%$!status%|%$!path%|%$!endpoint%|%parsesuccess%\\n")
ruleset(name="requests") {{
    action(type="mmjsonparse" cookie="")
    action(type="omfile" file="{out}" template="line")
}}
"""


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Lines are written by housekeeping; wait for it less."""
    monkeypatch.setattr(app, "SWEEP_SECONDS", 0.05)


async def records(file, count):
    """What is in a log, once there are so many."""
    await until(lambda: file.exists() and len(file.read_text().splitlines()) >= count)
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_every_request_has_a_line_and_no_other(tmp_path):
    file = tmp_path / "access.json"
    async with backend() as service:
        configuration = config(
            f"/svc/hello => {inet(service.port)}", httpAccessLog=str(file), httpAccessLogFormat="json"
        )
        async with routing(configuration) as router:
            await router.ask(target="/a?b=c%20d", fields=[("User-Agent", "x")])
            await router.ask("unknown", method="POST", body=b"xyz")
            await router.ask(None, minor=0)
            first, second, third = await records(file, 3)
            assert (await router.metrics("rt/out/access_log"))["written"] == 3
    assert (first["service"], first["path"], first["status"], first["bytes_out"]) == (
        "/svc/hello",
        "/a?b=c%20d",
        200,
        5,
    )
    assert first["endpoint"] == f"127.0.0.1:{service.port}"
    assert service.got[0]["l5d-reqid"] == first["trace"]
    assert (second["status"], second["error"], second["bytes_in"]) == (502, "NoSuchName", 3)
    assert (third["status"], third["error"], third["service"]) == (400, "IdentificationError", None)


async def test_a_sample_keeps_what_fails(tmp_path):
    file = tmp_path / "access.json"
    async with backend() as service:
        configuration = config(
            f"/svc/hello => {inet(service.port)}",
            httpAccessLog=str(file),
            httpAccessLogFormat="json",
            httpAccessLogSample=0,
        )
        async with routing(configuration) as router:
            for _ in range(5):
                await router.ask()
            await router.ask("unknown")

            async def fail(_got):
                return response("bad", "503 Oh")

            service.respond = fail
            await router.ask()
            assert [each["status"] for each in await records(file, 2)] == [502, 503]
            assert (await router.metrics("rt/out/access_log"))["left_out"] == 5


async def test_two_routers_write_each_their_own(tmp_path):
    """An observer of one router sees nothing of the other's."""
    async with backend() as service:
        configuration = config(
            f"/svc => {inet(service.port)}", httpAccessLog=str(tmp_path / "out"), httpAccessLogFormat="json"
        )
        other = config(f"/svc => {inet(service.port)}", httpAccessLog=str(tmp_path / "in"), label="in")
        configuration["routers"] += other["routers"]
        async with routing(configuration) as router:
            for port in router.ports():
                http = await trio.open_tcp_stream("127.0.0.1", port)
                await http.send_all(b"GET / HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n")
                while await http.receive_some():
                    pass
                await http.aclose()
            (record,) = await records(tmp_path / "out", 1)
            await until(lambda: (tmp_path / "in").exists())
    assert record["router"] == "out"
    assert (tmp_path / "in").read_text().startswith("hello 127.0.0.1 - - [")


@pytest.mark.skipif(shutil.which("rsyslogd", path=PATH) is None, reason="rsyslog is not installed (Debian: rsyslog)")
async def test_rsyslog_reads_it(tmp_path):
    """What is hostile in a request is one message there, with its fields; and so is what comes behind it."""
    log, out, conf = tmp_path / "access.json", tmp_path / "out", tmp_path / "rsyslog.conf"
    conf.write_text(RSYSLOG.format(folder=tmp_path, log=log, out=out))
    rsyslog = shutil.which("rsyslogd", path=PATH)
    async with backend() as service:
        configuration = config(
            f"/svc/hello => {inet(service.port)}", httpAccessLog=str(log), httpAccessLogFormat="json"
        )
        daemon = subprocess.Popen([rsyslog, "-n", "-f", str(conf), "-i", str(tmp_path / "pid")])
        try:
            async with routing(configuration) as router:
                await router.ask(target="/first")
                http = await router.connect()
                await http.peer.send(b'GET /%1b[31m?"\\}{\x85 HTTP/1.1\r\nHost: hello\r\n\r\n')
                await http.answer()
                await http.close()
                await router.ask("unknown", target="/last")
                await until(lambda: out.exists() and len(out.read_bytes().splitlines()) >= 3)
        finally:
            daemon.send_signal(signal.SIGTERM)
            await trio.to_thread.run_sync(daemon.wait)
    first, hostile, last = (line.decode().split("|") for line in out.read_bytes().splitlines())
    assert first == ["/svc/hello", "200", "/first", f"127.0.0.1:{service.port}", "OK"]
    assert last == ["/svc/unknown", "502", "/last", "", "OK"]
    assert hostile == ["/svc/hello", "200", '/%1b[31m?"\\}{\\x85', f"127.0.0.1:{service.port}", "OK"]


async def test_standard_output(tmp_path):
    """What is written there is the log, and nothing else is; it is complete when the router ends."""
    async with backend() as service:
        configuration = config(
            f"/svc => {inet(service.port)}", httpAccessLog="-", httpAccessLogFormat="json", admin={"port": 0}
        )
        file = tmp_path / "stdout"
        async with process(configuration, tmp_path, stdout=file) as router:
            (port, *_), _ = await router.ports()
            for number in range(3):
                http = await trio.open_tcp_stream("127.0.0.1", port)
                await http.send_all(b"GET /%d HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n" % number)
                while await http.receive_some():
                    pass
                await http.aclose()
            router.process.send_signal(signal.SIGTERM)
            assert await router.ended() == 0
    assert [json.loads(line)["path"] for line in file.read_text().splitlines()] == ["/0", "/1", "/2"]
