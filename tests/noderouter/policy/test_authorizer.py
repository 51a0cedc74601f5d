"""Who is asked about whom, what is remembered, and what is never assumed."""

import pytest

from noderouter.core.addr import ENDPOINT, Address
from noderouter.core.connection import ConnectionInfo
from noderouter.core.errors import OverloadError, PolicyRefused
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.policy.authorizer import MOST_COUNTED, MOST_KNOWN, MOST_SEEN, SHOWN, Authorizer
from noderouter.policy.workloads import Known, Workload
from noderouter.proxy.client.address_class import spellings
from noderouter.reactor.event import Event
from tests.noderouter.policy.test_compile import FRONT, WEB, compiled, policy
from tests.testing.loop import looping, until

POD, CLIENT = "10.1.0.9", "10.1.0.1"
HERE = Known({POD: WEB, CLIENT: FRONT}, node="n1", node_ips=frozenset({"192.0.2.1"}))
DENY = policy("deny", "[{from: [{namespace: prod}]}]")


class NoReply:
    def __init__(self, ip: str) -> None:
        self.connection = ConnectionInfo((ip, 40000), ("10.1.0.2", 4140))


def exchange(source: str = CLIENT, target: bytes = b"/", method: bytes = b"GET", **keys) -> Exchange:
    from noderouter.core.body import NO_BODY

    return Exchange(method, target, b"web", Headers([]), NO_BODY, NoReply(source), **keys)


def judge(text: str = DENY, known: Known | None = HERE, **keys) -> Authorizer:
    made = Authorizer(spellings, **keys)
    made.put(compiled(text), known)
    return made


def asked(made: Authorizer, ip: str = POD, source: str = CLIENT, port: int = 80, **keys) -> str:
    """What becomes of a request: `allowed`, a policy, or `later`."""
    try:
        made.check(exchange(source), Address(ip, port, **keys))
    except PolicyRefused as error:
        return error.policy
    except OverloadError:
        return "later"
    return "allowed"


def test_who_asks_whom():
    made = judge()
    assert asked(made) == "p"
    assert asked(made, source="203.0.113.9") == "allowed"
    assert asked(made, source=f"::ffff:{CLIENT}") == "p"
    assert (made.judged, made.refused) == (3, 2)


@pytest.mark.parametrize("ip", [POD, f"::ffff:{POD}", "64:ff9b::a01:9", "2002:a01:9::", "::10.1.0.9"])
def test_every_spelling_of_an_address_is_the_pod(ip):
    assert asked(judge(), ip) == "p"


@pytest.mark.parametrize(
    "ip",
    [
        "198.51.100.7", "::ffff:198.51.100.7", "64:ff9b::c633:6407", "2002:c633:6407::1", "::198.51.100.7",
        "::ffff:0:198.51.100.7", "64:ff9b:1::c633:6407", "2001:0:1:1:1:1:39cc:9bf8",
    ],
)  # fmt: skip
@pytest.mark.parametrize("block", ["198.51.100.0/24", "::ffff:198.51.100.0/120"])
def test_every_spelling_of_an_address_is_what_is_outside(ip, block):
    made = judge(policy("deny", to=f"{{external: ['{block}']}}"))
    assert asked(made, ip) == "p"
    assert asked(made, "64:ff9b::c633:6507") == "allowed"


def test_a_source_is_in_a_block_of_ipv4_as_ipv6_has_it():
    made = judge(policy("deny", "[{from: [{ip: '::ffff:203.0.113.0/120'}]}]"))
    assert [asked(made, source=ip) for ip in ("203.0.113.9", "::ffff:203.0.113.9", "203.0.114.9")] == [
        "p",
        "p",
        "allowed",
    ]


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        (b"/" + b"a" * 300, b"/" + b"a" * 199),
        (b"/docs/" + b"%C3%BC" * 60, b"/docs/" + b"%C3%BC" * 31),
        (b"/docs/d" + b"%C3%BC" * 60, b"/docs/d" + b"%C3%BC" * 31),
        (b"/docs/" + "\u00fc".encode() * 200, b"/docs/" + "\u00fc".encode() * 96),
        (b"/docs/x" + "\u00fc".encode() * 200, b"/docs/x" + "\u00fc".encode() * 96),
        (b"/" + b"a" * 197 + b"%2fb", b"/" + b"a" * 197),
        (b"/" + b"a" * 198 + b"%2fb", b"/" + b"a" * 198),
        (b"/" + b"a" * 196 + b"%2fb", b"/" + b"a" * 196 + b"%2f"),
        (b"/" + b"a" * 190 + b"%F0%9F%98%80%41", b"/" + b"a" * 190),
        (b"/%C3%BC", b"/%C3%BC"),
        (b"/%C3%", b"/%C3%"),
    ],
)
def test_what_is_kept_of_a_long_target_can_be_read_in_one_way(target, kept):
    made = judge("[]")
    made.check(exchange(target=target), Address(POD, 80))
    [(_, _, seen, _, _)] = made.take()[0]
    assert seen == kept
    assert len(seen) <= SHOWN


def test_what_is_not_known_yet_reaches_nobody():
    made = Authorizer(spellings)
    assert asked(made) == "later"
    made.put(compiled(DENY), None)
    assert asked(made) == "later"
    made.put(None, HERE)
    assert asked(made) == "later"
    made.put(compiled(DENY), HERE)
    assert asked(made) == "p"


def test_an_endpoint_of_this_node_whose_pod_was_not_seen_yet_waits():
    on_node = {"meta": (("nodeName", "n1"), ("pod", "new")), "origin": ENDPOINT}
    assert asked(judge(), "10.1.0.77", **on_node) == "later"
    assert asked(judge("[]"), "10.1.0.77", **on_node) == "allowed", "without policies for pods nobody has to know"
    assert asked(judge(), "192.0.2.1", **on_node) == "allowed", "hostNetwork: its address is the node's"
    assert asked(judge(), "10.1.0.77", meta=(("nodeName", "n2"),)) == "allowed"
    assert asked(judge(), "10.1.0.77") == "allowed"
    disputed = Known({}, frozenset({"10.1.0.77"}), "n1")
    assert asked(judge(known=disputed), "10.1.0.77") == "later"


def test_who_has_named_an_address_before_makes_no_way_to_a_pod_that_was_not_seen_yet():
    on_node = {"meta": (("nodeName", "n1"), ("pod", "new")), "origin": ENDPOINT}
    made = judge()
    assert asked(made, "10.1.0.77") == "allowed", "by its address nobody can say that it is of this node"
    assert asked(made, "10.1.0.77", **on_node) == "later"
    assert asked(made, "10.1.0.77", source="203.0.113.9", **on_node) == "later"


def test_a_service_that_comes_is_no_way_round_for_who_has_asked_before():
    known = set()
    made = judge(is_service=lambda ip, port: (ip, port) in known)
    assert asked(made, "10.96.0.1") == "allowed"
    known.add(("10.96.0.1", 80))
    assert asked(made, "10.96.0.1") == "service"
    assert asked(made, "10.96.0.1", source="203.0.113.9") == "service"
    known.clear()
    assert asked(made, "10.96.0.1") == "allowed"


def test_the_address_of_a_service_is_no_way_round():
    made = judge(is_service=lambda ip, port: (ip, port) == ("10.96.0.1", 80))
    assert asked(made, "10.96.0.1") == "service"
    assert asked(made, "10.96.0.1", port=81) == "allowed"
    assert asked(made, "10.96.0.1") == "service"
    outside = policy("deny", to="{external: [10.0.0.0/8]}", rules="[{ports: [1]}]")
    assert asked(judge(outside, is_service=lambda _ip, _port: True), "10.96.0.1") == "allowed"


def test_what_is_remembered_is_forgotten_with_any_change():
    made = judge()
    assert asked(made) == "p"
    made.put(compiled("[]"), HERE)
    assert asked(made) == "allowed"
    made.put(compiled(DENY), HERE)
    assert asked(made) == "p"
    made.put(compiled(DENY), Known({POD: WEB}))
    assert asked(made) == "allowed", "the pod of the source has gone"


def test_strangers_do_not_fill_the_memory():
    made = judge()
    address = Address(POD, 80)
    for number in range(MOST_KNOWN + 100):
        made.check(exchange(f"203.{number >> 16}.{number >> 8 & 255}.{number & 255}"), address)
    assert 100 <= len(made._rules) <= MOST_KNOWN
    for number in range(MOST_KNOWN + 100):
        made.policies_of(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 80)
    assert 100 <= len(made._destinations) <= MOST_KNOWN
    assert asked(made) == "p"


def test_what_is_seen_between_two_looks_is_bounded():
    made = judge("[]")
    for _ in range(MOST_SEEN + 10):
        made.check(exchange(target=b"/" + b"x" * 1000), Address(POD, 80))
    assert made.left_out == 10
    seen, counts = made.take()
    assert len(seen) == MOST_SEEN
    assert len(seen[0][2]) == SHOWN
    assert counts == {}
    assert made.take() == ([], {})


def test_counts_by_policy_source_and_destination():
    made = judge(DENY + policy("audit", name="watched"))
    for target in (b"/a?secret", b"/b"):
        with pytest.raises(PolicyRefused, match="policy p denies it"):
            made.check(exchange(target=target), Address(POD, 80))
    made.check(exchange("203.0.113.9"), Address(POD, 80))
    _, counts = made.take()
    assert {key: (count.requests, count.refused, count.example) for key, count in counts.items()} == {
        ("p", "prod/front", "prod/web"): (2, True, b"GET /a"),
        ("watched", "prod/front", "prod/web"): (2, False, b"GET /a"),
        ("watched", "other", "prod/web"): (1, False, b"GET /"),
    }


def test_what_is_counted_between_two_looks_is_bounded():
    pods = {
        f"10.1.{n >> 8}.{n & 255}": Workload("prod", f"w{n}", "prod/w", owner=f"w{n}") for n in range(MOST_COUNTED + 50)
    }
    made = judge(policy("deny"), Known(pods))
    for ip in pods:
        assert asked(made, ip) == "p"
    _, counts = made.take()
    assert len(counts) <= MOST_COUNTED + 1
    assert counts["p", "other", "other"].requests == 50
    assert sum(count.requests for count in counts.values()) == len(pods)


def test_the_policies_of_an_address():
    made = judge(DENY + policy("allow", "[{ports: [81]}]", name="a"))
    assert made.policies_of(POD, 80) == [("p", "deny")]
    assert made.policies_of(POD, 81) == [("p", "deny"), ("a", "allow")]
    assert made.policies_of("203.0.113.9", 80) == []
    assert Authorizer(spellings).policies_of(POD, 80) == []


async def test_what_is_open_as_bytes_is_judged_again():
    made = judge("[]")
    tunnel, plain = exchange(method=b"CONNECT"), exchange()
    tunnel.tunnel = True
    upgrade = exchange(reserved=((b"upgrade", b"websocket"),))
    ended = {}

    async def carry(each: Exchange) -> None:
        made.check(each, Address(POD, 80))
        try:
            await Event().wait()
        except BaseException as error:
            ended[each] = str(error)
            raise

    async with looping() as loop:
        for each in (tunnel, plain, upgrade):
            loop.reactor.spawn(carry(each), "carry")
        await until(lambda: made.judged == 3)
        assert made.flows == 2
        made.put(compiled(policy("deny", "[{http: {methods: [PUT]}}]")), HERE)
        assert len(list(made.judge_again())) == 2
        await until(lambda: ended)
        assert ended == {tunnel: "policy p denies it any more"}, "a flow matches what asks for HTTP; a GET does not"
        made.put(compiled("[]"), None)
        assert len(list(made.judge_again())) == 1
        assert (made.flows, made.ended) == (1, 1), "what is not known ends nothing"
        made.leave(upgrade)
        assert made.flows == 0


async def test_what_leads_to_the_address_of_a_service_ends_when_policies_are_about_pods():
    """Nobody can say which pod is behind it: a new one is refused, so the open one may not stay."""
    made = judge("[]", is_service=lambda ip, _port: ip == "10.96.0.1")
    ended = {}

    async def carry(ip: str) -> None:
        each = exchange(method=b"CONNECT")
        each.tunnel = True
        made.check(each, Address(ip, 80))
        try:
            await Event().wait()
        except BaseException as error:
            ended[ip] = str(error)
            raise

    async with looping() as loop:
        for ip in ("10.96.0.1", POD):
            loop.reactor.spawn(carry(ip), "carry")
        await until(lambda: made.flows == 2)
        made.put(compiled(policy("deny", "[{ports: [1]}]")), HERE)
        assert len(list(made.judge_again())) == 2
        await until(lambda: ended)
        assert list(ended) == ["10.96.0.1"]
        assert "is the address of a Service" in ended["10.96.0.1"]
        assert (made.flows, made.ended) == (1, 1)
        assert asked(made, "10.96.0.1") == "service"
