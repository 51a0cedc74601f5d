"""TRACE and OPTIONS over two routers (RFC 9110 section 7.6.2)."""

import pytest

from tests.testing.backend import backend
from tests.testing.router import config, inet, routing


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS"])
async def test_each_router_takes_one_and_the_last_one_answers(method):
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as second:
        async with routing(config(f"/svc => {inet(second.port)}")) as first:
            http = await first.connect()

            async def ask(*values, method=method):
                return await http.ask(target="/x", method=method, fields=[("Max-Forwards", value) for value in values])

            async def reached_second():
                path = f"out/server/127.0.0.1/{second.port}"
                return (await second.metrics(f"rt/{path}")).get("requests", 0)

            answer = await ask("0")
            assert answer.status == 200
            assert answer["l5d-err"] is None
            assert (answer.text == "") == (method == "OPTIONS")
            assert await reached_second() == 0
            assert (await ask("1")).text == answer.text
            assert (await reached_second(), service.got) == (1, [])

            assert (await ask("2")).text == "hello"
            assert service.got[-1]["max-forwards"] == "0"
            assert (await ask("2", method="GET")).text == "hello"
            assert service.got[-1]["max-forwards"] == "2"

            for wrong in (["x"], ["1", "1"]):
                answer = await ask(*wrong)
                assert (answer.status, answer.text) == (400, "Invalid value for Max-Forwards header")
            assert len(service.got) == 2
            await http.close()
