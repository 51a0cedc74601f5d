"""Every example does what its README promises."""

import json
import re
import sys
from collections import Counter

import pytest
import trio
import yaml

from noderouter.cli import main
from tests.examples.stage import names, on_stage
from tests.testing.api_server import ApiServer
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.http import Answer, values_of
from tests.testing.kubeconfig import write_kubeconfig
from tests.testing.loop import until
from tests.testing.router import ON_LOOPBACK, Running


async def said(router: Running, host: str, count: int, **keys: object) -> Counter[str]:
    """Who answers `count` requests, as `uniq -c` shows it; with the status in front where that is not 200."""
    seen: Counter[str] = Counter()
    http = await router.connect()
    for _ in range(count):
        answer = await http.ask(host, **keys)
        who = answer.text.partition(" answers ")[0]
        seen[who if answer.status == 200 else f"{answer.status} {who}"] += 1
    await http.close()
    return seen


def test_every_example_is_tested():
    for name in names():
        assert f"test_{name.replace('-', '_')}" in globals(), f"{name} has no test"


async def test_01_minimal(tmp_path):
    async with on_stage("01-minimal", tmp_path) as (example, router):
        assert set(await said(router, "hello", 30)) == {"hello-1", "hello-2"}
        assert (await router.ask("world")).text == "world-1 answers /\n"
        proxied = await router.ask("hello", "http://hello/greet")
        assert re.fullmatch("hello-[12] answers /greet\n", proxied.text)
        unknown = await router.ask("nobody")
        assert unknown.status == 502
        assert unknown.text.startswith("Unable to route request!\n\nservice name: /svc/nobody\n")
        assert unknown["l5d-err"] is not None
        example.write("disco/nobody", "127.0.0.1 8103\n")
        await router.answers("world-1 answers /\n", "nobody")
        shown = await router.admin("/delegator.json?namespace=http&path=/svc/hello&dtab=/svc=>/%23/io.l5d.fs")
        assert '"id": "/#/io.l5d.fs/hello"' in shown.text


async def test_02_canary(tmp_path):
    async with on_stage("02-canary", tmp_path) as (example, router):
        seen = await said(router, "hello", 300)
        assert set(seen) == {"hello-v1", "hello-v2"}
        assert seen["hello-v2"] < 90  # 30 are to be expected, with a deviation of 5
        example.write("dtab", "/svc => /#/io.l5d.fs ;\n/svc/hello => /svc/hello-v2 ;\n")
        await router.answers("hello-v2 answers /\n")
        assert await said(router, "hello", 20) == {"hello-v2": 20}
        example.write("dtab", "/svc => /#/io.l5d.fs ;\n/svc/hello = /svc/hello-v1 ;\n")
        await until(lambda: any(event["event"] == "dtab.invalid" for event in router.events))
        assert "refused: line 2, column 13" in (await router.admin("/readyz?verbose")).text
        assert await said(router, "hello", 20) == {"hello-v2": 20}


async def test_03_per_request_dtab(tmp_path):
    async with on_stage("03-per-request-dtab", tmp_path) as (_, router):
        assert (await router.ask()).text == "hello answers /\n"
        override = ("l5d-dtab", "/svc/hello => /#/io.l5d.fs/hello-next")
        assert (await router.ask(fields=[override])).text == "hello-next answers /\n"
        assert (await router.ask()).text == "hello answers /\n"
        seen = await router.ask(target="/headers", fields=[("l5d-dtab", "/svc/other => /svc/hello")])
        assert "l5d-ctx-dtab: /svc/other=>/svc/hello\n" in seen.text
        wrong = await router.ask(fields=[("l5d-dtab", "/svc/hello =>")])
        assert (wrong.status, wrong.text) == (400, "simple expected but end of input found at '/svc/hello =>[]'")


async def test_04_fallback(tmp_path):
    async with on_stage("04-fallback", tmp_path) as (example, router):
        assert (await router.ask()).text == "hello answers /\n"
        assert (await router.ask("nobody")).text == "sorry answers /\n"
        example.write("disco/hello-new", "127.0.0.1 8103\n")
        await router.answers("hello-new answers /\n")
        (example.directory / "disco/hello-new").unlink()
        await router.answers("hello answers /\n")
        example.write("disco/hello-new", "")
        await router.answers(502)
        assert (await router.ask()).text.startswith("Unable to route request!")


async def test_05_retries_and_timeouts(tmp_path):
    async with on_stage("05-retries-and-timeouts", tmp_path) as (_, router):
        assert await said(router, "flaky", 12) == {"flaky-good": 12}
        assert (await router.metrics("rt/http/service/svc/flaky/retries"))["total"] > 0
        posted = await said(router, "flaky", 30, method="POST", body=b"x")
        assert set(posted) == {"flaky-good", "503 flaky-bad"}
        late = await router.ask("slow")
        assert late.status == 503
        assert late.text == (
            "exceeded 1.seconds to /svc/slow while waiting for a response for the request,"
            " including retries (if applicable)"
        )
        assert (await router.metrics("rt/http/service/svc/slow/retries"))["total"] > 0
        once = await router.ask("slow", method="POST", body=b"x")
        assert once.status == 503
        assert once.text.startswith("exceeded 300.milliseconds to /#/io.l5d.fs/slow ")


async def test_06_failure_accrual(tmp_path):
    accrual = "rt/http/client/#/io.l5d.fs/hello"
    async with on_stage("06-failure-accrual", tmp_path) as (example, router):
        seen = await said(router, "hello", 40)
        counted = await router.metrics(accrual)
        # A probe for each two seconds that this took; on an idle machine none.
        assert seen["500 hello-bad"] == 3 + counted["failure_accrual/probes"]
        assert counted["failure_accrual/removals"] == 1 + counted["failure_accrual/probes"]
        assert counted["failure_accrual/removed_for_ms"] == 2000 * counted["failure_accrual/removals"]
        example.end("hello-bad")
        await example.start(example.command("hello-mended"))
        await router.answers("hello-mended answers /\n")
        assert (await router.metrics(accrual))["failure_accrual/revivals"] == 1
        example.end("hello-good")
        assert await said(router, "hello", 20) == {"hello-mended": 20}


async def test_07_websocket(tmp_path):
    async with on_stage("07-websocket", tmp_path) as (example, router):
        talk = [sys.executable, str(example.directory / "talk.py"), str(router.port), "echo", "hello", "how are you"]
        done = await trio.run_process(talk, capture_stdout=True)
        assert done.stdout == b"HTTP/1.1 101 Switching Protocols\nHELLO\nHOW ARE YOU\n"
        service = "rt/http/service/svc/echo"
        with trio.fail_after(PATIENCE_SECONDS):
            while (await router.metrics(service))["pending"]:
                await trio.sleep(0.01)
        assert (await router.metrics(service))["status/101"] == 1
        assert (await router.ask("echo")).status == 426  # without asking to upgrade it is an ordinary request


async def test_08_ingress(tmp_path):
    async with on_stage("08-ingress", tmp_path) as (example, router):
        answer = await router.ask("www.example.com", fields=[("l5d-dtab", "/svc => /#/io.l5d.fs/api")])
        assert answer.text == "www answers /\n"
        assert [name for name in answer.names if name.startswith("l5d-")] == []
        assert (await router.ask("other.example.com")).status == 404
        seen = (await router.ask("www.example.com", "/headers")).text
        assert "\nforwarded: by=_edge;for=127.0.0.1;host=www.example.com;proto=http\n" in seen
        assert re.search(r"\nx-request-start: \d{13}\n", seen)
        statuses: list[int] = []

        async def one() -> None:
            refused = await router.ask("api.example.com")
            statuses.append(refused.status)
            assert values_of(refused.head, "l5d-err") == []
            assert refused.body == (b"" if refused.status == 503 else b"api answers /\n")

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(one)
        assert statuses == [503, 200, 200]
        assert (await router.admin("/admin/shutdown", method="POST")).status == 404
        log = example.directory / "access.log"
        await until(lambda: log.exists() and log.read_text().count("\n") == 6)
        lines = log.read_text().splitlines()
        assert lines[0].startswith("www.example.com 127.0.0.1 - - [")
        assert '] "GET / HTTP/1.1" 200 14 "-" "-"' in lines[0]
        assert sum("api.example.com" in line and " 503 0 " in line for line in lines) == 1


async def test_09_linker_to_linker(tmp_path):
    async with on_stage("09-linker-to-linker", tmp_path) as (example, router):
        assert (await router.ask()).text == "hello answers /\n"
        seen = (await router.ask(target="/headers")).text
        assert "\nvia: 1.1 linkerd, 1.1 linkerd\n" in seen
        assert "\nl5d-dst-service: /svc/hello\nl5d-dst-client: /#/io.l5d.fs/hello\n" in seen
        override = ("l5d-dtab", "/host/hello => /#/io.l5d.fs/hello-next")
        assert (await router.ask(fields=[override])).text == "hello-next answers /\n"
        unknown = await router.ask("nobody")
        assert unknown.status == 502
        assert "/host => /#/io.l5d.fs\n" in unknown.text  # the words of `incoming`
        assert unknown["l5d-err"] is not None
        assert (await router.metrics("rt/outgoing/service/svc/hello"))["requests"] == 3
        assert (await router.metrics("rt/incoming/service/svc/hello"))["requests"] == 3
        loop = await router.ask(fields=[("l5d-dtab", f"/svc => /$/inet/127.0.0.1/{example.ports['4140']}")])
        assert loop.status == 403  # a client's word, trusted or not
        assert "it is a port of this router" in loop.text


async def test_10_kubernetes(tmp_path):
    """With a fake API in the place of `kubectl proxy`: a real one takes no endpoints on the loopback."""
    server = ApiServer()
    plurals = {"Service": "services", "EndpointSlice": "endpointslices"}
    stage = on_stage("10-kubernetes", tmp_path, **ON_LOOPBACK)
    async with trio.open_nursery() as nursery, stage as (example, router):
        server.port = example.ports["8109"]
        text = (example.directory / "services.yml").read_text().replace("192.0.2.1", "127.0.0.1")
        for thing in yaml.safe_load_all(text):
            server.store.put(plurals[thing["kind"]], thing)
        await nursery.start(server.run)
        assert (await router.ask()).text == "hello-v2 answers /\n"
        server.store.delete("services", "hello-v2")
        await router.answers("hello answers /\n")
        shown = json.loads((await router.admin("/namer_state/io.l5d.k8s.json")).text)
        assert shown["endpoints"]["default/hello"]["state"]["running"]
        assert (await router.ask("nobody.invalid")).status == 502
        nursery.cancel_scope.cancel()


async def test_11_configmap(tmp_path, capsys):
    server = ApiServer()
    async with trio.open_nursery() as nursery, on_stage("11-configmap", tmp_path) as (example, router):
        dtab = (example.directory / "dtab").read_text()
        server.store.put("configmaps", {"metadata": {"name": "routes"}, "data": {"dtab": dtab}})
        assert (await router.admin("/readyz")).status == 503
        server.port = example.ports["8109"]
        await nursery.start(server.run)
        await router.answers("hello-v1 answers /\n")
        assert set(await said(router, "hello", 100)) == {"hello-v1", "hello-v2"}
        readme = (example.directory / "README.md").read_text()
        new = example.directory / "new.dtab"
        new.write_text(readme.split("be\n\n```\n")[1].split("```")[0])
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", server.port)
        usual = ["dtab", "check", "--configmap", "default/routes", "--kubeconfig", kubeconfig]
        options = ["--file", str(new), "--admin", f"localhost:{router.admin_port}"]
        assert await trio.to_thread.run_sync(main, usual + options) == 1
        printed = capsys.readouterr().out
        shown = readme.split(" --admin localhost:9990\n")[1].split("```")[0]
        assert re.sub(r"\d+\.\d/s", "10.1/s", printed.replace(str(new), "new.dtab")) == shown
        server.store.put("configmaps", {"metadata": {"name": "routes"}, "data": {"dtab": new.read_text()}})
        await until(lambda: router.app.worker.routers["http"].interpreter.stored.applied == 2)
        assert await said(router, "hello", 20) == {"hello-v2": 20}
        wrong = new.read_text().replace("hello =>", "hello = ")
        server.store.put("configmaps", {"metadata": {"name": "routes"}, "data": {"dtab": wrong}})
        await until(lambda: any(plural == "events" for plural, _, _ in server.store.objects))
        (event,) = [thing for (plural, _, _), thing in server.store.objects.items() if plural == "events"]
        words = event["message"].partition(" found at ")[0]
        assert f"{event['type']}  {event['reason']}  2s  noderouter  {words} found at …" in readme
        assert "refused: line 2, column 13" in (await router.admin("/readyz?verbose")).text
        assert await said(router, "hello", 20) == {"hello-v2": 20}
        server.store.delete("configmaps", "routes")
        await router.answers(502)
        nursery.cancel_scope.cancel()


async def test_15_tokens(tmp_path):
    async with on_stage("15-tokens", tmp_path) as (example, router):

        async def shown(*arguments: str, target: str = "/headers") -> Answer:
            """What the service shows of a request with the token that `issue.py` prints."""
            script = [sys.executable, str(example.directory / "issue.py"), *arguments]
            token = (await trio.run_process(script, capture_stdout=True)).stdout.decode().strip()
            fields = [("Authorization", f"Bearer {token}"), ("x-user", "root")]
            return await router.ask("hello", target, fields=fields)

        seen = (await shown("token", "anna")).text
        assert re.findall("^x-.*$", seen, re.MULTILINE) == ["x-user: anna", "x-groups: dev,on-call"]
        assert "authorization" not in seen.lower()
        without = (await router.ask("hello", "/headers", fields=[("x-user", "root")])).text
        assert "x-user" not in without
        for arguments, why in (
            (("token", "anna", "--audience", "other"), "the token is for another audience"),
            (("token", "anna", "--seconds", "-600"), "the token has expired"),
            (("keys",), "the token is not three parts of base64url"),
        ):
            answer = await shown(*arguments)
            assert answer.status == 401
            assert answer["www-authenticate"] == f'Bearer error="invalid_token", error_description="{why}"'
            assert why in (example.directory / "README.md").read_text()


async def test_12_grpc(tmp_path):
    pytest.importorskip("grpc", reason="needs grpcio (the extra test)")
    async with on_stage("12-grpc", tmp_path) as (example, router):

        async def call(*arguments: str) -> Counter[str]:
            """What `call.py` prints, as `uniq -c` shows it."""
            script = [sys.executable, str(example.directory / "call.py"), str(router.port), *arguments]
            done = await trio.run_process(script, capture_stdout=True)
            return Counter(done.stdout.decode().splitlines())

        seen = await call("books.Library/Find", "Ulysses", "--times", "200")
        assert set(seen) == {"library-v1 has Ulysses", "library-v2 has Ulysses"}
        assert seen.total() == 200
        assert (await router.metrics("rt/grpc/client/#/io.l5d.fs/library-v2"))["failures"] >= 1
        assert (await router.metrics("rt/grpc/service/svc/books.Library"))["failures"] == 0
        override = "l5d-dtab=/svc/books.Library => /svc/library-v2"
        chosen = await call("books.Library/Find", "Ulysses", "--times", "20", "--metadata", override)
        assert chosen == {"library-v2 has Ulysses": 20}
        assert set(await call("books.Library/Copies", "Ulysses")) == {f"copy {each} of Ulysses" for each in (1, 2, 3)}
        assert set(await call("books.Library/Lend", "Ulysses", "--timeout", "0.5")) == {"DEADLINE_EXCEEDED"}
        assert set(await call("books.Bindery/Bind", "Ulysses")) == {"UNAVAILABLE"}


async def test_13_limits(tmp_path):
    async with on_stage("13-limits", tmp_path) as (example, router):
        asked = [await router.connect() for _ in range(4)]
        for number, http in enumerate(asked):
            await http.send()
            await until(lambda taken=number + 1: _inside(router) == taken)
        answer = await router.ask()
        assert (answer.status, answer["l5d-retryable"]) == (503, "true")
        assert answer.text == "/svc/hello is at its limit of 3 concurrent requests, and 1 wait already"
        seen = Counter([(await http.answer()).text for http in asked])
        assert seen == {"hello-1 answers /\n": 2, "hello-2 answers /\n": 2}
        for http in asked:
            await http.close()
        mine, yours = [("X-Api-Key", "mine")], [("X-Api-Key", "yours")]
        assert await said(router, "world", 3, fields=mine) == {"world": 3}
        answer = await router.ask("world", fields=mine)
        assert (answer.status, 90 < int(answer["retry-after"]) <= 100) == (429, True)
        assert answer.text == (
            "the limit each-key allows 0.01 requests a second of each service and x-api-key field, 3 at once"
        )
        assert await said(router, "world", 1, fields=yours) == {"world": 1}
        example.write("limits", "- name: each-key\n  burst: none\n")
        await until(lambda: any(event["event"] == "policy.invalid" for event in router.events))
        assert (await router.ask("world", fields=mine)).status == 429
        example.write("limits", "- {name: each-key, headers: [x-api-key], requestsPerSecond: 0.01, burst: 5}\n")
        await router.answers("world answers /\n", "world")
        await until(lambda: router.app.control.policy.follower.texts["limits"].last_error is None)
        assert await said(router, "world", 5, fields=mine) == {"world": 5}


def _inside(router: Running) -> int:
    """Requests of `hello` within its limit, and those that wait."""
    gates = router.app.worker.routers["http"].gates
    return sum(gate.active + len(gate.queue) for gate in gates._gates.values())


async def test_14_tls(tmp_path):
    async with on_stage("14-tls", tmp_path) as (example, router):
        entrance, inside = router.ports()

        async def curl(port: int, name: str, *more: str, path: str = "/") -> tuple[int, str]:
            """What curl says, and its exit code."""
            command = ["curl", "-sS", "--cacert", "secrets/ca.crt", "--connect-to", f"::localhost:{port}", *more]
            done = await trio.run_process(
                [*command, f"https://{name}.example.com{path}"],
                capture_stdout=True, capture_stderr=True, check=False, cwd=example.directory,
            )  # fmt: skip
            return done.returncode, (done.stdout + done.stderr).decode()

        assert await curl(entrance, "shop") == (0, "hello answers /\n")
        code, words = await curl(inside, "inside")
        assert (code, "certificate required" in words) == (56, True)
        plain = await trio.run_process(
            ["curl", "-sS", f"localhost:{entrance}"], capture_stdout=True, capture_stderr=True, check=False
        )
        assert plain.returncode == 52
        code, words = await curl(entrance, "shop", "-H", "x-forwarded-client-cert: me", path="/headers")
        assert 'DNS=shop.example.com;Subject="CN=shop"' in words
        assert "me\n" not in words.replace("example.com", "")
        await trio.to_thread.run_sync(example.run_scripts)
        with trio.fail_after(PATIENCE_SECONDS):
            while (await router.metrics("tls"))["reloads"] < 3:  # two servers and a client
                await trio.sleep(0.01)
        assert await curl(entrance, "shop") == (0, "hello answers /\n")
        example.write("secrets/shop.crt", "nothing")
        await until(lambda: any(event["event"] == "tls.refused" for event in router.events))
        assert "no certificate is in it" in (await router.admin("/readyz?verbose")).text
        assert await curl(entrance, "shop") == (0, "hello answers /\n")
