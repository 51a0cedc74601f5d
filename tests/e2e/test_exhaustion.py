"""When descriptors run out (docs/lessons.md entry 65).

Who is there is served, and when there are some again, so is everybody.
"""

import resource

import trio

from tests.testing.backend import backend
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.http import ask, connect
from tests.testing.load import load
from tests.testing.router import config, inet, process


def few():
    """Let this process open few descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (90, 90))


def shared(service):
    """A router to `service` whose clients, all with one address, share the places that there are."""
    return config(f"/svc => {inet(service.port)}", servers=[{"port": 0, "maxConnectionsPerClient": 1000}])


async def test_existing_clients_are_served_and_the_router_recovers(tmp_path):
    async with backend() as service, process(shared(service), tmp_path, prepare=few) as router:
        (port,), admin = await router.ports()
        async with load(port, clients=4) as seen:
            await seen.more(50)
            idle = [await connect(port) for _ in range(120)]  # most of them in the backlog
            await router.until("server.exhausted")
            await seen.more(200)
            assert seen.failed == 0
            assert router.descriptors() <= 90
            for http in idle:
                await http.close()
            await seen.more(50)
            assert (await ask(port, seconds=5)).text == "hello"
            fresh = [await connect(port) for _ in range(20)]
            for http in fresh:
                assert (await http.ask()).text == "hello"
                await http.close()
        assert seen.failed == 0
        assert (await ask(admin, "localhost", target="/admin/ping")).text == "pong"
        assert router.process.poll() is None
        with trio.fail_after(PATIENCE_SECONDS):
            while router.descriptors() > 40:
                await trio.sleep(0.05)


async def test_clients_that_were_accepted_can_be_served(tmp_path):
    """What is accepted needs a descriptor upstream, too: some are left for that."""
    async with backend() as service, process(shared(service), tmp_path, prepare=few) as router:
        (port,), _ = await router.ports()
        clients = [await connect(port) for _ in range(60)]
        for http in clients:
            await http.send()
        for http in clients:
            answer = await http.answer()
            assert (answer.status, answer.text) == (200, "hello")
            await http.close()
        assert (await ask(port)).status == 200
