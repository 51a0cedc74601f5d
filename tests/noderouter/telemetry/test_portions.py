"""Texts in portions."""

import json
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.background import Pace
from noderouter.telemetry.portions import PORTION, Lazy, Portions, json_object, json_text, lines, pieces

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


async def test_portions_are_of_a_bounded_size_and_make_the_whole() -> None:
    portions = Portions()
    for n in range(10_000):
        await portions.add(f"line {n} é\n")
    done = portions.done()
    assert len(done) > 1
    assert max(map(len, done)) <= 2 * PORTION
    assert b"".join(done).decode() == "".join(f"line {n} é\n" for n in range(10_000))


async def test_nothing_is_no_portion() -> None:
    assert Portions().done() == ()
    assert await lines([]) == ()
    assert await lines(["a", "", "b"]) == (b"a\n\nb\n",)


@given(VALUES)
def test_any_value(value: Any) -> None:
    async def read(pretty: bool) -> Any:
        return json.loads(b"".join(await json_text(value, pretty=pretty)))

    assert trio.run(read, False) == value
    assert trio.run(read, True) == value


@pytest.mark.parametrize("value", [{}, {"a": 1}, {'"': [1, {"b": None}], "é\ud800": "x"}])
async def test_objects(value: dict[str, Any]) -> None:
    assert json.loads(b"".join(await json_object(value.items()))) == value


async def test_what_json_does_not_know_is_text() -> None:
    assert b"".join(await json_text({"a": 1j})) == b'{"a": "1j"}'
    assert b"".join(await json_object([("a", 1j)])) == b'{"a": "1j"}'


async def test_long_work_rests(nursery: trio.Nursery) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    nursery.start_soon(count)
    await json_text(list(range(100_000)))
    assert turns > 10
    nursery.cancel_scope.cancel()


async def test_members_of_a_lazy_object_are_made_while_it_is_written(monkeypatch):
    """With rests between: others run, however many there are."""
    monkeypatch.setattr(Pace, "due", lambda _self: True)
    made, others = [], []

    def members():
        for number in range(5):
            made.append(number)
            others.append(turns)
            yield f"k{number}", {"n": number}

    turns = 0

    async def other():
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        text = await json_object([("a", Lazy(members())), ("b", Lazy([])), ("c", 1)])
        nursery.cancel_scope.cancel()
    assert json.loads(b"".join(text)) == {"a": {f"k{n}": {"n": n} for n in range(5)}, "b": {}, "c": 1}
    assert len(set(others)) > 1, "nobody ran between two members"


async def test_pieces_stand_one_behind_the_other():
    assert b"".join(await pieces(["a", "", "b\n", "c"])) == b"ab\nc"
