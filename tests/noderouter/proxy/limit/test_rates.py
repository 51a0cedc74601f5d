"""The limits of a router: which hold for a name, whose tokens are taken, and what an edit keeps."""

from typing import Any

import pytest

from dtab import Dtab, Failed, Path, Pending
from noderouter.core.connection import ConnectionInfo
from noderouter.core.errors import RateLimited
from noderouter.core.peer_certificate import PeerCertificate
from noderouter.core.var import Var
from noderouter.naming.service_names import ServiceNames
from noderouter.policy.limits import Limits
from noderouter.proxy.limit.rates import MOST_ALIASES, MOST_SOURCES, Rates, StoredLimits, names_under
from tests.testing.reply import make_exchange

HELLO, WORLD = Path.parse("/svc/hello"), Path.parse("/svc/world")
NAMES = ServiceNames(Path.of("svc"))
HOSTS = ServiceNames(Path.of("svc"), Path.of("service"), ("internal", "example"))
"""What names are one where those of hosts are led to those of Services."""


def limits(*entries: dict[str, Any]) -> Limits:
    return Limits.model_validate({"limits": [{"name": f"l{n}", **each} for n, each in enumerate(entries)]})


def rates(*entries: dict[str, Any], label: str = "out") -> Rates:
    return Rates(label, Var(limits(*entries)), lambda ip: ip, NAMES)


def ask(
    router: Rates,
    name: Path = HELLO,
    peer: str = "10.0.0.1",
    fields: bytes = b"",
    now: float = 1000.0,
    certificate: PeerCertificate | None = None,
) -> bool:
    """One request to a name; whether it is let through."""
    exchange = make_exchange()
    exchange.headers.block = fields
    exchange.reply.connection = ConnectionInfo((peer, 1), ("", 0), None, certificate)
    try:
        router.admit(exchange, router.of(names_under(name, None)), now)
    except RateLimited:
        return False
    return True


def test_each_service_has_a_bucket_unless_said_otherwise():
    router = rates({"requestsPerSecond": 1})
    assert [ask(router), ask(router), ask(router, WORLD)] == [True, False, True]
    assert ask(router, now=1001.0)
    together = rates({"requestsPerSecond": 1, "per": []})
    assert [ask(together), ask(together, WORLD), ask(together, peer="10.0.0.2")] == [True, False, False]


def test_each_source_has_a_bucket():
    router = rates({"requestsPerSecond": 1, "per": ["source"]})
    assert [ask(router), ask(router, WORLD), ask(router, peer="10.0.0.2")] == [True, False, True]
    both = rates({"requestsPerSecond": 1, "per": ["service", "source"]})
    assert [ask(both), ask(both, WORLD), ask(both), ask(both, peer="10.0.0.2")] == [True, True, False, True]


def test_addresses_that_count_together():
    stored: StoredLimits = Var(limits({"requestsPerSecond": 1, "per": ["source"]}))
    router = Rates("out", stored, lambda ip: ip.rpartition(":")[0], NAMES)
    assert [ask(router, peer="2001:db8::1"), ask(router, peer="2001:db8::2")] == [True, False]


def test_each_value_of_a_field_has_a_bucket_and_none_is_a_value():
    router = rates({"requestsPerSecond": 1, "per": [], "headers": ["X-Key"]})
    one, two = b"x-key: one\r\n", b"X-KEY: two\r\n"
    assert [ask(router, fields=each) for each in (one, one, two, b"", b"Other: one\r\n")] == [
        True,
        False,
        True,
        True,
        False,
    ]


def test_limits_are_for_names_and_routers():
    router = rates(
        {"service": "/svc/hello", "requestsPerSecond": 1},
        {"service": "/svc/world", "requestsPerSecond": 1},
        {"router": "in", "requestsPerSecond": 1, "per": []},
    )
    assert list(router.limits) == ["l0", "l1"]
    assert [ask(router), ask(router), ask(router, WORLD), ask(router, Path.parse("/svc/x"))] == [
        True,
        False,
        True,
        True,
    ]
    assert router.of([Path.parse("/svc/x")]) == ()


def test_what_one_limit_refuses_takes_nothing_of_another():
    router = rates({"requestsPerSecond": 0.1, "burst": 3, "per": []}, {"requestsPerSecond": 1, "burst": 1})
    assert [ask(router, now=1000.0 + number / 100) for number in range(50)] == [True] + [False] * 49
    assert [ask(router, WORLD), ask(router, Path.parse("/svc/x")), ask(router, Path.parse("/svc/y"))] == [
        True,
        True,
        False,
    ]
    assert [(each.allowed, each.refused) for each in router.limits.values()] == [(3, 1), (3, 49)]


def test_a_claim_that_is_forwarded_is_a_value_too():
    """The router has written it; what a client says under that name was taken out. Nothing else of ours counts."""
    router = rates({"requestsPerSecond": 1, "per": [], "headers": ["x-user"]})

    def comes(user: bytes, claims: dict[str, str] | None) -> bool:
        exchange = make_exchange()
        exchange.claims = claims
        exchange.request_fields = b"x-other: 1\r\nx-user: %b\r\n" % user
        try:
            router.admit(exchange, router.of([HELLO]), 1000.0)
        except RateLimited:
            return False
        return True

    assert [comes(user, {"sub": "x"}) for user in (b"anna", b"bob", b"anna")] == [True, True, False]
    assert [comes(user, None) for user in (b"carl", b"dora")] == [True, False]


def test_who_is_refused_hears_when_all_limits_have_a_token_again():
    router = rates({"requestsPerSecond": 1}, {"requestsPerSecond": 0.01}, {"requestsPerSecond": 0.1})
    assert ask(router)
    with pytest.raises(RateLimited, match="the limit l1 allows") as caught:
        router.admit(make_exchange(), router.of([HELLO]), 1000.0)
    assert caught.value.fields == b"retry-after: 100\r\n"
    assert [each.refused for each in router.limits.values()] == [0, 1, 0]


def test_the_words():
    router = rates({"requestsPerSecond": 0.5, "burst": 1, "per": ["source"], "headers": ["x-key"]})
    assert ask(router)
    exchange = make_exchange()
    exchange.reply.comes(("10.0.0.1", 1))
    with pytest.raises(RateLimited) as caught:
        router.admit(exchange, router.of([HELLO]), 1000.5)
    assert caught.value.message == (
        "the limit l0 allows 0.5 requests a second of each source and x-key field, 1 at once"
    )
    assert (caught.value.status, caught.value.retryable) == (429, False)
    assert caught.value.fields == b"retry-after: 2\r\n"


def test_an_edit_keeps_the_buckets_of_what_it_does_not_change():
    stored: StoredLimits = Var(
        limits({"requestsPerSecond": 0.01}, {"requestsPerSecond": 0.02, "service": "/svc/world"})
    )
    router = Rates("out", stored, lambda ip: ip, NAMES)
    first, second = router.limits.values()
    assert ask(router)
    assert not ask(router)
    changes: list[list[str]] = []
    router.on_change = lambda: changes.append(list(router.limits))
    stored.set(
        limits(
            {"requestsPerSecond": 0.01}, {"requestsPerSecond": 0.03, "service": "/svc/world"}, {"requestsPerSecond": 9}
        )
    )
    router.look()
    assert router.limits["l0"] is first
    assert router.limits["l1"] is not second
    assert changes == [["l0", "l1", "l2"]]
    assert not ask(router)
    assert (router.limits["l0"].refused, router.version) == (2, 2)
    # One that is another begins with full buckets, and goes on counting.
    router.limits["l1"].refused = 7
    stored.set(limits({"requestsPerSecond": 9.0}, {"requestsPerSecond": 8, "service": "/svc/world"}))
    router.look()
    assert ask(router)
    assert (list(router.limits), router.limits["l1"].refused) == (["l0", "l1"], 7)
    assert router.limits["l0"].refused == 2


def test_what_is_not_known_limits_nobody_and_takes_nothing_away():
    stored: StoredLimits = Var(Pending())
    router = Rates("out", stored, lambda ip: ip, NAMES)
    assert ask(router)
    stored.set(limits({"requestsPerSecond": 0.01}))
    router.look()
    assert [ask(router), ask(router)] == [True, False]
    stored.set(Failed("gone"))
    router.look()
    assert not ask(router)


def test_sources_share_so_many_places():
    router = rates(
        {"requestsPerSecond": 1, "per": ["source"]}, {"requestsPerSecond": 1}, {"requestsPerSecond": 1, "per": []}
    )
    assert [each.arrivals._most for each in router.limits.values()] == [MOST_SOURCES // 2] * 3
    assert ask(router)
    for _ in router.sweep(2000.0):
        pass
    assert [len(each.arrivals) for each in router.limits.values()] == [0, 0, 0]


# Under dtabs of requests


@pytest.mark.parametrize(
    ("dtab", "names"),
    [
        ("", ["/svc/x"]),
        ("/svc/y => /svc/z", ["/svc/x"]),
        ("/svc/x => /svc/hello", ["/svc/x", "/svc/hello"]),
        ("/svc/x => /svc/a | /svc/b & /svc/c", ["/svc/x", "/svc/a", "/svc/b", "/svc/c"]),
        ("/svc/x => /svc/y ; /svc/y => /svc/hello", ["/svc/x", "/svc/y", "/svc/hello"]),
        ("/svc/x => /svc/y ; /svc/y => /svc/x", ["/svc/x", "/svc/y"]),
        ("/svc/x => ! | ~", ["/svc/x"]),
    ],
)
def test_what_a_dtab_of_the_request_makes_of_a_name(dtab, names):
    found = names_under(Path.parse("/svc/x"), Dtab.parse(dtab) if dtab else None)
    assert {each.show() for each in found} == set(names)
    assert found[0].show() == "/svc/x"


def test_what_it_makes_is_bounded():
    endless = Dtab.parse("/svc => /svc/a")
    assert len(names_under(Path.parse("/svc/x"), endless)) == MOST_ALIASES + 1
    wide = Dtab.parse("/svc/x => " + " | ".join(f"/svc/y{number}" for number in range(60)))
    assert len(names_under(Path.parse("/svc/x"), wide)) == MOST_ALIASES + 1


def test_an_alias_takes_tokens_of_each_name():
    router = rates({"requestsPerSecond": 0.01, "service": "/svc"})
    exchange = make_exchange()
    for alias, admitted in (("a", True), ("b", False)):
        names = names_under(Path.parse(f"/svc/{alias}"), Dtab.parse(f"/svc/{alias} => /svc/hello"))
        found = router.of(names)
        assert len(found) == 2
        if admitted:
            router.admit(exchange, found, 1000.0)
        else:
            with pytest.raises(RateLimited):
                router.admit(exchange, found, 1000.0)
    assert not ask(router)


@pytest.mark.parametrize("spelling", ["/svc/HELLO", "/svc/Hello"])
def test_the_case_of_a_name_is_no_way_past_its_limit(spelling: str) -> None:
    router = rates({"service": "/svc/hello", "requestsPerSecond": 1}, {"service": "/svc/*", "requestsPerSecond": 1})
    assert router.of([Path.parse(spelling)]) == router.of([HELLO])
    both = router.of(names_under(Path.parse("/svc/x"), Dtab.parse(f"/svc/x => {spelling} | /svc/hello")))
    assert [each.limit.name for each, _ in both] == ["l0", "l1", "l1"], "each service once"
    for written in ("/svc/hello", "/svc/HELLO", "/Svc/{Any}"):
        assert len(rates({"service": written, "requestsPerSecond": 1}).of([Path.parse(spelling)])) == 1


SPELLINGS = [
    "/svc/web.shop",
    "/svc/WEB.shop.",
    "/svc/web.shop:80",
    "/svc/web.shop.svc",
    "/svc/web.shop.svc:80",
    "/svc/web.shop.svc.example.internal",
    "/svc/web.shop.svc.example.internal.:80",
    "/svc/web/in:shop",
    "/svc/Web:80/in:shop",
    "/service/shop/web",
    "/service/shop/web/80",
]


def test_a_spelling_of_a_host_is_no_way_past_its_limit() -> None:
    router = Rates("out", Var(limits({"requestsPerSecond": 0.001})), lambda ip: ip, HOSTS)
    assert [ask(router, Path.parse(each)) for each in SPELLINGS] == [True] + [False] * (len(SPELLINGS) - 1)
    assert ask(router, Path.parse("/svc/web.other"))
    assert not ask(router, Path.parse("/svc/web.shop:8080")), "another port is the same Service"
    # By whom it is asked for under a dtab of his own.
    own = router.of(names_under(Path.parse("/svc/x"), Dtab.parse("/svc/x => /svc/web.shop.svc & /service/shop/web")))
    assert [seed for _, seed in own] == [hash(Path.parse("/service/default/x")), hash(Path.parse("/service/shop/web"))]


@pytest.mark.parametrize("written", [each for each in SPELLINGS if ".:" not in each and not each.endswith(".")])
def test_a_limit_for_one_spelling_is_for_all(written: str) -> None:
    router = Rates("out", Var(limits({"service": written, "requestsPerSecond": 0.001})), lambda ip: ip, HOSTS)
    assert [ask(router, Path.parse(each)) for each in SPELLINGS] == [True] + [False] * (len(SPELLINGS) - 1)
    assert ask(router, Path.parse("/svc/web"))
    assert router.of([Path.parse("/svc/web.other")]) == ()


def test_a_limit_with_a_port_is_for_hosts_that_say_it() -> None:
    router = Rates("out", Var(limits({"service": "/svc/web.shop:8080", "requestsPerSecond": 1})), lambda ip: ip, HOSTS)
    assert len(router.of([Path.parse("/svc/web.shop.svc:8080")])) == 1
    assert router.of([Path.parse("/svc/web.shop")]) == router.of([Path.parse("/svc/web.shop:80")]) == ()
    # All of them are asked for under one dtab: each port's limit holds, once.
    dtab = Dtab.parse("/svc/x => /svc/web.shop:8080 | /svc/web.shop:9090")
    assert len(router.of(names_under(Path.parse("/svc/x"), dtab))) == 1


def certificate(name: str = "", *uris: str, subject: str = "CN=x") -> PeerCertificate:
    return PeerCertificate("ab12", subject, (name,) if name else (), (), uris, 0.0)


def test_each_identity_has_a_bucket_and_who_has_none_is_a_source() -> None:
    router = rates({"requestsPerSecond": 0.001, "per": ["identity"]})

    def shows(what: PeerCertificate | None, peer: str = "10.0.0.1") -> bool:
        return ask(router, peer=peer, certificate=what)

    front, spiffe = certificate("front.test"), "spiffe://cluster.local/ns/prod/sa/front"
    assert [shows(front), shows(front, "10.0.0.2")] == [True, False], "whatever its address"
    assert shows(certificate("back.test"))
    for one, other in (
        (certificate("any.test", spiffe), certificate("other.test", spiffe, "spiffe://x")),
        (certificate(subject="CN=front.test"), certificate(subject="CN=front.test")),
    ):
        assert [shows(one), shows(other)] == [True, False]
    assert [shows(None), shows(None), shows(None, "10.0.0.2")] == [True, False, True]
    # Nobody takes from another's bucket, whatever is in his certificate.
    assert shows(certificate("10.0.0.1"))
    assert shows(certificate(spiffe))


def test_identity_and_source_together() -> None:
    router = rates({"requestsPerSecond": 0.001, "per": ["source", "identity"]})
    front = certificate("front.test")
    assert [ask(router, peer=peer, certificate=front) for peer in ("a", "a", "b")] == [True, False, True]
    assert [ask(router, peer=peer) for peer in ("a", "a", "b")] == [True, False, True]
