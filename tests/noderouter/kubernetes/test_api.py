"""Requests to the API: what goes out, and what becomes of every way to fail.

Covers `http.py`.
"""

from dataclasses import replace

import pytest
import trio

from noderouter import __version__
from noderouter.kubernetes.access import Plain
from noderouter.kubernetes.api import Api, run_once
from noderouter.kubernetes.clusters import Clusters
from noderouter.kubernetes.errors import ApiError, MalformedAnswer
from tests.noderouter.kubernetes.conftest import QUICK
from tests.testing.busy import PATIENCE_SECONDS


@pytest.fixture
def api(cluster):
    return cluster.api


async def test_who_asks(server, api):
    await api.get("/api/v1/services")
    assert server.headers[0]["user-agent"] == f"noderouter/{__version__}"
    assert server.headers[0]["accept-encoding"] == "identity"


async def test_nothing_comes_from_the_environment(server, api, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert b"items" in await api.get("/api/v1/services")


async def test_few_connections_for_many_requests(server, api):
    for _ in range(20):
        await api.get("/api/v1/services")
    assert server.most_connections == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 429, 500, 503])
async def test_a_refusal_has_its_status_and_the_words_of_the_api(server, api, status):
    server.faults.refuse(status, retry_after=7)
    with pytest.raises(ApiError) as caught:
        await api.get("/api/v1/services", {"limit": "1"})
    error = caught.value
    assert error.status == status
    assert error.retry_after == 7.0
    assert "on demand" in error.reason
    assert "/api/v1/services" in error.reason
    assert (error.gone, error.refused) == (status == 410, status in (401, 403))


async def test_after_a_401_it_is_tried_once_more(server, api):
    server.faults.refuse(401, times=1)
    assert b"items" in await api.get("/api/v1/services")
    assert len(server.requests) == 2


async def test_nobody_there(nursery):
    api = Api(Plain("127.0.0.1", 1), QUICK)
    with pytest.raises(ApiError) as caught:
        await api.get("/api/v1/services")
    assert caught.value.status == 0
    assert "http://127.0.0.1:1/api/v1/services" in caught.value.reason
    await api.close()
    with pytest.raises(ApiError, match="shutting down"):
        await api.get("/api/v1/services")


async def test_an_answer_that_does_not_come(server, nursery, log):
    api = Clusters(nursery.start_soon, log, replace(QUICK, answer=0.2)).get(server.access).api
    server.faults.slow_list = 60
    with pytest.raises(ApiError, match="ReadTimeout"):
        await api.get("/api/v1/services")
    nursery.cancel_scope.cancel()


async def test_an_answer_of_a_write_that_is_no_json(server, api, monkeypatch):
    monkeypatch.setattr(server, "_write", lambda *_: (200, b"<html>"))
    with pytest.raises(MalformedAnswer):
        await api.send("POST", "/api/v1/namespaces/default/configmaps", {})


async def test_an_answer_without_an_end_is_cut(server, api, monkeypatch):
    monkeypatch.setattr("noderouter.kubernetes.api.MAX_BODY_BYTES", 1000)
    server.store.put("services", {"metadata": {"name": "x"}, "data": "x" * 2000})
    with pytest.raises(MalformedAnswer, match="longer than 1000 bytes"):
        await api.get("/api/v1/services")
    server.store.delete("services", "x")
    assert b"items" in await api.get("/api/v1/services")


async def test_waiting_is_over_soon_after_the_api_is_back(server, api):
    done = trio.Event()

    async def wait():
        await api.pause(60.0, ApiError("nobody there"))
        done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        with trio.fail_after(PATIENCE_SECONDS):
            while not done.is_set():
                await api.get("/api/v1/services")
                await trio.sleep(0.05)


async def test_a_refusal_is_waited_for_to_the_end(server, api):
    with trio.move_on_after(0.5) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(api.pause, 60.0, ApiError("forbidden", status=403))
            for _ in range(10):
                await api.get("/api/v1/services")
    assert scope.cancelled_caught


# run_once


async def test_one_answer_and_all_is_closed(server):
    apis = []

    async def ask(api):
        apis.append(api)
        return await api.get("/api/v1")

    answer = await trio.to_thread.run_sync(run_once, server.access, ask)
    assert b"APIResourceList" in answer
    assert apis[0]._closed


def test_a_command_without_an_api_says_where_it_looked():
    async def ask(api):
        return await api.get("/api/v1")

    with pytest.raises(ApiError, match=r"http://127\.0\.0\.1:1/api/v1"):
        run_once(Plain("127.0.0.1", 1), ask)
