from random import Random

import pytest
import trio

from benchmarks.soak import Soak, verdict
from benchmarks.soak_clients import Asked, response
from benchmarks.soak_values import ALL
from benchmarks.soak_watch import Sample, count_tasks, slope, slopes

ASKED = Asked(("name.example",), Random(1))


@pytest.fixture
def soak():
    made = Soak(1, 1, None, ASKED, 0, 1.0)
    made.polite_ms.append(1.0)
    return made


def samples(*memory):
    return [Sample(index, mb, 10, None, None) for index, mb in enumerate(memory)]


def test_flat_memory_passes(soak):
    soak.samples = samples(10, 30, 40, 40, 40, 41, 42, 42)
    assert verdict(soak, 4.0) == []


def test_growth_after_the_first_quarter_fails(soak):
    soak.samples = samples(10, 30, 40, 42, 44, 46, 48, 50)
    assert verdict(soak, 4.0) == ["memory grew from 41.0 to 49.0 MB"]


def test_a_process_that_ended_and_a_short_run_are_no_pass(soak):
    assert verdict(soak, 4.0) == ["the process ended"]
    soak.samples = samples(10, 0)
    assert verdict(soak, 4.0) == ["the process ended"]
    soak.samples = samples(10, 10)
    assert verdict(soak, 4.0) == ["fewer than four samples: too short to say anything about memory"]


def test_polite_clients_must_be_served(soak):
    soak.samples = samples(10, 10, 10, 10)
    soak.polite_ms.clear()
    soak.polite_failures.append("503")
    assert verdict(soak, 4.0) == ["1 polite requests failed, the first with 503", "no polite request was served"]


def test_a_response_that_was_anothers_is_no_pass(soak):
    soak.samples = samples(10, 10, 10, 10)
    soak.asked.mixed.append("b'0123' in place of b'/mark/1'")
    assert verdict(soak, 4.0) == ["1 responses were another's, the first: b'0123' in place of b'/mark/1'"]
    soak.asked.mixed.clear()


def test_slope_is_that_of_the_least_squares_line():
    assert slope([0, 1, 2], [1, 3, 5]) == 2.0
    assert slope([1, 1], [1, 2]) == 0.0


def test_what_rises_is_told_of_the_second_half():
    found = [Sample(10_000 * done, 40.0 + done, 10, 5, None) for done in range(4)]
    assert slopes(found, "calls") == [
        "memory: 42.0 -> 43.0 MB, slope +1.000 MB per 10,000 calls",
        "descriptors: 10.0 -> 10.0, slope +0.000 per 10,000 calls",
        "tasks: 5.0 -> 5.0, slope +0.000 per 10,000 calls",
    ]


def test_tasks_are_counted_in_the_first_part_only():
    text = "data path:\nconnection a\n    read (wire.py:1)\nconnection b\n... cut\n\ncontrol plane:\nmain\n"
    assert count_tasks(text) == 2


@pytest.mark.parametrize("client", list(ALL), ids=lambda client: client.__name__)
async def test_each_client_ends_with_a_server_that_answers_and_closes(client, autojump_clock):
    """Whatever the server does, a client comes to an end by itself."""

    async def serve(stream):
        try:
            await stream.receive_some(65536)
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            with trio.move_on_after(1):
                while await stream.receive_some(65536):
                    pass
        except trio.BrokenResourceError:
            pass
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        with trio.fail_after(60):
            port = listeners[0].socket.getsockname()[1]
            try:
                async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                    await client(stream, ASKED)
            except trio.BrokenResourceError:
                pass
        nursery.cancel_scope.cancel()


async def test_a_response_is_read_in_pieces():
    near, far = trio.socket.socketpair()
    stream = trio.SocketStream(near)
    async with trio.SocketStream(far) as peer, stream:
        for piece in (b"HTTP/1.1 503 No", b"\r\ncontent-LENGTH: 4\r", b"\n\r\nab", b"cd"):
            await peer.send_all(piece)
        assert await response(stream) == 503
        await peer.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await peer.send_eof()
        assert await response(stream) == 0
