"""The API server is never captured; and while it is away, what is captured stays so."""

import time

import pytest

from tests.cluster import addresses
from tests.intercept.conftest import ON_ALL, ON_ONE
from tests.intercept.measure import counted, under_load
from tests.intercept.world import LABEL, World

pytestmark = pytest.mark.root


@ON_ALL
def test_the_api_server_is_never_captured(world: World):
    before = world.seen()
    assert world.client.run("curl", "-sSk", f"https://{addresses.API_CLUSTER_IP}/livez") == "ok"
    assert world.node.api.peers[-1] == world.client.addresses[4], "it was not the pod that came"
    assert world.seen() == before


@ON_ONE
def test_an_outage_of_the_api_server_changes_nothing_and_is_made_up_for(world: World, state):
    with under_load(world) as flow:
        flow.more()
        world.node.api.close()
        world.node.router.until("kubernetes.watch_failed")
        flow.more(500)
        world.node.objects.label(world.quiet_space, {LABEL: "enabled"})
        since = time.monotonic()
        world.node.open_api()
        world.until_captured(world.quiet)
        caught_up = time.monotonic() - since
        flow.more()
    world.node.objects.label(world.quiet_space, {LABEL: "disabled"})
    world.until_direct(world.quiet)
    state(f"{counted(flow.requests())}; what had changed meanwhile was known {caught_up:.2f} s after its return")
    assert {one.outcome for one in flow.requests()} == {"routed"}
