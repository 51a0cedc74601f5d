"""Steady load: keep-alive clients that ask one request after the other and count every answer."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.http import connect


class Load:
    """What clients have seen so far.

    Attributes:
        asked: requests sent.
        answers: (status, body) and how often; together as many as were asked, once the load has ended.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.answers: Counter[tuple[int, str]] = Counter()
        self.stopping = False

    def __repr__(self) -> str:
        return f"<Load asked={self.asked} {dict(self.answers)}>"

    @property
    def answered(self) -> int:
        """Requests that got an answer."""
        return self.answers.total()

    @property
    def failed(self) -> int:
        """Answers that were not 200."""
        return sum(count for (status, _), count in self.answers.items() if status != 200)

    def bodies(self) -> set[str]:
        """The bodies of all good answers."""
        return {body for status, body in self.answers if status == 200}

    async def more(self, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until `count` more requests were answered."""
        goal = self.answered + count
        with trio.fail_after(seconds):
            while self.answered < goal:
                await trio.sleep(0.001)

    async def client(self, port: int, host: str, pause: float, keys: dict[str, Any]) -> None:
        """One client, on one connection."""
        http = await connect(port)
        while not self.stopping:
            self.asked += 1
            answer = await http.ask(host, **keys)
            self.answers[answer.status, answer.text] += 1
            if pause:
                await trio.sleep(pause)
        await http.close()


@asynccontextmanager
async def load(
    port: int, *, host: str = "hello", clients: int = 4, pause: float = 0.0, **keys: Any
) -> AsyncIterator[Load]:
    """Clients that ask until the end of the block; then every request has its answer, or the test fails.

    `pause` is what a client waits between requests; `keys` are those of `Http.ask`.
    """
    made = Load()
    async with trio.open_nursery() as nursery:
        for _ in range(clients):
            nursery.start_soon(made.client, port, host, pause, keys)
        await made.more(clients)
        try:
            yield made
        finally:
            made.stopping = True
    assert made.answered == made.asked
