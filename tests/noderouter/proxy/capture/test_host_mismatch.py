"""Host and what was dialled: when they are one, and what happens when they are not."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noderouter.core.exchange import Exchange
from noderouter.proxy.capture import host_mismatch as module
from noderouter.proxy.capture.host_mismatch import MAX_HOST_BYTES, MAX_HOSTS, MAX_PLACES, HostMismatch, Misdirected
from noderouter.proxy.filter.error_reply import ErrorReply
from noderouter.telemetry.metrics import RequestStats
from tests.testing.reply import make_exchange, recorded
from tests.testing.step import run

HELLO = b"hello.prod"
PLACE = ("10.96.0.10", 80)
PLACE6 = ("fd00:96::10", 80)


async def served(exchange: Exchange) -> None:
    exchange.attempts += 1


def captured(host: bytes | None, destination: bytes | None = HELLO, place: tuple[str, int] = PLACE) -> Exchange:
    """A request on a captured connection."""
    exchange = make_exchange(authority=host, block=b"Host: %b\r\n" % (host or b""))
    reply = recorded(exchange)
    reply.comes(local=place, destination=destination)
    return exchange


def authority(
    host: bytes | None, destination: bytes | None = HELLO, place: tuple[str, int] = PLACE, *, mismatch: str = "host"
) -> bytes | None:
    """By what a request is named."""
    exchange = captured(host, destination, place)
    run(HostMismatch(served, mismatch, "cluster.local").serve(exchange))
    assert exchange.attempts == 1
    assert exchange.headers.get(b"host") == (host or b"")  # what is sent on
    return exchange.authority


SAME = b"""
    hello hello.prod hello.prod.svc hello.prod.svc.cluster.local
    hello. hello.prod. hello.prod.svc. hello.prod.svc.cluster.local. HELLO.Prod.SVC.Cluster.Local
    hello:80 hello.prod.:80 hello.prod: 10.96.0.10 10.96.0.10:80
""".split()
OTHER = b"""
    web hello.test prod svc hello.prod.svc.cluster hello.prod.svc.example hello.prod.svc.cluster.local.x
    hello.svc x.hello hello.prod.. . hello:8080 hello.prod:443 hello.prod:0
    10.96.0.11 10.96.0.10:81 10.96.0.10. [fd00:96::10] [::ffff:10.96.0.10]
""".split()


@pytest.mark.parametrize("host", SAME)
@pytest.mark.parametrize("mismatch", ["destination", "host", "refuse"])
def test_every_spelling_is_the_service(host: bytes, mismatch: str) -> None:
    assert authority(host, mismatch=mismatch) == HELLO


@pytest.mark.parametrize("host", OTHER)
def test_another_host(host: bytes) -> None:
    """Named by what was dialled; by Host; or refused."""
    assert authority(host, mismatch="destination") == HELLO
    assert authority(host, mismatch="host") == host
    with pytest.raises(Misdirected, match=r"but hello\.prod was dialled"):
        authority(host, mismatch="refuse")


@pytest.mark.parametrize("host", [None, b""])
@pytest.mark.parametrize("mismatch", ["destination", "host", "refuse"])
def test_no_host_says_nothing_else(host: bytes | None, mismatch: str) -> None:
    assert authority(host, mismatch=mismatch) == HELLO


@pytest.mark.parametrize("mismatch", ["destination", "host", "refuse"])
def test_what_was_not_captured_is_left_alone(mismatch: str) -> None:
    assert authority(b"anything", None, mismatch=mismatch) == b"anything"
    assert authority(None, None, mismatch=mismatch) is None


@pytest.mark.parametrize(
    ("host", "destination", "place", "same"),
    [
        (b"pg.prod:5432", b"pg.prod:5432", ("10.96.0.12", 5432), True),
        (b"pg:5432", b"pg.prod:5432", ("10.96.0.12", 5432), True),
        (b"pg.prod", b"pg.prod:5432", ("10.96.0.12", 5432), False),
        (b"pg.prod:80", b"pg.prod:5432", ("10.96.0.12", 5432), False),
        (b"hello.prod", b"hello.prod:80", PLACE, True),  # port 80, where another one is the service's HTTP port
        (b"hello.prod:8080", b"hello.prod:80", PLACE, False),
        (b"[fd00:96::10]", HELLO, PLACE6, True),
        (b"[FD00:96:0::10]:80", HELLO, PLACE6, True),
        (b"[fd00:96::11]", HELLO, PLACE6, False),
        (b"[fd00:96::10]:81", HELLO, PLACE6, False),
        (b"10.96.0.10", HELLO, PLACE6, False),
        (b"hello", HELLO, PLACE6, True),
        (b"10.1.2.3:5432", b"10.1.2.3:5432", ("10.1.2.3", 5432), True),
        (b"10.1.2.3", b"10.1.2.3:80", ("10.1.2.3", 80), True),
        (b"10", b"10.1.2.3:80", ("10.1.2.3", 80), False),
        (b"10.1", b"10.1.2.3:80", ("10.1.2.3", 80), False),
        (b"example.org", b"10.1.2.3:80", ("10.1.2.3", 80), False),
        (b"[fd00::1]:5432", b"[fd00::1]:5432", ("fd00::1", 5432), True),
        (b"[fd00::2]:5432", b"[fd00::1]:5432", ("fd00::1", 5432), False),
        (b"fd00", b"[fd00::1]:80", ("fd00::1", 80), False),
    ],
)
def test_ports_and_addresses(host: bytes, destination: bytes, place: tuple[str, int], same: bool) -> None:
    assert authority(host, destination, place) == (destination if same else host)


def test_the_cluster_has_a_domain() -> None:
    for domain in ("K8s.Example", "k8s.example."):
        exchange = captured(b"hello.prod.svc.k8s.example")
        run(HostMismatch(served, "refuse", domain).serve(exchange))
        with pytest.raises(Misdirected):
            run(HostMismatch(served, "refuse", domain).serve(captured(b"hello.prod.svc.cluster.local")))


def test_a_domain_that_is_not_known_is_none() -> None:
    run(HostMismatch(served, "refuse").serve(captured(b"hello.prod.svc")))
    with pytest.raises(Misdirected):
        run(HostMismatch(served, "refuse").serve(captured(b"hello.prod.svc.cluster.local")))


def test_a_refusal_is_a_421_on_a_connection_that_goes_on() -> None:
    exchange = captured(b"web")
    run(ErrorReply(HostMismatch(served, "refuse").serve, RequestStats()).serve(exchange))
    response = recorded(exchange).response
    assert response is not None
    assert (response.status, response.reason) == (421, b"Misdirected Request")
    assert exchange.attempts == 0
    assert b"Host is web, but hello.prod was dialled" in recorded(exchange).data


def test_an_address_that_has_become_another_services() -> None:
    """What was judged for one service says nothing about the next that gets its address."""
    settle = HostMismatch(served, "host")
    for destination, expected in ((HELLO, HELLO), (b"web.prod", b"hello"), (HELLO, HELLO)):
        exchange = captured(b"hello", destination)
        run(settle.serve(exchange))
        assert exchange.authority == expected


def test_hosts_are_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    names = module.names
    monkeypatch.setattr(module, "names", lambda *keys: judged.append(keys[0]) or names(*keys))
    settle = HostMismatch(served, "host")
    for _ in range(3):
        for host in (b"hello", b"web"):
            run(settle.serve(captured(host)))
    assert judged == [b"hello", b"web"]


def test_what_is_remembered_is_bounded() -> None:
    settle = HostMismatch(served, "host")
    for number in range(MAX_PLACES + 10):
        run(settle.serve(captured(b"hello", place=(f"10.96.{number >> 8}.{number & 255}", 80))))
    assert len(settle._places) <= MAX_PLACES
    for number in range(MAX_HOSTS * 3):
        run(settle.serve(captured(b"web%d" % number)))
    run(settle.serve(captured(b"x" * (MAX_HOST_BYTES + 1))))
    hosts = settle._places[PLACE].hosts
    assert 0 < len(hosts) <= MAX_HOSTS
    assert max(map(len, hosts)) <= MAX_HOST_BYTES


@example(b"hello:080")
@given(st.text("helo.prdsvc:80[]", max_size=30).map(str.encode))
def test_only_spellings_are_the_service(host: bytes) -> None:
    """What is renamed is one of a few words."""
    if host and not host.rpartition(b":")[2].startswith(b"["):
        try:
            found = authority(host)
        except ValueError:  # no authority: the codec refuses it
            return
        bare = re.sub(rb":(?:0*80)?\Z", b"", host.lower()).removesuffix(b".")
        assert (found == HELLO) <= (bare in {b"hello", b"hello.prod", b"hello.prod.svc"})
