"""What everybody is doing."""

import json
import threading

import trio

from noderouter.admin.handler import threads as threads_module
from noderouter.admin.handler.threads import task_tree, threads, threads_json
from noderouter.admin.message import Request
from tests.noderouter.admin.conftest import MakeState, text_of


async def wait_here() -> None:
    await trio.sleep_forever()


async def test_both_parts(make_state: MakeState, nursery: trio.Nursery) -> None:
    nursery.start_soon(wait_here, name="the waiting one")
    await trio.testing.wait_all_tasks_blocked()
    state = make_state(reactor_tasks=lambda: ["connection 1: waits 0.5 s"])
    lines = text_of(await threads(state, Request("GET", "/admin/threads"))).splitlines()
    assert lines[:4] == ["data path:", "connection 1: waits 0.5 s", "", "control plane:"]
    name = next(n for n, line in enumerate(lines) if line.endswith("the waiting one"))
    assert lines[name + 1].strip().endswith("in wait_here")
    nursery.cancel_scope.cancel()


async def test_children_stand_below_their_parents_in_order(nursery: trio.Nursery) -> None:
    for name in ("b", "a"):
        nursery.start_soon(wait_here, name=name)
    await trio.testing.wait_all_tasks_blocked()
    names = [line for line in task_tree() if line.strip() in ("a", "b")]
    assert [name.strip() for name in names] == ["a", "b"]
    assert all(name.startswith("  ") for name in names)
    nursery.cancel_scope.cancel()


def test_there_are_no_tasks_outside_of_trio() -> None:
    assert list(threads_module._cut(iter(["a"]))) == ["a"]


async def test_long_lists_are_cut(make_state: MakeState) -> None:
    state = make_state(reactor_tasks=lambda: map(str, range(threads_module.LIMIT + 1)))
    lines = text_of(await threads(state, Request("GET", "/admin/threads"))).splitlines()
    assert lines[threads_module.LIMIT + 1] == f"... cut after {threads_module.LIMIT} lines"


async def test_the_threads_of_the_system_in_the_form_of_linkerd(make_state: MakeState) -> None:
    waiting, done = threading.Event(), threading.Event()

    def stand_still() -> None:
        waiting.set()
        done.wait()

    thread = threading.Thread(target=stand_still, name="the still one", daemon=True)
    thread.start()
    waiting.wait()
    state = make_state(reactor_tasks=lambda: ["connection 1"])
    found = json.loads(text_of(await threads_json(state, Request("GET", "/admin/threads.json"))))
    done.set()
    thread.join()
    shown = found["threads"][str(thread.ident)]
    assert (shown["thread"], shown["daemon"]) == ("the still one", True)
    assert any(frame.endswith("in stand_still") for frame in shown["stack"])
    assert found["dataPath"] == ["connection 1"]
    assert found["controlPlane"] != []
