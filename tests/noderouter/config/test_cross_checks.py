"""Conflicts between parts of a configuration, found on the tree, whatever else is wrong with it."""

import pytest

from noderouter.config.cross_checks import cross_check
from noderouter.schema.source import Block, Source
from noderouter.schema.yaml_source import parse_yaml


def problems(text: str) -> list[str]:
    source = Source("f", text)
    root, _ = parse_yaml(source)
    assert isinstance(root, Block)
    cross_check(source, root)
    return [problem.show("f") for problem in source.problems]


def listeners(*addresses: str, admin: str = "{port: 1}") -> list[str]:
    servers = "".join(f"  - {address}\n" for address in addresses)
    return problems(f"admin: {admin}\nrouters:\n- protocol: http\n  servers:\n{servers}")


def test_labels() -> None:
    text = (
        "routers:\n- {protocol: http, label: a}\n- {protocol: http}\n- {protocol: http, label: a}\n- {protocol: http}\n"
    )
    assert problems(text) == [
        "f:4:27: routers[2].label: Multiple routers with the label a; routers[0] has it already",
        "f:5:14: routers[3].label: Multiple routers with the label http; routers[1] has it already,"
        " since a router without `label` is called http; label it",
    ]
    assert problems("routers:\n- {label: http}\n- {protocol: http}\n") != []
    assert problems("routers: [{label: 5}, {label: 5}, 7, {}, {}]") == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{port: 80}", "{port: 80}"),
        ("{port: 80}", "{port: 80, ip: localhost}"),
        ("{port: 80, ip: 10.0.0.1}", "{port: 80, ip: 0.0.0.0}"),
        ("{port: 80, ip: 10.0.0.1}", '{port: 80, ip: "::"}'),
        ("{port: 80, ip: 0.0.0.0}", '{port: 80, ip: "::"}'),
        ('{port: 80, ip: "::1"}', '{port: 80, ip: "0:0::1"}'),
        ("{}", "{port: 4140}"),
    ],
)
def test_listeners_that_exclude_each_other(one: str, other: str) -> None:
    for pair in ((one, other), (other, one)):
        (problem,) = listeners(*pair)
        assert "routers[0].servers[1].port: Server conflict on port" in problem
        assert problem.endswith("at routers[0].servers[0]")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{port: 80}", "{port: 81}"),
        ("{port: 80, ip: 10.0.0.1}", "{port: 80, ip: 10.0.0.2}"),
        ('{port: 80, ip: "::1"}', "{port: 80, ip: 0.0.0.0}"),
        ("{port: 0}", "{port: 0}"),
        ("{port: x}", "{port: x}"),
        ("{port: true}", "{port: 1}"),
        ("{port: 80, ip: nonsense}", "{port: 80, ip: nonsense}"),
        ("5", "{port: 80}"),
    ],
)
def test_listeners_that_do_not(one: str, other: str) -> None:
    assert listeners(one, other, admin="{port: 2}") == []
    assert listeners(other, one, admin="{port: 2}") == []


def test_the_admin_interface_takes_part() -> None:
    assert listeners("{port: 9990}", admin="{}") == [
        "f:5:12: routers[0].servers[0].port: Server conflict on port 9990: 127.0.0.1 here and 127.0.0.1 at admin"
    ]
    assert listeners("{port: 80, ip: 0.0.0.0}", admin="{port: 80, ip: 10.0.0.1}") != []
    assert listeners("{port: 9990}", admin="nonsense") != []


def test_the_port_for_probes_takes_part() -> None:
    assert listeners("{port: 9991}", admin="{probes: {}}") == [
        "f:5:12: routers[0].servers[0].port: Server conflict on port 9991: 127.0.0.1 here and 0.0.0.0 at admin.probes"
    ]
    assert listeners(admin="{port: 9991, probes: {ip: 127.0.0.1}}") == [
        "f:1:29: admin.probes.port: Server conflict on port 9991: 127.0.0.1 here and 127.0.0.1 at admin"
    ]
    assert listeners("{port: 9991}", admin="{}") == []
    assert listeners("{port: 80}", admin="{probes: 7}") == []


def test_servers_of_all_routers_are_compared() -> None:
    text = "routers:\n- servers: [{port: 1}, {port: 2}]\n- servers: [{port: 3}, {port: 2}]\n"
    assert problems(text) == [
        "f:3:31: routers[1].servers[1].port:"
        " Server conflict on port 2: 127.0.0.1 here and 127.0.0.1 at routers[0].servers[1]"
    ]


def test_many_listeners_are_compared_in_time() -> None:
    servers = [f"{{port: 80, ip: 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}}}" for n in range(5000)]
    assert listeners(*servers) == []


def test_namer_prefixes() -> None:
    text = (
        "namers:\n- {kind: a, prefix: fs}\n- {kind: a, prefix: /}\n- {kind: a, prefix: /a//b}\n- {kind: a, prefix: 5}\n"
        "- {kind: a, prefix: '/x y'}\n"
    )
    assert problems(text) == [
        "f:3:21: namers[1].prefix: the prefix must have at least one label, such as /io.l5d.fs",
    ]


def test_the_same_namer_twice_is_a_slip_but_a_shared_prefix_is_not() -> None:
    text = "namers:\n- {kind: a, prefix: /p, x: 1}\n- {kind: a, prefix: /p, x: 2}\n- {x: 1, prefix: /p, kind: a}\n"
    assert problems(text) == ["f:4:3: namers[2]: the same namer as namers[0]; take one of them out"]


def test_transformers_with_one_prefix_do_the_same() -> None:
    text = (
        "namers:\n- {transformers: [{kind: io.l5d.port, port: 1, prefix: /p}, {kind: io.l5d.port, port: 2}]}\n"
        "routers:\n- interpreter: {transformers: [{prefix: /p, port: 1, kind: io.l5d.port}]}\n"
        "- interpreter:\n    transformers: [{kind: io.l5d.port, port: 2, prefix: /p}, {prefix: 5}]\n"
    )
    assert problems(text) == [
        "f:6:57: routers[1].interpreter.transformers[0].prefix: another transformer at namers[0].transformers[0]"
        " has this prefix and does something else; names would be mixed up"
    ]


CAPTURING = "- {protocol: http, label: %s, servers: [{port: %d, capture: {}}]}\n"


def test_interception_wants_a_server_that_takes_what_is_captured() -> None:
    (problem,) = problems(
        "routers:\n- {protocol: http, servers: [{port: 1}, {port: 2, capture: null}]}\nintercept: {}\n"
    )
    assert problem.startswith("f:3:1: intercept: a server with `capture` is missing; add one to a router, such as")
    assert problems("routers:\n" + CAPTURING % ("a", 1) + "intercept: {}\n") == []
    assert problems("routers:\n" + CAPTURING % ("a", 1)) == [], "somebody else may tell the keeper"
    assert problems("routers: [{protocol: http}]\nintercept:\n") == [], "a key without a value is an absent key"


def test_one_server_takes_what_is_captured() -> None:
    (problem,) = problems("routers:\n" + CAPTURING % ("a", 1) + CAPTURING % ("b", 2))
    assert "routers[1].servers[0].capture: only one server can take captured connections" in problem
    assert "routers[0].servers[0] does" in problem
