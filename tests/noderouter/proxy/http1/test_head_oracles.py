"""Whatever our head parsers take, llhttp and h11 take too, and they find the same body behind it.

They are oracles in one direction only: ours may refuse more. Where one of them refuses what ours takes, or frames it
differently, `LLHTTP_DIFFERS` and `H11_DIFFERS` say why; nothing else is tolerated.
"""

from collections.abc import Callable
from random import Random

import h11
import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.http1 import head_pure
from noderouter.proxy.http1.fields import HeadError
from tests.noderouter.proxy.http1 import test_smuggling
from tests.noderouter.proxy.http1.heads import mutate, random_head
from tests.testing.examples import examples

PAYLOAD = b"3\r\nabc\r\n0\r\n\r\n" + b"x" * 40
"""Behind each head: a chunked body of "abc", or simply 53 bytes."""

REFUSED = None
Framing = tuple[int, bytes, bool] | None
"""How many bytes of `PAYLOAD` belong to the message, the body in them, whether it is complete; or REFUSED."""


class _Events:
    """What llhttp calls while it parses."""

    def __init__(self) -> None:
        self.head = self.complete = False
        self.body = b""

    def on_headers_complete(self) -> None:
        self.head = True

    def on_message_complete(self) -> None:
        self.complete = True

    def on_body(self, data: bytes) -> None:
        self.body += data


def llhttp(data: bytes, response: bool) -> Framing:
    events = _Events()
    parser = (httptools.HttpResponseParser if response else httptools.HttpRequestParser)(events)
    taken = 0
    try:
        parser.feed_data(data)
        assert events.head
        while not events.complete and taken < len(PAYLOAD):
            parser.feed_data(PAYLOAD[taken : taken + 1])
            taken += 1
    except httptools.HttpParserUpgrade:
        return taken, events.body, True
    except httptools.HttpParserError:
        return REFUSED
    return taken, events.body, events.complete


def h11_(data: bytes, response: bool) -> Framing:
    connection = h11.Connection(h11.CLIENT if response else h11.SERVER, max_incomplete_event_size=1 << 20)
    if response:
        connection.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
        connection.send(h11.EndOfMessage())
    body, taken = b"", 0
    try:
        connection.receive_data(data)
        event = connection.next_event()
        assert event is not h11.NEED_DATA
        while not isinstance(event, h11.EndOfMessage | h11.InformationalResponse):
            if isinstance(event, h11.Data):
                body += event.data
            if event is h11.NEED_DATA:
                if taken == len(PAYLOAD):
                    return taken, body, False
                connection.receive_data(PAYLOAD[taken : taken + 1])
                taken += 1
            event = connection.next_event()
    except h11.RemoteProtocolError:
        return REFUSED
    return taken, body, True


def ours(head: tuple, response: bool) -> Framing:  # type: ignore[type-arg]
    """The framing that follows from our tuple (RFC 9112 section 6.3)."""
    length = head[4] if response else head[5]
    if response and (head[1] < 200 or head[1] in (204, 304)):
        length = 0
    if length == -1:
        return 13, b"abc", True
    if length == -2 or length > len(PAYLOAD):
        return len(PAYLOAD), PAYLOAD, False
    return length, PAYLOAD[:length], True


LLHTTP_METHODS = frozenset(
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND "
    b"UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK "
    b"UNLINK SOURCE QUERY".split()
)
Reason = Callable[[tuple, bool, bytes], bool]  # type: ignore[type-arg]
RAW: dict[str, Reason] = {
    "it wants every byte from 0x80 on encoded, which not all clients do and most servers do not ask for": (
        lambda head, response, _: not response and not head[2].isascii()
    ),
}
LLHTTP_DIFFERS: dict[str, Reason] = RAW | {
    "it knows a list of methods, we take any token": lambda head, response, _: (
        not response and head[1] not in LLHTTP_METHODS
    ),
    "llhttp takes a 101 without Upgrade and stops, but httptools calls that an error": lambda head, response, _: (
        response and head[1] == 101
    ),
}
H11_DIFFERS: dict[str, Reason] = RAW | {
    "it refuses the empty lines that RFC 9112 section 2.2 wants skipped": lambda _, response, data: (
        not response and data.startswith(b"\r")
    ),
    "it refuses a 101 to a request that did not ask for it, which the caller does": lambda head, response, _: (
        response and head[1] == 101
    ),
}


def disagreement(
    oracle: Callable[[bytes, bool], Framing], known: dict[str, Reason], data: bytes, response: bool
) -> str:
    """What the oracle says against our verdict on `data`, or ""."""
    parse = head_pure.parse_response if response else head_pure.parse_request
    try:
        head = parse(data, 8192, 65536)
    except HeadError:
        return ""
    if head is None or any(differs(head, response, data) for differs in known.values()):
        return ""
    theirs, expected = oracle(data[: head[0]], response), ours(head, response)
    return "" if theirs == expected else f"{data[: head[0]]!r}: {theirs}, ours {expected}"


CASES = [
    *((data, False) for data, _ in test_smuggling.REQUESTS.values()),
    *((data, True) for data, _ in test_smuggling.RESPONSES.values()),
]
ORACLES = pytest.mark.parametrize(
    ("oracle", "known"), [(llhttp, LLHTTP_DIFFERS), (h11_, H11_DIFFERS)], ids=["llhttp", "h11"]
)


@pytest.mark.parametrize(
    ("oracle", "data", "response"),
    [
        (llhttp, b"get / HTTP/1.1\r\nHost: a\r\n\r\n", False),
        (llhttp, b"HTTP/1.1 101 x\r\n\r\n", True),
        (llhttp, b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", False),
        (h11_, b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", False),
        (h11_, b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", False),
        (h11_, b"HTTP/1.1 101 x\r\n\r\n", True),
    ],
)
def test_known_differences_exist(oracle: Callable[[bytes, bool], Framing], data: bytes, response: bool) -> None:
    assert oracle(data, response) is REFUSED
    assert disagreement(oracle, {}, data, response) != ""


@ORACLES
def test_agree_on_the_smuggling_table(oracle: Callable[[bytes, bool], Framing], known: dict[str, Reason]) -> None:
    assert [text for data, response in CASES if (text := disagreement(oracle, known, data, response))] == []


@ORACLES
@given(st.randoms(use_true_random=False), st.booleans())
@examples(1000)
def test_agree_on_grammar(
    oracle: Callable[[bytes, bool], Framing], known: dict[str, Reason], rng: Random, response: bool
) -> None:
    assert disagreement(oracle, known, mutate(rng, random_head(rng, response)), response) == ""
