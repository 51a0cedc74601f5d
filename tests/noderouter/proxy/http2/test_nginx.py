"""nginx as an endpoint of HTTP/2: it ends each connection after so many requests, and no request is lost by that."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.testing.http2 import http2_client
from tests.testing.loop import until
from tests.testing.ports import free_ports
from tests.testing.proxy import HTTP_2, proxy

REQUESTS = 100
CONFIGURATION = """
daemon off;
worker_processes 1;
error_log stderr error;
pid {folder}/pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests {requests};
  server {{
    listen 127.0.0.1:{port} http2;
    location / {{ return 200 "fine"; }}
  }}
}}
"""


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[int]:
    """The port of a server."""
    command = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if command is None:
        pytest.skip("nginx is not there")
    (port,) = free_ports(1)
    file = tmp_path / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=tmp_path, port=port, requests=REQUESTS))
    with subprocess.Popen([command, "-c", file, "-p", tmp_path], stderr=subprocess.PIPE) as server:
        yield port
        server.terminate()


async def listening(port: int) -> None:
    """Wait until somebody listens."""
    with trio.fail_after(30):
        while True:
            try:
                await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
            except OSError:
                await trio.sleep(0.01)
            else:
                return


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_its_goaway_costs_no_request(nginx: int, method: str) -> None:
    await listening(nginx)
    async with proxy(nginx, http2=Http2ServerSettings(), connections=HTTP_2) as p:
        peer = await http2_client(p.port)
        statuses = []
        for burst in range(10):
            numbers = range(1 + 80 * burst, 1 + 80 * (burst + 1), 2)
            await peer.send(*[peer.request("/", method, (b"x-number", b"%d" % number)) for number in numbers])
            statuses += [(await peer.over(number)).status for number in numbers]
        assert statuses == [200] * 400
        (endpoint,) = p.client.endpoints.values()
        assert endpoint.failures == 0
        assert p.client.pool_stats.connects >= 400 // REQUESTS
        await peer.close()
        await until(lambda: not p.client.in_flight)
