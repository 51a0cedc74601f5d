import pytest
import trio

from noderouter.kubernetes.access import Plain
from noderouter.kubernetes.errors import ApiError
from noderouter.kubernetes.run_once import once


async def test_one_answer_and_all_is_closed(server):
    apis = []

    async def ask(api):
        apis.append(api)
        return await api.get("/api/v1")

    answer = await trio.to_thread.run_sync(once, server.access, ask)
    assert b"APIResourceList" in answer
    assert apis[0]._closed


def test_nobody_there():
    async def ask(api):
        return await api.get("/api/v1")

    with pytest.raises(ApiError, match=r"http://127\.0\.0\.1:1/api/v1"):
        once(Plain("127.0.0.1", 1), ask)
