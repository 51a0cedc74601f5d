import socket
from collections.abc import AsyncIterator

import pytest
import trio

from noderouter.naming import resolver as module
from noderouter.naming.addr import Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.naming.resolver import Ips, Resolver, query_system, unite
from noderouter.naming.var import Var
from noderouter.naming.waiting import until
from tests.noderouter.naming.fakes import Dns, Log


@pytest.fixture
async def resolver(dns: Dns, log: Log, nursery: trio.Nursery, autojump_clock) -> AsyncIterator[Resolver]:
    yield Resolver(nursery.start_soon, log, query=dns.query)
    nursery.cancel_scope.cancel()


def at(port: int, *ips: str) -> AddrBound:
    return AddrBound(frozenset(Address(ip, port) for ip in ips))


async def settle(var: Var[Addr]) -> Addr:
    return await until(var, lambda addr: addr != AddrPending())


async def test_a_name_becomes_its_addresses_and_follows_them(resolver, dns):
    dns.answers["web"] = frozenset({"10.0.0.1", "fd00::1"})
    var = resolver.addr(("web",), 80)
    started = trio.current_time()
    var.hold()
    assert var.value == AddrPending()
    assert await settle(var) == at(80, "10.0.0.1", "fd00::1")
    dns.answers["web"] = frozenset({"10.0.0.2"})
    assert await until(var, lambda addr: addr == at(80, "10.0.0.2"))
    assert trio.current_time() - started == pytest.approx(5, abs=0.1)
    assert set(dns.queries) == {"web"}


async def test_one_name_at_many_ports_is_asked_for_once(resolver, dns):
    dns.answers["web"] = frozenset({"10.0.0.1"})
    one, two = resolver.addr(("web",), 80), resolver.addr(("web",), 81)
    two.hold()
    assert await settle(one) == at(80, "10.0.0.1")
    assert await settle(two) == at(81, "10.0.0.1")
    assert dns.queries == ["web"]
    assert resolver.addr(("web",), 81) is two


async def test_an_unknown_name_is_negative_even_after_it_was_known(resolver, dns, log):
    var = resolver.addr(("web",), 80)
    var.hold()
    assert await settle(var) == AddrNeg()
    dns.answers["web"] = frozenset({"10.0.0.1"})
    await until(var, lambda addr: addr == at(80, "10.0.0.1"))
    del dns.answers["web"]
    await until(var, lambda addr: addr == AddrNeg())
    assert log.events == []


async def test_other_errors_fail_only_what_was_never_known(resolver, dns, log):
    dns.answers["web"] = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    var = resolver.addr(("web",), 80)
    var.hold()
    assert await settle(var) == AddrFailed("web: Temporary failure in name resolution")
    dns.answers["web"] = frozenset({"10.0.0.1"})
    await until(var, lambda addr: addr == at(80, "10.0.0.1"))
    dns.answers["web"] = OSError("network is down")
    await trio.sleep(60)
    assert var.value == at(80, "10.0.0.1")
    assert resolver.state()["web"] == {"addresses": ["10.0.0.1"], "error": "web: network is down", "holders": 1}
    assert log.events == ["dns.failed", "dns.recovered", "dns.failed"]


async def test_a_server_that_does_not_answer_is_a_failure(resolver, dns):
    dns.gate = trio.Event()
    assert await settle(resolver.addr(("web",), 80)) == AddrFailed("web: no answer in 10 s")


async def test_asking_ends_when_nobody_needs_the_name(resolver, dns, nursery):
    dns.answers["web"] = frozenset({"10.0.0.1"})
    var = resolver.addr(("web",), 80)
    for _ in range(3):
        assert await settle(var) == at(80, "10.0.0.1")
    assert dns.queries == ["web"]
    await trio.sleep(5.1)
    assert resolver.state() == {}
    assert not nursery.child_tasks
    await settle(var)
    assert dns.queries == ["web", "web"]


async def test_with_once_the_first_addresses_stay(resolver, dns, nursery):
    dns.answers["web"] = OSError("not yet")
    var = resolver.addr(("web",), 80, once=True)
    var.hold()
    await settle(var)
    dns.answers["web"] = frozenset({"10.0.0.1"})
    await until(var, lambda addr: addr == at(80, "10.0.0.1"))
    dns.answers["web"] = frozenset({"10.0.0.2"})
    await trio.sleep(60)
    assert var.value == at(80, "10.0.0.1")
    assert not nursery.child_tasks
    var.release()
    assert resolver.state() == {}


@pytest.mark.parametrize(
    ("host", "ip"),
    [
        ("", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("10.1.2.3", "10.1.2.3"),
        ("127.1", "127.0.0.1"),
        ("::1", "::1"),
        ("FD00:0::1", "fd00::1"),
    ],
)
async def test_literals_and_the_loopback_need_no_query(resolver, dns, host, ip):
    assert resolver.addr((host,), 80).value == at(80, ip)
    assert dns.queries == []


@pytest.mark.parametrize("host", ["a..b", "a" * 64, "a." * 128, "a b", "ü", "a\0b", "/", "[::1]", "."])
async def test_what_cannot_be_a_host_name_is_unknown(resolver, dns, host):
    assert resolver.addr((host,), 80).value == AddrNeg()
    assert dns.queries == []


async def test_of_several_hosts_the_known_ones_count(resolver, dns):
    dns.answers["one"] = frozenset({"10.0.0.1"})
    assert await settle(resolver.addr(("one", "none", "::1"), 80)) != AddrPending()
    var = resolver.addr(("one", "none"), 80)
    var.hold()
    assert await settle(var) == at(80, "10.0.0.1")


async def test_queries_under_way_are_bounded(resolver, dns):
    dns.gate = trio.Event()
    held = [resolver.addr((f"web{number}",), 80) for number in range(50)]
    for var in held:
        var.hold()
    await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()
    dns.gate.set()
    for var in held:
        await settle(var)
    assert dns.most_busy == module.MAX_CONCURRENT


async def test_names_are_bounded(resolver, dns, monkeypatch):
    monkeypatch.setattr(module, "MAX_HOSTS", 2)
    held = [resolver.addr((f"web{number}",), 80) for number in range(3)]
    for var in held:
        var.hold()
    assert held[2].value == AddrFailed("more than 2 host names to resolve")
    assert len(resolver.state()) == 2


@pytest.mark.parametrize(
    ("parts", "addr"),
    [
        ([], AddrBound(frozenset())),
        ([frozenset()], AddrNeg()),
        ([AddrNeg(), AddrNeg()], AddrNeg()),
        ([AddrNeg(), AddrFailed("x")], AddrFailed("x")),
        ([AddrFailed("x"), AddrPending()], AddrPending()),
        ([AddrFailed("x"), frozenset({"::1"}), AddrPending()], at(80, "::1")),
    ],
)
def test_uniting(parts: list[Ips], addr: Addr):
    assert unite([(part, 80, 1.0) for part in parts]) == addr


async def test_the_systems_resolver_answers_from_the_hosts_file():
    with open("/etc/hosts") as hosts:
        lines = [line.split() for line in hosts]
    assert any(len(line) > 1 and "localhost" in line[1:] for line in lines)
    assert await query_system("localhost") & {"127.0.0.1", "::1"}
