"""Requests that would go in circles end, and soon (docs/linkerd1.md section 5.5; docs/lessons.md entries 35 and 38)."""

import pytest
import trio

from tests.testing.backend import backend
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.router import TRUSTING, config, inet, routing, several


async def test_via_grows_with_every_hop():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}", label="second")) as second:
        async with routing(config(f"/svc => {inet(second.port)}")) as first:
            answer = await first.ask(fields=[("Via", "1.0 older"), ("Via", "1.1 newer")])
            assert service.got[0].all("via") == ["1.0 older, 1.1 newer, 1.1 linkerd, 1.1 linkerd"]
            assert answer.all("via") == ["1.1 linkerd, 1.1 linkerd"]


async def test_the_call_depth_is_bounded():
    servers = [{"port": 0, "maxCallDepth": 3}]
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
        assert (await router.ask(fields=[("Via", "1.1 a, 1.1 b"), ("Via", "1.1 c")])).status == 200
        answer = await router.ask(fields=[("Via", "1.1 a, 1.1 b"), ("Via", "1.1 c, 1.1 d")])
        assert answer.status == 400
        assert answer.text == "Maximum number of calls (3) has been exceeded. Please check for proxy loops."
        assert len(service.got) == 1


@pytest.mark.parametrize("ip", ["127.0.0.1", "0.0.0.0", "::"])
async def test_a_router_does_not_call_itself(ip):
    # Also where everything is allowed that can be.
    everything = {"destinations": {"allow": ["127.0.0.1:1-65535"]}} | TRUSTING
    configuration = config("/svc => /$/io.buoyant.rinet", servers=[{"port": 0, "ip": ip}], **everything)
    async with routing(configuration) as router:
        own = f"/svc => {inet(router.port)}"
        answer = await router.ask(fields=[("l5d-dtab", own)])
        assert answer.status == 502
        assert f"127.0.0.1:{router.port} is a listener of this router" in answer.text
        assert answer["l5d-retryable"] is None
        metrics = await router.metrics("rt/out/server")
        assert [value for name, value in metrics.items() if name.endswith("/connects")] == [1]


async def test_two_routers_that_point_at_each_other_end():
    # The second router's port is learned first; then the first one is told of it by an override, which travels.
    routers = [
        {"protocol": "http", "label": label, "servers": [{"port": 0}], "dtab": "/svc => /nowhere"}
        | {"destinations": {"allow": ["127.0.0.1:1-65535"]}}
        | TRUSTING
        for label in ("one", "two")
    ]
    async with routing(several(routers)) as router:
        (one,), (two,) = router.ports("one"), router.ports("two")
        # /svc => /next ; each router knows the other as /next.
        there = f"/svc => {inet(two)}"
        answer = await router.ask(fields=[("l5d-dtab", there)])
        assert answer.status == 502  # the second one would call itself: refused
        assert f"{two} is a listener" in answer.text
        assert one != two


async def test_a_circle_of_two_routers_ends_at_the_call_depth(tmp_path):
    files = {label: tmp_path / label for label in ("one", "two")}
    for file in files.values():
        file.write_text("/svc => /nowhere")
    routers = [
        {
            "protocol": "http",
            "label": label,
            "servers": [{"port": 0, "maxCallDepth": 100}],
            "interpreter": {"kind": "io.l5d.fs", "dtabFile": str(file)},
        }
        for label, file in files.items()
    ]
    async with routing(several(routers)) as router:
        (one,), (two,) = router.ports("one"), router.ports("two")
        files["one"].write_text(f"/svc => {inet(two)}")
        files["two"].write_text(f"/svc => {inet(one)}")
        with trio.fail_after(PATIENCE_SECONDS):
            while (answer := await router.ask()).status != 400:
                await trio.sleep(0.01)
        assert answer.text == "Maximum number of calls (100) has been exceeded. Please check for proxy loops."
        metrics = await router.metrics("rt/one/server")
        assert sum(value for name, value in metrics.items() if name.endswith("/status/400")) >= 50
