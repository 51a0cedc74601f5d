"""Attempt timeouts, total timeouts and deadlines, enforced (docs/linkerd1.md sections 2.7 and 4.5).

The total timeout ends retries, too, and none cuts a long response (docs/lessons.md entries 33 and 46).
"""

import time

import trio

from tests.testing.backend import backend, backends, response
from tests.testing.loop import until
from tests.testing.origin import Peer, origin
from tests.testing.router import config, fs, inet, routing

IDEMPOTENT = {"responseClassifier": {"kind": "io.l5d.http.retryableIdempotent5XX"}}


async def stuck(_got):
    """Never answer."""
    await trio.sleep_forever()


async def test_an_attempt_that_takes_too_long_fails():
    async with backend() as service:
        service.respond = stuck
        configuration = config(f"/svc => {inet(service.port)}", client={"requestAttemptTimeoutMs": 100})
        async with routing(configuration) as router:
            http = await router.connect()
            answer = await http.ask(method="POST", body=b"x")
            assert answer.status == 503
            assert answer.text == (
                f"exceeded 100.milliseconds to {inet(service.port)} while waiting for a response for an individual"
                " request, excluding retries"
            )
            assert answer["l5d-retryable"] is None  # it may have been processed
            await until(lambda: service.open == 0)  # nobody waits for that answer any more
            service.respond = service.say_name
            assert (await http.ask()).text == "hello"
            await http.close()


async def test_a_timed_out_attempt_is_retried_elsewhere(tmp_path):
    async with backends("a", "b") as (a, b):
        a.respond = stuck
        (tmp_path / "hello").write_text(a.address + b.address)
        configuration = config(
            "/svc => /#/io.l5d.fs",
            namers=[fs(tmp_path)],
            client={"requestAttemptTimeoutMs": 60},
            service=IDEMPOTENT | {"totalTimeoutMs": 5000},
        )
        async with routing(configuration) as router:
            http = await router.connect()
            for _ in range(12):
                assert (await http.ask()).text == "b"
            assert a.got != []
            metrics = await router.metrics("rt/out/service/svc/hello")
            assert metrics["retries/total"] == len(a.got)
            assert metrics["success"] == 12
            await http.close()


async def test_the_total_timeout_bounds_all_attempts():
    async with backend() as service:
        service.respond = stuck
        configuration = config(
            f"/svc => {inet(service.port)}",
            client={"requestAttemptTimeoutMs": 100},
            service=IDEMPOTENT | {"totalTimeoutMs": 350},
        )
        async with routing(configuration) as router:
            started = time.monotonic()
            answer = await router.ask()
            assert answer.status == 503
            assert answer.text.startswith("exceeded 350.milliseconds to /svc/hello ")
            assert time.monotonic() - started < 0.8
            assert 2 <= len(service.got) <= 4
            await until(lambda: service.open == 0)


async def test_a_server_has_a_time_limit_that_includes_naming_and_is_told_on():
    async with backend() as service:
        service.respond = stuck
        configuration = config(f"/svc/slow => {inet(service.port)} ; /svc/hello => {inet(service.port)}")
        configuration["routers"][0]["servers"][0]["timeoutMs"] = 150
        async with routing(configuration) as router:
            http = await router.connect()
            answer = await http.ask(host="slow")
            assert answer.status == 503
            assert answer.text.startswith("exceeded 150.milliseconds to /svc/slow ")
            assert service.got[0]["l5d-ctx-deadline"] is not None
            await until(lambda: service.open == 0)
            service.respond = service.say_name
            assert (await http.ask()).text == "hello"
            await http.close()


async def test_timeouts_by_prefix(tmp_path):
    async with backend() as service:
        service.respond = stuck
        static = {
            "kind": "io.l5d.static",
            "configs": [
                {"prefix": "/svc/*", "totalTimeoutMs": 5000},
                {"prefix": "/svc/quick", "totalTimeoutMs": 100},
            ],
        }
        async with routing(config(f"/svc => {inet(service.port)}", service=static)) as router:
            assert (await router.ask("quick", seconds=1)).text.startswith("exceeded 100.milliseconds to /svc/quick ")
            slow = await router.connect()
            with trio.move_on_after(0.3) as scope:
                await slow.ask("slow")
            assert scope.cancelled_caught
            await slow.close()


async def test_a_deadline_that_has_passed_is_refused_before_any_work():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        now = time.time_ns()
        answer = await router.ask(fields=[("l5d-ctx-deadline", f"{now - 2_000_000_000} {now - 1_000_000_000}")])
        assert answer.status == 503
        assert "deadline of the request (l5d-ctx-deadline) passed" in answer.text
        assert service.got == []


async def test_a_deadline_is_enforced_like_a_timeout():
    async with backend() as service:
        service.respond = stuck
        async with routing(config(f"/svc => {inet(service.port)}")) as router:
            now, started = time.time_ns(), time.monotonic()
            answer = await router.ask(fields=[("l5d-ctx-deadline", f"{now} {now + 200_000_000}")])
            assert answer.status == 503
            assert 0.15 < time.monotonic() - started < 1.0
            await until(lambda: service.open == 0)


async def test_timeouts_are_for_responses_to_begin_not_for_bodies_to_end():
    """A download, or a stream of events, may take longer than its response was allowed to."""

    async def script(peer: Peer) -> None:
        while await peer.more():
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(6):
                await trio.sleep(0.1)
                await peer.send(b"1\r\n%d\r\n" % number)
            await peer.send(b"0\r\n\r\n")

    async with origin(script) as server:
        configuration = config(
            f"/svc => {inet(server.port)}", client={"requestAttemptTimeoutMs": 150}, service={"totalTimeoutMs": 200}
        )
        async with routing(configuration) as router:
            http = await router.connect()
            for _ in range(2):
                answer = await http.ask()
                assert (answer.status, answer.body) == (200, b"012345")
            await http.close()


async def test_the_answer_may_use_all_of_the_time():
    async def slow(_got):
        await trio.sleep(0.15)
        return response("just in time")

    async with backend() as service:
        service.respond = slow
        configuration = config(f"/svc => {inet(service.port)}", service={"totalTimeoutMs": 300})
        async with routing(configuration) as router:
            http = await router.connect()
            for _ in range(4):  # the time of one request is not that of the next
                assert (await http.ask()).text == "just in time"
            await http.close()
