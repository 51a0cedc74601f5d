"""Where the chart's default configuration and dtab send requests: both routers run, with address files for Kubernetes.

`io.l5d.k8s` becomes `io.l5d.fs` under the same prefix: a file `<namespace>/<port>/<service>` is a Service. The
transformer to the incoming router becomes `io.l5d.port`, which leads there on one machine. Everything else, the names
above all, is as it is rendered.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import trio
import yaml

from tests.charts.helm import Helm, Object, one, router_config
from tests.testing.backend import Backend, backends, response
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.http import ask
from tests.testing.ports import free_ports
from tests.testing.router import ON_LOOPBACK, Json, Running, routing

GATEWAY = "/%/io.l5d.k8s.daemonset/noderouter/incoming/noderouter"


DOMAIN = "example.internal"

OLD_TABLE = """\
/ph        => /$/io.buoyant.rinet ;
/ph        => /#/portHostToK8s ;
/svc       => /ph/80 ;
/svc       => /$/io.buoyant.porthostPfx/ph ;
/k8s       => /#/io.l5d.k8s ;
/portNsSvc => /#/portNsSvcToK8s ;
/host      => /portNsSvc/http/default ;
/host      => /portNsSvc/http ;
/host/svc                => /portNsSvc/http ;
/host/local/cluster/svc  => /portNsSvc/http ;
/svc       => /$/io.buoyant.http.domainToPathPfx/host ;
"""
"""The default table of before Services had one name; it is in clusters still, as an upgrade keeps what was edited."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """The two routers of one node, and a place for Services."""

    router: Running
    services: Path

    def add(self, name: str, backend: Backend) -> None:
        """Have `<namespace>/<port>/<service>` be this backend."""
        place = self.services / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(backend.address)

    async def tree(self, name: str) -> list[str]:
        """The bound names that are found below `/svc/<name>`, in the order in which they are tried."""
        query = f"namespace=outgoing&path=/svc/{name}&dtab="
        return list(leaves(json.loads((await self.router.admin(f"/delegator.json?{query}")).text)))


def leaves(node: Json) -> Iterator[str]:
    if node["type"] == "leaf":
        yield node["bound"]["id"]
    for inner in node.get("alt", []):
        yield from leaves(inner)
    if "delegate" in node:
        yield from leaves(node["delegate"])


def stand_in(objects: list[Object], services: Path, dtab: Path) -> Json:
    """The configuration with files in the place of the cluster."""
    text = router_config(objects)
    ports = free_ports(len(yaml.safe_load(text)["routers"]))
    incoming = ports[1]
    text = text.replace(GATEWAY, f"/%/io.l5d.port/{incoming}")
    config: Json = yaml.safe_load(text)
    config["admin"] = {"port": 0, "shutdownGraceMs": 0, "security": config["admin"]["security"]}
    config.pop("intercept", None)  # there is no packet filter to tell anything to
    for namer in config["namers"]:
        if namer["kind"] == "io.l5d.k8s":
            namer |= {"kind": "io.l5d.fs", "rootDir": str(services)}
            if "transformers" in namer:
                [transformer] = namer["transformers"]
                gateway = transformer["kind"] == "io.l5d.k8s.daemonset"
                here, there = {"kind": "io.l5d.localhost"}, {"kind": "io.l5d.port", "port": incoming}
                namer["transformers"] = [there if gateway else here]
    dtab.write_text(one(objects, "ConfigMap", "noderouter-dtab")["data"]["dtab"])
    for router, port in zip(config["routers"], ports, strict=True):
        if router["label"] != "incoming":
            # What is outside of the cluster is on the loopback here, too.
            router |= {"interpreter": {"kind": "io.l5d.fs", "dtabFile": str(dtab)}} | ON_LOOPBACK
        http2 = router["servers"][0].get("http2")
        router["servers"] = [{"port": port} | ({} if http2 is None else {"http2": http2})]
    return config


@asynccontextmanager
async def mesh(helm: Helm, folder: Path, table: str | None = None, **values: Object) -> AsyncIterator[Mesh]:
    """With the chart's table, unless that is `table`."""
    services = folder / "services"
    services.mkdir()
    config = stand_in(helm.objects({"clusterDomain": DOMAIN} | values), services, folder / "dtab")
    if table is not None:
        (folder / "dtab").write_text(table)
    async with routing(config) as router:
        yield Mesh(router, services)


async def short(helm: Helm, folder: Path, table: str | None, client: bytes | None) -> str:
    """What `http://web` is for a pod of that namespace, with interception; `web` is in `shop` and in `default`."""
    values = {"intercept": {"enabled": True}}
    async with backends("shop", "default") as (shop, default), mesh(helm, folder, table, **values) as routers:
        routers.add("shop/http/web", shop)
        routers.add("default/http/web", default)
        routers.router.app.control.clients.replace({} if client is None else {"127.0.0.1": client})
        return (await routers.router.ask("web")).text


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("hello", "default/http/hello"),
        ("hello.prod", "prod/http/hello"),
        ("hello.prod.svc", "prod/http/hello"),
        ("hello.prod.svc.example.internal", "prod/http/hello"),
        ("HELLO.Prod.SVC.Example.Internal.", "prod/http/hello"),
        ("hello:8080", "default/8080/hello"),
        ("hello.prod:8080", "prod/8080/hello"),
        ("hello.prod.svc:8080", "prod/8080/hello"),
        ("hello.prod.svc.example.internal:8080", "prod/8080/hello"),
        ("hello-0.hello.prod", "prod/http/hello-0.hello"),
        ("hello-0.hello.prod.svc:8080", "prod/8080/hello-0.hello"),
        ("hello-0.hello.prod.svc.example.internal", "prod/http/hello-0.hello"),
    ],
)
async def test_a_host_is_a_service(helm: Helm, tmp_path: Path, host: str, service: str):
    async with backends("right", "wrong") as (right, wrong), mesh(helm, tmp_path) as routers:
        routers.add(service, right)
        routers.add("other/http/hello", wrong)
        answer = await routers.router.ask(host)
        assert (answer.status, answer.text) == (200, "right")
        [got] = right.got
        assert got["host"] == host
        assert got["via"] == "1.1 linkerd, 1.1 linkerd"  # the outgoing and the incoming router
        assert wrong.got == []


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("hello", "default/http/hello"),
        ("hello.prod", "prod/http/hello"),
        ("hello.prod.svc.cluster.local", "prod/http/hello"),
        ("hello.prod.svc:8080", "prod/8080/hello"),
        ("hello-0.hello.prod", "prod/http/hello-0.hello"),
        ("hello-0.hello.prod.svc", "prod/http/hello-0.hello"),
        ("hello-0.hello.prod:8080", "prod/8080/hello-0.hello"),
    ],
)
async def test_the_table_of_before_means_what_it_meant_but_one_pod_is_that_pod(
    helm: Helm, tmp_path: Path, host: str, service: str
):
    async with backends("right", "wrong") as (right, wrong), mesh(helm, tmp_path, OLD_TABLE) as routers:
        routers.add(service, right)
        if "-0" in host:
            routers.add("prod/http/hello", wrong)  # was taken for it
        answer = await routers.router.ask(host)
        assert (answer.status, answer.text) == (200, "right")
        assert wrong.got == []


@pytest.mark.parametrize(
    ("table", "client", "found"),
    [
        (None, b"shop", "shop"),
        (None, b"default", "default"),
        (None, None, "default"),
        (OLD_TABLE, b"shop", "default"),
        (OLD_TABLE, None, "default"),
        (OLD_TABLE + "/svc/web => /host/shop/web ;", b"shop", "shop"),
        (OLD_TABLE + "/svc/web => /host/shop/web ;", None, "shop"),
    ],
)
async def test_a_short_host_is_that_of_the_clients_namespace_by_the_new_table(
    helm: Helm, tmp_path: Path, table: str | None, client: bytes | None, found: str
):
    assert await short(helm, tmp_path, table, client) == found


async def test_an_entry_for_the_one_name_is_for_every_spelling(helm: Helm, tmp_path: Path):
    async with backends("stable", "canary") as (stable, canary), mesh(helm, tmp_path) as routers:
        routers.add("default/http/hello", stable)
        routers.add("default/http/hello-canary", canary)
        dtab = tmp_path / "dtab"
        example = next(line for line in dtab.read_text().splitlines() if line.startswith("# /service/default/hello"))
        dtab.write_text(f"{dtab.read_text()}\n{example[2:].replace('9 *', '0 *')}\n")
        await routers.router.answers("canary")
        for host in ("hello", "hello.default", "Hello.default.svc", f"hello.default.svc.{DOMAIN}"):
            assert (await routers.router.ask(host)).text == "canary", host


async def test_a_host_that_is_no_service_is_looked_up_by_dns(helm: Helm, tmp_path: Path):
    async with backends("outside") as (outside,), mesh(helm, tmp_path) as routers:
        answer = await routers.router.ask(f"localhost:{outside.port}")
        assert (answer.status, answer.text) == (200, "outside")
        assert outside.got[0]["via"] == "1.1 linkerd"  # directly, not through an incoming router
        assert await routers.tree("www.example.com") == ["/$/io.buoyant.rinet/80/www.example.com"]


async def test_a_canary_goes_where_the_outgoing_router_sent_it(helm: Helm, tmp_path: Path):
    """The incoming router, which has the host `hello` before it, too, must not choose again."""
    async with backends("stable", "canary") as (stable, canary), mesh(helm, tmp_path) as routers:
        routers.add("default/http/hello", stable)
        routers.add("default/http/hello-canary", canary)
        dtab = tmp_path / "dtab"
        dtab.write_text(dtab.read_text() + "/svc/hello => 1 * /host/hello & 3 * /host/hello-canary ;\n")
        await routers.router.answers("canary")
        seen = Counter([(await routers.router.ask("hello")).text for _ in range(200)])
        assert 120 < seen["canary"] < 180
        assert seen["canary"] + seen["stable"] == 200
        assert {got["host"] for got in canary.got} == {"hello"}


async def test_an_override_of_one_request_holds_in_both_routers(helm: Helm, tmp_path: Path):
    async with backends("stable", "canary") as (stable, canary), mesh(helm, tmp_path) as routers:
        routers.add("default/http/hello", stable)
        routers.add("staging/http/hello", canary)
        for override in ("/svc/hello => /svc/hello.staging", "/service/default/hello => /service/staging/hello"):
            answer = await routers.router.ask("hello", fields=[("l5d-dtab", override)])
            assert (answer.status, answer.text) == (200, "canary")
        for override in (
            "/service/default => /srv/staging",
            "/svc => /k8s/staging/http",
            "/host => /k8s/staging/http",
            "/svc/hello => /ph/80/staging",
        ):
            assert (await routers.router.ask("hello", fields=[("l5d-dtab", override)])).status == 400, override
        assert (await routers.router.ask("hello")).text == "stable"


async def test_what_comes_to_the_incoming_router_by_itself_goes_by_its_host(helm: Helm, tmp_path: Path):
    async with backends("hello") as (hello,), mesh(helm, tmp_path) as routers:
        routers.add("prod/http/hello", hello)
        [incoming] = routers.router.ports("incoming")
        assert (await ask(incoming, "hello.prod")).text == "hello"
        assert (await ask(incoming, "elsewhere.example.com")).status == 502


async def test_a_name_for_the_incoming_router_that_nobody_could_have_made_leads_nowhere(helm: Helm, tmp_path: Path):
    async with backends("hello") as (hello,), mesh(helm, tmp_path) as routers:
        [incoming] = routers.router.ports("incoming")
        for name in (f"/$/inet/127.0.0.1/{hello.port}", "/#/io.l5d.k8s/default/http/hello", "/%/x"):
            assert (await ask(incoming, "hello", fields=[("l5d-dst-client", name)])).status == 502
        assert (await ask(incoming, "hello", fields=[("l5d-dst-client", "no path")])).status == 400
        assert hello.got == []


async def test_a_failed_get_is_tried_again_and_a_post_is_not(helm: Helm, tmp_path: Path):
    async with backends("hello") as (hello,), mesh(helm, tmp_path) as routers:
        routers.add("default/http/hello", hello)

        async def fails_once(_got: object) -> bytes:
            return response("hello") if len(hello.got) % 2 == 0 else response("no", "503 Service Unavailable")

        hello.respond = fails_once
        assert (await routers.router.ask("hello")).status == 200
        assert len(hello.got) == 2  # once from each, so the incoming router did not try again by itself
        assert (await routers.router.ask("hello", method="POST")).status == 503


class Library(grpc.GenericRpcHandler):
    """A service of gRPC, which answers each call with the way that it came."""

    def service(self, details):
        """See `grpc`."""
        return grpc.unary_unary_rpc_method_handler(
            lambda _request, context: dict(context.invocation_metadata())["via"].encode()
        )


async def test_grpc_is_routed_by_authority_and_by_what_is_called(helm: Helm, tmp_path: Path):
    """Through the router for it and the incoming one, to the Service's pod, in HTTP/2 all the way."""
    server = grpc.server(ThreadPoolExecutor(2), [Library()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        async with mesh(helm, tmp_path, h2={"enabled": True}, grpc={"enabled": True}) as routers:
            service = routers.services / "prod/50051/library"
            service.parent.mkdir(parents=True)
            service.write_text(f"127.0.0.1 {port}")
            with (tmp_path / "dtab").open("a") as table:
                table.write("\n/grpc/books.Library => /srv/prod/library/50051 ;\n")
            [by_host] = routers.router.ports("h2")
            [by_call] = routers.router.ports("grpc")
            way = "2.0 linkerd, 2.0 linkerd"
            assert await called(by_host, "library.prod:50051") == way
            assert await called(by_host, f"library.prod.svc.{DOMAIN}:50051") == way
            with trio.fail_after(PATIENCE_SECONDS):
                while await called(by_call, "anything") != way:
                    await trio.sleep(0.005)  # until the table has been read anew
            names = {
                router: {name.path.show() for name in routers.router.router(router).names} for router in ("h2", "grpc")
            }
            assert names["grpc"] == {"/grpc/books.Library"}
            assert names["h2"] == {"/svc/library.prod:50051", f"/svc/library.prod.svc.{DOMAIN}:50051"}
    finally:
        server.stop(None).wait()


async def called(port: int, authority: str) -> str:
    """What a call of `books.Library/List` is answered, or how it failed."""

    def call() -> str:
        options = [("grpc.default_authority", authority)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            try:
                return channel.unary_unary("/books.Library/List")(b"", timeout=PATIENCE_SECONDS).decode()
            except grpc.RpcError as error:
                return str(error)

    return await trio.to_thread.run_sync(call)
