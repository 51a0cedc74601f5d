"""Routers by their protocol: what each may have, and where keys of the other go.

Covers `http_router.py`, `h2_router.py`, `access_log.py`.
"""

import json
from typing import Any

import pytest

from noderouter.config.access_log import AccessLogSettings
from noderouter.config.config import Config
from noderouter.config.h2_router import H2RouterConfig
from noderouter.config.http_router import HttpRouterConfig
from noderouter.config.protocols import ROUTERS
from noderouter.config.router import PROTOCOLS
from noderouter.config.server import H2ServerConfig
from noderouter.config.validate import dump, validate_text


def checked(protocol: str, server: dict[str, Any] | None = None, **keys: Any) -> Any:
    """The one router of a configuration, or its problems by path."""
    router = {"protocol": protocol, "servers": [server or {}], **keys}
    found = validate_text(json.dumps({"routers": [router]}))
    return found.routers[0] if isinstance(found, Config) else {each.path: each.message for each in found}


def test_there_is_a_model_for_each_protocol() -> None:
    assert tuple(ROUTERS) == PROTOCOLS
    for protocol, model in ROUTERS.items():
        assert type(checked(protocol)) is model
        assert checked(protocol).label == checked(protocol).protocol == protocol


def test_the_defaults_of_h2_are_linkerds() -> None:
    router = checked("h2", experimental=True)
    (server,) = router.servers
    assert isinstance(server, H2ServerConfig)
    assert (server.port, server.maxConcurrentStreamsPerConnection, server.windowUpdateRatio) == (4142, 1000, 0.99)
    assert (server.initialStreamWindowBytes, server.maxFrameBytes, server.headerTableBytes) == (65_536, 16_384, 4096)
    assert (server.maxHeaderListBytes, server.initialConnectionWindowBytes) == (61_440, 1 << 20)
    assert [(each.kind, each.header) for each in router.identifier] == [("io.l5d.header.token", ":authority")]
    assert router.access_log is None


def test_ports_that_are_not_said_clash_where_they_are_one() -> None:
    h2 = {"protocol": "h2", "servers": [{}]}
    http: dict[str, Any] = {"protocol": "http", "servers": [{"port": 4142}]}
    found = validate_text(json.dumps({"routers": [h2, http]}))
    assert isinstance(found, list)
    assert [each.message.partition(":")[0] for each in found] == ["Server conflict on port 4142"]
    assert isinstance(validate_text(json.dumps({"routers": [h2, http | {"servers": [{}]}]})), Config)


@pytest.mark.parametrize(
    ("key", "wrong", "right"),
    [
        ("maxConcurrentStreamsPerConnection", [0, 100_001, "9"], [1, 100_000]),
        ("initialStreamWindowBytes", [0, 1 << 31], [1, (1 << 31) - 1]),
        ("initialConnectionWindowBytes", [65_534, 1 << 31], [65_535, (1 << 31) - 1]),
        ("headerTableBytes", [-1, 65_537], [0, 65_536]),
        ("maxFrameBytes", [16_383, 1 << 24], [16_384, (1 << 24) - 1]),
        ("maxHeaderListBytes", [1023, (1 << 18) + 1], [1024, 1 << 18]),
        ("windowUpdateRatio", [0, 1.01], [0.01, 1]),
    ],
)
def test_keys_of_http_2_have_bounds_on_both_sides(key: str, wrong: list[Any], right: list[Any]) -> None:
    for value in right:
        assert getattr(checked("h2", {key: value}).servers[0], key) == value
        assert getattr(checked("h2", client={key: value}).client, key) == value
    for value in wrong:
        assert list(checked("h2", {key: value})) == [f"routers[0].servers[0].{key}"]
        assert list(checked("h2", client={key: value})) == [f"routers[0].client.{key}"]


@pytest.mark.parametrize(
    ("protocol", "key", "words"),
    [
        ("h2", "httpAccessLog", "this one has `h2AccessLog`"),
        ("h2", "httpAccessLogRotateCount", "this one has `h2AccessLog`"),
        ("h2", "maxHeadersKB", "`maxHeaderListBytes` of its server"),
        ("h2", "maxInitialLineKB", "`maxHeaderListBytes` of its server"),
        ("h2", "streamAfterContentLengthKB", "take the key out"),
        ("h2", "streamingEnabled", "take the key out"),
        ("h2", "compressionLevel", "take the key out"),
        ("http", "h2AccessLog", "this one has `httpAccessLog`"),
        ("http", "h2AccessLogFormat", "this one has `httpAccessLog`"),
    ],
)
def test_keys_of_the_other_protocol_say_where_they_go(protocol: str, key: str, words: str) -> None:
    (problem,) = checked(protocol, **{key: 1}).items()
    assert problem[0] == f"routers[0].{key}"
    assert problem[1].startswith(f"the key {key} is of ")
    assert words in problem[1]


def test_servers_have_what_their_router_speaks() -> None:
    (message,) = checked("http", {"maxFrameBytes": 16_384}).values()
    assert message.startswith("the key maxFrameBytes is of HTTP/2: it goes to servers of routers whose protocol is h2")
    assert checked("http", {"http2": {"maxFrameBytes": 20_000}}).servers[0].streams.maxFrameBytes == 20_000
    assert checked("http", {"capture": {}}).servers[0].streams.maxFrameBytes == 16_384
    assert checked("http", {"capture": {"http2": "flows"}}).servers[0].streams is None
    (message,) = checked("http", {"capture": {"http2": "flows"}, "http2": {}}).values()
    assert "http2 has no effect where capture.http2 is flows" in message
    (message,) = checked("h2", {"http2": {}}).values()
    assert "speaks nothing but HTTP/2" in message
    (message,) = checked("h2", {"capture": {}}).values()
    assert "put `capture` on a server of an http router" in message
    (message,) = checked("h2", {"maxHeaderListByts": 5}).values()
    assert message.endswith("use `maxHeaderListBytes`")


def test_identifiers_that_name_nothing_of_a_protocol_are_refused_where_they_stand() -> None:
    kinds = [{"kind": "io.l5d.header.path"}, {"kind": "io.l5d.header.token", "header": ":path"}]
    found = checked("http", identifier=kinds)
    assert set(found) == {"routers[0].identifier[0].kind", "routers[0].identifier[1].header"}
    assert [each.kind for each in checked("h2", identifier=kinds).identifier] == [each["kind"] for each in kinds]
    assert set(checked("http", identifier=kinds[1])) == {"routers[0].identifier.header"}


LOG = {"Format": "json", "Sample": 0.5, "RollPolicy": "daily", "Append": False, "RotateCount": 3}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_access_log_has_the_same_keys_under_both_names(protocol: str) -> None:
    key = f"{protocol}AccessLog"
    router = checked(protocol, **{key: "/log"}, **{f"{key}{name}": value for name, value in LOG.items()})
    assert router.access_log == AccessLogSettings(key, "/log", True, 0.5, "daily", False, 3)
    assert checked(protocol, **{key: "/log"}).access_log == AccessLogSettings(key, "/log")
    (message,) = checked(protocol, **{f"{key}Sample": 0.5}).values()
    assert message == f"{key}Sample is of the JSON log only: set {key}Format: json as well"
    (message,) = checked(protocol, **{key: "-", f"{key}RollPolicy": "daily"}).values()
    assert message == f"{key} is standard output, which is never put aside: leave the roll policy out"
    (message,) = checked(protocol, **{f"{key}RollPolicy": "yearly"}).values()
    assert "is no roll policy" in message


def test_an_h2_router_that_is_shown_loads_again_as_the_same() -> None:
    keys = {"h2AccessLog": "/log", "identifier": {"kind": "io.l5d.header.path", "segments": 1}}
    text = json.dumps({"routers": [{"protocol": "h2", "servers": [{"maxFrameBytes": 20_000}], **keys}]})
    config = validate_text(text)
    assert isinstance(config, Config)
    shown = dump(config)
    assert shown["routers"][0]["servers"][0]["maxFrameBytes"] == 20_000
    assert not {key for key in shown["routers"][0] if key.startswith("http")}
    assert validate_text(json.dumps(shown)) == config
    assert isinstance(config.routers[0], H2RouterConfig)
    assert not isinstance(config.routers[0], HttpRouterConfig)
