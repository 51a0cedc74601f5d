"""Groups, lists, and origins."""

import re
from typing import Any

import pytest

from noderouter.admin.config import SecurityConfig
from noderouter.admin.security import Group, is_open, is_same_origin


def settings(**keys: Any) -> SecurityConfig:
    keys.setdefault("controlEnabled", True)
    for name in ("pathWhitelist", "pathBlacklist"):
        keys[name] = tuple(re.compile(pattern) for pattern in keys.get(name, ()))
    return SecurityConfig(**keys)


@pytest.mark.parametrize("group", list(Group))
def test_everything_is_open_by_default(group: Group) -> None:
    assert is_open(settings(), "/x", group)


def test_control_is_closed_where_nobody_has_decided() -> None:
    assert not is_open(SecurityConfig(), "/x", Group.CONTROL)


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("uiEnabled", Group.UI),
        ("controlEnabled", Group.CONTROL),
        ("diagnosticsEnabled", Group.DIAGNOSTICS),
    ],
)
def test_each_switch_closes_its_group_only(key: str, group: Group) -> None:
    closed = [other for other in Group if not is_open(settings(**{key: False}), "/x", other)]
    assert closed == [group]


def test_the_whitelist_opens_what_is_switched_off_and_matches_in_full() -> None:
    security = settings(controlEnabled=False, pathWhitelist=["/logging[.]json", "/admin/shut"])
    assert is_open(security, "/logging.json", Group.CONTROL)
    assert not is_open(security, "/admin/shutdown", Group.CONTROL)


def test_the_blacklist_beats_the_whitelist_and_closes_even_probes() -> None:
    security = settings(pathWhitelist=["/a.*"], pathBlacklist=["/a/b", "/livez"])
    assert is_open(security, "/a", Group.UI)
    assert not is_open(security, "/a/b", Group.UI)
    assert not is_open(security, "/livez", Group.PROBE)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, True),
        ({"host": "a:9990"}, True),
        ({"host": "a:9990", "origin": "http://a:9990"}, True),
        ({"host": "A:9990", "origin": "http://a:9990"}, True),
        ({"host": "a", "origin": "http://a:80"}, True),
        ({"host": "[::1]:9990", "origin": "http://[::1]:9990"}, True),
        ({"host": "a:9990", "origin": "http://a:9991"}, False),
        ({"host": "a:9990", "origin": "https://a:9990"}, False),
        ({"host": "a:9990", "origin": "http://evil"}, False),
        ({"host": "a:9990", "origin": "null"}, False),
        ({"host": "a:9990", "origin": ""}, False),
        ({"host": "a:9990", "origin": "http://a:99999"}, False),
        ({"host": "a:9990", "origin": "http://[a"}, False),
        ({"origin": "http://a:9990"}, False),
        ({"host": "a:9990", "sec-fetch-site": "same-origin"}, True),
        ({"host": "a:9990", "sec-fetch-site": "none"}, True),
        ({"host": "a:9990", "sec-fetch-site": "cross-site"}, False),
        ({"host": "a:9990", "sec-fetch-site": "same-site"}, False),
    ],
)
def test_origins(headers: dict[str, str], expected: bool) -> None:
    assert is_same_origin(headers, "http") is expected
