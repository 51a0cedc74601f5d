"""The limits that docs/rate-limits.md shows do what it says of them."""

import re
from pathlib import Path as FilePath
from textwrap import dedent

from dtab import Path
from noderouter.core.errors import RateLimited
from noderouter.core.var import Var
from noderouter.naming.service_names import ServiceNames
from noderouter.policy.limits import Limit, Limits, parse_limits
from noderouter.proxy.limit.config import LEAST, MOST, Concurrency
from noderouter.proxy.limit.rates import MOST_ALIASES, MOST_SOURCES, Rates
from tests.testing.reply import make_exchange

NAMES = ServiceNames(Path.of("svc"), Path.of("service"), ("local", "cluster"))
PAGE = (FilePath(__file__).parents[2] / "docs" / "rate-limits.md").read_text()


def shown() -> Limits:
    (block,) = re.findall(r"^    - name: (?:.*\n)(?:    .*\n)+", PAGE, re.MULTILINE)
    read = parse_limits(dedent(block))
    assert isinstance(read, Limits)
    return read


def let_through(limits: Limits, count: int, name: str, peer: str = "10.0.0.1", key: str = "") -> int:
    """How many of so many requests at once."""
    rates = Rates("out", Var(limits), lambda ip: ip, NAMES)
    exchange = make_exchange()
    exchange.reply.comes((peer, 1))
    exchange.headers.block = b"x-api-key: %b\r\n" % key.encode()
    found = rates.of([Path.parse(name)])
    passed = 0
    for _ in range(count):
        try:
            rates.admit(exchange, found, 1000.0)
        except RateLimited:
            continue
        passed += 1
    return passed


def only(name: str) -> Limits:
    return Limits(limits=tuple(each for each in shown().limits if each.name == name))


def test_the_limits_that_are_shown() -> None:
    assert let_through(only("whole"), 1000, "/svc/hello") == 500
    assert let_through(only("each-pod"), 1000, "/svc/hello") == 100
    assert let_through(only("each-key"), 10, "/svc/any") == 1
    assert let_through(only("whole"), 1000, "/svc/other") == 1000
    assert let_through(shown(), 10, "/svc/hello") == 1


def test_the_names_of_a_service() -> None:
    section = PAGE.partition("### One Service, many names")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (.*`.*) \| (.*) \|$", section, re.MULTILINE)
    told = {*re.findall(r"`(\S+?)`", " ".join(asked for asked, _ in rows)), "/svc/hello/in:prod"} - {"hello", "prod"}
    asked = [each if each.startswith("/") else f"/svc/{each}" for each in told]
    assert len(asked) == 9
    (written,) = re.findall(r"written for any of these names \((.*)\)", section)
    patterns = re.findall(r"`(?:service: )?(\S+?)`", written)
    assert len(patterns) == 3
    for pattern in patterns:
        limits = Limits.model_validate({"limits": [{"name": "a", "service": pattern, "requestsPerSecond": 1}]})
        assert (
            len({Rates("out", Var(limits), lambda ip: ip, NAMES).of([Path.parse(each)])[0][1] for each in asked}) == 1
        )
        assert let_through(limits, 2, "/svc/hello") == 2 or "name" in pattern


def test_the_table_has_every_key() -> None:
    table = PAGE.partition("## How many a second")[2].partition("\n\n- **")[0]
    keys = {key for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
    assert keys == set(Limit.model_fields)
    first = PAGE.partition("## How many at a time")[2].partition("### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", first, re.MULTILINE)
    assert {key for key, _ in rows} == set(Concurrency.model_fields)
    told, made = dict(rows), Concurrency(adaptive=True)
    assert [told["maxQueued"], told["queueTimeoutMs"]] == [str(made.maxQueued), str(made.queueTimeoutMs)]
    assert (told["minRequests"], f", {MOST} unless said" in first) == (str(LEAST), True)


def test_its_figures() -> None:
    assert f"up to {MOST_SOURCES:,} buckets" in PAGE
    assert f"more than {MOST_ALIASES} names" in PAGE
