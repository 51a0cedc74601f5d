"""The administrative interface of a router: what it shows is what happened (docs/linkerd1.md sections 6 and 7)."""

import json
import re

import pytest
import trio

from noderouter._compiled import compiled
from tests.testing.backend import backend, backends, response
from tests.testing.http import ask
from tests.testing.load import load
from tests.testing.loop import until
from tests.testing.router import ON_LOOPBACK, config, fs, inet, process, routing, several

PROMETHEUS = {"telemetry": [{"kind": "io.l5d.prometheus"}]}


async def get(router, target):
    """A JSON answer of the administrative interface."""
    answer = await router.admin(target)
    assert answer.status == 200
    assert answer["content-type"].startswith("application/json")
    return json.loads(answer.text)


async def test_metrics_count_what_happened(tmp_path):
    statuses = iter(["200 OK", "201 Created", "404 Not Found", "500 Oh", "503 Oh"])

    async def respond(_got):
        return response("12345", next(statuses))

    async with backend() as service:
        service.respond = respond
        async with routing(config(f"/svc/hello => {inet(service.port)}")) as router:
            http = await router.connect()
            for _ in range(5):
                await http.ask(method="POST", body=b"123")
            assert (await http.ask("unknown")).status == 502
            server = await get(router, f"/admin/metrics.json?q=rt/out/server/127.0.0.1/{router.port}")
            assert server["requests"] == 6
            assert server["success"] == 3
            assert server["failures"] == 3
            assert {key: server[f"status/{key}"] for key in ("200", "404", "502", "2XX", "4XX", "5XX")} == {
                "200": 1, "404": 1, "502": 1, "2XX": 2, "4XX": 1, "5XX": 3
            }  # fmt: skip
            assert (server["connects"], server["connections"], server["closes"]) == (1, 1, 0)
            assert server["pending"] == 0
            assert server["received_bytes"] > 5 * 3
            assert server["sent_bytes"] >= 5 * 5
            found = await get(router, "/admin/metrics.json?q=rt/out/service/svc/hello")
            assert (found["requests"], found["success"], found["failures"]) == (5, 3, 2)
            assert (found["status/500"], found["status/503"]) == (1, 1)
            client = await get(router, f"/admin/metrics.json?q=rt/out/client{inet(service.port)}")
            assert (client["requests"], client["connects"], client["loadbalancer/size"]) == (5, 1, 1)
            assert client["service/svc/hello/requests"] == 5
            unknown = await get(router, "/admin/metrics.json?q=rt/out/service/svc/unknown")
            assert (unknown["requests"], unknown["failures"], unknown["failures/NoSuchName"]) == (1, 1, 1)
            cache = await get(router, "/admin/metrics.json?q=rt/out/bindcache")
            assert (cache["path/misses"], cache["path/size"], cache["client/size"]) == (2, 2, 1)
            await http.close()


async def test_metrics_flat_nested_and_pretty():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        await router.ask()
        key = "rt/out/service/svc/hello/requests"
        assert (await get(router, "/admin/metrics.json"))[key] == 1
        assert (await get(router, "/metrics.json"))[key] == 1
        tree = await get(router, "/admin/metrics.json?tree=1")
        assert tree["rt"]["out"]["service"]["svc/hello"]["requests"] == {"counter": 1}
        assert tree["rt"]["out"]["server"][f"127.0.0.1/{router.port}"]["connects"] == {"counter": 1}
        pretty = (await router.admin("/admin/metrics.json?pretty=1")).text
        assert pretty.splitlines()[1:-1] == sorted(pretty.splitlines()[1:-1])
        answer = await router.admin("/admin/metrics.json?q=rt/none")
        assert (answer.status, json.loads(answer.text)) == (404, {"error": "No such subtree: rt/none"})


async def test_prometheus():
    async with backend() as service:
        async with routing(config(f"/svc => {inet(service.port)}") | PROMETHEUS) as router:
            await router.ask()
            answer = await router.admin("/admin/metrics/prometheus")
            assert answer.status == 200
            assert answer["content-type"].startswith("text/plain")
            lines = answer.text.splitlines()
            assert 'rt:service:requests{rt="out", service="svc/hello"} 1' in lines
            client = inet(service.port)[1:]
            assert f'rt:client:service:requests{{rt="out", client="{client}", service="svc/hello"}} 1' in lines
            assert f'rt:server:connects{{rt="out", server="127.0.0.1/{router.port}"}} 1' in lines
            assert "# TYPE rt:server:connects counter" in lines


async def test_prometheus_has_its_path_and_prefix():
    placed = {"telemetry": [{"kind": "io.l5d.prometheus", "path": "/scrape", "prefix": "mesh_"}]}
    async with routing(config("/svc => /$/nil") | placed) as router:
        await router.ask()
        answer = await router.admin("/scrape")
        assert 'mesh_rt:service:requests{rt="out", service="svc/hello"} 1' in answer.text.splitlines()


async def test_config_json_is_a_configuration_again(tmp_path):
    dtab = "/svc => /#/io.l5d.fs ; /svc/x => 0.5 * /a & /b | ~"
    async with routing(config(dtab, namers=[fs(tmp_path)])) as router:
        shown = await get(router, "/config.json")
        assert shown["routers"][0]["label"] == "out"
        assert shown["namers"][0]["rootDir"] == str(tmp_path)
    async with routing(shown) as again:
        assert await get(again, "/config.json") == shown


async def test_the_delegator_shows_the_worked_case(tmp_path):
    """Each type of node, as in docs/linkerd1.md section 7.3."""
    dtab = (
        "/beh => /#/error ; /bah/humbug => /$/inet/127.1/8080 ; /foo => /bah | /beh | /$/fail ; /foo => /bar ;"
        " /boo => /foo"
    )
    async with routing(config()) as router:
        body = json.dumps({"namespace": "out", "dtab": dtab, "path": "/boo/humbug"}).encode()
        answer = await router.admin("/delegator.json", "POST", body=body, fields=[("Content-Type", "application/json")])
        assert answer.status == 200
        shown = json.loads(answer.text)
        assert (shown["type"], shown["path"]) == ("delegate", "/boo/humbug")
        alt = shown["delegate"]
        assert (alt["type"], alt["path"]) == ("alt", "/foo/humbug")
        assert alt["dentry"] == {"prefix": "/boo", "dst": "/foo"}
        bar, bah, beh, fail = alt["alt"]
        assert (bar["type"], bar["path"]) == ("neg", "/bar/humbug")
        assert (bah["type"], bah["path"]) == ("delegate", "/bah/humbug")
        assert bah["delegate"]["type"] == "leaf"
        assert bah["delegate"]["bound"] == {
            "addr": {"type": "bound", "addrs": [{"ip": "127.0.0.1", "port": 8080, "meta": {}}], "meta": {}},
            "id": "/$/inet/127.1/8080",
            "path": "/",
        }
        assert beh["path"] == "/beh/humbug"
        assert (fail["type"], fail["path"]) == ("fail", "/$/fail/humbug")


async def test_the_delegator_knows_the_stored_dtab_and_the_addresses(tmp_path):
    (tmp_path / "dtab").write_text("/svc => /#/io.l5d.fs")
    (tmp_path / "hello").write_text("127.0.0.1 80\n::1 81 * 0.5\n")
    interpreter = {"kind": "io.l5d.fs", "dtabFile": str(tmp_path / "dtab")}
    async with routing(config(namers=[fs(tmp_path)], interpreter=interpreter)) as router:
        shown = await get(router, "/delegator.json?namespace=out&path=/svc/hello/more")
        leaf = shown["delegate"]
        assert leaf["bound"]["addr"] == {
            "type": "bound",
            "addrs": [
                {"ip": "127.0.0.1", "port": 80, "meta": {}},
                {"ip": "::1", "port": 81, "meta": {"endpoint_addr_weight": 0.5}},
            ],
            "meta": {},
        }
        assert leaf["bound"]["path"] == "/more"
        assert (await get(router, "/delegator.json?namespace=out&path=/svc/none"))["delegate"]["type"] == "neg"
        # Without a namespace, only the namers.
        assert (await get(router, "/delegator.json?path=/svc/hello"))["type"] == "neg"
        assert (await get(router, "/delegator.json?path=/%23/io.l5d.fs/hello"))["type"] == "leaf"


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("path=invalid-param&dtab=", 400, "Invalid path: '/' expected but 'i' found at '[i]nvalid-param'"),
        ("path=/x&dtab=invalid-param", 400, "Invalid dtab: '/' expected but 'i' found at '[i]nvalid-param'"),
        ("namespace=none&path=/x&dtab=", 501, "Name Interpreter for none cannot show delegations"),
    ],
)
async def test_what_the_delegator_refuses(query, status, text):
    async with routing(config()) as router:
        answer = await router.admin(f"/delegator.json?{query}")
        assert (answer.status, answer.text) == (status, text)


async def test_bound_names_and_client_state(tmp_path):
    async with backends("a", "b") as (a, b):
        (tmp_path / "hello").write_text(a.address + b.address)
        (tmp_path / "world").write_text("")
        async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])) as router:
            assert await get(router, "/bound-names.json") == ["/#/io.l5d.fs/hello", "/#/io.l5d.fs/world"]
            assert await get(router, "/client_state.json") == {}
            await router.ask("hello")
            await router.ask("world")
            both = sorted(f"127.0.0.1:{service.port}" for service in (a, b))
            found = await get(router, "/client_state.json")
            (open_,) = found["/#/io.l5d.fs/hello"].pop("endpoints").values()
            assert open_ == {"connections": 1, "requests": 0}
            assert found == {
                "/#/io.l5d.fs/hello": {"state": "bound", "addresses": both},
                "/#/io.l5d.fs/world": {"state": "bound", "addresses": []},
            }


async def test_probes_and_threads():
    async def stuck(_got):
        await trio.sleep_forever()

    async with backend() as service:
        service.respond = stuck
        async with routing(config(f"/svc => {inet(service.port)}")) as router:
            for path in ("/livez", "/healthz", "/readyz"):
                answer = await router.admin(path)
                assert (answer.status, answer.text) == (200, "ok\n")
            assert "router out: " in (await router.admin("/readyz?verbose")).text
            http = await router.connect()
            await http.send()
            await until(lambda: service.got)
            threads = (await router.admin("/admin/threads")).text
            (connection,) = [line for line in threads.splitlines() if line.startswith("<ServerConnection")]
            assert "as /svc/" in connection
            assert f":{service.port}" in connection
            assert "waiting" in connection
            assert compiled() or "UpstreamConnection._respond" in threads
            assert "control plane:" in threads
            await http.close()


async def test_it_answers_while_the_data_path_is_busy():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        async with load(router.port, clients=16) as seen:
            for path in ("/admin/ping", "/readyz", "/admin/metrics.json", "/client_state.json", "/admin/threads"):
                assert (await router.admin(path, seconds=2.0)).status == 200
                await seen.more(30)
        assert seen.failed == 0


async def test_each_router_has_a_name_of_its_own(tmp_path):
    async with backend() as service:
        routers = [
            {"protocol": "http", "label": label, "servers": [{"port": 0}, {"port": 0}], "dtab": f"/svc => {inet(port)}"}
            for label, port in (("good", service.port), ("bad", 1))
        ]
        async with routing(several(routers)) as router:
            assert len(set(router.ports())) == 4
            await router.ask()
            good, bad = await router.metrics("rt/good"), await router.metrics("rt/bad")
            servers = {name: value for name, value in good.items() if name.endswith("/requests") and "server" in name}
            assert sorted(servers.values()) == [0, 1]  # one for each server
            assert not any(value for name, value in bad.items() if name.endswith("/requests"))


async def test_influxdb_and_the_log_of_traces():
    async with backend() as service:
        telemetry = [{"kind": "io.l5d.influxdb"}, {"kind": "io.l5d.tracelog", "sampleRate": 0.0}]
        configuration = config(f"/svc => {inet(service.port)}") | {"telemetry": telemetry}
        async with routing(configuration) as router:
            http = await router.connect()
            assert (await http.ask()).status == 200
            assert (await http.ask(fields=[("l5d-sample", "1.0")])).status == 200
            answer = await router.admin("/admin/metrics/influxdb")
            assert answer["content-type"] == "text/plain; charset=utf-8"
            lines = [line for line in answer.text.splitlines() if line.startswith("rt:service,")]
            assert lines[0].startswith("rt:service,host=localhost,rt=out,service=svc/hello ")
            assert ",requests=2," in lines[0]
            assert (await router.admin("/admin/metrics/prometheus")).status == 200
            assert "/admin/metrics/influxdb" in (await router.admin("/admin/index.txt")).text.split()
            await http.close()
        (span,) = [event for event in router.events if event["event"] == "trace.span"]
        assert (span["router"], span["service"], span["status"]) == ("out", "/svc/hello", 200)
        assert span["destination"] == f"127.0.0.1:{service.port}"


@pytest.mark.parametrize("telemetry", [[], [{"kind": "io.l5d.prometheus"}], [{"kind": "io.l5d.tracelog"}]])
async def test_nobody_looks_at_requests_unless_a_telemeter_wants_to(telemetry):
    async with routing(config() | {"telemetry": telemetry}) as router:
        watched = telemetry == [{"kind": "io.l5d.tracelog"}]
        assert len(router.app.worker.routers["out"].observe.observers) == watched


async def test_two_routers_on_the_way_show_the_same_requests():
    async with backend() as service:
        incoming = {"protocol": "http", "label": "in", "servers": [{"port": 0}]} | ON_LOOPBACK
        incoming["dtab"] = f"/svc => {inet(service.port)}"
        telemetry = [{"kind": "io.l5d.recentRequests", "sampleRate": 0.5, "capacity": 1000}]
        async with routing(several([incoming]) | {"telemetry": telemetry}) as second:
            first = config(f"/svc => {inet(second.port)}", label="out") | {"telemetry": telemetry}
            async with routing(first) as router:
                http = await router.connect()
                for number in range(40):
                    assert (await http.ask(f"n{number}")).status == 200
                await http.ask("nowhere", target="/", fields=[("l5d-dtab", "/svc/nowhere => /$/nil")])
                names = [
                    re.findall(r">/svc/([^<]*)</a></td>", (await each.admin("/requests")).text)
                    for each in (router, second)
                ]
                await http.close()
    assert names[0] == names[1]
    assert 5 < len(names[0]) < 35
    assert "nowhere" not in names[0]


async def test_what_linkerd_knows_of_a_router_and_says_of_it(tmp_path):
    first = config("/svc => /$/inet/127.0.0.1/9 ; ", label="/http-out", originator=True, compressionLevel=-1)
    first["routers"].append({"protocol": "http", "label": "in", "servers": [{"port": 0}], "compressionLevel": 0})
    async with routing(first) as router:
        metrics = await router.metrics("rt")
        assert metrics["/http-out/originator"] == 1
        assert "in/originator" not in metrics
        (note,) = [event for event in router.events if event["event"] == "router.never_compresses"]
        assert note["router"] == "/http-out"
        assert (await get(router, "/delegator.json?namespace=/http-out&path=/svc/x&dtab="))["type"] == "neg"
        prometheus = await router.admin("/admin/metrics/prometheus")
        assert 'rt:originator{rt="/http-out"} 1' in prometheus.text


async def test_posting_shutdown_ends_the_process(tmp_path):
    async with process(config("/svc => /$/nil"), tmp_path) as router:
        _, port = await router.ports()
        assert (await ask(port, "localhost", target="/admin/shutdown")).status == 405
        forged = await ask(
            port, "localhost", target="/admin/shutdown", method="POST", fields=[("Origin", "http://evil.example")]
        )
        assert forged.status == 403
        assert (await ask(port, "localhost", target="/admin/shutdown", method="POST")).status == 200
        assert await router.ended() == 0


async def test_a_site_whose_name_leads_here_ends_nothing_and_learns_nothing(tmp_path):
    """DNS rebinding: to the browser it is the same site, so only the Host tells."""
    async with process(config("/svc => /$/nil"), tmp_path) as router:
        _, port = await router.ports()
        evil = f"evil.example:{port}"
        fields = [("Origin", f"http://{evil}"), ("Sec-Fetch-Site", "same-origin")]
        assert (await ask(port, evil, target="/admin/shutdown", method="POST", fields=fields)).status == 421
        assert (await ask(port, evil, target="/config.json")).status == 421
        assert (await ask(port, "localhost", target="/admin/ping")).text == "pong"
        assert router.process.poll() is None


async def test_beyond_loopback_control_is_for_who_opens_it_and_probes_have_a_port():
    probes = {"ip": "127.0.0.1", "port": 0}
    async with routing(config(admin={"ip": "0.0.0.0", "probes": probes, "hosts": ["router.example"]})) as router:
        assert (await router.admin("/admin/shutdown", "POST")).status == 404
        assert (await router.admin("/logging.json")).status == 404
        assert (await router.admin("/config.json")).status == 200
        assert (await ask(router.admin_port, "router.example:80", target="/config.json")).status == 200
        port = router.app._probes[0].getsockname()[1]
        assert (await ask(port, "10.0.0.7:9991", target="/readyz")).status == 200
        assert "admin:connections" in (await ask(port, "localhost", target="/admin/metrics/prometheus")).text
        for target in ("/config.json", "/metrics.json", "/delegator.json?path=/svc/x", "/admin/threads"):
            assert (await ask(port, "localhost", target=target)).status == 404
    async with routing(config(admin={"ip": "0.0.0.0", "security": {"controlEnabled": True}})) as router:
        assert (await router.admin("/logging.json")).status == 200
