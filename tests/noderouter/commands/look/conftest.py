"""A stand-in for routers with a dashboard, directly or behind an API server's proxy, and a command that asks it."""

import json
import os
import shlex
from urllib.parse import parse_qsl, urlsplit

import pytest
import trio

from noderouter.cli import parser
from noderouter.commands.look.command import carry_out
from noderouter.commands.look.output import Output
from tests.testing.kubeconfig import write_kubeconfig

PAGE = (
    "noderouter n1  0.1.0  up 5 s\n\x1b[31m!! \x1b[0mfailing  \x1b]0;title\x07\u202e\x9b2J/svc/hello\n\n"
    "────\ncurl x/services\n"
)


class StandIn:
    """Answers GETs from `answers`, by path: status and body. `asked` are the paths and queries so far."""

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.port = 0

    def pods(self, *nodes, port=9990, annotations=None):
        """Have the API list a pod on each node."""
        items = [
            {
                "metadata": {
                    "name": f"router-{node}",
                    "namespace": "mesh",
                    "creationTimestamp": "2026",
                    "annotations": annotations,
                },
                "spec": {
                    "nodeName": node,
                    "containers": [{"ports": [{"name": "admin", "containerPort": port}]}],
                },
                "status": {"phase": "Running"},
            }
            for node in nodes
        ]
        self.answers["/api/v1/pods"] = 200, json.dumps({"metadata": {}, "items": items})

    def behind(self, node, path, status, body):
        """Have the API's proxy answer so for the router of a node."""
        self.answers[f"/api/v1/namespaces/mesh/pods/router-{node}:9990/proxy{path}"] = status, body

    async def serve(self, stream):
        data = b""
        while b"\r\n\r\n" not in data:
            data += await stream.receive_some(65536)
        url = urlsplit(data.split(b" ")[1].decode())
        self.asked.append((url.path, dict(parse_qsl(url.query))))
        status, body = self.answers.get(url.path, (404, "not found\n"))
        sent = body.encode()
        await stream.send_all(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (status, len(sent)))
        await stream.send_all(sent)
        await stream.aclose()


@pytest.fixture
async def stand_in(nursery):
    server = StandIn()
    listeners = await nursery.start(lambda **keys: trio.serve_tcp(server.serve, 0, host="127.0.0.1", **keys))
    server.port = listeners[0].socket.getsockname()[1]
    return server


@pytest.fixture
def command(tmp_path):
    """Carry out a command line; its exit code and what it wrote."""

    async def run(line, port=None, *, cluster=None):
        words = shlex.split(line)
        if port is not None:
            words += ["--admin", f"127.0.0.1:{port}"]
        if cluster is not None:
            words += ["--kubeconfig", write_kubeconfig(tmp_path / "kubeconfig", cluster)]
        options = parser().parse_args(words)
        file = tmp_path / "out"
        with file.open("wb") as out:
            code = await carry_out(options.command.args[0], options, Output(out.fileno(), {}, "utf-8"))
        return code, file.read_text()

    return run


@pytest.fixture
def terminal():
    """Both ends of a terminal: the one that reads, and the one that is written to."""
    reading, writing = os.openpty()
    yield reading, writing
    os.close(reading)
    os.close(writing)
