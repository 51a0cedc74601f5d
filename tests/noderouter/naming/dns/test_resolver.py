"""Host names: asked once for all, followed as they change, and bounded whatever servers do.

Covers `host.py`.
"""

import socket
from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.addr import Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.core.background import until
from noderouter.core.var import Var
from noderouter.naming.dns.host import BACKOFF_MAX_SECONDS, Need
from noderouter.naming.dns.query import SystemQuery
from noderouter.naming.dns.resolver import MAX_TOGETHER, Ips, Resolver, unite
from noderouter.naming.dns.slots import zone_of
from tests.noderouter.naming.fakes import Dns, Log


# Tests ask for `autojump_clock` themselves: one that only a fixture asks for is not the clock of the test.
@pytest.fixture
async def resolver(dns: Dns, log: Log, nursery: trio.Nursery) -> AsyncIterator[Resolver]:
    yield Resolver(nursery.start_soon, log, query=dns.query)
    nursery.cancel_scope.cancel()


def at(port: int, *ips: str) -> AddrBound:
    return AddrBound(frozenset(Address(ip, port) for ip in ips))


async def settle(var: Var[Addr]) -> Addr:
    return await until(var, lambda addr: addr != AddrPending())


async def test_a_name_becomes_its_addresses_and_follows_them(resolver, dns, autojump_clock):
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


async def test_one_name_at_many_ports_is_asked_for_once(resolver, dns, autojump_clock):
    dns.answers["web"] = frozenset({"10.0.0.1"})
    one, two = resolver.addr(("web",), 80), resolver.addr(("web",), 81)
    two.hold()
    assert await settle(one) == at(80, "10.0.0.1")
    assert await settle(two) == at(81, "10.0.0.1")
    assert dns.queries == ["web"]
    assert resolver.addr(("web",), 81) is two


async def test_an_unknown_name_is_negative_even_after_it_was_known(resolver, dns, log, autojump_clock):
    var = resolver.addr(("web",), 80)
    var.hold()
    assert await settle(var) == AddrNeg()
    dns.answers["web"] = frozenset({"10.0.0.1"})
    await until(var, lambda addr: addr == at(80, "10.0.0.1"))
    del dns.answers["web"]
    await until(var, lambda addr: addr == AddrNeg())
    assert log.events == []


async def test_other_errors_fail_only_what_was_never_known(resolver, dns, log, autojump_clock):
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


async def test_a_server_that_does_not_answer_is_a_failure(resolver, dns, autojump_clock):
    dns.gate = trio.Event()
    assert await settle(resolver.addr(("web",), 80)) == AddrFailed("web: no answer in 10 s")


async def test_asking_ends_when_nobody_needs_the_name(resolver, dns, nursery, autojump_clock):
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


async def test_with_once_the_first_addresses_stay(resolver, dns, nursery, autojump_clock):
    dns.answers["web"] = OSError("not yet")
    var = resolver.addr(("web",), 80, Need.ONCE)
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
async def test_literals_and_the_loopback_need_no_query(resolver, dns, host, ip, autojump_clock):
    assert resolver.addr((host,), 80).value == at(80, ip)
    assert dns.queries == []


@pytest.mark.parametrize("host", ["a..b", "a" * 64, "a." * 128, "a b", "ü", "a\0b", "/", "[::1]", "."])
async def test_what_cannot_be_a_host_name_is_unknown(resolver, dns, host, autojump_clock):
    assert resolver.addr((host,), 80).value == AddrNeg()
    assert dns.queries == []


async def test_of_several_hosts_the_known_ones_count(resolver, dns, autojump_clock):
    dns.answers["one"] = frozenset({"10.0.0.1"})
    assert await settle(resolver.addr(("one", "none", "::1"), 80)) != AddrPending()
    var = resolver.addr(("one", "none"), 80)
    var.hold()
    assert await settle(var) == at(80, "10.0.0.1")


async def test_queries_under_way_are_bounded(resolver, dns, autojump_clock):
    dns.gate = trio.Event()
    held = [resolver.addr((f"web{number}",), 80) for number in range(50)]
    for var in held:
        var.hold()
    await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()
    dns.gate.set()
    for var in held:
        await settle(var)
    assert dns.most_busy == 8
    assert (resolver.slots.in_flight, resolver.slots.waiting) == (0, 0)
    assert resolver.counts.queries == 50


async def test_names_that_somebody_needs_are_bounded(dns, log, nursery, autojump_clock):
    """And who was refused gets a place when there is one."""
    resolver = Resolver(nursery.start_soon, log, query=dns.query, limits=(2, 1))
    held = [resolver.addr((f"web{number}",), 80) for number in range(3)]
    for var in held:
        var.hold()
        await settle(var)
    assert held[2].value == AddrFailed("more than 2 host names to resolve")
    assert len(resolver.state()) == len(resolver) == 2
    assert (resolver.counts.refused, sorted(dns.queries)) == (1, ["web0", "web1"])
    held.pop(0).release()
    dns.answers["web2"] = frozenset({"10.0.0.2"})
    assert await until(held[-1], lambda addr: addr == at(80, "10.0.0.2"))
    nursery.cancel_scope.cancel()


async def test_the_name_that_nobody_needed_for_longest_makes_room(dns, log, nursery, autojump_clock):
    resolver = Resolver(nursery.start_soon, log, query=dns.query, limits=(3, 1))
    held = resolver.addr(("held",), 80)
    held.hold()
    for number in range(1000):
        assert await settle(resolver.addr((f"made-up-{number}",), 80)) == AddrNeg()
        assert len(resolver) <= 3
    assert set(resolver.state()) == {"held", "made-up-998", "made-up-999"}
    assert (resolver.counts.refused, resolver.evicts) == (0, 998)
    await trio.testing.wait_all_tasks_blocked()
    assert len(nursery.child_tasks) == 3
    nursery.cancel_scope.cancel()


async def test_no_such_name_is_known_for_half_a_minute(resolver, dns, autojump_clock):
    """Also while it is needed, and when it comes and goes: TTLs are not to be had."""
    var = resolver.addr(("none",), 80)
    for _ in range(5):
        assert await settle(var) == AddrNeg()
        await trio.sleep(5)
    assert dns.queries == ["none"]
    var.hold()
    await trio.sleep(300)
    assert 300 / 33 <= len(dns.queries) <= 2 + 325 / 27


async def test_a_name_that_fails_is_asked_for_less_and_less(resolver, dns, autojump_clock):
    dns.answers["web"] = OSError("refused")
    times = []
    query = resolver._query

    async def noted(name: str) -> frozenset[str]:
        times.append(trio.current_time())
        return await query(name)

    resolver._query = noted
    var = resolver.addr(("web",), 80)
    var.hold()
    await trio.sleep(1200)
    pauses = [later - sooner for sooner, later in pairwise(times)]
    for pause, expected in zip(pauses, [5, 10, 20, 40, 80, *[BACKOFF_MAX_SECONDS] * 20], strict=False):
        assert 0.75 * expected <= pause <= 1.25 * expected
    assert len(set(pauses[5:])) > 3  # jitter
    dns.answers["web"] = frozenset({"10.0.0.1"})
    assert await until(var, lambda addr: addr == at(80, "10.0.0.1"))
    count = len(times)
    await trio.sleep(26)
    assert len(times) == count + 5  # and is followed as others are


async def test_a_name_that_fails_and_comes_and_goes_is_not_asked_for_each_time(resolver, dns, autojump_clock):
    dns.answers["web"] = OSError("refused")
    for _ in range(90):
        assert await settle(resolver.addr(("web",), 80)) == AddrFailed("web: refused")
        await trio.sleep(0.04)
    assert dns.queries == ["web"]


async def test_the_answer_that_comes_late_counts(resolver, dns, log, autojump_clock):
    """How long the system tries is its own affair (resolv.conf); it is not asked again meanwhile."""
    dns.gate = trio.Event()
    dns.answers["web"] = frozenset({"10.0.0.1"})
    var = resolver.addr(("web",), 80)
    var.hold()
    assert await settle(var) == AddrFailed("web: no answer in 10 s")
    await trio.sleep(20)
    assert (dns.queries, resolver.counts.timeouts, resolver.counts.failures) == (["web"], 1, 1)
    dns.gate.set()
    assert await until(var, lambda addr: addr == at(80, "10.0.0.1"))
    assert (dns.queries, log.events) == (["web"], ["dns.failed", "dns.recovered"])


class Zones(Dns):
    """Servers of some zones never answer, or not within half a minute."""

    def __init__(self, *dead: str, seconds: float = 30.0) -> None:
        super().__init__()
        self.dead = dead
        self.seconds = seconds

    async def query(self, name: str) -> frozenset[str]:
        if not name.endswith(self.dead):
            await trio.sleep(0.002)
            return await super().query(name)
        self.queries.append(name)
        self.busy += 1
        self.most_busy = max(self.busy, self.most_busy)
        try:
            await trio.sleep(self.seconds)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        finally:
            self.busy -= 1


@pytest.mark.parametrize("zones", [("evil.com",), ("a.com", "b.com", "c.com", "d.com", "e.com")])
async def test_sixty_names_without_an_answer_keep_no_new_name_waiting(log, nursery, autojump_clock, zones):
    dns = Zones(*zones)
    resolver = Resolver(nursery.start_soon, log, query=dns.query)
    dead = [resolver.addr((f"x{number}.{zones[number % len(zones)]}",), 80) for number in range(60)]
    for var in dead:
        var.hold()
    await trio.sleep(1)
    waits = []
    for number in range(100):
        dns.answers[f"web{number}.prod.svc"] = frozenset({"10.0.0.1"})
        var = resolver.addr((f"web{number}.prod.svc",), 80)
        var.hold()
        began = trio.current_time()
        assert await settle(var) == at(80, "10.0.0.1")
        waits.append(trio.current_time() - began)
        await trio.sleep(1)
    assert max(waits) <= 2.0  # once, when all places are taken by what is not known to be slow yet
    assert sum(wait > 0.1 for wait in waits) <= 2
    assert dns.most_busy <= 32
    nursery.cancel_scope.cancel()


async def test_a_client_whose_zones_are_all_dead_keeps_only_itself_waiting(log, nursery, autojump_clock):
    dns = Zones("evil.com", seconds=10.0)
    client: list[str | None] = [None]
    resolver = Resolver(nursery.start_soon, log, query=dns.query, client=lambda: client[0])
    waits = []
    for second in range(60):
        client[0] = "10.0.0.66"
        for each in range(10):  # 600 zones in the end
            dns.dead = (*dns.dead, f"z{second}-{each}.com")
            resolver.addr((f"x.z{second}-{each}.com",), 80).hold()
        client[0] = "10.0.0.7"
        dns.answers[f"web{second}.shop.com"] = frozenset({"10.0.0.1"})
        began = trio.current_time()
        assert await settle(resolver.addr((f"web{second}.shop.com",), 80)) == at(80, "10.0.0.1")
        waits.append(trio.current_time() - began)
        await trio.sleep(1)
    assert max(waits) < 0.1
    client[0] = "10.0.0.66"
    dns.answers["one.shop.com"] = frozenset({"10.0.0.1"})
    with trio.move_on_after(5) as patience:  # its own wait behind the dead ones
        await settle(resolver.addr(("one.shop.com",), 80))
    assert patience.cancelled_caught
    nursery.cancel_scope.cancel()


async def test_a_flood_of_new_names_of_a_dead_zone_keeps_nobody_waiting(log, nursery, autojump_clock):
    """Also when each is asked for the first time, and held while it lasts."""
    dns = Zones("evil.com")
    resolver = Resolver(nursery.start_soon, log, query=dns.query)
    dns.answers["old.prod.svc"] = frozenset({"10.0.0.1"})
    old = resolver.addr(("old.prod.svc",), 80)
    old.hold()
    await settle(old)
    for number in range(40):
        for each in range(20):
            resolver.addr((f"x{number}.{each}.evil.com",), 80).hold()
        dns.answers[f"web{number}.prod.svc"] = frozenset({"10.0.0.1"})
        began = trio.current_time()
        assert await settle(resolver.addr((f"web{number}.prod.svc",), 80)) == at(80, "10.0.0.1")
        assert trio.current_time() - began < 0.1
        await trio.sleep(1)
    assert 7 <= dns.queries.count("old.prod.svc") <= 9  # and names that are known are followed all the time
    assert dns.most_busy <= 8
    nursery.cancel_scope.cancel()


async def test_names_of_overrides_are_asked_for_once_and_have_places_of_their_own(dns, log, nursery, autojump_clock):
    resolver = Resolver(nursery.start_soon, log, query=dns.query, limits=(10, 3))
    for name in ("one", "two", "three", "four"):
        dns.answers[name] = frozenset({"10.0.0.1"})
    held = [resolver.addr((name,), 80, Need.PASSING) for name in ("one", "two", "three")]
    for var in held:
        var.hold()
        await settle(var)
    await trio.sleep(50)
    assert dns.queries == ["one", "two", "three"]
    fourth = resolver.addr(("four",), 80, Need.PASSING)
    assert await settle(fourth) == AddrFailed("more than 3 host names to resolve")
    assert await settle(resolver.addr(("four",), 80)) == at(80, "10.0.0.1")  # the router's own dtab has its places
    fourth = resolver.addr(("four",), 81, Need.PASSING)
    fourth.hold()
    assert fourth.value == at(81, "10.0.0.1")  # and where it knows the name, there is nothing to ask
    assert dns.queries == ["one", "two", "three", "four"]
    dns.answers["one"] = frozenset({"10.0.0.2"})
    assert await until(held[0], lambda addr: addr == at(80, "10.0.0.2"))  # after a minute in use
    nursery.cancel_scope.cancel()


async def test_hosts_of_one_address_are_bounded(resolver, dns, autojump_clock):
    var = resolver.addr(tuple(f"web{number}" for number in range(MAX_TOGETHER + 1)), 80)
    assert var.value == AddrFailed("65 hosts in one address; at most 64 are looked up")
    assert dns.queries == []


@given(st.integers(0, 2**32), st.data())
def test_any_history_stays_within_its_bounds(seed, data):
    """Names come, go, fail, answer and stay silent: places are kept, and nothing is left at the end."""

    async def main() -> None:
        log, dns = Log(), Zones("dead.com", seconds=data.draw(st.sampled_from([0.5, 5.0, 40.0])))
        dns.answers |= {f"n{number}": frozenset({f"10.0.0.{number}"}) for number in range(4)}
        dns.answers |= {f"f{number}.x.com": OSError("failed") for number in range(4)}
        names = [*dns.answers, "none", "none.x.com", *(f"d{number}.dead.com" for number in range(12))]
        rng, held = Random(seed), []
        async with trio.open_nursery() as nursery:
            resolver = Resolver(nursery.start_soon, log, query=dns.query, limits=(6, 3))
            for _ in range(60):
                if held and rng.random() < 0.45:
                    held.pop(rng.randrange(len(held))).release()
                else:
                    need = rng.choice([Need.FOLLOW, Need.FOLLOW, Need.PASSING, Need.ONCE])
                    held.append(resolver.addr((rng.choice(names),), 80, need))
                    held[-1].hold()
                if rng.random() < 0.5:
                    await trio.sleep(rng.choice([0, 0.01, 3, 30]))
                assert len(resolver._table) <= 6
                assert len(resolver._passing) <= 3
                assert 0 <= resolver.slots.in_flight <= 32
                assert dns.busy <= 32
            for var in held:
                var.release()
            await trio.sleep(BACKOFF_MAX_SECONDS * 2)
            assert (len(resolver), len(nursery.child_tasks)) == (0, 0)
            assert (resolver.slots.in_flight, resolver.slots.waiting, dns.busy) == (0, 0, 0)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


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
    assert await SystemQuery()("localhost") & {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("a.b.example.com", "example.com"),
        ("www.evil.co.uk.", "evil.co.uk"),
        ("A.B.com.br", "b.com.br"),
        ("b.de", "b.de"),
    ],
)
def test_a_zone_is_what_one_owner_answers_for(name: str, zone: str) -> None:
    """Who owns one name below a shared suffix does not make the others wait."""
    assert zone_of(name) == zone
