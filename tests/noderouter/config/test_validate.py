"""A whole configuration: every problem of a file at once, each in its place; what is valid survives a round trip.

Covers `config.py`, `router.py`.
"""

import json
from io import BytesIO, StringIO
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Dtab, Path
from noderouter.config.config import Config
from noderouter.config.validate import dump, load, validate_file, validate_text
from noderouter.schema.problem import ConfigError
from tests.testing.examples import examples

SMALL = "routers:\n- protocol: http\n  servers:\n  - port: 4140\n"


def valid(text: str) -> Config:
    found = validate_text(text)
    assert isinstance(found, Config), found
    return found


def problems(text: str) -> list[str]:
    found = validate_text(text, "f")
    assert isinstance(found, list)
    return [problem.show("f").removeprefix("f:").strip() for problem in found]


def router(lines: str) -> list[str]:
    """Problems with keys of the one router; its first line is the fifth of the file."""
    return problems(SMALL + "".join(f"  {line}\n" for line in lines.splitlines()))


def test_defaults() -> None:
    config = valid(SMALL)
    assert (config.admin.ip, config.admin.port, config.admin.shutdownGraceMs) == ("127.0.0.1", 9990, 10_000)
    (one,) = config.routers
    assert (one.label, one.dstPrefix, one.dtab) == ("http", Path.of("svc"), Dtab.EMPTY)
    assert [identifier.kind for identifier in one.identifier] == ["io.l5d.header.token"]
    assert one.interpreter.kind == "default"
    assert (one.maxHeadersKB, one.maxInitialLineKB) == (60, 16)
    assert (one.streamAfterContentLengthKB, one.maxErrResponseKB) == (5, 5120)
    assert one.bindingTimeoutMs == 10_000
    (server,) = one.servers
    assert (server.ip, server.port, server.maxCallDepth) == ("127.0.0.1", 4140, 20)
    assert server.maxConcurrentRequests is None
    assert not server.clearContext


BROKEN = """
admin:
  port: 99900
  shutdownGraceMs: 1.5
  security: {pathWhitelist: ["("], uiEnabled: yes}
routers:
- protocol: http
  label: out
  dtab: |
    # names
    /svc => /host;
    /host => /#/io.l5d.fs | !!;
  dstPrefix: svc
  lable: x
  maxChunkKB: 8
  compressionLevel: 6
  streamingEnabled: false
  httpAccessLogRollPolicy: fortnightly
  servers:
  - port: "4140"
    clearContext: On
    timestampHeader: x request
  - ip: example.com
  client:
    loadBalancer: {kind: p3c, maxEffort: 3}
    failureAccrual: {kind: io.l5d.successRate, successRate: 2}
    requestAttemptTimeoutMs: 0
  service:
    kind: io.l5d.static
    totalTimeoutMs: 5
    configs:
    - prefix: /svc/{name
    - retries: {budget: {ttlSecs: 61}}
- protocol: htp
  label: out
namers: {kind: io.l5d.fs}
"""

BROKEN_PROBLEMS = [
    "3:9: admin.port: must be at most 65535, not 99900",
    "4:20: admin.shutdownGraceMs: expected a whole number, not 1.5",
    "5:30: admin.security.pathWhitelist[0]: not a regular expression: missing ), unterminated subpattern at position 0",
    "5:47: admin.security.uiEnabled: expected true or false, not yes (did you mean true?)",
    "12:30: routers[0].dtab: end of input expected but '!' found; for example /svc => /#/io.l5d.fs",
    "13:14: routers[0].dstPrefix: '/' expected but 's' found; for example /svc (did you mean /svc?)",
    "14:3: routers[0].lable: unknown key (did you mean label?)",
    "15:3: routers[0].maxChunkKB: the key maxChunkKB was removed in Linkerd 1.6.0;"
    " bodies stream with bounded buffers, take the key out",
    "16:21: routers[0].compressionLevel: responses are carried as they are and never compressed: only 0 is supported,"
    " and -1 (Linkerd's default) accepted; let the service compress, or the proxy that faces the clients",
    "17:21: routers[0].streamingEnabled: bodies always stream, with bounded buffers, so false is not supported;"
    " leave the key out (streamAfterContentLengthKB says what is buffered so that it can be retried)",
    "18:28: routers[0].httpAccessLogRollPolicy: 'fortnightly' is no roll policy: use never, hourly, daily,"
    " weekly(1) to weekly(7), or a size like 3.megabytes",
    '20:11: routers[0].servers[0].port: expected a whole number, not "4140"',
    "21:19: routers[0].servers[0].clearContext: expected true or false, not On (did you mean true?)",
    "22:22: routers[0].servers[0].timestampHeader: has characters that are not allowed here, not x request",
    "23:9: routers[0].servers[1].ip: not an IP address, such as 127.0.0.1 or ::1",
    "25:26: routers[0].client.loadBalancer.kind: unknown balancer kind 'p3c';"
    " valid: aperture, ewma, heap, p2c, roundRobin (did you mean p2c?)",
    "26:21: routers[0].client.failureAccrual.requests: required key `requests` is missing",
    "26:61: routers[0].client.failureAccrual.successRate: must be at most 1.0, not 2",
    "27:30: routers[0].client.requestAttemptTimeoutMs: must be at least 1, not 0",
    "30:5: routers[0].service.totalTimeoutMs: unknown key; valid: configs, experimental, kind",
    "32:20: routers[0].service.configs[0].prefix: label char or {name} expected but '{' found; for example /svc/{name}",
    "33:7: routers[0].service.configs[1].prefix: required key `prefix` is missing",
    "33:35: routers[0].service.configs[1].retries.budget.ttlSecs: must be at most 60, not 61",
    "34:3: routers[1].servers: required key `servers` is missing",
    "34:13: routers[1].protocol: unknown protocol; valid: h2, http (did you mean http?)",
    "35:10: routers[1].label: Multiple routers with the label out; routers[0] has it already",
    "36:9: namers: expected a list, not keys and values",
]


def test_everything_at_once() -> None:
    assert problems(BROKEN) == BROKEN_PROBLEMS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1: the file is empty; at least `routers` is needed"]),
        ("admin: {port: 1}\n", ["1:1: routers: required key `routers` is missing"]),
        ("routers: []\n", ["1:10: routers: the list is empty; at least one is needed"]),
        ("routers:\n", ["1:9: routers: the required key `routers` has no value"]),
        ("routers: {}\n", ["1:10: routers: expected a list, not keys and values"]),
        ("routers: [~]\n", ["1:11: routers[0]: expected keys and values, not nothing"]),
        ("routers: [5]\n", ["1:11: routers[0]: expected keys and values, not 5"]),
        (
            "routers: [{}]\n",
            [
                "1:11: routers[0].protocol: required key `protocol` is missing",
                "1:11: routers[0].servers: required key `servers` is missing",
            ],
        ),
        (SMALL + "  servers: []\n", ["5:3: routers[0].servers: key repeated; it stands in line 3 already"]),
        (SMALL.replace("4140", "http"), ["4:11: routers[0].servers[0].port: expected a whole number, not http"]),
        (SMALL.replace("4140", "0777"), ["4:11: routers[0].servers[0].port: expected a whole number, not 0777"]),
        (SMALL.replace("4140", "1:30"), ["4:11: routers[0].servers[0].port: expected a whole number, not 1:30"]),
        (SMALL.replace("4140", "-1"), ["4:11: routers[0].servers[0].port: must be at least 0, not -1"]),
        (SMALL.replace("4140", "true"), ["4:11: routers[0].servers[0].port: expected a whole number, not true"]),
        (
            SMALL.replace("4140", "9990"),
            ["4:11: routers[0].servers[0].port: Server conflict on port 9990: 127.0.0.1 here and 127.0.0.1 at admin"],
        ),
        (SMALL + "namers:\n- prefix: /fs\n", ["6:3: namers[0].kind: required key `kind` is missing; valid: "]),
        (
            SMALL + "telemetry:\n- kind: io.l5d.prometeus\n",
            ["6:9: telemetry[0].kind: unknown telemeter kind 'io.l5d.prometeus'; valid: "],
        ),
        (
            '{"routers": [{"protocol": "http",\n "servers": [{"prot": 1}]}]}',
            ["2:15: routers[0].servers[0].prot: unknown key (did you mean port?)"],
        ),
    ],
)
def test_files(text: str, expected: list[str]) -> None:
    found = problems(text)
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("label: 5", "5:10: routers[0].label: expected text, not 5; put it in quotes"),
        ("label: a b", "5:10: routers[0].label: has characters that are not allowed here, not a b"),
        ("dtab: /svc", "5:13: routers[0].dtab: '=' expected but end of input found"),
        ("dtab: '/a => /b; /c => '", "5:25: routers[0].dtab: simple expected but end of input found"),
        ("dtab: [a]", "5:9: routers[0].dtab: expected text, not a list"),
        ("identifier: []", "5:15: routers[0].identifier: the list is empty; at least one is needed"),
        (
            "identifier: {kind: io.l5d.heade}",
            "5:22: routers[0].identifier.kind: unknown identifier kind 'io.l5d.heade'",
        ),
        ("identifier:\n- kind: io.l5d.header.token\n- kind: x", "7:11: routers[0].identifier[1].kind: unknown"),
        ("interpreter: {kind: io.l5d.mesh}", "5:23: routers[0].interpreter.kind: interpreter io.l5d.mesh is known"),
        ("client: {kind: io.l5d.statik}", "5:18: routers[0].client.kind: unknown client kind 'io.l5d.statik'"),
        ("client: {kind: io.l5d.static}", "5:11: routers[0].client.configs: required key `configs` is missing"),
        ("client: {loadBalancer: {}}", "5:26: routers[0].client.loadBalancer.kind: required key `kind` is missing"),
        ("client: {configs: []}", "5:12: routers[0].client.configs: unknown key"),
        (
            "service: {retries: {budget: {percentCanRetry: .inf}}}",
            "5:49: routers[0].service.retries.budget.percentCanRetry: expected a number, not .inf",
        ),
        ("bindingCache: {paths: 0}", "5:25: routers[0].bindingCache.paths: must be at least 1, not 0"),
        ("maxHeadersKB: 1025", "5:17: routers[0].maxHeadersKB: must be at most 1024, not 1025"),
        ("streamingEnabled: false", "5:21: routers[0].streamingEnabled: bodies always stream"),
        ("httpAccessLog: ''", "5:18: routers[0].httpAccessLog: must not be empty, not ''"),
        ("httpAccessLogRollPolicy: weekly(8)", "5:28: routers[0].httpAccessLogRollPolicy: "),
        ("httpAccessLogFormat: jsno", "5:24: routers[0].httpAccessLogFormat: "),
        ("httpAccessLogSample: 1.5", "5:24: routers[0].httpAccessLogSample: must be at most 1"),
    ],
)
def test_keys_of_a_router(lines: str, expected: str) -> None:
    (found,) = router(lines)
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("httpAccessLogSample: 0.5", "httpAccessLogSample is of the JSON log only: set httpAccessLogFormat: json"),
        ('httpAccessLog: "-"\nhttpAccessLogRollPolicy: daily', "leave the roll policy out"),
    ],
)
def test_keys_of_an_access_log_that_would_have_no_effect(lines: str, words: str) -> None:
    (found,) = router(lines)
    assert words in found


def test_the_text_and_the_hint_are_in_the_problem() -> None:
    found = validate_text(SMALL + "  dtab: |\n    /a => /b;\n    /c = /d;\n")
    assert isinstance(found, list)
    assert (found[0].line, found[0].column, found[0].text) == (7, 10, "/c = /d;")
    found = validate_text(SMALL.replace("port", "prot"))
    assert isinstance(found, list)
    assert (found[0].text, found[0].hint) == ("prot", "port")


def test_many_problems_are_counted() -> None:
    found = problems(SMALL + "namers:\n" + "- 5\n" * 300)
    assert len(found) == 201
    assert found[-1] == "and 100 more problems"


def test_files_are_loaded(tmp_path: FilePath) -> None:
    path = tmp_path / "c.yml"
    path.write_text(SMALL)
    assert load(str(path)) == load("-", BytesIO(SMALL.encode())) == valid(SMALL)
    path.write_text("routers: 5")
    with pytest.raises(ConfigError, match=r":1:10: routers: expected a list, not 5$"):
        load(str(path))


def test_validating_says_what_it_found(tmp_path: FilePath) -> None:
    path = tmp_path / "c.yml"
    path.write_text(SMALL)
    out, err = StringIO(), StringIO()
    assert validate_file(str(path), json=False, out=out, err=err) == 0
    assert (out.getvalue(), err.getvalue()) == (f"{path}: valid\n", "")
    out = StringIO()
    assert validate_file("-", json=True, out=out, err=err, stdin=BytesIO(SMALL.encode())) == 0
    assert json.loads(out.getvalue()) == {"file": "<stdin>", "problems": []}
    path.write_text("routers: 5")
    out, err = StringIO(), StringIO()
    assert validate_file(str(path), json=False, out=out, err=err) == 1
    assert (out.getvalue(), err.getvalue()) == ("", f"{path}:1:10: routers: expected a list, not 5\n")
    out, err = StringIO(), StringIO()
    assert validate_file(str(path), json=True, out=out, err=err) == 1
    assert json.loads(out.getvalue())["problems"][0]["path"] == "routers"
    assert err.getvalue() == ""


def some(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings with any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


MS = st.integers(1, 100_000)
BUDGETS = some(ttlSecs=st.integers(1, 60), minRetriesPerSec=st.integers(0, 99), percentCanRetry=st.floats(0, 1000))
BACKOFFS = st.just({"kind": "constant", "ms": 5}) | st.just({"kind": "jittered", "minMs": 1, "maxMs": 9})
SERVICES = some(
    retries=some(budget=BUDGETS, backoff=BACKOFFS),
    totalTimeoutMs=MS,
    responseClassifier=st.just({"kind": "io.l5d.http.retryableRead5XX"}),
)
CLIENTS = some(
    loadBalancer=st.sampled_from([{"kind": "p2c"}, {"kind": "ewma", "decayTimeMs": 5}, {"kind": "roundRobin"}]),
    failureAccrual=st.sampled_from([{"kind": "none"}, {"kind": "io.l5d.consecutiveFailures", "failures": 2}]),
    hostConnectionPool=some(minSize=st.integers(0, 5), maxSize=st.integers(5, 9), idleTimeMs=MS),
    requestAttemptTimeoutMs=MS,
    requeueBudget=BUDGETS,
    clientSession=some(idleTimeMs=MS, lifeTimeMs=MS),
    endpointProtocol=st.sampled_from(["http", "h2"]),
    maxConcurrentStreamsPerConnection=st.integers(1, 9),
)
PREFIXES = st.sampled_from(["/svc", "/svc/*", "/#/io.l5d.fs/{name}"])


def by_prefix(keys: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    entries = st.lists(st.builds(lambda prefix, given: {"prefix": prefix, **given}, PREFIXES, keys), max_size=3)
    return keys | entries.map(lambda configs: {"kind": "io.l5d.static", "configs": configs})


SERVERS = some(
    clearContext=st.booleans(),
    timeoutMs=MS,
    maxConcurrentRequests=st.integers(1, 9),
    serverSession=some(idleTimeMs=MS),
    addForwardedHeader=some(by=st.just({"kind": "ip:port"}), **{"for": st.just({"kind": "static", "label": "x"})}),
    timestampHeader=st.sampled_from(["x-request-start"]),
    socketOptions=some(noDelay=st.booleans(), backlog=st.integers(1, 100)),
    http2=some(maxFrameBytes=st.integers(16_384, 20_000), windowUpdateRatio=st.floats(0.1, 1)),
)
ROUTERS = some(
    dtab=st.sampled_from(["", "/svc => /a ; /a => 0.5 * /b & /c | ~", "# only a comment"]),
    dstPrefix=st.sampled_from(["/", "/svc", "/http/1.1"]),
    service=by_prefix(SERVICES),
    client=by_prefix(CLIENTS),
    bindingTimeoutMs=MS,
    bindingCache=some(paths=st.integers(1, 9), idleTtlSecs=st.integers(1, 9)),
    destinations=some(
        allow=st.just(["10.0.0.0/8", "10.0.0.5:80", "[fd00::/8]:80-90", "fd00::1"]),
        deny=st.just(["0.0.0.0/0"]),
        nodeAddresses=st.just(["10.0.0.7", "fd00::7"]),
    ),
    overrides=some(trusted=st.just(["10.0.0.0/8", "::1"])),
    originator=st.booleans(),
    compressionLevel=st.sampled_from([0, -1]),
    experimental=st.booleans(),
    httpAccessLog=st.just("/var/log/é.log"),
    httpAccessLogFormat=st.sampled_from(["text", "json"]),
    httpAccessLogRollPolicy=st.sampled_from(["never", "weekly(3)", "3.megabytes"]),
    maxHeadersKB=st.integers(1, 1024),
)
ADMINS = some(
    ip=st.sampled_from(["::", "localhost"]),
    workerThreads=st.integers(1, 9),
    security=some(uiEnabled=st.booleans(), pathBlacklist=st.just(["/admin/(a|b)"])),
)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    config: dict[str, Any] = {"routers": []}
    for index in range(draw(st.integers(1, 2))):
        server = {**draw(SERVERS), "port": 4140 + index}
        config["routers"].append({"protocol": "http", "label": f"r{index}", "servers": [server], **draw(ROUTERS)})
    if draw(st.booleans()):
        config["admin"] = draw(ADMINS)
    if draw(st.booleans()):
        config["telemetry"] = [{"kind": "io.l5d.prometheus"}]
    if draw(st.booleans()):
        config["usage"] = {"enabled": False}
    return config


@given(configurations())
@examples(60)
def test_what_is_shown_loads_again_as_the_same(drawn: dict[str, Any]) -> None:
    config = valid(json.dumps(drawn))
    shown = json.dumps(dump(config))
    again = valid(shown)
    assert again == config
    assert json.dumps(dump(again)) == shown
    for one, other in zip(config.routers, again.routers, strict=True):
        for name in (Path.of("svc", "a"), Path.of("#", "io.l5d.fs", "x")):
            assert one.client.build().resolve(name) == other.client.build().resolve(name)
            assert one.service.build().resolve(name) == other.service.build().resolve(name)


def test_what_is_shown_is_in_effect() -> None:
    shown = dump(valid(SMALL))
    assert shown["admin"]["port"] == 9990
    assert shown["routers"][0]["label"] == "http"
    assert shown["routers"][0]["client"]["loadBalancer"]["kind"] == "p2c"
    assert shown["routers"][0]["dstPrefix"] == "/svc"


PIECES = st.sampled_from(
    [
        *(
            "routers",
            "- ",
            ": ",
            "\n",
            "  ",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a",
            "|\n",
            "'",
            '"',
            "#",
            "!!str ",
            "? ",
            ", ",
        ),
        *("kind", "protocol: http", "servers:\n  - port: 4140", "dtab: /a => ", "null", "5", "client", "io.l5d.static"),
        *("configs", "prefix: /svc/{x", "identifier", "namers", "\t", "---\n", "\\", "é", "\r\n", "\ufeff", "\x85"),
    ]
)


@given(st.one_of(st.lists(PIECES, max_size=30).map("".join), st.text(max_size=30)), st.sampled_from(["", SMALL, "{"]))
@examples(300)
def test_no_text_is_too_strange(text: str, before: str) -> None:
    found = validate_text(before + text)
    if not isinstance(found, Config):
        assert found
        for problem in found:
            assert problem.line >= 1 or problem.message.startswith("and ")
            assert problem.column >= 1
            assert "\n" not in problem.text


@given(configurations(), st.data())
@examples(100)
def test_a_wrong_value_is_reported_where_it_stands(drawn: dict[str, Any], data: st.DataObject) -> None:
    drawn = json.loads(json.dumps(drawn))
    node: Any = drawn["routers"][0]
    path = "routers[0]"
    while isinstance(node, dict) and node:
        parent: Any = node
        key: str | int = data.draw(st.sampled_from(sorted(node)))
        path += f".{key}"
        node = parent[key]
        if isinstance(node, list) and node:
            parent, key, node = node, 0, node[0]
            path += "[0]"
    parent[key] = {"no such thing": [1]} if isinstance(key, int) or data.draw(st.booleans()) else [{}, 5.5]
    found = validate_text(json.dumps(drawn))
    assert isinstance(found, list)
    assert any(problem.path.startswith(path) for problem in found), (path, found)
