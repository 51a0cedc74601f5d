"""One request to collectors that are there, dead, slow, or lie: real sockets."""

import socket
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from threading import Event
from time import time
from typing import Any

import pytest
import trio

from noderouter.telemetry.tracing.post import ANSWER_BYTES, MAX_RETRY_AFTER, Answer, Collector

Serve = Callable[[trio.SocketStream], Awaitable[None]]
BODY = b"x" * 100


async def listening(nursery: trio.Nursery, serve: Serve) -> int:
    """The port at which `serve` takes connections."""

    async def quietly(stream: trio.SocketStream) -> None:
        try:
            await serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    (listener, *_) = await nursery.start(trio.serve_tcp, quietly, 0)
    return int(listener.socket.getsockname()[1])


async def request_of(stream: trio.SocketStream) -> bytes:
    data = b""
    while not data.endswith(BODY):
        more = await stream.receive_some()
        if not more:
            break
        data += more
    return data


def collector(port: int, seconds: float = 10.0) -> Collector:
    return Collector(f"http://127.0.0.1:{port}/v1/traces", "application/json", {"x-key": "1"}, seconds)


def answering(*answers: bytes) -> tuple[Serve, list[bytes]]:
    """What gives one answer after the other on each connection, and closes it then; and what it was sent."""
    got: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        for answer in answers:
            data = await request_of(stream)
            if not data:
                return
            got.append(data)
            await stream.send_all(answer)

    return serve, got


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


async def test_a_connection_is_kept_and_what_is_said_is_right(nursery: trio.Nursery) -> None:
    serve, got = answering(OK, OK)
    to = collector(await listening(nursery, serve))
    assert await to.post(BODY) == Answer(200)
    kept = to._connection
    assert await to.post(BODY) == Answer(200)
    assert to._connection is kept
    head, _, body = got[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /v1/traces http/1.1"
    assert {b"content-type: application/json", b"x-key: 1", b"content-length: 100"} <= set(lines)
    assert body == BODY
    to.close()
    nursery.cancel_scope.cancel()


async def test_a_kept_connection_that_was_closed_costs_nothing(nursery: trio.Nursery) -> None:
    serve, got = answering(OK)
    to = collector(await listening(nursery, serve))
    for _ in range(3):
        assert (await to.post(BODY)).status == 200
    assert len(got) == 3
    to.close()
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (b"", None),
        (b"retry-after: 7\r\n", 7.0),
        (b"retry-after: 9999\r\n", MAX_RETRY_AFTER),
        (b"retry-after: soon\r\n", None),
    ],
)
async def test_a_refusal_says_when_to_come_back(nursery: trio.Nursery, fields: bytes, seconds: float | None) -> None:
    serve, _ = answering(b"HTTP/1.1 429 Slow Down\r\n%bcontent-length: 4\r\n\r\nfull" % fields)
    to = collector(await listening(nursery, serve))
    assert await to.post(BODY) == Answer(429, "full", seconds)
    to.close()
    nursery.cancel_scope.cancel()


async def test_it_may_say_so_as_a_date(nursery: trio.Nursery) -> None:
    date = formatdate(time() + 20, usegmt=True).encode()
    serve, _ = answering(b"HTTP/1.1 503 No\r\nretry-after: %b\r\ncontent-length: 0\r\n\r\n" % date)
    to = collector(await listening(nursery, serve))
    answer = await to.post(BODY)
    assert answer.reason == "No"
    assert answer.retry_after is not None
    assert 15 < answer.retry_after <= 20
    to.close()
    nursery.cancel_scope.cancel()


async def test_nobody_there_is_an_answer_without_a_status() -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        answer = await collector(unused.getsockname()[1]).post(BODY)
    assert answer.status == 0
    assert "refused" in answer.reason


async def test_who_is_reached_too_late_is_sent_nothing(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch counts as not sent, and goes out again: it must not be there twice."""
    serve, got = answering(OK, OK)
    to = collector(await listening(nursery, serve), 0.05)
    known, lookup = Event(), socket.getaddrinfo

    def late(*args: Any, **keys: Any) -> Any:
        known.wait()
        return lookup(*args, **keys)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    assert (await to.post(BODY)).status == 0
    known.set()
    to._seconds = 60.0
    assert (await to.post(BODY)).status == 200
    assert len(got) == 1
    to.close()
    nursery.cancel_scope.cancel()


async def never_reads(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def never_answers(stream: trio.SocketStream) -> None:
    await request_of(stream)
    await trio.sleep_forever()


async def a_byte_now_and_then(stream: trio.SocketStream) -> None:
    await request_of(stream)
    for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1000:
        await stream.send_all(bytes((byte,)))
        await trio.sleep(0.02)


@pytest.mark.parametrize("serve", [never_reads, never_answers, a_byte_now_and_then])
async def test_a_collector_that_takes_too_long_is_cut_off_and_the_next_request_is_not_held_up(
    nursery: trio.Nursery, serve: Serve
) -> None:
    to = collector(await listening(nursery, serve), 0.3)
    for _ in range(2):
        assert await to.post(b"x" * 10_000_000 if serve is never_reads else BODY) == Answer(
            reason="no answer within 0.3 s"
        )
        assert to._connection is None
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("answer", [b"", b"SMTP 220\r\n\r\n", b"\xff" * 70_000])
async def test_a_collector_that_lies_is_an_answer_without_a_status(nursery: trio.Nursery, answer: bytes) -> None:
    serve, _ = answering(answer)
    to = collector(await listening(nursery, serve))
    found = await to.post(BODY)
    assert found.status == 0
    assert found.reason
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("media_type", "found"),
    [(b"application/x-protobuf", Answer(200, "quota", rejected=3)), (b"application/json", Answer(200))],
)
async def test_a_batch_may_be_taken_in_part(nursery: trio.Nursery, media_type: bytes, found: Answer) -> None:
    body = b"\x0a\x09\x08\x03\x12\x05quota"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (media_type, len(body))
    serve, _ = answering(head + body)
    to = collector(await listening(nursery, serve))
    assert await to.post(BODY) == found
    to.close()
    nursery.cancel_scope.cancel()


async def test_of_a_long_answer_a_part_is_read(nursery: trio.Nursery) -> None:
    serve, _ = answering(b"HTTP/1.1 400 No\r\ncontent-length: 9000000\r\n\r\n" + b"n" * 2 * ANSWER_BYTES)
    to = collector(await listening(nursery, serve))
    answer = await to.post(BODY)
    assert (answer.status, answer.reason) == (400, "n" * 200)
    assert to._connection is None
    nursery.cancel_scope.cancel()


async def test_a_secret_is_read_from_its_file_each_time(nursery: trio.Nursery, tmp_path: Path) -> None:
    serve, got = answering(OK, OK)
    port = await listening(nursery, serve)
    file = tmp_path / "token"
    to = Collector(f"http://127.0.0.1:{port}/", "application/json", {}, files={"authorization": file})
    answer = await to.post(BODY)
    assert (answer.status, str(file) in answer.reason) == (0, True)
    file.write_text("Bearer one\n")
    assert await to.post(BODY) == Answer(200)
    file.write_text("Bearer two")
    assert await to.post(BODY) == Answer(200)
    for wrong in ("", "a\r\nb: c", "a" * 4097, "\u00e4"):
        file.write_text(wrong)
        assert "holds no value of a header" in (await to.post(BODY)).reason
    assert [data.partition(b"authorization: ")[2].split(b"\r\n")[0] for data in got] == [b"Bearer one", b"Bearer two"]
    to.close()
