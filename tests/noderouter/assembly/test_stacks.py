"""What stacks are made of: the same of a running router and of its configuration."""

import json

import pytest

from noderouter.assembly.stacks import stacks_of_config
from noderouter.commands.explain import explain_stacks
from tests.testing.backend import backend
from tests.testing.router import ON_LOOPBACK, checked, config, inet, routing

SERVER = {"port": 0, "maxConcurrentRequests": 10, "timeoutMs": 5000, "timestampHeader": "x-time"}


def names(layers):
    """The filters of a stack; those inside of one as a list behind it."""
    found = []
    for each in layers:
        found.append(each["filter"])
        found += [names(each["filters"])] if "filters" in each else []
    return found


RESERVED = ["Connect", "ReadContext", "TotalTimeout", "CallDepth", "MaxForwards"]


def test_servers_in_the_order_of_their_filters(tmp_path):
    log = tmp_path / "access.log"
    servers = [SERVER, {"port": 4141, "clearContext": True, "addForwardedHeader": {}}, {"port": 0}]
    made = stacks_of_config(checked(config(servers=servers, httpAccessLog=str(log))))["out"]
    assert not log.exists()
    first, second, third = made["servers"]
    assert (first, second, third) == ("127.0.0.1:0", "127.0.0.1:4141", "127.0.0.1:0 (2)")
    stack = made["servers"][first]
    assert names(stack) == [
        "AccessLog",
        "ErrorReply",
        "Timestamp",
        "Admission",
        "WhenReserved",
        RESERVED,
        "TotalTimeout",
    ]
    by_name = {each["filter"]: each for each in stack}
    assert by_name["AccessLog"]["httpAccessLog"] == str(log)
    assert by_name["Admission"]["maxConcurrentRequests"] == 10
    assert by_name["TotalTimeout"]["timeoutMs"] == 5000
    cleared = names(made["servers"][second])
    assert cleared[1:4] == ["ErrorReply", "DropForwarded", "Forwarded"]
    assert "ClearContext" in cleared[-1]
    assert made["flows"] == {}


def test_a_log_as_json_is_no_filter_but_one_who_looks():
    configuration = config(httpAccessLog="-", httpAccessLogFormat="json")
    (server,) = stacks_of_config(checked(configuration))["out"]["servers"].values()
    assert (server[0]["filter"], server[0]["observers"]) == ("ErrorReply", ["JsonLog"])


def test_a_capture_server_has_two_stacks():
    made = stacks_of_config(checked(config(servers=[{"port": 4142, "capture": {"hostMismatch": "refuse"}}])))["out"]
    assert made["servers"]["127.0.0.1:4142"][-1] == {"filter": "HostMismatch", "hostMismatch": "refuse"}
    assert names(made["flows"]["127.0.0.1:4142"]) == ["FlowStats", "FlowNames"]
    assert made["flows"]["127.0.0.1:4142"][1]["identifier"] == [{"kind": "io.l5d.originalDst"}]


def test_a_router_takes_part_in_traces_where_it_is_told_to():
    servers = [{"port": 4140}, {"port": 4141, "clearContext": True}]
    made = stacks_of_config(checked(config(servers=servers, trace={"propagation": ["b3"]})))["out"]
    assert made["servers"]["127.0.0.1:4140"][-1] == {"filter": "ReadTrace", "propagation": ["b3"]}
    assert made["servers"]["127.0.0.1:4141"][-1] == {"filter": "ClearTrace"}
    assert names(made["services"]["*"]) == ["PropagateTrace", "Retry"]


def test_services_and_clients_by_the_patterns_of_the_configuration():
    services = {
        "kind": "io.l5d.static",
        "configs": [
            {"prefix": "/svc/{name}", "totalTimeoutMs": 100},
            {"prefix": "/svc/web-{n}", "retries": {"backoff": {"kind": "constant", "ms": 5}}},
        ],
    }
    clients = {"kind": "io.l5d.static", "configs": [{"prefix": "/#/io.l5d.fs/*", "requestAttemptTimeoutMs": 7}]}
    configuration = config(service=services, client=clients) | {"telemetry": [{"kind": "io.l5d.tracelog"}]}
    made = stacks_of_config(checked(configuration))["out"]
    (server,) = made["servers"].values()
    assert server[0]["observers"] == ["TraceLog"]
    assert names(made["services"]["*"]) == ["Propagate", "Retry"]
    assert names(made["services"]["/svc/{name}"]) == ["TotalTimeout", "Propagate", "Retry"]
    timeout, _, retry = made["services"]["/svc/web-{n}"]
    assert timeout["totalTimeoutMs"] == 100  # of the other pattern, which matches as well
    assert retry["backoff"] == {"kind": "constant", "ms": 5}
    assert "requestAttemptTimeoutMs" not in made["clients"]["*"]
    client = made["clients"]["/#/io.l5d.fs/*"]
    assert (client["requestAttemptTimeoutMs"], client["balancer"]["kind"]) == (7, "p2c")
    assert (client["accrual"]["failures"], client["pool"]["idleTimeMs"]) == (5, 3000)


def shown(router):
    """The stacks of a running router, as they are written."""
    return {section: dict(part.members) for section, part in router.app.worker.stacks("out").items()}


@pytest.mark.parametrize("server", [SERVER, {"port": 0, "capture": {}}])
async def test_a_running_router_has_the_stacks_of_its_configuration(server):
    async with backend() as service:
        keys = {"servers": [server, {"port": 0}]} | ON_LOOPBACK
        configuration = config(f"/svc => {inet(service.port)}", **keys)
        expected = stacks_of_config(checked(configuration))["out"]
        async with routing(configuration) as router:
            made = shown(router)
            assert list(made["servers"].values()) == list(expected["servers"].values())
            assert list(made["flows"].values()) == list(expected["flows"].values())
            assert (made["services"], made["clients"]) == ({}, {})


async def test_names_and_clients_come_and_go_with_requests():
    async with backend() as service:
        configuration = config(f"/svc => {inet(service.port)}")
        expected = stacks_of_config(checked(configuration))["out"]
        async with routing(configuration) as router:
            assert (await router.ask("hello")).status == 200
            assert (await router.ask("hello", fields=[("l5d-dtab", "/svc/x => /$/nil")])).status == 200
            made = shown(router)
            assert made["services"] == {"/svc/hello": expected["services"]["*"]}
            assert made["clients"] == {f"/$/inet/127.0.0.1/{service.port}": expected["clients"]["*"]}
            router.router().names.clear()
            router.router().overrides.clear()
            for _ in router.router().clients.sweep(0.0):
                pass
            made = shown(router)
            assert (made["services"], made["clients"]) == ({}, {})


def test_an_h2_router_is_explained_like_any_other(tmp_path):
    entries = [{"prefix": "/#/io.l5d.fs", "endpointProtocol": "http"}]
    configuration = config(
        protocol="h2",
        label="out",
        h2AccessLog=str(tmp_path / "log"),
        servers=[{"port": 0, "maxHeaderListBytes": 2048}],
        client={"kind": "io.l5d.static", "configs": entries},
    )
    made = stacks_of_config(checked(configuration))["out"]
    log, errors, *_ = made["servers"]["127.0.0.1:0"]
    assert log == {"filter": "AccessLog", "h2AccessLog": str(tmp_path / "log")}
    assert errors["maxHeaderListBytes"] == 2048
    speak = {name: client["endpointProtocol"] for name, client in made["clients"].items()}
    assert speak == {"*": "h2", "/#/io.l5d.fs": "http"}


def test_explain_prints_them(tmp_path, capsys):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config(servers=[SERVER])))
    assert explain_stacks(str(file)) == 0
    assert json.loads(capsys.readouterr().out) == stacks_of_config(checked(config(servers=[SERVER])))
    file.write_text("routers: []\n")
    assert explain_stacks(str(file)) == 1
    assert "routers" in capsys.readouterr().err
