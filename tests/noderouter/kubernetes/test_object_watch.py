"""One object by its name, through everything that the API and the network may do to its watch."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

from noderouter.kubernetes.object_watch import ObjectWatch
from noderouter.kubernetes.paths import configmaps
from noderouter.kubernetes.state import Absent, Present, Unknown, Unreachable
from tests.testing.api_store import line
from tests.testing.loop import until


def dtab(text, name="dtab"):
    return {"metadata": {"name": name}, "data": {"dtab": text}}


@contextmanager
def held(watch: ObjectWatch) -> Iterator[ObjectWatch]:
    watch.var.hold()
    try:
        yield watch
    finally:
        watch.var.release()


@pytest.fixture
def watch(cluster):
    return cluster.object(configmaps("default"), "dtab")


async def says(watch, text):
    await until(lambda: isinstance(watch.var.value, Present) and watch.var.value.value["data"]["dtab"] == text)


async def is_absent(watch):
    await until(lambda: isinstance(watch.var.value, Absent))


async def test_it_is_known_and_followed(server, watch):
    server.store.put("configmaps", dtab("one"))
    assert watch.var.value == Unknown()
    with held(watch):
        await says(watch, "one")
        server.store.put("configmaps", dtab("two"))
        await says(watch, "two")
        server.store.delete("configmaps", "dtab")
        await is_absent(watch)
        server.store.put("configmaps", dtab("three"))
        await says(watch, "three")
    assert len(server.watching()) == 1
    assert len(server.listing()) == 1


async def test_others_do_not_matter(server, watch):
    server.store.put("configmaps", dtab("other", "other"))
    with held(watch):
        await is_absent(watch)
        server.store.put("configmaps", dtab("another", "other"))
        server.store.put("configmaps", dtab("one"))
        await says(watch, "one")
    assert "fieldSelector=metadata.name=dtab" in server.requests[0]


async def test_it_ends_when_nobody_needs_it(server, watch):
    server.store.put("configmaps", dtab("one"))
    with held(watch):
        await says(watch, "one")
        await until(lambda: server.watches)
    await until(lambda: not server.watches)
    await until(lambda: watch.var.value == Unknown())
    server.store.put("configmaps", dtab("two"))
    with held(watch):
        await says(watch, "two")


async def test_a_short_absence_of_need_costs_nothing(server, watch):
    server.store.put("configmaps", dtab("one"))
    for _ in range(5):
        with held(watch):
            await says(watch, "one")
    assert len(server.listing()) == 1


@pytest.mark.parametrize("cutting", ["whole", "torn", "glued"])
async def test_bytes_travel_as_they_like(server, watch, cutting):
    server.faults.cutting = cutting
    with held(watch):
        await is_absent(watch)
        await until(lambda: server.watches)
        for number in range(5):
            server.store.put("configmaps", dtab(f"{number} ü\\n"))
        await says(watch, "4 ü\\n")
    assert len(server.watching()) == 1


async def test_an_object_of_megabytes(server, watch):
    with held(watch):
        await is_absent(watch)
        server.store.put("configmaps", dtab("x" * 3_000_000))
        await says(watch, "x" * 3_000_000)


@pytest.mark.parametrize("as_event", [False, True])
async def test_what_is_too_old_is_listed_again(server, watch, as_event):
    server.store.put("configmaps", dtab("one"))
    server.faults.gone_as_event = as_event
    with held(watch):
        await says(watch, "one")
        await until(lambda: server.watches)
        server.faults.refuse(503)
        server.cut()
        server.store.put("configmaps", dtab("two"))
        server.store.compact()
        server.faults.accept()
        await says(watch, "two")
        server.store.put("configmaps", dtab("three"))
        await says(watch, "three")
    assert len(server.listing("GET")) >= 2
    assert "resourceVersion=0" not in [each for each in server.listing() if "configmaps" in each][-1]


async def test_what_happens_between_two_watches_is_not_lost(server, watch):
    server.store.put("configmaps", dtab("one"))
    with held(watch):
        await says(watch, "one")
        await until(lambda: server.watches)
        server.cut()
        server.store.put("configmaps", dtab("two"))
        await says(watch, "two")
    assert len(server.listing()) == 1


async def test_a_watch_on_which_nothing_is_said_is_given_up(server, watch):
    with held(watch):
        await is_absent(watch)
        await until(lambda: server.watches)
        server.faults.half_open = True
        server.cut()
        await until(lambda: len(server.watching()) == 2)
        server.store.put("configmaps", dtab("one"))
        server.faults.half_open = False
        await says(watch, "one")


async def test_bookmarks_keep_a_watch_and_move_it_on(server, watch, cluster):
    server.faults.bookmark_every = 0.05
    with held(watch):
        await is_absent(watch)
        await until(lambda: server.watches)
        server.store.put("services", {"metadata": {"name": "other"}})
        server.store.compact()  # only what bookmarks told lets the watch go on from here
        await until(lambda: watch.health.heard == "BOOKMARK" and watch._replica.version == str(server.store.version))
        server.cut()
        server.store.put("configmaps", dtab("one"))
        await says(watch, "one")
    assert len(server.listing()) == 1
    assert watch.health.age() < 5


async def test_events_of_the_past_are_ignored(server, watch):
    server.store.put("configmaps", dtab("one"))
    with held(watch):
        await says(watch, "one")
        await until(lambda: server.watches)
        server.faults.inject(line("MODIFIED", dtab("old") | {"metadata": {"name": "dtab", "resourceVersion": "7"}}))
        server.faults.inject(line("DELETED", dtab("old") | {"metadata": {"name": "dtab", "resourceVersion": "8"}}))
        server.store.put("configmaps", dtab("two"))
        await says(watch, "two")
        await until(lambda: watch.health.counts.ignored == 2)
        await says(watch, "two")


async def test_an_outage_changes_nothing(server, nursery, watch):
    server.store.put("configmaps", dtab("one"))
    with held(watch):
        await says(watch, "one")
        server.away()
        await until(lambda: watch.health.failures > 5)
        assert isinstance(watch.var.value, Present)
        assert watch.health.error is not None
        assert not watch.health.streaming
        server.store.put("configmaps", dtab("two"))
        await nursery.start(server.run)
        await says(watch, "two")
        assert watch.health.error is None


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 404, 400])
async def test_a_storm_of_errors_changes_nothing(server, watch, status):
    server.store.put("configmaps", dtab("one"))
    with held(watch):
        await says(watch, "one")
        server.faults.refuse(status)
        server.cut()
        await until(lambda: watch.health.failures > 5)
        assert isinstance(watch.var.value, Present)
        server.store.put("configmaps", dtab("two"))
        server.faults.accept()
        await says(watch, "two")


async def test_the_first_list_fails_and_then_works(server, watch, log):
    server.faults.refuse(404, times=3)
    server.store.put("configmaps", dtab("one"))
    with held(watch):
        await says(watch, "one")
    assert log.events == ["kubernetes.watch_failed", "kubernetes.watch_recovered"]
    assert "404" in str(log.fields[0]["reason"])


async def test_away_from_the_start(server, nursery, watch):
    server.away()
    with held(watch):
        await until(lambda: isinstance(watch.var.value, Unreachable))
        assert f"127.0.0.1:{server.port}" in watch.var.value.reason
        server.store.put("configmaps", dtab("one"))
        await nursery.start(server.run)
        await says(watch, "one")


async def test_without_the_right_it_says_so_at_once(server, watch):
    server.faults.refuse(403)
    with held(watch):
        await until(lambda: isinstance(watch.var.value, Unreachable))
        assert "403" in watch.var.value.reason
        server.faults.accept()
        await is_absent(watch)


async def test_the_server_says_how_long_to_wait(server, watch):
    server.faults.refuse(429, times=1, retry_after=1)
    with held(watch):
        began = trio.current_time()
        await is_absent(watch)
        assert trio.current_time() - began >= 0.3  # at most six times the longest pause
    assert len(server.listing()) == 2


async def test_a_slow_list_is_awaited(server, watch):
    server.faults.slow_list = 0.3
    server.store.put("configmaps", dtab("one"))
    with held(watch):
        await says(watch, "one")


async def test_nonsense_in_a_watch_ends_it(server, watch):
    server.store.put("configmaps", dtab("one"))
    with held(watch):
        await says(watch, "one")
        await until(lambda: server.watches)
        for nonsense in (
            b"<html>\n",
            b"[1]\n",
            b'{"type":"NEW","object":{"metadata":{}}}\n',
            b'{"type":"ADDED","obj\n',
        ):
            server.faults.inject(nonsense)
            failures = watch.health.failures
            await until(lambda failures=failures: watch.health.failures > failures and server.watches)
        server.store.put("configmaps", dtab("two"))
        await says(watch, "two")


async def test_a_watch_breaks_off_after_every_event(server, watch):
    server.faults.cut_after_event = True
    with held(watch):
        await is_absent(watch)
        for number in range(5):
            server.store.put("configmaps", dtab(str(number)))
            await says(watch, str(number))
    assert len(server.listing()) == 1


async def test_what_the_admin_interface_shows(server, watch):
    server.store.put("configmaps", dtab("one"))
    with held(watch):
        await says(watch, "one")
        await until(lambda: watch.health.streaming)
        state = watch.state()
        assert state["running"]
        shown = state["watch"]
        assert shown["request"].startswith(
            "GET /api/v1/namespaces/default/configmaps?fieldSelector=metadata.name=dtab&"
        )
        assert shown["response"] == "200 OK"
        assert shown["streaming"]
        assert shown["lastStreamData"] == "LISTED"
        assert shown["lastStreamDataAt"].endswith(" +0000")
        assert shown["error"] is None
