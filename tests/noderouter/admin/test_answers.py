"""Large answers: one at a time, shared, and few at once."""

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from noderouter.admin.answers import LARGE, SHARED_SECONDS, TEXTS, Answers
from noderouter.admin.message import Response


class Maker:
    """Makes answers that take a second."""

    def __init__(self, size: int = LARGE) -> None:
        self.size = size
        self.at_once = self.most_at_once = self.made = 0

    async def __call__(self) -> Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await trio.sleep(1)
        self.at_once -= 1
        self.made += 1
        return Response(200, (b"x" * (self.size - 1), str(self.made).encode()))


async def test_thirty_at_once_share_one(autojump_clock: MockClock) -> None:
    answers, make = Answers(), Maker()
    got: list[Response] = []

    async def ask() -> None:
        got.append(await answers.get("scrape", make))

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(ask)
    assert make.made == 1
    assert {id(response.body) for response in got} == {id(got[0].body)}
    assert (answers.made, answers.shared, answers.cut) == (1, 29, 0)


async def test_different_ones_are_made_one_after_the_other(autojump_clock: MockClock) -> None:
    answers, make = Answers(), Maker()
    async with trio.open_nursery() as nursery:
        for key in range(30):
            nursery.start_soon(answers.get, key, make)
    assert (make.made, make.most_at_once) == (30, 1)
    assert len(answers._kept) <= TEXTS


async def test_a_second_later_it_is_made_anew_and_the_old_one_let_go(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    answers, make = Answers(), Maker()
    nursery.start_soon(answers.forget)
    first = await answers.get("a", make)
    await trio.sleep(SHARED_SECONDS + 0.1)
    assert (await answers.get("a", make)).body is not first.body
    await trio.sleep(2 * SHARED_SECONDS + 0.1)
    assert answers._kept == {}
    nursery.cancel_scope.cancel()


async def test_what_is_small_is_always_the_latest(autojump_clock: MockClock) -> None:
    answers, make = Answers(), Maker(LARGE - 1)
    assert [(await answers.get("a", make)).body[1] for _ in range(2)] == [b"1", b"2"]
    assert (answers.made, answers.shared) == (0, 0)


async def test_one_who_leaves_while_it_is_made_spoils_it_for_nobody(autojump_clock: MockClock) -> None:
    answers, make = Answers(), Maker()
    with trio.move_on_after(0.5) as scope:
        await answers.get("a", make)
    assert scope.cancelled_caught
    assert (await answers.get("a", make)).length == LARGE


async def test_readers_of_too_many_texts_are_cut_off_the_oldest_first(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    answers, make = Answers(), Maker()
    nursery.start_soon(answers.forget)
    ended: list[int] = []

    async def read(number: int) -> None:
        with answers.reading(await answers.get(number // 2, make)) as scope:
            await trio.sleep_forever()
        assert scope.cancelled_caught
        ended.append(number)

    for number in range(2 * TEXTS):
        nursery.start_soon(read, number)
        if number % 2:
            await trio.sleep(1.5)
    assert (ended, len(answers._read)) == ([], TEXTS)
    await answers.get("more", make)
    await wait_all_tasks_blocked()
    assert sorted(ended) == [0, 1]
    assert answers.cut == 2
    # The new one has its place among them, as one that nobody reads.
    assert len(answers._read) == TEXTS - 1
    nursery.cancel_scope.cancel()


async def test_readers_of_small_answers_do_not_count(nursery: trio.Nursery) -> None:
    answers = Answers()
    with answers.reading(Response(200, b"small")):
        assert answers._read == {}
