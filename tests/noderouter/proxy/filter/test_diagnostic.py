"""What a TRACE is told behind its answer, and what becomes of that answer's content."""

import re

import pytest

from noderouter.core.errors import ConnectError
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.filter.diagnostic import MAX_BYTES, DiagnosticTrace
from tests.testing.reply import RecordingReply, make_exchange, recorded
from tests.testing.step import run

ASKED = ((b"l5d-add-context", b"true"),)
CHUNKED = -1
BLOCK = "--- Router: out ---\nrequest duration: N ms\nservice name: /svc/x\n"


def answered(length: int, *data: bytes, **keys: object) -> RecordingReply:
    """What the client gets of a response that comes in these pieces."""

    async def serve(exchange: Exchange) -> None:
        exchange.response = Response(200, b"OK", Headers(b"x-app: 1\r\n"), length)
        assert exchange.reply.begin(exchange.response, data[0]) is None
        for more in data[1:]:
            await exchange.reply.push(more)
        if length < 0:
            await exchange.reply.finish()

    exchange = make_exchange(**({"method": b"TRACE", "reserved": ASKED} | keys))  # type: ignore[arg-type]
    reply = recorded(exchange)
    run(DiagnosticTrace(serve, "out", lambda _exchange: ["service name: /svc/x"]).serve(exchange))
    assert exchange.reply is reply
    assert reply.finished
    return reply


def text_of(reply: RecordingReply) -> str:
    return re.sub(r"duration: \d+ ms", "duration: N ms", reply.data.decode())


def test_the_block_stands_behind_the_content() -> None:
    reply = answered(9, b"of the ", b"s\n")
    assert text_of(reply) == f"of the s\n\n{BLOCK}"
    assert reply.response is not None
    assert reply.response.length == len(reply.data)
    assert reply.response.headers.get(b"x-app") == b"1"


def test_without_content_there_is_the_block_alone() -> None:
    assert text_of(answered(0, b"")) == BLOCK


@pytest.mark.parametrize("length", [CHUNKED, -2, MAX_BYTES + 1])
def test_long_content_is_discarded_and_its_head_shown(length: int) -> None:
    words = "Diagnostic trace encountered a long response. Response content discarded."
    reply = answered(length, b"y" * MAX_BYTES, b"y")
    assert text_of(reply) == f"x-app: 1\nHTTP 200 - OK\n{words}\n\n{BLOCK}"
    if length < 0:
        assert text_of(answered(length, b"y" * MAX_BYTES)) == f"{'y' * MAX_BYTES}\n\n{BLOCK}"


@pytest.mark.parametrize(
    "keys",
    [
        {"method": b"GET"},
        {"reserved": None},
        {"reserved": ((b"l5d-add-context", b"false"),)},
        {"reserved": ((b"via", b"true"),)},
    ],
)
def test_who_does_not_ask_is_told_nothing(keys: dict[str, object]) -> None:
    assert answered(2, b"ok", **keys).data == b"ok"


def test_an_error_goes_on_to_where_errors_are_answered() -> None:
    async def failing(_exchange: Exchange) -> None:
        raise ConnectError("no")

    exchange = make_exchange(method=b"TRACE", reserved=ASKED)
    reply = exchange.reply
    with pytest.raises(ConnectError):
        run(DiagnosticTrace(failing, "out", lambda _exchange: []).serve(exchange))
    assert exchange.reply is reply
