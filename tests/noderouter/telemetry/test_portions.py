"""Texts in portions."""

import json
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from noderouter.telemetry.portions import PORTION, Portions, json_object, json_text, lines

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
