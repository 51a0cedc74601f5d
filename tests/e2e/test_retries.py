"""Requeues, classified retries and their budgets (docs/linkerd1.md section 4.3; docs/lessons.md entries 31 to 34)."""

import socket
import time

import pytest
import trio

from tests.testing.backend import backend, backends, response
from tests.testing.loop import until
from tests.testing.origin import Peer, origin
from tests.testing.router import config, fs, inet, routing


def classifier(name, **service):
    """The key `service` with a response classifier."""
    return {"responseClassifier": {"kind": f"io.l5d.http.{name}"}} | service


def budget(minimum=0, percent=0.0, ttl=10):
    """A retry budget."""
    return {"minRetriesPerSec": minimum, "percentCanRetry": percent, "ttlSecs": ttl}


def failing(service, *statuses, fields=""):
    """Let a backend answer these statuses first, and 200 from then on."""
    left = list(statuses)

    async def respond(_got):
        return response("bad", f"{left.pop(0)} Oh", fields) if left else await service.say_name(_got)

    service.respond = respond


async def always_500(_got):
    return response("bad" * 10, "500 Oh")


async def test_it_is_counted_why_a_request_was_not_sent_again():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        for keys, counted in (
            ({"requeueBudget": budget(minimum=10)}, {"requeues": 25, "request_limit": 1}),
            ({"requeueBudget": budget(minimum=0)}, {"requeues": 0, "budget_exhausted": 1}),
        ):
            async with routing(
                config(f"/svc => {inet(port)}", client=keys | {"failureAccrual": {"kind": "none"}})
            ) as router:
                assert (await router.ask()).status == 502
                for _ in router.app.metrics.turn(ends_windows=True):
                    pass
                metrics = await router.metrics(f"rt/out/client{inet(port)}")
                reasons = ("requeues", "request_limit", "budget_exhausted", "cannot_retry", "not_open")
                assert {name: metrics[f"retries/{name}"] for name in reasons} == dict.fromkeys(reasons, 0) | counted
                assert metrics.get("retries/requeues_per_request.max", 0) == counted["requeues"]
                tries = counted["requeues"] + 1
                assert metrics["failed_connect_latency_ms.count"] == metrics["connect_failures"] == tries


async def test_what_may_have_been_processed_is_not_sent_again_and_counted():
    async def script(peer: Peer) -> None:
        await peer.head()

    async with origin(script) as server, routing(config(f"/svc => {inet(server.port)}")) as router:
        assert (await router.ask(method="POST")).status == 502
        metrics = await router.metrics(f"rt/out/client{inet(server.port)}")
        assert (metrics["retries/cannot_retry"], metrics["retries/requeues"]) == (1, 0)


# Classified retries


async def test_the_default_budget_allows_a_hundred_retries_of_the_first_request():
    async with backend() as service:
        service.respond = always_500
        configuration = config(f"/svc => {inet(service.port)}", service=classifier("retryableAll5XX"))
        async with routing(configuration) as router:
            assert (await router.ask()).status == 500
            assert len(service.got) == 101
            metrics = await router.metrics("rt/out")
            assert metrics["service/svc/hello/requests"] == 1
            assert metrics["service/svc/hello/retries/total"] == 100
            assert metrics["service/svc/hello/retries/budget_exhausted"] == 1
            client = f"client{inet(service.port)}"
            assert metrics[f"{client}/requests"] == 101
            assert metrics[f"{client}/failures"] == 101
            assert metrics[f"{client}/service/svc/hello/requests"] == 101
            assert service.accepted == 1  # discarded responses leave the connection usable


@pytest.mark.parametrize(
    ("kind", "methods"),
    [
        ("nonRetryable5XX", ""),
        ("retryableRead5XX", "GET HEAD OPTIONS TRACE"),
        ("retryableIdempotent5XX", "GET HEAD OPTIONS TRACE PUT DELETE"),
        ("retryableAll5XX", "GET HEAD OPTIONS TRACE PUT DELETE POST PATCH"),
        ("allSuccessful", ""),
    ],
)
async def test_each_classifier(kind, methods):
    async with backend() as service:
        service.respond = always_500
        retries = {"budget": budget(percent=1.0)}  # one retry for one request
        configuration = config(f"/svc => {inet(service.port)}", service=classifier(kind, retries=retries))
        async with routing(configuration) as router:
            http = await router.connect()
            for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH"]:
                service.got.clear()

                async def answer(got):
                    return response("" if got.line.startswith("HEAD") else "bad", "500 Oh")

                service.respond = answer
                answered = await http.ask(method=method, body=b"x" if method in ("PUT", "POST", "PATCH") else None)
                assert answered.status == 500
                assert answered["l5d-success-class"] == ("1.0" if kind == "allSuccessful" else "0.0")
                assert len(service.got) == (2 if method in methods.split() else 1), method
            await http.close()


@pytest.mark.parametrize(("length", "tries"), [(1024, 2), (1025, 1)])
async def test_a_long_body_is_never_sent_again_however_it_came(length, tries):
    """It is here as a whole, together with its head: what counts is `streamAfterContentLengthKB`."""
    async with backend() as service:
        failing(service, 500, 500)
        configuration = config(
            f"/svc => {inet(service.port)}",
            streamAfterContentLengthKB=1,
            service=classifier("retryableIdempotent5XX", retries={"budget": budget(percent=1.0)}),
        )
        async with routing(configuration) as router:
            await router.ask(method="PUT", body=b"x" * length)
            assert len(service.got) == tries


async def test_a_retry_may_succeed_and_the_client_sees_only_that():
    async with backend() as service:
        failing(service, 500, 503)
        configuration = config(f"/svc => {inet(service.port)}", service=classifier("retryableRead5XX"))
        async with routing(configuration) as router:
            answer = await router.ask()
            assert (answer.status, answer.text) == (200, "hello")
            assert answer.all("l5d-success-class") == ["1.0"]
            assert answer.all("via") == ["1.1 linkerd"]
            # Each try is told the same, once.
            for got in service.got:
                for name in ("l5d-dst-service", "l5d-dst-client", "l5d-reqid", "l5d-ctx-trace", "via", "host"):
                    assert len(got.all(name)) == 1, name
            assert len({got.head for got in service.got}) == 1
            metrics = await router.metrics("rt/out/service/svc/hello")
            assert (metrics["requests"], metrics["success"], metrics["status/200"]) == (1, 1, 1)


async def test_small_bodies_are_sent_again_and_streamed_ones_never():
    async with backend() as service:
        configuration = config(f"/svc => {inet(service.port)}", service=classifier("retryableAll5XX"))
        async with routing(configuration) as router:
            failing(service, 500, 500)
            assert (await router.ask(method="POST", body=b"x" * 5000)).status == 200
            assert [got.body for got in service.got] == [b"x" * 5000] * 3
            for keys in ({"body": b"x" * 50_000}, {"body": b"x", "chunked": True}):
                service.got.clear()
                failing(service, 500)
                assert (await router.ask(method="POST", **keys)).status == 500
                assert len(service.got) == 1


async def test_what_the_next_router_calls_retryable_is_retried_whatever_the_method():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        failing(service, 503, fields="l5d-retryable: true\r\n")
        assert (await router.ask(method="POST", body=b"x")).status == 200
        assert len(service.got) == 2
        service.got.clear()
        failing(service, 503, fields="l5d-retryable: false\r\n")
        assert (await router.ask(method="GET")).status == 503
        assert len(service.got) == 1
        service.got.clear()
        failing(service, 503, fields="l5d-retryable: true\r\n")
        assert (await router.ask(method="POST", body=b"x", chunked=True)).status == 503  # it cannot be sent again
        assert len(service.got) == 1


async def test_the_budget_is_a_share_of_the_requests():
    async with backend() as service:
        service.respond = always_500
        retries = {"budget": budget(percent=0.2)}
        configuration = config(f"/svc => {inet(service.port)}", service=classifier("retryableAll5XX", retries=retries))
        async with routing(configuration) as router:
            http = await router.connect()
            for _ in range(50):
                assert (await http.ask()).status == 500
            assert len(service.got) == 60
            await http.close()


async def test_retries_wait_for_the_backoff():
    async with backend() as service:
        failing(service, 500, 500)
        retries = {"backoff": {"kind": "constant", "ms": 150}}
        configuration = config(f"/svc => {inet(service.port)}", service=classifier("retryableAll5XX", retries=retries))
        async with routing(configuration) as router:
            started = time.monotonic()
            assert (await router.ask()).status == 200
            assert 0.3 <= time.monotonic() - started < 0.8


async def test_discarded_responses_are_drained_or_closed():
    """No connection may be left over behind a retry, half-read or half-closed (docs/lessons.md entry 32)."""
    count = 0

    async def script(peer: Peer) -> None:
        nonlocal count
        while await peer.more():
            await peer.head()
            count += 1
            if count % 10 == 0:
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            elif count % 3 == 0:  # too much to read: its connection is given up
                await peer.send(b"HTTP/1.1 500 Oh\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 300_000)
            elif count % 3 == 1:
                await peer.send(b"HTTP/1.1 500 Oh\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20_000)
            else:  # closes without being asked
                await peer.send(b"HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n" + b"x" * 1000)
                return

    async with origin(script) as server:
        configuration = config(
            f"/svc => {inet(server.port)}",
            service=classifier("retryableAll5XX", retries={"budget": budget(minimum=1000)}),
        )
        async with routing(configuration) as router:
            http = await router.connect()
            for _ in range(10):
                assert (await http.ask()).text == "ok"
            assert count == 100
            await http.close()
            (client,) = router.router().clients
            await until(lambda: client.pool_stats.connections <= 1)
            assert states_towards(server.port).count("CLOSE_WAIT") == 0


def states_towards(port):
    """The TCP states of the router's side of all connections to `port`."""
    names = {"01": "ESTABLISHED", "08": "CLOSE_WAIT", "04": "FIN_WAIT1", "05": "FIN_WAIT2"}
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return [names.get(row[3], row[3]) for row in rows if int(row[2].partition(":")[2], 16) == port]


async def test_the_total_timeout_ends_retries():
    async with backend() as service:
        service.respond = always_500
        retries = {"budget": budget(minimum=1000), "backoff": {"kind": "constant", "ms": 50}}
        configuration = config(
            f"/svc => {inet(service.port)}",
            service=classifier("retryableAll5XX", retries=retries, totalTimeoutMs=400),
        )
        async with routing(configuration) as router:
            started = time.monotonic()
            answer = await router.ask()
            assert answer.status == 503
            assert answer.text.startswith("exceeded 400.milliseconds to /svc/hello ")
            assert time.monotonic() - started < 1.0
            assert 3 <= len(service.got) <= 9
            count = len(service.got)
            await trio.sleep(0.15)
            assert len(service.got) == count


# Requeues


async def test_a_dead_endpoint_is_tried_26_times():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # taken, but nobody listens
        dead = sock.getsockname()[1]
        async with routing(config(f"/svc => {inet(dead)}")) as router:
            assert (await router.ask()).status == 502
            metrics = await router.metrics(f"rt/out/client{inet(dead)}")
            assert metrics["connect_failures"] == 26
            assert metrics["retries/requeues"] == 25
            assert metrics["failure_accrual/removals"] == 1


async def test_the_requeue_budget_is_honoured():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        dead = sock.getsockname()[1]
        async with routing(
            config(f"/svc => {inet(dead)}", client={"requeueBudget": budget(minimum=3, ttl=1)})
        ) as router:
            assert (await router.ask()).status == 502
            metrics = await router.metrics(f"rt/out/client{inet(dead)}")
            assert metrics["connect_failures"] == 4
            assert (metrics["retries/budget_exhausted"], metrics["retries/request_limit"]) == (1, 0)


async def test_a_dead_instance_is_not_noticed_by_clients_whatever_the_method(tmp_path):
    async with backends("a", "b") as (a, b):
        (tmp_path / "hello").write_text(a.address + b.address)
        await a.stop()
        async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])) as router:
            http = await router.connect()
            for number in range(40):
                answer = await http.ask(method="POST", body=b"x" * number)
                assert (answer.status, answer.text) == (200, "b")
            # A streamed body has not been touched where no connection came about.
            answer = await http.ask(method="POST", body=b"x" * 100_000, chunked=True)
            assert answer.status == 200
            assert b.got[-1].body == b"x" * 100_000
            await http.close()


async def test_a_stale_connection_is_seen_before_it_is_used():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        http = await router.connect()
        for _ in range(20):
            assert (await http.ask(method="POST", body=b"x")).status == 200
            await service.stop()
            await service.start()
        assert len(service.got) == 20
        await http.close()


async def test_without_gate_or_classifier_a_503_passes_at_once():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        failing(service, 503)
        assert (await router.ask()).status == 503
        assert len(service.got) == 1
