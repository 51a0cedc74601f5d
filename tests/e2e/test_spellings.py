"""Every spelling of a Service's host, by the chart's own dtab, on an API of Kubernetes with pods on the loopback."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from tests.testing.api_server import ApiServer, api_server
from tests.testing.backend import Backend, backends
from tests.testing.http import ask
from tests.testing.kube import endpoint, endpoint_slice, not_ready, port, service
from tests.testing.router import ON_LOOPBACK, Json, Running, config, routing

VALUES = Path(__file__).parents[2] / "charts/noderouter/values.yaml"
TABLE: str = yaml.safe_load(VALUES.read_text())["dtab"]
"""What a new installation has."""

DOMAIN = "example.internal"
SPELLINGS = ("web.shop", "WEB.Shop", "web.shop.", "web.shop.svc", f"web.shop.svc.{DOMAIN}", f"web.shop.svc.{DOMAIN}.")


@asynccontextmanager
async def router_on(server: ApiServer, dtab: str = "", **keys: object) -> AsyncIterator[Running]:
    """A router with the chart's table, and `dtab` behind it."""
    namers: list[Json] = [
        {"kind": "io.l5d.k8s", "host": "127.0.0.1", "port": server.port},
        {"kind": "io.l5d.k8s.host"},
        {"kind": "io.l5d.k8s.service"},
    ]
    identifier = {"kind": "io.l5d.k8s.host"}
    settings = config(TABLE + dtab, **ON_LOOPBACK, namers=namers, identifier=identifier, **keys)
    async with routing(settings | {"clusterDomain": DOMAIN}) as router:
        yield router


def put(server: ApiServer, name: str, *hosts: Json, namespace: str = "shop", ports: dict[str | None, int]) -> None:
    """A Service with the endpoints `hosts`; its ports are called as in `ports`, and are 80, 8080 and so on."""
    numbers = (80, 8080, 5432)
    made = [port(number, called, called) for number, called in zip(numbers, ports, strict=False)]
    server.store.put("services", service(name, *made, namespace=namespace))
    server.store.put("endpointslices", endpoint_slice(name, hosts, ports, namespace=namespace))


def serve(server: ApiServer, name: str, backend: Backend, namespace: str = "shop", **more: int) -> None:
    put(server, name, endpoint("127.0.0.1"), namespace=namespace, ports={"http": backend.port, **more})


async def said(router: Running, host: str) -> str | int:
    answer = await router.ask(host)
    return answer.text if answer.status == 200 else answer.status


async def bound(router: Running, name: str) -> list[str]:
    """The bound names below a logical one, as `/delegator.json` shows them."""
    found = []

    def walk(node: Json) -> None:
        if node["type"] == "leaf":
            found.append(node["bound"]["id"])
        for inner in (*node.get("alt", []), *([node["delegate"]] if "delegate" in node else [])):
            walk(inner)

    walk(json.loads((await router.admin(f"/delegator.json?namespace=out&path={name}&dtab={quote(TABLE)}")).text))
    return found


async def test_an_entry_for_the_one_name_holds_for_every_spelling_and_port():
    async with (
        api_server() as server,
        backends("web", "next", "admin", "next admin") as (web, other, admin, other_admin),
    ):
        serve(server, "web", web, admin=admin.port)
        serve(server, "web-next", other, admin=other_admin.port)
        async with router_on(server) as router:
            for host in SPELLINGS:
                assert await said(router, host) == "web", host
                assert await said(router, f"{host}:80") == "web", host
                assert await said(router, f"{host}:8080") == "admin", host
        async with router_on(server, "/service/shop/web => /srv/shop/web-next ;") as router:
            for host in SPELLINGS:
                assert await said(router, host) == "next", host
                assert await said(router, f"{host}:80") == "next", host
                assert await said(router, f"{host}:8080") == "next admin", host
        async with router_on(server, "/service/shop/web/8080 => /srv/shop/web-next ;") as router:
            assert await said(router, "web.shop") == "web"  # and for one port
            assert await said(router, "web.shop.svc:8080") == "next"


async def test_a_name_that_no_service_has_is_routed_in_every_spelling_too():
    async with api_server() as server, backends("web") as (web,):
        serve(server, "web-v1", web)
        async with router_on(server, "/service/shop/web => /srv/shop/web-v1 ;") as router:
            for host in SPELLINGS:
                assert await said(router, host) == "web", host


@pytest.mark.parametrize(
    ("entry", "holds", "holds_not"),
    [
        ("/svc/web.shop => /host/shop/web-next", ["web.shop"], ["web.shop.svc", "WEB.shop"]),
        ("/svc/web.shop => /svc/web-next.shop", ["web.shop"], ["web.shop.svc"]),
        ("/svc/web.shop => /portNsSvc/http/shop/web-next", ["web.shop"], ["web.shop.svc"]),
        ("/svc/web.shop => /k8s/shop/http/web-next", ["web.shop"], ["web.shop.svc"]),
        ("/svc/web.shop:80 => /ph/80/web-next.shop", ["web.shop:80"], ["web.shop"]),
        ("/host/shop/web => /host/shop/web-next", ["web.shop"], ["web.shop.svc", "web.shop:80"]),
        ("/host/svc/shop/web => /host/shop/web-next", ["web.shop.svc"], ["web.shop"]),
        ("/svc/web => /host/shop/web-next", ["web"], ["web.shop"]),
        ("/host/web => /host/shop/web-next", ["web"], ["web.shop"]),
        ("/k8s/shop/http/web => /#/io.l5d.k8s/shop/http/web-next", ["web.shop", "web.shop.svc"], ["web.shop:80"]),
    ],
)
@pytest.mark.parametrize("client", [None, b"shop", b"default"])
async def test_an_entry_of_before_means_what_it_meant(entry, holds, holds_not, client):
    """In the new table, too: whoever takes over his old entries is not surprised. Wherever the client is."""
    rewriting = [
        {"kind": "io.l5d.rewrite", "prefix": "/portNsSvcToK8s", "pattern": "/{p}/{n}/{s}", "name": "/k8s/{n}/{p}/{s}"},
        {"kind": "io.l5d.rewrite", "prefix": "/portHostToK8s", "pattern": "/{p}/{s}.{n}", "name": "/k8s/{n}/{p}/{s}"},
    ]
    async with api_server() as server, backends("web", "next") as (web, other):
        for namespace in ("shop", "default"):
            serve(server, "web", web, namespace)
        serve(server, "web-next", other)
        namers = [{"kind": "io.l5d.k8s", "host": "127.0.0.1", "port": server.port}, *rewriting]
        namers += [{"kind": "io.l5d.k8s.host"}, {"kind": "io.l5d.k8s.service"}]
        settings = config(TABLE + entry, **ON_LOOPBACK, namers=namers, identifier={"kind": "io.l5d.k8s.host"})
        async with routing(settings) as router:
            if client is not None:
                router.app.control.clients.replace({"127.0.0.1": client})
            for host in holds:
                assert await said(router, host) == "next", host
            for host in holds_not:
                assert await said(router, host) == "web", host


async def test_a_host_of_one_label_is_that_of_the_clients_namespace():
    async with api_server() as server, backends("shop", "default") as (shop, default):
        serve(server, "web", shop, "shop")
        serve(server, "web", default, "default")
        serve(server, "only", default, "default")
        async with router_on(server, "/service/shop/alias => /srv/shop/web ;") as router:
            assert await said(router, "web") == "default"  # who is not known is in `default`
            router.app.control.clients.replace({"127.0.0.1": b"shop"})
            for host in ("web", "web:80", "WEB", "alias"):
                assert await said(router, host) == "shop", host
            # Neither its namesake elsewhere, nor what only others have, is what it means.
            assert await said(router, "only") == 502
            assert await said(router, "web.default") == "default"
            server.store.delete("services", "web", "shop")
            await router.answers(502, "web")
            router.app.control.clients.replace({"127.0.0.1": b"default"})
            assert await said(router, "web") == "default"


async def test_a_host_of_one_label_that_is_no_service_is_looked_up_by_dns_as_it_is():
    async with api_server() as server, backends("outside") as (outside,):
        async with router_on(server) as router:
            for namespace in (b"shop", b"default"):
                router.app.control.clients.replace({"127.0.0.1": namespace})
                assert await said(router, f"localhost:{outside.port}") == "outside"
            assert await bound(router, "/svc/web/in:shop") == ["/$/io.buoyant.rinet/80/web"]


async def test_the_names_of_clients_take_their_places_in_the_binding_cache_and_no_more():
    async with api_server() as server, backends("web") as (web,):
        cache = {"paths": 10}
        async with router_on(server, bindingCache=cache) as router:
            for number in range(50):
                serve(server, "web", web, f"ns-{number}")
            for number in range(50):
                router.app.control.clients.replace({"127.0.0.1": b"ns-%d" % number})
                await router.answers("web", "web")
                assert len(router.router().names) <= 10


async def test_an_override_holds_for_every_spelling_too():
    async with api_server() as server, backends("web", "next") as (web, other):
        serve(server, "web", web)
        serve(server, "web-next", other)
        async with router_on(server) as router:
            override = [("l5d-dtab", "/service/shop/web => /service/shop/web-next")]
            for host in SPELLINGS:
                assert (await router.ask(host, fields=override)).text == "next", host
            for wrong in ("/service/shop/web => /srv/shop/web-next", "/srv/shop/web => /service/shop/web-next"):
                answer = await router.ask("web.shop", fields=[("l5d-dtab", wrong)])
                assert answer.status == 400
            router.app.control.clients.replace({"127.0.0.1": b"shop"})
            relative = [("l5d-dtab", "/svc/web => /svc/web-next")]
            assert (await router.ask("web", fields=relative)).text == "next"


POD_SPELLINGS = ("db-0.db.shop", "DB-0.db.Shop", "db-0.db.shop.svc", f"db-0.db.shop.svc.{DOMAIN}")


@pytest.mark.parametrize("host", POD_SPELLINGS)
async def test_one_pod_is_that_pod_and_no_other(host):
    async with api_server() as server, backends("zero", "one") as (zero, one):
        server.store.put("services", service("db", port(80, "http", "http"), port(5432, "pg", "pg"), namespace="shop"))
        for number, each in enumerate((zero, one)):
            pod = endpoint("127.0.0.1", hostname=f"db-{number}", uid=f"uid-{number}")
            ports: dict[str | None, int] = {"http": each.port, "pg": each.port}
            made = endpoint_slice("db", [pod], ports, suffix=str(number), namespace="shop")
            server.store.put("endpointslices", made)
        async with router_on(server) as router:
            for number, text in enumerate(("zero", "one")):
                spelled = host.replace("0.", f"{number}.", 1)
                for where in (spelled, f"{spelled}:80", f"{spelled}:5432"):
                    assert [await said(router, where) for _ in range(5)] == [text] * 5, where
            for where in (missing := host.replace("0.", "9.", 1), f"{missing}:80", f"{missing}:7777"):
                answer = await router.ask(where)
                assert answer.status == 502
                assert "the Service db in the namespace shop has no pod db-9" in answer.text
            server.store.put(
                "endpointslices",
                endpoint_slice(
                    "db", [not_ready("127.0.0.1", hostname="db-0")], {"http": zero.port}, suffix="0", namespace="shop"
                ),
            )
            await router.answers(502, host)
            assert "the pod db-0 of the Service db in the namespace shop is not ready" in (await router.ask(host)).text
            assert await said(router, host.replace("0.", "1.", 1)) == "one"


async def test_an_entry_for_one_pod():
    async with api_server() as server, backends("zero", "one") as (zero, one):
        pods = [endpoint("127.0.0.1", hostname="db-0")]
        put(server, "db", *pods, ports={"http": zero.port})
        serve(server, "other", one)
        async with router_on(server, "/service/shop/db-0.db => /srv/shop/other ;") as router:
            for host in POD_SPELLINGS:
                assert await said(router, host) == "one", host
            assert await said(router, "db.shop") == "zero"
        async with router_on(server, "/service/shop/db => /srv/shop/other ;") as router:
            assert await said(router, "db-0.db.shop") == "zero"  # the Service's entry is not for its pods
            assert await said(router, "db.shop") == "one"


async def test_a_service_is_not_looked_for_in_another_namespace():
    """`web.prod` was the Service `prod` of `default`, where there was no `web` in `prod`."""
    async with api_server() as server, backends("wrong") as (wrong,):
        serve(server, "prod", wrong, "default")
        async with router_on(server) as router:
            assert await said(router, "prod") == "wrong"
            assert await said(router, "web.prod") == 502


async def test_full_names_in_the_admin_interface():
    async with api_server() as server, router_on(server, admin={"hosts": ["router.mesh.svc"]}) as router:
        for host, status in (
            ("router.mesh.svc", 200),
            (f"router.mesh.svc.{DOMAIN}:9990", 200),
            ("other.mesh.svc", 421),
        ):
            assert (await ask(router.admin_port, host, "/admin/ping")).status == status, host
        shown = await router.admin("/namer_state/io.l5d.k8s.host.json")
        assert json.loads(shown.text) == {"clusterDomain": DOMAIN}
