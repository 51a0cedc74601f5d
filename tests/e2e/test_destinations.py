"""Where strangers' requests may lead: through a whole router, with the dtab that the chart comes with."""

import socket
from contextlib import asynccontextmanager, contextmanager
from unittest.mock import patch

from noderouter.core.destination import Destination
from tests.testing.backend import backend
from tests.testing.http import ask
from tests.testing.origin import client
from tests.testing.router import ON_LOOPBACK, TRUSTING, config, fs, inet, process, replace, routing

LAST_RESORT = "/ph => /$/io.buoyant.rinet ; /svc => /ph/80 ; /svc => /$/io.buoyant.porthostPfx/ph"
"""What the chart's dtab does with a host that is no Service."""

HERE = (
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "0.0.0.0",
    "0",
    "127.9.9.9",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:0.0.0.0]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
)
"""Spellings of this machine."""

NOT_OURS = ("169.254.169.254", "[::ffff:a9fe:a9fe]", "[fe80::1]", "224.0.0.1", "255.255.255.255", "[fd00:ec2::254]")


async def refused(router, host, target="/", **keys):
    """A request that leads to an address which is refused."""
    answer = await router.ask(host, target, **keys)
    assert answer.status == 403, (host, answer.status, answer.text)
    assert "is refused as a destination" in answer.text
    assert answer["l5d-err"] is not None
    assert answer["l5d-retryable"] is None
    return answer


async def test_no_spelling_of_this_machine_reaches_the_admin_interface():
    async with routing(config(LAST_RESORT)) as router:
        for host in HERE:
            await refused(router, f"{host}:{router.admin_port}")
            await refused(router, "hello", f"http://{host}:{router.admin_port}/")
        metrics = await router.metrics("rt/out")
        assert metrics["destinations/refused/own_port"] == 2 * len(HERE)
        # Nothing was opened, and no endpoint is to blame.
        assert sum(value for name, value in metrics.items() if name.endswith("/connects") and "client" in name) == 0
        assert sum(value for name, value in metrics.items() if name.endswith("failure_accrual/removals")) == 0
        assert (await router.admin("/livez")).status == 200


async def test_no_spelling_of_the_loopback_reaches_another_service():
    async with backend() as service, routing(config(LAST_RESORT)) as router:
        for host in HERE:
            await refused(router, f"{host}:{service.port}")
        metrics = await router.metrics("rt/out/destinations/refused")
        assert metrics["loopback"] + metrics["unspecified"] == len(HERE)
        assert service.got == []


async def test_neither_metadata_services_nor_the_neighbourhood_are_reached():
    async with routing(config(LAST_RESORT)) as router:
        for host in NOT_OURS:
            await refused(router, f"{host}:80")


async def test_a_loop_ends_at_once_under_any_spelling():
    async with routing(config(LAST_RESORT, servers=[{"port": 0, "ip": "::"}])) as router:
        for host in HERE:
            await refused(router, f"{host}:{router.port}")
        metrics = await router.metrics("rt/out/server")
        assert [value for name, value in metrics.items() if name.endswith("/connects")] == [len(HERE)]


async def test_the_addresses_of_this_machine_and_of_the_node_are_its_own(monkeypatch):
    monkeypatch.setenv("NODE_IPS", "192.0.2.7,2001:db8::7")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    # Nothing is sent by asking which address of ours a datagram would have.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            own = [probe.getsockname()[0]]
        except OSError:
            own = []
    configuration = config(LAST_RESORT, destinations={"nodeAddresses": ["192.0.2.8"]})
    async with routing(configuration) as router:
        for host in [*own, "192.0.2.7", "[2001:db8::7]", "192.0.2.8", "[::ffff:192.0.2.8]"]:
            answer = await refused(router, f"{host}:10250")
            assert "it is this node" in answer.text
        assert "it is the API server" in (await refused(router, "192.0.2.1:443")).text


async def test_what_the_configured_dtab_says_goes_on_working(tmp_path):
    async with backend("one") as one, backend("two") as two, backend("three") as three:
        (tmp_path / "file").write_text(f"127.0.0.1 {two.port}\n")
        stored = tmp_path / "dtab"
        dtab = f"{LAST_RESORT} ; /svc/file => /#/io.l5d.fs/file ; /svc/one => {inet(one.port)}"
        stored.write_text(dtab)
        interpreter = {"kind": "io.l5d.fs", "dtabFile": str(stored)}
        async with routing(config("", namers=[fs(tmp_path)], interpreter=interpreter)) as router:
            assert (await router.ask("one")).text == "one"
            assert (await router.ask("file")).text == "two"
            await refused(router, f"localhost:{three.port}")
            replace(stored, f"{dtab} ; /svc/three => /$/inet/{three.port}")
            await router.answers("three", "three")
            # Whoever wrote that has named the place, by whatever name it is reached; not its neighbour.
            replace(stored, f"{dtab} ; /svc/four => /$/io.buoyant.rinet/{three.port}/localhost")
            await router.answers("three", "four")
            assert (await router.ask(f"localhost:{three.port}")).text == "three"
            await refused(router, f"localhost:{two.port}")


async def test_half_of_an_address_in_the_dtab_names_nothing():
    dtab = "/svc => /$/inet/127.0.0.1"
    async with backend() as service, routing(config(dtab)) as router:
        await refused(router, str(service.port))
        assert service.got == []


async def test_rules_open_and_close():
    async with backend("one") as one, backend("two") as two:
        rules = {"allow": ["127.0.0.0/8", f"[::1]:{one.port}"], "deny": [f"127.0.0.1:{two.port}"]}
        dtab = f"{LAST_RESORT} ; /svc/two => {inet(two.port)}"
        async with routing(config(dtab, destinations=rules)) as router:
            assert (await router.ask(f"127.1:{one.port}")).text == "one"
            assert "`destinations.deny` has it" in (await refused(router, f"localhost:{two.port}")).text
            await refused(router, "two")  # also where the dtab says so
            # A network does not open our own ports; a port has to be meant.
            assert "it is a port of this router" in (await refused(router, f"127.0.0.1:{router.admin_port}")).text


async def test_a_name_is_judged_by_where_it_leads_at_that_moment():
    """DNS that answers one thing first and another later."""
    answers = {"rebound.example": frozenset({"192.0.2.1"})}

    async def query(name):
        return answers[name]

    async with backend() as service, routing(config(LAST_RESORT, client={"requestAttemptTimeoutMs": 50})) as router:
        router.app.control._runtime.resolver._query = query
        router.app.control._runtime.resolver._interval = 0.01
        assert (await router.ask(f"rebound.example:{service.port}")).status in (502, 503)
        answers["rebound.example"] = frozenset({"127.0.0.1"})
        await router.answers(403, f"rebound.example:{service.port}")
        assert service.got == []


async def test_overrides_lead_nowhere_that_a_host_could_not():
    async with backend() as service, routing(config(LAST_RESORT)) as router:
        shutdown = {"method": "POST", "fields": [("l5d-dtab", f"/svc=>{inet(router.admin_port)}")]}
        for field in ("l5d-dtab", "l5d-ctx-dtab"):
            for leaf in (
                inet(router.admin_port),
                f"/$/io.buoyant.rinet/{service.port}/127.0.0.1",
                "/#/io.l5d.fs/x",
                "/ph",
            ):
                answer = await router.ask("hello", fields=[(field, f"/svc=>{leaf}")])
                assert answer.status == 400
                assert "a request may not send names to" in answer.text
                assert answer["l5d-err"] is not None
        answer = await router.ask("hello", "/admin/shutdown", **shutdown)
        assert answer.status == 400
        assert not router.app.stopping.is_set()
        assert (await router.ask("hello", fields=[("l5d-dtab", "/host/x => /svc/y")])).status == 400
        # What it says is as a Host would say it.
        await refused(router, "hello", fields=[("l5d-dtab", f"/svc/hello => /svc/127.0.0.1:{service.port}")])
        assert (await router.metrics("rt/out/overrides"))["refused"] == 10
        assert service.got == []


async def test_a_trusted_client_may_override_but_not_open():
    async with backend("one") as one, routing(config("/svc => /nowhere", **TRUSTING)) as router:
        await refused(router, "hello", fields=[("l5d-dtab", f"/svc=>{inet(one.port)}")])
    async with backend("one") as one, routing(config("/svc => /nowhere", **TRUSTING, **ON_LOOPBACK)) as router:
        assert (await router.ask("hello", fields=[("l5d-dtab", f"/svc=>{inet(one.port)}")])).text == "one"


async def test_an_override_may_name_what_a_rule_says_and_nothing_beside_it():
    """Whoever sends it, and though the loopback is closed; the port is part of the rule."""
    async with backend("one") as one, backend("two") as two:
        allowed = {"allow": [f"127.0.0.1:{one.port}"]}
        async with routing(config(LAST_RESORT, overrides=allowed)) as router:
            for leaf in (inet(one.port), f"/$/io.buoyant.rinet/{one.port}/127.1", f"/$/inet/localhost/{one.port}"):
                assert (await router.ask("hello", fields=[("l5d-dtab", f"/svc=>{leaf}")])).text == "one", leaf
            names = ("127.0.0.2", "hello.example", r"127.0.0.1\x2c127.0.0.3", "64:ff9b::127.0.0.1")
            wrong = [f"/$/inet/{name}/{one.port}" for name in names]
            for leaf in (*wrong, inet(two.port), inet(router.admin_port), "/$/inet/169.254.169.254/80"):
                answer = await router.ask("hello", fields=[("l5d-dtab", f"/svc=>{leaf}")])
                assert (answer.status, "`overrides.allow` what everybody may" in answer.text) == (400, True), leaf
            await refused(router, f"127.0.0.1:{two.port}")
            assert two.got == []


async def test_a_server_has_rules_for_overrides_of_its_own():
    async with backend("one") as one:
        servers = [{"port": 0}, {"port": 0, "overrides": {"allow": [f"127.0.0.1:{one.port}"]}}]
        async with routing(config("/svc => /nowhere", servers=servers, **TRUSTING, **ON_LOOPBACK)) as router:
            first, second = router.ports()
            field, foreign = ("l5d-dtab", f"/svc=>{inet(one.port)}"), ("l5d-dtab", "/svc=>/$/inet/127.0.0.1/1")
            assert (await ask(first, "hello", fields=[field])).text == "one"
            assert (await ask(second, "hello", fields=[field])).text == "one"
            # Trusted at the first; there is no such client at the second.
            assert (await ask(first, "hello", fields=[foreign])).status == 502
            assert (await ask(second, "hello", fields=[foreign])).status == 400
            assert (await router.metrics("rt/out/overrides"))["refused"] == 1


async def test_an_override_of_names_travels_on_and_holds_where_it_belongs():
    async with backend("one") as one, backend("two") as two:
        dtab = f"/in/one => {inet(one.port)} ; /in/two => {inet(two.port)}"
        async with routing(config(dtab, dstPrefix="/in", label="second")) as second:
            async with routing(config(f"/svc => {inet(second.port)}")) as first:
                # A dentry of another router's names says nothing in the second one, and is no reason to refuse.
                override = ("l5d-dtab", "/svc/x => /svc/one")
                assert (await first.ask("two", fields=[override])).text == "two"
                assert two.got[0]["l5d-ctx-dtab"] == "/svc/x=>/svc/one"


# CONNECT


async def connect(port, target):
    """The head of the answer to a CONNECT, and whether the connection ended behind it."""
    peer = await client(port)
    await peer.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\nGET / HTTP/1.1\r\n".encode())
    head = (await peer.head()).decode().lower()
    if head.startswith("http/1.1 200"):
        await peer.close()
    else:
        await peer.rest()
    return head


async def test_connect_is_off():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        head = await connect(router.port, "hello:80")
        assert head.startswith("http/1.1 405 ")
        assert "\r\nallow: get, head, post," in head
        assert "connection: close\r\n" in head
        assert "l5d-err: " in head
        metrics = await router.metrics(f"rt/out/server/127.0.0.1/{router.port}")
        assert metrics["connect/refused"] == 1
        assert metrics["status/405"] == 1
        assert service.got == []


async def test_connect_leads_where_anything_may_lead():
    servers = [{"port": 0, "allowConnect": True}]
    async with backend() as service:
        dtab = f"{LAST_RESORT} ; /svc/hello:80 => {inet(service.port)}"
        async with routing(config(dtab, servers=servers)) as router:
            assert (await connect(router.port, "hello:80")).startswith("http/1.1 200 ")
            own = f"127.0.0.1:{router.admin_port}"
            for host in (own, "169.254.169.254:80", f"localhost:{service.port}", f"[::]:{router.port}"):
                assert (await connect(router.port, host)).startswith("http/1.1 403 ")


async def test_connect_to_endpoints_only():
    servers = [{"port": 0, "allowConnect": "endpoints"}]
    dtab = "/svc => /$/inet/127.0.0.1/{}"
    async with backend() as service, routing(config(dtab.format(service.port), servers=servers)) as router:
        assert (await router.ask()).status == 200
        head = await connect(router.port, "hello:80")
        assert head.startswith("http/1.1 403 ")
        assert (await router.metrics("rt/out/destinations/refused"))["no_endpoint"] == 1


async def test_a_cleared_server_has_no_connect_and_believes_no_forwarded():
    servers = [{"port": 0, "clearContext": True, "addForwardedHeader": {"for": {"kind": "ip"}}}]
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
        head = await connect(router.port, "hello:80")
        assert head.startswith("http/1.1 405 ")
        assert "l5d-" not in head
        claims = [("Forwarded", "for=10.9.9.9"), ("X-Forwarded-For", "10.9.9.9"), ("x_forwarded_proto", "https")]
        await router.ask(fields=[*claims, ("X-Real", "stays")])
        (got,) = service.got
        (said,) = got.all("forwarded")
        assert "for=127.0.0.1" in said
        assert "10.9.9.9" not in said
        assert (got.all("x-forwarded-for"), got.all("x_forwarded_proto")) == ([], [])
        assert got["x-real"] == "stays"


# Captured connections


@contextmanager
def dialled(ip, port):
    """Every connection was going there, and comes from elsewhere."""
    with (
        patch("noderouter.proxy.capture.connection.original_destination", lambda _sock: (ip, port)),
        patch("noderouter.proxy.capture.connection.same_host", lambda _peer, _own: False),
    ):
        yield


@asynccontextmanager
async def capturing(dtab, mismatch, **keys):
    server = {"port": 0, "capture": {"detectTimeoutMs": 50, "hostMismatch": mismatch}}
    async with routing(config(dtab, servers=[server], **keys)) as router:
        router.app.control.destinations.replace({("10.96.0.10", 80): Destination(b"hello.prod")})
        yield router


async def test_a_captured_host_leads_no_further_than_any():
    async with backend() as service, capturing(LAST_RESORT, "host") as router:
        with dialled("10.96.0.10", 80):
            await refused(router, f"127.0.0.1:{service.port}")
            await refused(router, "169.254.169.254")


async def test_a_captured_flow_to_the_node_is_reset_and_logged():
    async with backend() as service, capturing(LAST_RESORT, "destination") as router:
        with dialled("127.0.0.1", service.port):
            peer = await client(router.port)
            await peer.send(b"\0not http")
            assert await peer.rest() == b""
            assert peer.reset
        (event,) = [event for event in router.events if event["event"] == "flow.failed"]
        assert "is refused as a destination: it is on the loopback" in event["reason"]
        assert (await router.metrics("rt/out/destinations/refused"))["loopback"] == 1


async def test_a_captured_client_may_only_say_names_for_names():
    async with backend("one") as one, backend("two") as two:
        dtab = f"/svc/hello.prod => {inet(one.port)} ; /svc/two => {inet(two.port)}"
        # Trusted or not: what was dialled is a fact.
        async with capturing(dtab, "destination", **TRUSTING, **ON_LOOPBACK) as router:
            with dialled("10.96.0.10", 80):
                assert (await router.ask("hello.prod")).text == "one"
                fields = [("l5d-dtab", "/svc/hello.prod => /svc/two")]
                assert (await router.ask("hello.prod", fields=fields)).text == "two"
                fields = [("l5d-dtab", f"/svc/hello.prod => {inet(two.port)}")]
                assert (await router.ask("hello.prod", fields=fields)).status == 400
        allowed = {"allow": [f"127.0.0.1:{two.port}"]}
        async with capturing(dtab, "destination", overrides=allowed) as router:
            with dialled("10.96.0.10", 80):
                assert (await router.ask("hello.prod", fields=fields)).text == "two"


# What the environment says


async def test_an_environment_that_is_wrong_ends_the_start(tmp_path, monkeypatch):
    monkeypatch.setenv("NODE_IPS", "here")
    async with process(config("/svc => /nowhere"), tmp_path) as router:
        assert await router.ended() != 0
        assert "NODE_IPS env variable must be addresses of the node, not 'here'" in router.words()
