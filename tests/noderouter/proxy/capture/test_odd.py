"""HTTP/1 that our parser would refuse: carried as it is, counted as odd, never past a server that judges it."""

import json

import pytest
import trio

from noderouter.core.destination import Destination, Speech
from noderouter.policy.limits import Limits
from tests.noderouter.proxy.capture.test_connection import VIP, counts, dialled
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.router import config, inet, replace, routing

ODD = [
    b"GET /#a HTTP/1.1\r\nHost: hello.prod\r\nl5d-ctx-dtab: /a=>/b\r\n\r\n",
    b"GET / HTTP/1.1\nHost: hello.prod\nl5d-ctx-dtab: /a=>/b\n\n",
    b"GET / HTTP/1.2\r\nHost: hello.prod\r\nl5d-ctx-dtab: /a=>/b\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: hello.prod\r\nl5d-ctx-dtab: /a=>/b\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: hello.prod\r\nl5d-ctx-dtab: /a=>/b\r\n\r\n",
]
POLICIES = {
    "clearContext": {"clearContext": True},
    "addForwardedHeader": {"addForwardedHeader": {}},
    "hostMismatch": {"capture": {"hostMismatch": "refuse"}},
    "forwardClientCert": {"client": {"forwardClientCert": True}},
    "forwardClientCert of one": {
        "client": {"kind": "io.l5d.static", "configs": [{"prefix": "/", "forwardClientCert": True}]}
    },
    "limits": {"policy": {"kind": "io.noderouter.fs"}},
}
LIMITS = json.dumps([{"name": "of-another", "service": "/svc/other", "requestsPerSecond": 1}])


async def echo(peer: Peer) -> None:
    """Answers with what came, whatever that is; a request ends with an empty line."""
    data = b""
    while more := peer.buffer or await peer.stream.receive_some(65536):
        peer.buffer = b""
        data += more
        if data.endswith((b"\r\n\r\n", b"\n\n")):
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(data), data))
            data = b""


def capturing(port: int, **keys: object):
    """A router with a capture server, in front of an echo that several ports of a service lead to."""
    capture = {"detectTimeoutMs": 50} | keys.pop("capture", {})
    server = {"port": 0, "capture": capture} | keys.pop("server", {})
    policy = {"policy": keys.pop("policy")} if "policy" in keys else {}
    return routing(config(f"/svc => {inet(port)}", servers=[server], **keys) | policy)


def declare(router) -> None:
    router.app.control.destinations.replace(
        {(VIP, 80): Destination(b"hello.prod", Speech.HTTP), (VIP, 81): Destination(b"hello.prod:81")}
    )


def in_effect(router) -> int | None:
    """How many limits there are."""
    found = router.app.control.policy.follower.texts["limits"].value
    return len(found.limits) if isinstance(found, Limits) else None


async def answer(peer: Peer) -> tuple[bytes, bytes]:
    head = await peer.until(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await peer.exactly(length)


async def test_raw_bytes_in_a_path_are_carried_in_the_first_request_and_in_later_ones():
    async with origin(echo) as server, capturing(server.port) as router:
        declare(router)
        with dialled(VIP, 80):
            peer = await client(router.port)
            for target in (b"/\xc3\xa4?\xe4", b"/a", b"/\xff"):
                await peer.send(b"GET " + target + b" HTTP/1.1\r\nHost: hello.prod\r\n\r\n")
                head, body = await answer(peer)
                assert head.startswith(b"HTTP/1.1 200 OK\r\n")
                assert body.startswith(b"GET " + target + b" HTTP/1.1\r\n")
                assert b"via: 1.1 linkerd\r\n" in body
            await peer.close()
        assert (await counts(router, "captured"))["http1"] == 1


@pytest.mark.parametrize("port", [80, 81])
@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_first_line_is_a_flow_and_counted_as_one(odd, port):
    async with origin(echo) as server, capturing(server.port) as router:
        declare(router)
        with dialled(VIP, port):
            peer = await client(router.port)
            await peer.send(odd)
            assert (await answer(peer))[1] == odd
            await peer.close()
        kinds = await counts(router, "captured")
        assert (kinds["http1_odd"], kinds["http1"], kinds["opaque"]) == (1, 0, 0)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("port", [80, 81])
@pytest.mark.parametrize("odd", ODD)
async def test_where_requests_are_judged_the_first_is_refused_as_a_later_one_is(odd, port, policy, tmp_path):
    keys = POLICIES[policy]
    made = keys if {"capture", "client", "policy"} & set(keys) else {"server": keys}
    if policy == "limits":
        (tmp_path / "limits").write_text(LIMITS)
        made = {"policy": keys["policy"] | {"limitsFile": str(tmp_path / "limits")}}
    async with origin(echo) as server, capturing(server.port, **made) as router:
        declare(router)
        if policy == "limits":
            await until(lambda: in_effect(router) == 1)
        with dialled(VIP, port):
            for before in (0, 1):
                peer = await client(router.port)
                for _ in range(before):
                    await peer.send(b"GET / HTTP/1.1\r\nHost: hello.prod:%d\r\n\r\n" % port)
                    assert (await answer(peer))[0].startswith(b"HTTP/1.1 200 OK\r\n")
                await peer.send(odd)
                status = (await peer.until(b"\r\n\r\n")).split(b" ")[1]
                assert status == (b"414" if len(odd) > 16_000 else b"505" if b"1.2" in odd else b"400")
                await trio.aclose_forcefully(peer.stream)
        assert (await counts(router, "captured"))["http1_odd"] == 1
        assert (await counts(router, "flow"))["requests"] == 0
        assert len(server.peers) == 1


async def test_where_limits_have_gone_an_odd_one_is_a_flow_again(tmp_path):
    path = tmp_path / "limits"
    path.write_text(LIMITS)
    policy = {"kind": "io.noderouter.fs", "limitsFile": str(path)}
    async with origin(echo) as server, capturing(server.port, policy=policy) as router:
        declare(router)
        for text, expected in ((LIMITS, b"HTTP/1.1 400 "), ("[]", b"HTTP/1.1 200 "), (LIMITS, b"HTTP/1.1 400 ")):
            replace(path, text)
            await until(lambda text=text: in_effect(router) == len(json.loads(text)))
            with dialled(VIP, 80):
                peer = await client(router.port)
                await peer.send(ODD[0])
                assert (await peer.until(b"\r\n\r\n")).startswith(expected)
                await trio.aclose_forcefully(peer.stream)


@pytest.mark.parametrize("cleared", [False, True])
@pytest.mark.parametrize("port", [80, 81])
async def test_what_is_written_for_a_proxy_goes_round_no_judge_either(port, cleared):
    odd = b"GET http://hello.prod/ HTTP/1.1\r\nHost: hello.prod\r\nl5d-ctx-dtab: /a=>/b\r\n\r\n"
    async with origin(echo) as server, capturing(server.port, server={"clearContext": cleared}) as router:
        declare(router)
        with dialled(VIP, port):
            peer = await client(router.port)
            await peer.send(odd)
            body = (await answer(peer))[1]
            assert (body == odd) is not cleared
            assert (b"l5d-ctx-dtab" in body) is not cleared
            await peer.close()


@pytest.mark.parametrize(
    ("port", "beginning"), [(80, b"GET /x HTTP/1"), (81, b"GET /x HTTP/1"), (80, b"\0GET / HTTP/1.1\r\n\r\n")]
)
async def test_neither_does_who_stops_half_way_or_says_something_else(port, beginning):
    async with origin(echo) as server, capturing(server.port, server={"clearContext": True}) as router:
        declare(router)
        with dialled(VIP, port):
            peer = await client(router.port)
            await peer.send(beginning)
            await peer.stream.send_eof()
            said = await peer.rest()
            assert said == b"" or said.startswith(b"HTTP/1.1 400 ")
        assert server.peers == []
        assert (await counts(router, "captured"))["http1_odd"] == 1


async def test_as_much_is_looked_at_as_a_request_line_may_have():
    long = b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: hello.prod\r\n\r\n"
    async with origin(echo) as server, capturing(server.port, maxInitialLineKB=32) as router:
        declare(router)
        with dialled(VIP, 81):
            peer = await client(router.port)
            for _ in range(2):
                await peer.send(long)
                assert b"via: 1.1 linkerd\r\n" in (await answer(peer))[1]
            await peer.close()
        assert (await counts(router, "captured"))["http1"] == 1
