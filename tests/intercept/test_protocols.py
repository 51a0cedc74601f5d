"""What is not HTTP passes, whoever speaks first, and is routed by the dtab as well."""

import base64
import os
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from tests.cluster.any_cluster import until
from tests.cluster.certificates import Authority
from tests.intercept import store
from tests.intercept.asking import Connection, line, read
from tests.intercept.conftest import ON_ONE
from tests.intercept.mesh_node import FAMILIES, Service
from tests.intercept.objects import Port
from tests.intercept.pod import Pod
from tests.intercept.world import ECHO_PORT, World, Worlds
from tests.testing.busy import BUSY_SECONDS
from tests.testing.pod_network import NODE, dial

pytestmark = [pytest.mark.root, ON_ONE, pytest.mark.parametrize("version", FAMILIES)]

NAMES = ("store-one", "store-two")
TLS_PORT = 8443
MAIL_PORT = 2525
QUIET_MAIL_PORT = 2526
DETECT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pods with the same servers, and services that lead to the first, and to the second."""

    pods: tuple[Pod, Pod]
    services: tuple[Service, Service]
    authority: Authority

    def other(self, port: int) -> str:
        """Has connections for the first end at the second."""
        first, second = self.services
        return f"/svc/{first.host}:{port} => /svc/{second.host}:{port} ;"


@pytest.fixture(scope="module")
def pair(worlds: Worlds) -> Iterator[Pair]:
    """Servers of all kinds."""
    node = worlds.get().node
    folder = node.folder / "certificates"
    folder.mkdir()
    authority = Authority(folder)
    ports = [
        Port("redis", store.REDIS_PORT, store.REDIS_PORT),
        Port("db", store.POSTGRES_PORT, store.POSTGRES_PORT),
        Port("https", 443, TLS_PORT),
        Port("smtp", 25, MAIL_PORT),
        Port("letters", QUIET_MAIL_PORT, MAIL_PORT),
    ]
    pods, services = [], []
    for name in NAMES:
        pod = node.add_pod(name)
        made = authority.server(name, [f"{each}.{node.space}" for each in NAMES])
        pod.program("web", pod.name, TLS_PORT, made.certificate, made.key)
        pod.program("mail", pod.name, MAIL_PORT)
        if not store.redis_missing():
            store.start_redis(pod)
        if not store.postgres_missing():
            store.start_postgres(pod, node.folder)
        pods.append(pod)
        services.append(node.add_service(pod.name, ports, pod))
    first, second = services
    node.in_force()
    yield Pair((pods[0], pods[1]), (first, second), authority)
    if worlds.has(node):
        for pod in pods:
            node.remove_pod(pod)


def until_the_other(world: World, pair: Pair, port: int, who) -> None:
    """The second of the pair answers for as long as the dtab says so, and nobody else in between."""
    seen = [who()]

    def answers(name: str) -> bool:
        seen.append(who())
        return seen[-1] == name

    with world.dtab(pair.other(port)):
        until(lambda: answers("store-two"))
    until(lambda: answers("store-one"))
    assert set(seen) == set(NAMES)


def test_redis(world: World, pair: Pair, version: int, state):
    if why := store.redis_missing():
        pytest.skip(why)
    cli = partial(world.client.run, "redis-cli", "-h", pair.services[0].addresses[version])
    assert cli("get", "who") == "store-one\n"
    assert cli("-x", "set", "big", input="x" * 2_000_000) == "OK\n"
    assert cli("strlen", "big") == "2000000\n"
    clients = cli("client", "list")
    assert f"addr={NODE[4]}:" in clients or f"addr=[{NODE[6]}]:" in clients, "not routed"
    until_the_other(world, pair, store.REDIS_PORT, lambda: cli("get", "who").strip())
    state("2 MB set, and the other server by an entry of the dtab")


def test_postgres(world: World, pair: Pair, version: int):
    if why := store.postgres_missing():
        pytest.skip(why)
    psql = partial(
        world.client.run, "psql", "-h", pair.services[0].addresses[version], "-U", "shop", "-d", "postgres", "-Atc"
    )
    assert psql("show cluster_name").strip() == "store-one"
    assert psql("select inet_client_addr()").strip() in NODE.values(), "not routed"
    assert len(psql("select repeat('x', 1000000)")) == 1_000_001
    until_the_other(world, pair, store.POSTGRES_PORT, lambda: psql("show cluster_name").strip())


@pytest.mark.parametrize(("port", "declared"), [(25, True), (QUIET_MAIL_PORT, False)])
def test_mail_where_the_server_speaks_first(world: World, pair: Pair, version: int, port: int, declared: bool, state):
    def send() -> tuple[str, float]:
        sock = dial(world.client.place, pair.services[0].addresses[version], port, 5.0)
        began = time.monotonic()
        with Mail(sock) as mail:
            greeted = time.monotonic() - began
            mail.ehlo("client")
            mail.mail("a@example.com")
            mail.rcpt("b@example.com")
            code, words = mail.data("Subject: hello\n\n" + "x" * 70 * 1000)
            assert code == 250
        return words.decode().split()[2].rstrip(":"), greeted

    who, greeted = send()
    assert who == "store-one"
    state(f"greeted after {greeted * 1000:.0f} ms, {'declared' if declared else 'found out'}")
    if declared:
        quickest = min(greeted, send()[1], send()[1])
        assert quickest < DETECT_SECONDS, "a port that is known to speak first is not waited for"
    else:
        assert DETECT_SECONDS * 0.9 < greeted < DETECT_SECONDS + BUSY_SECONDS
    until_the_other(world, pair, port, lambda: send()[0])


class Mail(smtplib.SMTP):
    """A client of mail over a connection that is there."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(timeout=5)
        self.sock = sock
        code, _ = self.getreply()
        assert code == 220


def test_tls_by_curl(world: World, pair: Pair, version: int):
    service = pair.services[0]
    address = service.addresses[version] if version == 4 else f"[{service.addresses[version]}]"

    def who() -> str:
        said = world.client.run(
            "curl", "-sS", "--cacert", str(pair.authority.file),
            "--resolve", f"{service.host}:443:{address}", f"https://{service.host}/secret",
        )  # fmt: skip
        told = read(said.encode())
        assert told["via"] == "", "it was looked into"
        assert told["peer"] in NODE.values(), "not routed"
        return str(told["who"])

    assert who() == "store-one"
    until_the_other(world, pair, 443, who)


def test_tls_without_a_name_and_with_alpn(world: World, pair: Pair, version: int):
    context = ssl.create_default_context(cafile=str(pair.authority.file))
    context.check_hostname = False
    for protocols in ([], ["h2", "http/1.1"]):
        context.set_alpn_protocols(protocols)
        with dial(world.client.place, pair.services[0].addresses[version], 443, 5.0) as sock:
            with context.wrap_socket(sock) as tls:
                tls.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                assert b'"who": "store-one"' in tls.makefile("rb").read()


def test_lines_half_closed_and_of_one_byte(world: World, version: int):
    address = world.echo.addresses[version]
    assert line(world.client.place, address, ECHO_PORT)["peer"] in NODE.values()
    with dial(world.client.place, address, ECHO_PORT, 5.0) as sock, sock.makefile("rb") as stream:
        for byte in b"slow\nand then the end":
            sock.sendall(bytes([byte]))
        assert read(stream.readline())["said"] == "slow"
        sock.shutdown(socket.SHUT_WR)
        assert read(stream.readline())["said"] == "and then the end"
        assert stream.read() == b""


def test_the_preface_of_http2_passes_as_it_is(world: World, version: int):
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    with dial(world.client.place, world.echo.addresses[version], ECHO_PORT, 5.0) as sock:
        sock.sendall(preface)
        sock.shutdown(socket.SHUT_WR)
        with sock.makefile("rb") as stream:
            said = [read(answer)["said"] for answer in stream]
    assert said == ["PRI * HTTP/2.0", "", "SM", ""]


def test_websocket(world: World, version: int):
    with dial(world.client.place, world.hello.addresses[version], 80, 5.0) as sock, sock.makefile("rb") as stream:
        key = base64.b64encode(os.urandom(16)).decode()
        fields = ("upgrade: websocket", "connection: upgrade", f"sec-websocket-key: {key}", "sec-websocket-version: 13")
        sock.sendall("\r\n".join(["GET /chat HTTP/1.1", f"host: {world.hello.host}", *fields, "", ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += (more := stream.readline())
            assert more
        assert head.startswith(b"HTTP/1.1 101")
        assert b"x-who: hello" in head.lower()
        for size in (5, 70_000):
            frame = os.urandom(size)
            sock.sendall(frame)
            assert stream.read(size) == frame


def test_connect(world: World, version: int):
    with dial(world.client.place, world.hello.addresses[version], 80, 5.0) as sock, sock.makefile("rb") as stream:
        authority = f"{world.hello.host}:80"
        sock.sendall(f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n".encode())
        assert stream.readline().startswith(b"HTTP/1.1 200")
        while stream.readline() != b"\r\n":
            pass
        sock.sendall(b"through the tunnel")
        assert stream.read(18) == b"through the tunnel"


def test_http_and_lines_on_one_node_at_once(world: World, version: int):
    with Connection(world.client.place, world.hello.addresses[version], 80) as connection:
        for _ in range(20):
            assert connection.ask(world.hello.host)["via"]
            assert line(world.client.place, world.echo.addresses[version], ECHO_PORT)["peer"] in NODE.values()
