"""What an API server offers is found out by asking it."""

import pytest

from noderouter.kubernetes.cluster_context import Capabilities, find_capabilities
from noderouter.kubernetes.errors import ApiError


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ((), Capabilities(True, True, True)),
        (("/services?",), Capabilities(False, True, True)),
        (("/endpointslices?",), Capabilities(True, True, False)),
        (("/endpointslices?", "/endpoints?"), Capabilities(True, False, True)),
    ],
)
async def test_by_what_may_be_listed(server, cluster, refused, expected):
    for words in refused:
        server.faults.refuse(403, words)
    assert await find_capabilities(cluster.api) == expected


@pytest.mark.parametrize("endpoints", [True, False])
async def test_a_server_without_slices(server, cluster, endpoints):
    server.served = {"v1"}
    if not endpoints:
        server.faults.refuse(403, "/endpoints?")
    assert await find_capabilities(cluster.api) == Capabilities(True, endpoints, False)


@pytest.mark.parametrize("status", [401, 500])
async def test_an_answer_that_says_nothing_about_rights(server, cluster, status):
    server.faults.refuse(status)
    with pytest.raises(ApiError) as caught:
        await find_capabilities(cluster.api)
    assert caught.value.status == status
