"""A whole router on a Kubernetes API: what the API says is where requests go, and no request is lost over it."""

import json
import sys

import trio

from tests.testing.api_server import api_server
from tests.testing.backend import backend, backends
from tests.testing.busy import BUSY_SECONDS
from tests.testing.kube import endpoint, endpoint_slice, port, service
from tests.testing.load import load
from tests.testing.loop import until
from tests.testing.origin import client
from tests.testing.router import ON_LOOPBACK, config, inet, routing

DTAB = "/svc => /#/io.l5d.k8s/default/http"


def k8s(server, **keys):
    """The namer of a fake API."""
    return {"kind": "io.l5d.k8s", "host": "127.0.0.1", "port": server.port} | keys


def announce(server, of, *ports, uid=""):
    """Make instances on the loopback the endpoints of a Service: a slice for each, since the ports differ."""
    server.store.put("services", service(of, port(80, "http", "http")))
    wanted = {f"{of}-{number}" for number in ports}
    for number in ports:
        one = endpoint("127.0.0.1", uid=f"{number}{uid}")
        server.store.put("endpointslices", endpoint_slice(of, [one], {"http": number}, suffix=str(number)))
    for _, _, name in [key for key in server.store.objects if key[0] == "endpointslices"]:
        if name.startswith(f"{of}-") and name not in wanted:
            server.store.delete("endpointslices", name)


async def test_a_service_is_found_and_followed():
    async with api_server() as server, backends("one", "two") as (one, two):
        announce(server, "hello", one.port)
        async with routing(config(DTAB, **ON_LOOPBACK, namers=[k8s(server)])) as router:
            assert (await router.ask("hello")).text == "one"
            assert (await router.ask("nobody")).status == 502
            announce(server, "nobody", two.port)
            await router.answers("two", "nobody")


async def test_a_removed_endpoint_leaves_within_a_second_and_its_connections_close():
    async with api_server() as server, backends("one", "two") as (one, two):
        announce(server, "hello", one.port, two.port)
        async with routing(config(DTAB, **ON_LOOPBACK, namers=[k8s(server)])) as router:
            async with load(router.port, clients=8) as seen:
                await until(lambda: one.got and two.got)
                announce(server, "hello", two.port)
                await until(lambda: one.open == 0, 1.0 + BUSY_SECONDS)
                one.got.clear()
                await seen.more(200)
                assert one.got == []
            assert seen.failed == 0
            announce(server, "hello", one.port)  # nobody asks now: housekeeping does it
            await until(lambda: two.open == 0, 1.0 + BUSY_SECONDS)


async def test_an_address_that_comes_back_as_another_pod_starts_clean():
    accrual = {"kind": "io.l5d.consecutiveFailures", "failures": 2, "backoff": {"kind": "constant", "ms": 600_000}}
    async with api_server() as server, backend("one") as one:
        announce(server, "hello", one.port)
        settings = config(DTAB, **ON_LOOPBACK, namers=[k8s(server)], client={"failureAccrual": accrual})
        async with routing(settings) as router:
            assert (await router.ask("hello")).text == "one"
            client = next(iter(router.router().clients))
            (before,) = client.endpoints.values()
            connections = one.accepted
            announce(server, "hello", one.port, uid="-another")
            await until(lambda: one.open == 0)
            assert (await router.ask("hello")).text == "one"
            (after,) = client.endpoints.values()
            assert after is not before
            assert before.closed
            assert one.accepted == connections + 1


async def test_without_a_service_there_is_a_fallback_and_without_pods_there_is_none():
    async with api_server() as server, backend("fallback") as other:
        dtab = f"/svc => {inet(other.port)}; {DTAB}"
        async with routing(config(dtab, **ON_LOOPBACK, namers=[k8s(server)])) as router:
            assert (await router.ask("hello")).text == "fallback"
            server.store.put("services", service("hello", port(80, "http", "http")))
            unready = endpoint("127.0.0.1", conditions={"ready": False, "serving": False})
            server.store.put("endpointslices", endpoint_slice("hello", [unready], {"http": other.port}))
            await router.answers(502)
            server.store.delete("endpointslices", "hello-abcde")
            await router.answers("fallback")


async def test_an_outage_of_the_api_costs_no_request():
    async with api_server() as server, backends("one", "two") as (one, two), trio.open_nursery() as nursery:
        announce(server, "hello", one.port)
        async with (
            routing(config(DTAB, **ON_LOOPBACK, namers=[k8s(server)])) as router,
            load(router.port, clients=4) as seen,
        ):
            server.away()
            await seen.more(500)
            announce(server, "hello", two.port)
            await nursery.start(server.run)
            await until(lambda: two.got, 10.0)
        assert seen.failed == 0
        assert seen.bodies() == {"one", "two"}
        nursery.cancel_scope.cancel()


async def test_rolling_everything_loses_no_request():
    async with api_server() as server, backends("one", "two", "three") as instances:
        ports = [each.port for each in instances]
        announce(server, "hello", ports[0])
        async with (
            routing(config(DTAB, **ON_LOOPBACK, namers=[k8s(server)])) as router,
            load(router.port, clients=8) as seen,
        ):
            for _ in range(10):
                for here in ports:
                    announce(server, "hello", here)
                    await seen.more(30)
        assert seen.failed == 0
        assert seen.bodies() == {"one", "two", "three"}


async def test_linker_to_linker(monkeypatch):
    """Out through the gateway on the node of the pod, in to the pods of this node."""
    monkeypatch.setenv("NODE_NAME", "n1")
    async with api_server() as server, backend("one") as one:
        server.store.put("services", service("hello", port(80, "http", "http")))
        here = endpoint("127.0.0.1", nodeName="n1")
        server.store.put("endpointslices", endpoint_slice("hello", [here], {"http": one.port}))
        server.store.put("services", service("l5d", port(4141, name="incoming"), namespace="linkerd"))
        incoming = config(
            DTAB,
            **ON_LOOPBACK,
            namers=[k8s(server)],
            interpreter={"kind": "default", "transformers": [{"kind": "io.l5d.k8s.localnode", "hostNetwork": True}]},
        )
        daemonset = {"kind": "io.l5d.k8s.daemonset", "namespace": "linkerd", "service": "l5d", "port": "incoming"}
        daemonset |= {"k8sHost": "127.0.0.1", "k8sPort": server.port, "hostNetwork": True}
        outgoing = config(DTAB, **ON_LOOPBACK, namers=[k8s(server, transformers=[daemonset])])
        async with routing(incoming) as inner, routing(outgoing) as outer:
            gateway = endpoint_slice("l5d", [here], {"incoming": inner.port}, namespace="linkerd")
            server.store.put("endpointslices", gateway)
            assert (await outer.ask("hello")).text == "one"
            state = json.loads((await outer.admin("/client_state.json")).text)
            name = "/%/io.l5d.k8s.daemonset/linkerd/incoming/l5d/#/io.l5d.k8s/default/http/hello"
            assert state[name]["addresses"] == [f"127.0.0.1:{inner.port}"]
            shown = json.loads((await outer.admin("/namer_state/io.l5d.k8s.daemonset/linkerd/incoming/l5d.json")).text)
            assert shown["endpoints"]["linkerd/l5d"]["watch"]["streaming"]


async def test_a_tunnel_that_is_confined_leads_to_endpoints():
    """What the incoming router of the chart lets other routers have."""
    servers = [{"port": 0, "allowConnect": "endpoints"}]
    async with api_server() as server, backend("one") as one:
        announce(server, "hello", one.port)
        dtab = f"/svc => /$/inet/127.0.0.1/{one.port} ; /svc/hello:80 => /#/io.l5d.k8s/default/http/hello"
        async with routing(config(dtab, **ON_LOOPBACK, servers=servers, namers=[k8s(server)])) as router:
            for target, status in (("hello:80", 200), ("other:80", 403)):
                peer = await client(router.port)
                await peer.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
                assert (await peer.head()).startswith(b"HTTP/1.1 %d " % status)
                if status == 200:
                    await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    assert (await peer.head()).startswith(b"HTTP/1.1 200 OK\r\n")
                await peer.close()


async def test_an_endpoint_is_no_way_to_the_router_itself():
    """Whoever may write endpoints could else point them at the admin interface."""
    async with api_server() as server:
        async with routing(config(DTAB, **ON_LOOPBACK, namers=[k8s(server)])) as router:
            announce(server, "hello", router.admin_port)
            await router.answers(403)
            assert "it is a port of this router" in (await router.ask("hello")).text
        async with routing(config(DTAB, namers=[k8s(server)])) as router:
            announce(server, "hello", 1)
            await router.answers(403)
            assert "it is on the loopback" in (await router.ask("hello")).text


async def test_what_the_admin_interface_tells():
    async with api_server() as server, backend("one") as one:
        announce(server, "hello", one.port)
        async with routing(config(DTAB, **ON_LOOPBACK, namers=[k8s(server)])) as router:
            assert (await router.ask("hello")).text == "one"
            shown = json.loads((await router.admin("/namer_state/io.l5d.k8s.json")).text)
            value = shown["endpoints"]["default/hello"]["state"]["value"]
            assert (value["nsName"], value["serviceName"]) == ("default", "hello")
            assert "/namer_state/io.l5d.k8s.json" in (await router.admin("/admin/index.txt")).text
            place = f"kubernetes/http://127.0.0.1:{server.port}/watch/endpointslices/default"
            await until(lambda: router.app.control._watches._places)
            metrics = await router.metrics(place)
            assert 0 <= metrics["last_event_age_seconds"] < 60
            assert metrics["lists"] == 1
            text = (await router.admin("/admin/metrics/prometheus")).text
            labels = f'{{api="http://127.0.0.1:{server.port}", watch="endpointslices/default"}}'
            assert f"kubernetes:watch:last_event_age_seconds{labels}" in text
            delegated = (await router.admin("/delegator.json?path=/svc/hello&dtab=&namespace=out")).text
            assert json.loads(delegated)["type"]


async def test_a_router_without_kubernetes_does_not_load_its_libraries(tmp_path):
    code = (
        "import sys; from noderouter.app import App; from noderouter.config.validate import load; "
        "App(load(sys.argv[1]));"
        "print([name for name in ('httpx', 'kubernetes', 'httpcore') if name in sys.modules])"
    )
    file = tmp_path / "noderouter.json"
    file.write_text(json.dumps(config("/svc => /#/io.l5d.fs", namers=[{"kind": "io.l5d.fs", "rootDir": "/etc"}])))
    done = await trio.run_process([sys.executable, "-c", code, str(file)], capture_stdout=True)
    assert done.stdout.strip() == b"[]"
