"""`/openapi.json` over a socket: it describes itself, too."""

from tests.noderouter.admin.conftest import MakeState, Serving


async def test_the_description_of_what_answers_here(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state(version="1.2.3")) as client:
        response = await client.get("/openapi.json")
        assert (response.status_code, response.headers["content-type"]) == (200, "application/json; charset=utf-8")
        found = response.json()
    assert (found["openapi"], found["info"]["version"]) == ("3.1.0", "1.2.3")
    assert found["paths"]["/openapi.json"]["get"]["operationId"] == "get_openapi_json"
    assert found["paths"]["/admin/shutdown"]["post"]["tags"] == ["control"]
