"""A node at one moment, with made faults: one failing service, one slow, an endpoint out, a canary, a refused edit.

What the dashboard's tests look at, in every form. All of it comes from values, so no test waits for a figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sin
from typing import Any

import trio

from dtab import Delegation, Dtab, Path, bind
from dtab.result import Bound, Ok
from dtab.tree import NEG, Leaf
from noderouter.admin.dashboard.look import Look, Looker
from noderouter.admin.dashboard.seen import (
    Branch,
    Call,
    Capture,
    Client,
    Course,
    Endpoint,
    Failure,
    Figures,
    Limit,
    Router,
    Seen,
    Service,
    Table,
    Watch,
)
from noderouter.admin.dashboard.verdict import problems
from noderouter.core.addr import AddrBound, Address
from noderouter.naming.interpreter.whatif import Asked, Change, Comparison, Place, Where

AT = 1_796_000_551.0
"""When it is: 01:02:31 UTC."""
ATTACK = "\x1b[31m</td><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e\r\n&amp;`$(id)`"
"""What strangers send: markup, quotes, escape codes, a turned direction, line ends, commands."""


def figures(
    rate: float, failed: float = 0.0, p99: float | None = 80.0, p50: float | None = 4.0, p95: float | None = 30.0
) -> Figures:
    """The last minute of something with so many requests a second, of which so many percent failed."""
    requests = round(60 * rate)
    return Figures(requests, round(requests * failed / 100), rate, p50, p95, p99)


def course(rate: float = 10.0, p99: Sequence[float | None] = (), failures: Sequence[float | None] = ()) -> Course:
    """Ten minutes, with a little life in them."""
    waves = [1 + 0.1 * sin(slot / 5) for slot in range(60)]
    return Course(
        tuple(rate * wave for wave in waves),
        tuple(failures) or (0.0,) * 60,
        tuple(4.0 * wave for wave in waves),
        tuple(30.0 * wave for wave in waves),
        tuple(p99) or tuple(80.0 * wave for wave in waves),
    )


def endpoint(address: str, client: str, *, rate: float = 10.0, failed: float = 0.0, **parts: Any) -> Endpoint:
    """One endpoint."""
    usual: dict[str, Any] = {"figures": figures(rate, failed), "mean_ms": 8.0, "connections": 3}
    return Endpoint(address, client, "outgoing", **{**usual, **parts})


def client(name: str, endpoints: Sequence[Endpoint], **parts: Any) -> Client:
    """One client, with the sum of its endpoints' figures."""
    requests = sum(each.figures.requests for each in endpoints)
    failures = sum(each.figures.failures for each in endpoints)
    whole = Figures(requests, failures, requests / 60, 4.0, 30.0, 80.0)
    return Client(name, "outgoing", tuple(endpoints), **{"figures": whole, **parts})


def call(source: str, service: str, rate: float, success: float) -> Call:
    """Return the requests of a source to a service in a minute."""
    requests = round(60 * rate)
    return Call(source, service, "outgoing", rate, success, requests, round(requests * (100 - success) / 100))


def service(name: str, clients: Sequence[str], rate: float = 10.0, failed: float = 0.0, **parts: Any) -> Service:
    """One service, which goes to its clients in equal shares."""
    usual: dict[str, Any] = {
        "figures": figures(rate, failed),
        "lines": lambda: course(rate),
        "branches": tuple(Branch(each, 1 / len(clients), figures(rate)) for each in clients),
        "retries": 0.0,
        "budget": 100.0,
    }
    return Service(name, "outgoing", **{**usual, **parts})


CART, INVENTORY, SEARCH = (f"/#/io.l5d.k8s/shop/http/{name}" for name in ("cart", "inventory", "search"))
WEB, CANARY = "/#/io.l5d.k8s/shop/http/web", "/#/io.l5d.k8s/shop/http/web-canary"


def cart_endpoints() -> list[Endpoint]:
    """One of three answers 503 to most of its requests."""
    errors = tuple(
        Failure(AT - number, "503", f"POST /v1/cart/{number}/items", "/svc/cart.shop", 1.9) for number in range(3)
    )
    return [
        endpoint(
            "10.8.3.17:8080", CART, rate=16.8, failed=61, mean_ms=2.1, pod="cart-x2k4q", node="worker-5", errors=errors
        ),
        endpoint("10.8.1.22:8080", CART, rate=16.6, pod="cart-9fzmw", node="worker-3"),
        endpoint("10.8.4.9:8080", CART, rate=16.7, pod="cart-tl7vd", node="worker-7"),
    ]


def node(more: int = 0) -> Seen:
    """The node; `more` services that are well come on top."""
    refused = (Failure(AT - 42, "ConnectError", "GET /stock/1", "/svc/inventory.shop", 0.2),)
    clients = [
        client(CART, cart_endpoints()),
        client(
            INVENTORY,
            [
                endpoint(
                    "10.8.2.41:8080",
                    INVENTORY,
                    rate=0.0,
                    mean_ms=None,
                    out="ejected",
                    back_in=8.0,
                    ejections=3,
                    errors=refused,
                ),
                endpoint("10.8.1.31:8080", INVENTORY, rate=21.6),
                endpoint("10.8.5.12:8080", INVENTORY, rate=21.4),
            ],
        ),
        client(SEARCH, [endpoint(f"10.8.{n}.40:8080", SEARCH, mean_ms=640.0, rate=9.6) for n in (1, 2, 3, 6)]),
        client(WEB, [endpoint(f"10.8.{n}.14:8080", WEB, rate=33.6) for n in range(1, 7)]),
        client(CANARY, [endpoint("10.8.6.80:8080", CANARY, rate=10.8, failed=0.8)]),
    ]
    slow = [180.0] * 24 + [min(2410.0, 180.0 + 90 * step) for step in range(36)]
    services = [
        service(
            "/svc/cart.shop",
            [CART],
            48.2,
            17.2,
            lines=lambda: course(48.2, failures=[0.0] * 42 + [17.2] * 18),
            retries=1.9,
        ),
        service(
            "/svc/search.shop",
            [SEARCH],
            38.5,
            figures=figures(38.5, p99=2410.0, p95=1890.0, p50=640.0),
            lines=lambda: course(38.5, slow),
        ),
        service("/svc/inventory.shop", [INVENTORY], 43.0),
        service(
            "/svc/web.shop",
            [WEB, CANARY],
            212.4,
            branches=(Branch(WEB, 0.95, figures(201.6, 0, 120)), Branch(CANARY, 0.05, figures(10.8, 0.8, 164))),
        ),
    ]
    for number in range(more):
        name = f"/#/io.l5d.k8s/more/http/s{number}"
        clients.append(client(name, [endpoint(f"10.9.{number}.{last}:80", name) for last in range(10)]))
        services.append(service(f"/svc/s{number}.more", [name], 5.0))
    calls = (
        call("web.shop", "/svc/cart.shop", 31.4, 83.0),
        call("bff.mobile", "/svc/cart.shop", 16.8, 82.4),
        call("web.shop", "/svc/search.shop", 26.3, 100.0),
        call("search.shop", "/svc/index.search", 38.5, 100.0),
        call("cart.shop", "/svc/inventory.shop", 33.8, 100.0),
        call("ingress/nginx", "/svc/web.shop", 212.4, 99.96),
    )
    return Seen(
        at=AT,
        ready=True,
        reasons=("router outgoing: dtab of 6 entries in effect",),
        routers=(Router("outgoing", ("0.0.0.0/4140",), figures(1562, 0.55, 810.0), course(1562), 38, 214, 2.1),),
        services=tuple(services),
        clients=tuple(clients),
        watches=(Watch("services/*", True, 3.0, 0.0, 4120, 0), Watch("pods/worker-3", True, 134.0, 0.0, 611, 3)),
        tables=(
            Table(
                "outgoing",
                "ConfigMap mesh/noderouter-dtab:dtab",
                "95f223c55ff99452",
                6,
                AT - 7430,
                "line 7, column 17: '=' expected but '-' found",
            ),
        ),
        capture=Capture(True, "", "nftables", 25, (("ops/node-exporter", "hostNetwork"),), 0.8),
        limits=(Limit("services", 45, 1000, "the rest is counted together as 'other'"),),
        calls=calls,
        process="12 % of a core since the start, 84 MB, lag 1.2 ms",
    )


def healthy() -> Seen:
    """A node on which nothing is wrong."""
    name = "/#/io.l5d.fs/hello"
    return replace(
        node(),
        services=(service("/svc/hello", [name]),),
        clients=(client(name, [endpoint("10.0.0.7:8080", name)]),),
        watches=(),
        tables=(),
        calls=(),
    )


def attacked() -> Seen:
    """A node whose every text is a stranger's."""
    errors = (Failure(AT, ATTACK, f"GET /{ATTACK}", f"/svc/{ATTACK}", 1.0),)
    bad = endpoint(ATTACK, f"/#/{ATTACK}", failed=100, pod=ATTACK, node=ATTACK, errors=errors)
    good = endpoint("10.0.0.8:80", f"/#/{ATTACK}", out="ejected", back_in=3.0, errors=errors)
    well = endpoint("10.0.0.9:80", f"/#/{ATTACK}")
    return Seen(
        at=AT,
        ready=False,
        reasons=(f"router {ATTACK}: {ATTACK}",),
        routers=(Router(ATTACK, (ATTACK,), figures(10, 50), course()),),
        services=(replace(service(f"/svc/{ATTACK}", [f"/#/{ATTACK}"], failed=50), errors={ATTACK: 9}),),
        clients=(client(f"/#/{ATTACK}", [bad, good, well], trouble=ATTACK),),
        watches=(Watch(ATTACK, False, 500.0, 500.0),),
        tables=(Table(ATTACK, ATTACK, "95f223c55ff99452", 1, AT, ATTACK),),
        capture=Capture(False, ATTACK, ATTACK, 2, ((ATTACK, ATTACK),), None, ATTACK),
        limits=(Limit(ATTACK, 10, 10, ATTACK),),
        calls=(call(ATTACK, f"/svc/{ATTACK}", 1.0, 50.0),),
        process=ATTACK,
    )


class Shown(Looker):
    """A looker that always sees the same."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    async def look(self, state: Any) -> Look:
        await trio.lowlevel.checkpoint()
        self.made += 1
        return Look(self.seen, problems(self.seen))


DTAB = Dtab.parse(
    "/k8s => /#/io.l5d.k8s ; /svc => /k8s/shop/http ; /svc => /$/nil ;"
    " /svc/web.shop => 95*/k8s/shop/http/web & 5*/k8s/shop/http/web-canary ;"
)


def explored(path: Path, dtab: Dtab, known: Mapping[str, int]) -> Delegation:
    """The delegation of `path`, with so many endpoints behind each bound name that is known."""

    def lookup(name: Path) -> Any:
        number = known.get(name.show())
        if number is None:
            return Ok(NEG)
        addresses = frozenset(Address(f"10.8.{n}.14", 8080) for n in range(1, number + 1))
        return Ok(Leaf(Bound(name, Path.parse("/"), AddrBound(addresses))))

    return bind(dtab, path, lookup, explore=True)


def compared() -> Comparison:
    """What a draft does to four names: one is split, one fails, one is not known, one stays; 7 were left out."""
    web, gone = Where((Place(WEB, 1.0, False),)), Where((Place("nowhere: no such name", 1.0, True),))
    split = Where((Place(WEB, 0.75, False), Place(CANARY, 0.25, False)))
    cart = Where((Place(CART, 1.0, False),))
    asked = {name: Asked(Path.parse(f"/svc/{name}.shop"), rate) for name, rate in
             (("web", 212.0), ("cart", 48.0), ("search", 38.0), ("inventory", 40.0))}  # fmt: skip
    return Comparison(
        (
            Change(asked["web"], web, split),
            Change(asked["cart"], cart, gone),
            Change(asked["inventory"], cart, cart),
            Change(asked["search"], cart, Where((), pending=True)),
        ),
        7,
    )


def call_many(number: int, name: str = "") -> tuple[Call, ...]:
    """So many sources that call one service, each more often than the one before."""
    return tuple(Call(f"{n}.shop{name}", f"/svc/cart.shop{name}", "outgoing", 1.0 + n, 100.0) for n in range(number))
