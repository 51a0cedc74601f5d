"""`destinations` and `overrides` of a router, `allowConnect` of a server."""

import json

import pytest

from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from noderouter.core.address_rule import AddressRule
from tests.testing.router import checked, config


def test_by_default_nothing_is_open() -> None:
    (router,) = checked(config()).routers
    assert (router.destinations.allow, router.destinations.deny, router.destinations.nodeAddresses) == ((), (), ())
    assert (router.overrides.trusted, router.overrides.allow) == ((), ())
    (server,) = router.servers
    assert (server.allowConnect, server.maxCallDepth, server.overrides) == (False, 20, None)


def test_what_is_said() -> None:
    keys = {"allow": ["127.0.0.0/8:8080"], "deny": ["[fd00::1]:1-9"], "nodeAddresses": ["10.0.0.7"]}
    servers = [{"port": 0, "allowConnect": "endpoints"}, {"port": 0, "allowConnect": True}]
    (router,) = checked(config(destinations=keys, overrides={"trusted": ["10.0.0.0/8"]}, servers=servers)).routers
    assert router.destinations.allow == (AddressRule.parse("127.0.0.0/8:8080"),)
    assert router.destinations.deny == (AddressRule.parse("[fd00::1]:1-9"),)
    assert router.destinations.nodeAddresses == ("10.0.0.7",)
    assert router.overrides.trusted == (AddressRule.parse("10.0.0.0/8"),)
    assert [server.allowConnect for server in router.servers] == ["endpoints", True]


def test_a_server_may_say_what_overrides_may_name() -> None:
    (router,) = checked(config(servers=[{"port": 0, "overrides": {"allow": ["10.0.0.5:80"]}}])).routers
    (server,) = router.servers
    assert server.overrides is not None
    assert server.overrides.allow == (AddressRule.parse("10.0.0.5:80"),)
    assert router.overrides.allow == ()


@pytest.mark.parametrize(
    ("keys", "place", "words"),
    [
        ({"destinations": {"allow": ["10.0.0.5/8"]}}, "destinations.allow[0]", "the network is 10.0.0.0/8"),
        ({"destinations": {"allow": [10]}}, "destinations.allow[0]", "expected text, such as 10.0.0.0/8"),
        ({"destinations": {"deny": ["localhost"]}}, "destinations.deny[0]", "neither a network nor an address"),
        ({"destinations": {"nodeAddresses": ["node-1"]}}, "destinations.nodeAddresses[0]", "not an IP address"),
        ({"destinations": {"open": []}}, "destinations.open", "unknown key"),
        ({"overrides": {"trusted": ["10.0.0.5:80"]}}, "overrides.trusted[0]", "a client's port says nothing of it"),
        ({"overrides": {"allow": ["db.example:80"]}}, "overrides.allow[0]", "neither a network nor an address"),
        ({"servers": [{"overrides": {"allow": [1]}}]}, "servers[0].overrides.allow[0]", "expected text"),
        ({"servers": [{"allowConnect": "routers"}]}, "servers[0].allowConnect", "must be true, false or endpoints"),
        ({"servers": [{"allowConnect": True, "clearContext": True}]}, "servers[0]", "exclude each other"),
        ({"servers": [{"allowConnect": "endpoints", "clearContext": True}]}, "servers[0]", "exclude each other"),
    ],
)
def test_what_is_wrong_is_said(keys: dict[str, object], place: str, words: str) -> None:
    problems = validate_text(json.dumps(config(**keys)))
    assert not isinstance(problems, Config)
    (problem,) = problems
    assert problem.path == f"routers[0].{place}"
    assert words in problem.message
