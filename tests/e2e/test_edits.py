"""The dtab and the addresses change under load, without a restart and without a lost request."""

import os

import pytest
import trio

from tests.testing.backend import backends
from tests.testing.busy import BUSY_SECONDS, PATIENCE_SECONDS
from tests.testing.load import load
from tests.testing.loop import until
from tests.testing.router import config, fs, inet, replace, routing


def stored(file):
    """The interpreter that reads its dtab from a file."""
    return {"kind": "io.l5d.fs", "dtabFile": str(file)}


async def test_an_edit_of_the_dtab_takes_effect_and_loses_no_request(tmp_path):
    file = tmp_path / "dtab"
    async with backends("one", "two") as (one, two):
        file.write_text(f"/svc => {inet(one.port)}")
        async with routing(config(interpreter=stored(file))) as router, load(router.port, clients=8) as seen:
            for _ in range(5):
                for here, there in ((two, one), (one, two)):
                    replace(file, f"/svc => {inet(here.port)}")
                    await until(lambda here=here: here.got)
                    await seen.more(50)
                    there.got.clear()
                    here.got.clear()
                    await seen.more(50)
                    assert there.got == []
        assert seen.failed == 0
        assert seen.bodies() == {"one", "two"}


async def test_a_file_that_is_written_in_place_is_read_too(tmp_path):
    file = tmp_path / "dtab"
    async with backends("one", "two") as (one, two):
        file.write_text(f"/svc => {inet(one.port)}")
        async with routing(config(interpreter=stored(file))) as router:
            await router.answers("one")
            file.write_text(f"/svc => {inet(two.port)}")
            await router.answers("two")


async def test_an_edit_of_an_address_file_takes_effect_and_loses_no_request(tmp_path):
    async with backends("one", "two", "three") as (one, two, three):
        replace(tmp_path / "hello", one.address + two.address)
        configuration = config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])
        async with routing(configuration) as router, load(router.port, clients=8) as seen:
            await until(lambda: one.got and two.got)
            replace(tmp_path / "hello", two.address + three.address)
            await until(lambda: three.got)
            await seen.more(20)
            one.got.clear()
            await seen.more(200)
            assert one.got == []
            await until(lambda: one.open == 0, 1.0)  # what was pooled for it is closed, too
            state = (await router.admin("/client_state.json")).text
            assert f"127.0.0.1:{three.port}" in state
            assert f"127.0.0.1:{one.port}" not in state
        assert seen.failed == 0
        assert seen.bodies() == {"one", "two", "three"}


async def test_the_connections_to_a_removed_endpoint_close_within_a_second_without_traffic(tmp_path):
    async with backends("one", "two") as (one, two):
        replace(tmp_path / "hello", one.address)
        async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])) as router:
            await router.ask()
            assert one.open == 1
            replace(tmp_path / "hello", two.address)
            await until(lambda: one.open == 0, 1.0 + BUSY_SECONDS)


async def test_a_request_in_flight_to_a_removed_endpoint_completes(tmp_path):
    release = trio.Event()
    async with backends("one", "two") as (one, two):

        async def slow(got):
            if got.target == "/slow":
                await release.wait()
            return await one.say_name(got)

        one.respond = slow
        replace(tmp_path / "hello", one.address)
        async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])) as router:
            http = await router.connect()
            await http.send(target="/slow")
            await until(lambda: one.got)
            replace(tmp_path / "hello", two.address)
            await router.answers("two")
            release.set()
            assert (await http.answer()).text == "one"
            await until(lambda: one.open == 0, 1.0 + BUSY_SECONDS)
            await http.close()


async def test_a_request_that_waits_for_a_place_at_a_removed_endpoint_goes_elsewhere(tmp_path):
    release = trio.Event()
    async with backends("one", "two") as (one, two):

        async def slow(got):
            await release.wait()
            return await one.say_name(got)

        one.respond = slow
        replace(tmp_path / "hello", one.address)
        pool = {"hostConnectionPool": {"maxSize": 1}}
        async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)], client=pool)) as router:
            first, second = [await router.connect() for _ in range(2)]
            await first.send()
            await until(lambda: one.got)
            await second.send(method="POST", body=b"x")
            (client,) = router.router().clients
            await until(lambda: client.pool_stats.waiters == 1)
            replace(tmp_path / "hello", two.address)
            assert (await second.answer(seconds=2)).text == "two"
            release.set()
            assert (await first.answer()).text == "one"
            await until(lambda: one.open == 0)
            for http in (first, second):
                await http.close()


async def test_an_invalid_dtab_keeps_the_old_one_says_so_and_recovers(tmp_path):
    file = tmp_path / "dtab"
    async with backends("one", "two") as (one, two):
        file.write_text(f"/svc => {inet(one.port)}")
        async with routing(config(interpreter=stored(file))) as router, load(router.port) as seen:
            replace(file, "/svc => \n nonsense")
            with trio.fail_after(PATIENCE_SECONDS):
                while "refused: line 2" not in (told := await router.admin("/readyz?verbose")).text:
                    await trio.sleep(0.01)
            assert told.status == 200  # the last good one is in effect
            assert told.text.endswith("ok\n")
            await seen.more(50)
            assert two.got == []
            replace(file, f"/svc => {inet(two.port)}")
            await router.answers("two")
            assert "refused" not in (await router.admin("/readyz?verbose")).text
        assert seen.failed == 0


async def test_a_dtab_that_is_invalid_from_the_start_is_not_ready_until_it_is_mended(tmp_path):
    file = tmp_path / "dtab"
    file.write_text("nonsense")
    async with backends("one") as (one,), routing(config(interpreter=stored(file))) as router:
        assert (await router.admin("/readyz")).status == 503
        answer = await router.ask()
        assert answer.status == 502
        assert "'/' expected but 'n' found" in answer.text
        replace(file, f"/svc => {inet(one.port)}")
        await router.answers("one")
        assert (await router.admin("/readyz")).status == 200


async def test_the_routers_dtab_is_stronger_than_the_stored_one(tmp_path):
    file = tmp_path / "dtab"
    async with backends("stored", "own") as (there, own):
        file.write_text(f"/svc => {inet(there.port)}")
        async with routing(config(f"/svc/mine => {inet(own.port)}", interpreter=stored(file))) as router:
            assert (await router.ask("mine")).text == "own"
            assert (await router.ask("other")).text == "stored"


@pytest.mark.parametrize("how", ["symlink swap", "delete and create"])
async def test_address_files_change_in_every_way(tmp_path, how):
    async with backends("one", "two") as (one, two):
        root = tmp_path / "disco"
        root.mkdir()
        if how == "symlink swap":  # as the kubelet does with ConfigMaps
            for name, which in (("v1", one), ("v2", two)):
                (root / f"..{name}").mkdir()
                (root / f"..{name}" / "hello").write_text(which.address)
            (root / "..data").symlink_to("..v1")
            (root / "hello").symlink_to("..data/hello")
        else:
            (root / "hello").write_text(one.address)
        async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(root)])) as router:
            await router.answers("one")
            if how == "symlink swap":
                (root / "..fresh").symlink_to("..v2")
                os.replace(root / "..fresh", root / "..data")
            else:
                (root / "hello").unlink()
                await router.answers(502)
                (root / "hello").write_text(two.address)
            await router.answers("two")


async def test_a_malformed_address_file_keeps_the_last_good_addresses(tmp_path):
    async with backends("one", "two") as (one, two):
        replace(tmp_path / "hello", one.address)
        async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])) as router:
            await router.answers("one")
            replace(tmp_path / "hello", "127.0.0.1 notaport\n")
            await until(lambda: any(event["event"] == "fs.invalid" for event in router.events))
            assert (await router.ask()).text == "one"
            replace(tmp_path / "hello", two.address)
            await router.answers("two")
