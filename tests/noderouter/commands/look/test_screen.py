"""What a terminal is given.

Covers `output.py`, `bell.py`.
"""

import os
import termios

import pytest
import trio

from noderouter.commands.look.output import Output, clean
from noderouter.commands.look.screen import Screen, cut


def sized(descriptor, lines, columns):
    termios.tcsetwinsize(descriptor, (lines, columns))


async def read_until(descriptor, words):
    """What is shown until these words are."""
    shown = b""
    with trio.fail_after(20):
        while words not in shown:
            await trio.lowlevel.wait_readable(descriptor)
            shown += os.read(descriptor, 65536)
    return shown.replace(b"\r\r\n", b"\r\n")  # the terminal makes "\r\n" of each "\n"


def test_colours_are_for_terminals_that_want_them(terminal, tmp_path):
    assert Output(terminal[1], {}).colour
    assert Output(terminal[1], {"NO_COLOR": ""}).colour  # empty is as if it were not there
    assert not Output(terminal[1], {"NO_COLOR": "1"}).colour
    assert not Output(terminal[1], {"TERM": "dumb"}).colour
    with (tmp_path / "file").open("wb") as file:
        assert not Output(file.fileno(), {}).colour


def test_of_control_bytes_only_colours_are_left():
    text = "a\x1b[31mb\x1b[0m\x1b[2J\x07\x9b\x7f\r\u202ec\nd\te"
    assert clean(text) == "ab[2Jc\nd\te"
    assert clean(text, colours=True) == "a\x1b[31mb\x1b[0m[2Jc\nd\te\x1b[0m"


def test_lines_are_cut_by_what_they_take():
    assert cut("abcdef", 3) == "abc"
    assert cut("\x1b[31mabc\x1b[0md", 2) == "\x1b[31mab\x1b[0m"
    assert cut("日本語", 5) == "日本"
    assert cut("e\u0301e\u0301e", 2) == "e\u0301e\u0301"


async def test_a_page_is_painted_anew_when_the_size_changes(terminal, nursery):
    reading, writing = terminal
    sized(writing, 2, 10)
    output = Output(writing, {})

    async def show():
        async with Screen(output) as screen:
            await screen.show("one is longer\ntwo\nthree", 1000)

    scope = trio.CancelScope()

    async def within():
        with scope:
            await show()

    nursery.start_soon(within)
    first = await read_until(reading, b"\x1b[J")
    assert first == b"\x1b[?1049h\x1b[?25l\x1b[Hone is lon\x1b[K\r\ntwo\x1b[K\x1b[J"
    sized(writing, 3, 20)
    output.resized.ring()
    assert await read_until(reading, b"\x1b[J") == b"\x1b[Hone is longer\x1b[K\r\ntwo\x1b[K\r\nthree\x1b[K\x1b[J"
    scope.cancel()
    assert (await read_until(reading, b"three")).startswith(b"\x1b[?25h\x1b[?1049l")


async def test_who_does_not_read_can_be_left():
    reading, writing = os.pipe()
    try:
        with trio.move_on_after(0.2) as scope:
            await Output(writing, {}).put("x" * 1_000_000)
        assert scope.cancelled_caught
    finally:
        os.close(reading)
        os.close(writing)


async def test_who_has_gone_is_noticed():
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        await Output(writing, {}).say("x")
    os.close(writing)
