"""What travels with a request: local dtabs, deadlines, traces, and who told what to whom (spec 5.1 to 5.3, 5.6)."""

import base64
import re
import struct
import time

import pytest

from tests.testing.backend import backend, backends, response
from tests.testing.router import ON_LOOPBACK, TRUSTING, config, fs, inet, routing, several

OPEN = TRUSTING | ON_LOOPBACK


def chain(last_port, **keys):
    """Two routers in one process: `first` sends everything to `second`, which sends it to the backend."""
    second = {"protocol": "http", "label": "second", "servers": [{"port": 0}], "dtab": f"/svc => {inet(last_port)}"}
    return several([second | keys])


# Local dtabs


async def test_a_local_dtab_overrides_for_one_request():
    async with backends("one", "two") as (one, two), routing(config(f"/svc => {inet(one.port)}", **OPEN)) as router:
        http = await router.connect()
        override = [("l5d-dtab", f"/svc => {inet(two.port)}")]
        assert (await http.ask()).text == "one"
        assert (await http.ask(fields=override)).text == "two"
        assert (await http.ask()).text == "one"
        await http.close()


async def test_the_users_dtab_wins_over_the_context_dtab():
    async with backends("one", "two", "three") as (one, two, three):
        async with routing(config(f"/svc => {inet(one.port)}", **OPEN)) as router:
            context = ("l5d-ctx-dtab", f"/svc => {inet(two.port)}")
            user = ("l5d-dtab", f"/svc => {inet(three.port)}")
            assert (await router.ask(fields=[context])).text == "two"
            assert (await router.ask(fields=[user, context])).text == "three"
            # Of several of one kind the later wins.
            assert (await router.ask(fields=[user, ("l5d-dtab", f"/svc => {inet(two.port)}")])).text == "two"


@pytest.mark.parametrize("name", ["l5d-dtab", "l5d-ctx-dtab"])
@pytest.mark.parametrize(
    "values", [["/svc=>/a;;"], ["/svc => /a", "nonsense"], ["nonsense", "/svc => /a"], ["nonsense", "nonsense"]]
)
async def test_an_invalid_local_dtab_is_refused(name, values):
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        http = await router.connect()
        answer = await http.ask(fields=[(name, value) for value in values])
        assert answer.status == 400
        assert answer["l5d-err"] is not None
        assert "expected but" in answer.text
        assert service.got == []
        assert (await http.ask()).status == 200  # the connection goes on
        await http.close()


async def test_a_local_dtab_travels_on_as_context():
    async with backend() as service, routing(config("/svc => /nowhere", **OPEN)) as router:
        override = f"/svc=>{inet(service.port)}"
        await router.ask(fields=[("l5d-ctx-dtab", "/a=>/b"), ("l5d-dtab", override)])
        assert service.got[0].all("l5d-ctx-dtab") == [f"/a=>/b;{override}"]
        assert service.got[0]["l5d-dtab"] is None
        # A plain request of an application that copies what it got: the same override again.
        await router.ask(fields=[("l5d-ctx-dtab", service.got[0]["l5d-ctx-dtab"])])
        assert service.got[1]["l5d-ctx-dtab"] == service.got[0]["l5d-ctx-dtab"]


async def test_a_local_dtab_works_at_the_next_router():
    async with backends("one", "two") as (one, two):
        async with routing(config(f"/svc => {inet(one.port)}", label="second", **OPEN)) as second:
            # Routed as usual by the first; the second follows the override.
            async with routing(config(f"/svc => /to ; /to => {inet(second.port)}", **OPEN)) as first:
                # In the first, /svc/hello => /to/hello; in the second, /svc/hello => one, unless overridden.
                answer = await first.ask(fields=[("l5d-dtab", f"/svc/hello => /to | ! ; /never => {inet(two.port)}")])
                assert answer.status == 502  # /to is unknown to the second: the override reached it
                assert one.got == []


# What is written for the next hop


async def test_the_destination_and_the_ids_are_told_to_the_service(tmp_path):
    async with backend() as service:
        (tmp_path / "web").write_text(service.address)
        async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])) as router:
            await router.ask("web", fields=[("l5d-dst-service", "/forged"), ("l5d-reqid", "forged")])
            got = service.got[0]
            assert got.all("l5d-dst-service") == ["/svc/web"]
            assert got.all("l5d-dst-client") == ["/#/io.l5d.fs/web"]
            assert got.all("l5d-dst-residual") == []
            (reqid,) = got.all("l5d-reqid")
            assert re.fullmatch("[0-9a-f]{16}", reqid)
            (trace,) = got.all("l5d-ctx-trace")
            _span, _parent, root, _flags = struct.unpack(">QQQQ", base64.b64decode(trace))
            assert f"{root:016x}" == reqid


async def test_a_trace_goes_on():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        given = struct.pack(">QQQQ", 11, 22, 33, 0)
        await router.ask(fields=[("l5d-ctx-trace", base64.b64encode(given).decode()), ("l5d-sample", "1.0")])
        got = service.got[0]
        span, parent, root, flags = struct.unpack(">QQQQ", base64.b64decode(got["l5d-ctx-trace"]))
        assert (parent, root) == (11, 33)
        assert span != 11
        assert flags & 4  # sampled
        assert got["l5d-reqid"] == f"{33:016x}"
        assert got["l5d-sample"] is None


async def test_a_deadline_travels_on():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        now = time.time_ns()
        deadlines = [f"{now} {now + 50_000_000_000}", f"{now + 5} {now + 40_000_000_000}"]
        await router.ask(fields=[("l5d-ctx-deadline", value) for value in deadlines])
        assert service.got[0].all("l5d-ctx-deadline") == [f"{now + 5} {now + 40_000_000_000}"]


async def test_the_total_timeout_becomes_a_deadline_for_the_next_hop():
    async with backend() as service:
        configuration = config(f"/svc => {inet(service.port)}", service={"totalTimeoutMs": 5000})
        async with routing(configuration) as router:
            now = time.time_ns()
            await router.ask()
            await router.ask(fields=[("l5d-ctx-deadline", f"{now} {now + 2_000_000_000}")])
            await router.ask(fields=[("l5d-ctx-deadline", f"{now} {now + 60_000_000_000}")])
            own, given, tightened = (int(got["l5d-ctx-deadline"].split()[1]) for got in service.got)
            assert 4.5e9 < own - now < 6e9
            assert given == now + 2_000_000_000
            assert 4.5e9 < tightened - now < 6e9


async def test_other_fields_pass_untouched_and_spoofed_ones_do_not():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        fields = [
            ("X-Custom", "Kept As Is"),
            ("l5d-ctx-other", "passes"),
            ("dtab-local", "/old => /form"),
            ("x-forwarded-client-cert", "Hash=forged"),
            ("Connection", "close, X-Hop"),
            ("X-Hop", "1"),
            ("TE", "gzip"),
        ]
        await router.ask(fields=fields)
        head = service.got[0].head
        assert b"\r\nX-Custom: Kept As Is\r\n" in head
        assert service.got[0]["l5d-ctx-other"] == "passes"
        assert service.got[0]["dtab-local"] == "/old => /form"
        for gone in (b"client-cert", b"hop", b"te:", b"connection"):
            assert gone not in head.lower().replace(b"content", b"")


# What is written for the client


async def test_the_verdict_is_told_and_not_believed():
    """Else an application could hide its errors."""
    said = iter([("200 OK", "0.0"), ("500 Oh", "1.0"), ("500 Oh", "1.0")])

    async def respond(_got):
        status, verdict = next(said)
        return response("", status, f"l5d-success-class: {verdict}\r\nl5d-ctx-thing: x\r\n")

    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        service.respond = respond
        good, bad, _ = await router.ask(), await router.ask(), await router.ask()
        assert good.all("l5d-success-class") == ["1.0"]
        assert bad.all("l5d-success-class") == ["0.0"]
        assert good["l5d-ctx-thing"] == "x"
        assert good.all("via") == ["1.1 linkerd"]
        metrics = await router.metrics("rt/out/server")
        counts = {key.rpartition("/")[2]: value for key, value in metrics.items()}
        assert (counts["requests"], counts["success"], counts["failures"]) == (3, 1, 2)
        assert metrics[next(key for key in metrics if key.endswith("/status/500"))] == 2


# clearContext


async def test_a_public_server_takes_no_context_and_gives_none_away():
    async def respond(got):
        return response("secret place", "502 Bad Gateway", "l5d-err: secret\r\nl5d-anything: x\r\nX-Ok: 1\r\n")

    async with backends("one", "two") as (one, two):
        servers = [{"port": 0, "clearContext": True}]
        async with routing(config(f"/svc => {inet(one.port)}", servers=servers)) as router:
            now = time.time_ns()
            fields = [
                ("l5d-dtab", f"/svc => {inet(two.port)}"),
                ("L5D-CTX-DTAB", f"/svc => {inet(two.port)}"),
                ("l5d-ctx-deadline", f"{now} {now}"),
                ("l5d-ctx-other", "x"),
                ("l5d-sample", "1"),
                ("l5d-whatever", "x"),
            ]
            answer = await router.ask(fields=fields)
            assert answer.text == "one"
            assert [name for name in answer.names if name.startswith("l5d-")] == []
            got = one.got[0]
            for name in ("l5d-dtab", "l5d-ctx-dtab", "l5d-ctx-deadline", "l5d-ctx-other", "l5d-sample", "l5d-whatever"):
                assert got[name] is None
            assert got["l5d-dst-service"] == "/svc/hello"  # what is written for the service itself stays
            one.respond = respond
            answer = await router.ask()
            assert (answer.status, answer.body) == (502, b"")
            assert [name for name in answer.names if name.startswith("l5d-")] == []
            assert answer["x-ok"] == "1"


async def test_a_public_server_tells_nothing_of_its_own_errors_either():
    servers = [{"port": 0, "clearContext": True}]
    async with routing(config(f"/svc/dead => {inet(1)}", servers=servers)) as router:
        http = await router.connect()
        for host in ("dead", "unknown"):
            answer = await http.ask(host)
            assert (answer.status, answer.body) == (502, b"")
            assert [name for name in answer.names if name.startswith("l5d-")] == []
        await http.close()


async def test_a_public_server_ignores_an_invalid_dtab():
    servers = [{"port": 0, "clearContext": True}]
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
        assert (await router.ask(fields=[("l5d-dtab", "nonsense")])).status == 200


# Servers that add fields


async def test_forwarded_is_appended():
    added = {"by": {"kind": "ip:port"}, "for": {"kind": "ip"}}
    servers = [{"port": 0, "addForwardedHeader": added}]
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
        await router.ask(fields=[("Forwarded", "for=192.0.2.1")])
        earlier, ours = service.got[0].all("forwarded")
        assert earlier == "for=192.0.2.1"
        assert ours == f'by="127.0.0.1:{router.port}";for=127.0.0.1;host=hello;proto=http'


async def test_forwarded_hides_the_ends_by_default():
    servers = [{"port": 0, "addForwardedHeader": {}}]
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
        http = await router.connect()
        for _ in range(2):
            await http.ask()
        first, second = (got["forwarded"] for got in service.got)
        assert re.fullmatch("by=_[0-9A-Za-z]{6};for=_[0-9A-Za-z]{6};host=hello;proto=http", first)
        assert first != second
        await http.close()


async def test_the_timestamp_is_ours():
    servers = [{"port": 0, "timestampHeader": "x-request-start"}]
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
        before = time.time_ns() // 1_000_000
        await router.ask(fields=[("X-Request-Start", "1")])
        (stamp,) = service.got[0].all("x-request-start")
        assert before <= int(stamp) <= time.time_ns() // 1_000_000
