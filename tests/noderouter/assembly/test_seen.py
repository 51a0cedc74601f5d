"""A real router as the dashboard sees it: where names lead, how its endpoints have done, and what is said of it."""

import json

from noderouter.admin.dashboard.seen import Client, Endpoint
from tests.testing.backend import backend, response
from tests.testing.router import Running, config, inet, routing


def clients(router: Running) -> dict[str, Client]:
    return {each.name: each for each in router.app.worker.clients("out")}


def only(router: Running) -> Endpoint:
    (client,) = clients(router).values()
    (endpoint,) = client.endpoints
    return endpoint


async def test_where_names_lead_and_how_their_endpoints_have_done():
    async with backend("a") as service:
        async with routing(config(f"/svc => {inet(service.port)}")) as router:
            for _ in range(3):
                assert (await router.ask("hello")).status == 200

            async def fails(_got):
                return response("no", "503 Service Unavailable")

            service.respond = fails
            assert (await router.ask("hello", "/v1/cart?token=secret", method="POST")).status == 503
            found = only(router)
            assert dict(router.app.worker.branches("out")) == {"/svc/hello": [(found.client, 1.0)]}
            assert found.address == f"127.0.0.1:{service.port}"
            assert (found.figures.requests, found.figures.failures) == (4, 1)
            assert found.mean_ms is not None
            assert found.mean_ms > 0
            assert (found.pending, found.out) == (0, "")
            (error,) = found.errors
            assert (error.what, error.request, error.service) == ("503", "POST /v1/cart", "/svc/hello")


async def test_an_endpoint_that_cannot_be_connected_to_is_out_and_says_why():
    async with backend("a") as service:
        dead = service.port
    one = {"failureAccrual": {"kind": "io.l5d.consecutiveFailures", "failures": 1}}
    async with routing(config(f"/svc => {inet(dead)}", client=one)) as router:
        assert (await router.ask("hello")).status == 502
        found = only(router)
        assert found.out in ("ejected", "probing")
        assert found.ejections >= 1
        assert found.errors[0].what == "ConnectError"
        assert len(found.errors) <= 8
        text = (await router.admin("/")).text
        assert f"ejected  127.0.0.1:{dead}" in text
        assert "hello: last error ConnectError" in text


async def test_a_name_without_addresses_says_why(tmp_path):
    (tmp_path / "hello").write_text("")
    namer = {"kind": "io.l5d.fs", "rootDir": str(tmp_path)}
    async with routing(config("/svc => /#/io.l5d.fs", namers=[namer])) as router:
        assert (await router.ask("hello")).status == 502
        (client,) = clients(router).values()
        assert client.endpoints == ()
        assert client.trouble == "the set of addresses is empty"


async def test_the_names_view_explores_what_is_in_force():
    async with backend("a") as service:
        async with routing(config(f"/svc => /host ; /host => {inet(service.port)}")) as router:
            found = json.loads((await router.admin("/names?path=/svc/hello&as=json")).text)
            assert '"word": "bound, 1 endpoint"' in json.dumps(found["delegation"])
            rows = [(row["number"], row["used"]) for row in found["dentries"]["rows"]]
            assert rows == [(2, "*"), (1, "*")]
