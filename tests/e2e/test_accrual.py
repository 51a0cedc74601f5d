"""Failure accrual: dead instances are left out, probed, and come back (docs/linkerd1.md section 4.2)."""

from collections import Counter

import pytest
import trio

from tests.testing.backend import backends, response
from tests.testing.load import load
from tests.testing.loop import until
from tests.testing.router import config, fs, routing


def accrual(kind="io.l5d.consecutiveFailures", ms=60_000, **keys):
    """The key `client` with a failure accrual that backs off for `ms`."""
    return {"failureAccrual": {"kind": kind, "backoff": {"kind": "constant", "ms": ms}} | keys}


def routed(tmp_path, services, **keys):
    """A configuration that routes `hello` to instances by a file."""
    (tmp_path / "hello").write_text("".join(service.address for service in services))
    return config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)], **keys)


async def fail(_got):
    """Answer 500."""
    return response("bad", "500 Oh")


CLIENT = "rt/out/client/#/io.l5d.fs/hello"


@pytest.mark.parametrize(
    "policy",
    [
        accrual(failures=3),
        accrual("io.l5d.successRate", successRate=0.8, requests=5),
        accrual("io.l5d.successRateWindowed", successRate=0.8, window=30),
    ],
    ids=["consecutiveFailures", "successRate", "successRateWindowed"],
)
async def test_an_instance_that_fails_is_left_out(tmp_path, policy):
    async with backends("a", "b", "c") as (a, b, c):
        a.respond = fail
        async with routing(routed(tmp_path, (a, b, c), client=policy)) as router:
            http = await router.connect()
            for _ in range(150):
                await http.ask()
            failures = len(a.got)
            assert 3 <= failures <= 15
            for _ in range(50):
                assert (await http.ask()).status == 200
            assert len(a.got) == failures
            metrics = await router.metrics(CLIENT)
            assert metrics["failure_accrual/removals"] == 1
            assert metrics["loadbalancer/size"] == 3
            assert metrics["loadbalancer/available"] == 2
            await http.close()


async def test_a_dead_instance_is_probed_by_one_request_at_a_time_and_comes_back(tmp_path):
    release = trio.Event()
    async with backends("a", "b") as (a, b):
        a.respond = fail
        async with routing(routed(tmp_path, (a, b), client=accrual(failures=2, ms=150))) as router:
            http = await router.connect()
            while not (await router.metrics(CLIENT)).get("failure_accrual/removals"):
                await http.ask()
            a.got.clear()

            async def wait(got):
                await release.wait()
                return await a.say_name(got)

            a.respond = wait
            async with load(router.port, clients=6) as seen:
                await until(lambda: a.got)
                await seen.more(300)
                assert len(a.got) == 1  # the probe, however many others want to go
                release.set()
                a.respond = a.say_name
                await until(lambda: len(a.got) > 20)
            assert seen.failed == 0
            metrics = await router.metrics(CLIENT)
            assert metrics["failure_accrual/revivals"] == 1
            assert metrics["failure_accrual/probes"] == 1
            await http.close()


async def test_when_all_are_dead_they_are_used_all_the_same(tmp_path):
    async with backends("a", "b") as (a, b):
        a.respond = b.respond = fail
        async with routing(routed(tmp_path, (a, b), client=accrual(failures=2))) as router:
            http = await router.connect()
            for _ in range(20):
                assert (await http.ask()).status == 500
            assert (await router.metrics(CLIENT))["loadbalancer/available"] == 0
            assert len(a.got) + len(b.got) == 20
            a.respond, b.respond = a.say_name, b.say_name
            seen = Counter([(await http.ask()).status for _ in range(20)])
            assert seen == {200: 20}
            assert (await router.metrics(CLIENT))["loadbalancer/available"] >= 1  # alive at once, without a probe
            await http.close()


async def test_what_the_classifier_calls_a_success_does_not_count(tmp_path):
    async with backends("a", "b") as (a, b):
        a.respond = b.respond = fail
        configuration = routed(
            tmp_path,
            (a, b),
            client=accrual(failures=1),
            service={"responseClassifier": {"kind": "io.l5d.http.allSuccessful"}},
        )
        async with routing(configuration) as router:
            http = await router.connect()
            for _ in range(10):
                await http.ask()
            assert (await router.metrics(CLIENT))["failure_accrual/removals"] == 0
            await http.close()


async def test_accrual_can_be_switched_off(tmp_path):
    async with backends("a", "b") as (a, b):
        a.respond = fail
        async with routing(routed(tmp_path, (a, b), client={"failureAccrual": {"kind": "none"}})) as router:
            http = await router.connect()
            seen = Counter([(await http.ask()).status for _ in range(100)])
            assert seen[500] > 25
            await http.close()


async def test_a_killed_instance_under_load_fails_no_request(tmp_path):
    """Idempotent requests: what it had begun is sent again, what it had not goes elsewhere."""
    retries = {"responseClassifier": {"kind": "io.l5d.http.retryableIdempotent5XX"}}
    async with backends("a", "b", "c") as (a, b, c):

        async def slowly(got):
            await trio.sleep(0.002)
            return response("ok")

        for service in (a, b, c):
            service.respond = slowly
        configuration = routed(tmp_path, (a, b, c), service=retries, client=accrual(failures=5, ms=200))
        async with routing(configuration) as router, load(router.port, clients=12, method="PUT", body=b"x") as seen:
            await seen.more(100)
            await a.stop()
            await seen.more(300)
            assert a.open == 0
            count = len(a.got)
            await a.start()
            await until(lambda: len(a.got) > count + 20)
            await b.stop()
            await c.stop()
            await seen.more(300)
        assert seen.failed == 0


async def test_an_address_that_comes_back_is_a_new_instance(tmp_path):
    """Dead marks do not survive the re-use of an address (docs/lessons.md entry 7)."""
    async with backends("a", "b") as (a, b):
        a.respond = fail
        async with routing(routed(tmp_path, (a, b), client=accrual(failures=1))) as router:
            http = await router.connect()
            while not (await router.metrics(CLIENT)).get("failure_accrual/removals"):
                await http.ask()
            a.respond = a.say_name
            (tmp_path / "hello").write_text(b.address)
            (client,) = router.router().clients
            await until(lambda: len(client.endpoints) == 1)
            (tmp_path / "hello").write_text(a.address + b.address)
            await until(lambda: len(client.endpoints) == 2)
            a.got.clear()
            for _ in range(30):
                assert (await http.ask()).status == 200
            assert len(a.got) > 3
            await http.close()
