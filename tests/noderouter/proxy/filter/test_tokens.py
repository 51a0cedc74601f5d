"""The filter: which token is meant, what becomes of a request with a wrong one, and what an endpoint sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.claims import Unknown, Verified
from noderouter.core.errors import BadToken, KeysUnknown
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers, lines_called
from noderouter.proxy.filter.tokens import TokenField, Tokens, TokenStats, bearer
from tests.testing.reply import make_exchange
from tests.testing.step import run

GOOD = Verified({"sub": "anna"}, b"x-sub: anna\r\n")


async def served(exchange: Exchange) -> None:
    """Answers nothing; the test looks at the exchange."""


def verify(token: bytes) -> Verified | Unknown:
    if token == b"away":
        raise KeysUnknown("away")
    if token != b"good":
        raise BadToken("malformed", "wrong")
    return GOOD


class Server:
    """A filter with two fields, and its counts."""

    def __init__(self, *, forward: bool = False) -> None:
        self.stats = TokenStats(["malformed"])
        fields = [TokenField(b"authorization", verify, forward), TokenField(b"x-token", verify, forward)]
        self._filter = Tokens(served, fields, ["x-sub", "x_more-groups"], self.stats)

    def serve(self, block: bytes) -> Exchange:
        exchange = make_exchange()
        exchange.headers.block = block
        run(self._filter.serve(exchange))
        return exchange

    def refused(self, block: bytes) -> tuple[int, bytes]:
        with pytest.raises(BadToken) as caught:
            self.serve(block)
        return caught.value.status, caught.value.fields


def test_a_good_one() -> None:
    exchange = Server().serve(b"Accept: */*\r\nAuthorization: Bearer good\r\nX-Sub: eve\r\n")
    assert exchange.claims == {"sub": "anna"}
    assert exchange.block == b"Accept: */*\r\n"
    assert exchange.request_fields == b"x-sub: anna\r\n"


def test_in_a_field_of_its_own() -> None:
    assert Server().serve(b"x-token: good\r\n").claims == {"sub": "anna"}
    assert Server().refused(b"x-token: Bearer good\r\n")[0] == 401


def test_forwarded_on_request() -> None:
    exchange = Server(forward=True).serve(b"Authorization: bearer  good\r\n")
    assert exchange.block == b"Authorization: bearer  good\r\n"


def test_none_goes_on_without_claims() -> None:
    server = Server()
    for block in (b"", b"Authorization: Basic Z29vZA==\r\n", b"Authorization: Bearerish good\r\n"):
        exchange = server.serve(block)
        assert exchange.claims is None
        assert exchange.block == block
        assert exchange.request_fields == b""
    assert server.stats.missing == 3


@pytest.mark.parametrize(
    "value", [b"Bearer", b"Bearer ", b"Bearer bad", b"bearer\tgood", b"Bearer good, Bearer good", b"Bearer,good"]
)
def test_wrong_ones_are_401(value: bytes) -> None:
    server = Server()
    status, fields = server.refused(b"Authorization: %b\r\n" % value)
    assert status == 401
    assert fields == b'www-authenticate: Bearer error="invalid_token", error_description="wrong"\r\n'
    assert server.stats.refused["malformed"] == 1


@pytest.mark.parametrize(
    "block",
    [
        b"Authorization: Bearer good\r\nAuthorization: Bearer good\r\n",
        b"Authorization: Basic xx\r\nAUTHORIZATION: Bearer good\r\n",
        b"Authorization: Bearer good\r\nX-Token: good\r\n",
        b"x-token: good\r\nx-token: bad\r\n",
    ],
)
def test_two_are_400(block: bytes) -> None:
    server = Server()
    status, fields = server.refused(block)
    assert status == 400
    assert b'error="invalid_request"' in fields
    assert server.stats.refused["ambiguous"] == 1


def test_nobody_can_tell() -> None:
    server = Server()
    with pytest.raises(KeysUnknown):
        server.serve(b"x-token: away\r\n")
    assert server.stats.refused["keys"] == 1


@pytest.mark.parametrize("name", [b"x-sub", b"X-SUB", b"x_sub", b"x-more-groups", b"X_More_Groups", b"x_more-groups"])
def test_strangers_cannot_claim(name: bytes) -> None:
    exchange = Server().serve(b"a: x-sub: b\r\n%b: eve\r\nx-subs: c\r\nmy-x-sub: d\r\n%b:eve\r\n" % (name, name))
    assert exchange.block == b"a: x-sub: b\r\nx-subs: c\r\nmy-x-sub: d\r\n"


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("other", [b"", b"x-token: good\r\n"])
def test_a_token_that_nobody_judged_does_not_pass_by_another_spelling(forward: bool, other: bytes) -> None:
    exchange = Server(forward=forward).serve(b"a: b\r\nX_Token: forged\r\n%bx_tokens: c\r\n" % other)
    assert exchange.block == b"a: b\r\n%bx_tokens: c\r\n" % (other if forward else b"")
    assert exchange.claims == ({"sub": "anna"} if other else None)


NAMES = st.from_regex(r"[a-z][a-z0-9_.+-]{0,8}", fullmatch=True)


@given(
    st.lists(NAMES, min_size=1, max_size=4), st.lists(st.tuples(NAMES, st.sampled_from(["", "a", "b: c"])), max_size=6)
)
def test_only_lines_of_these_names_go(names: list[str], fields: list[tuple[str, str]]) -> None:
    block = "".join(f"{name}: {value}\r\n" for name, value in fields).encode()
    left = Headers(lines_called(names).sub(b"", block))
    same = {name.replace("_", "-") for name in names}
    kept = [(name, value) for name, value in fields if name.replace("_", "-") not in same]
    assert [(name.decode(), value.decode()) for name, value in left.items()] == kept


def test_bearers() -> None:
    assert bearer(b"BEARER x") == b"x"
    assert bearer(b"Bearer") == b""
    assert bearer(b"Digest x") is None
    assert bearer(b"") is None
