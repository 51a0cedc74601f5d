"""What is read from a request, what stays, and what is refused."""

from base64 import b64encode
from struct import pack
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Dtab, Path
from noderouter.core.address_rule import AddressRule
from noderouter.core.context import Context, Deadline, Trace
from noderouter.core.errors import DeadlineExceeded
from noderouter.core.exchange import Exchange
from noderouter.proxy.filter.overrides import MAX_DTAB_BYTES, BadContext, OverrideRules
from noderouter.proxy.filter.read_context import ClearContext, ReadContext, parse_sample
from tests.testing.reply import make_exchange, recorded
from tests.testing.step import run

Reserved = tuple[tuple[bytes, bytes], ...]
NOW_NS = 5_000
PEER = ("10.0.0.9", 555)
TRUSTING = OverrideRules(Path.of("svc"), trusted=[AddressRule.parse("10.0.0.9")])
"""What others may say is in `test_overrides.py`."""


async def served(exchange: Exchange) -> None:
    """Answers nothing; the test looks at the exchange."""


def read(*reserved: tuple[bytes, bytes]) -> Exchange:
    exchange = make_exchange(reserved=reserved or None)
    recorded(exchange).comes(PEER)
    run(ReadContext(served, TRUSTING, clock_ns=lambda: NOW_NS).serve(exchange))
    return exchange


def read_context(*reserved: tuple[bytes, bytes]) -> Context:
    context = read(*reserved).context
    assert context is not None
    return context


def test_a_request_without_special_fields_has_no_context() -> None:
    exchange = read()
    assert exchange.context is None
    assert exchange.reserved is None


def test_all_parts_are_read_and_removed() -> None:
    exchange = read(
        (b"l5d-ctx-deadline", b"1000 9000"),
        (b"via", b"1.1 linkerd"),
        (b"l5d-ctx-dtab", b"/a=>/b"),
        (b"l5d-ctx-trace", b64encode(pack(">QQQQ", 1, 2, 3, 4))),
        (b"l5d-sample", b"0.5"),
        (b"l5d-dtab", b"/c=>/d"),
    )
    assert exchange.reserved == ((b"via", b"1.1 linkerd"),)
    dtab = Dtab.parse("/a=>/b;/c=>/d")
    assert exchange.context == Context(Deadline(1000, 9000), dtab, Trace(3, 1, 2, 4), 0.5, dtab)


def test_special_is_none_again_when_everything_was_consumed() -> None:
    assert read((b"l5d-sample", b"1")).reserved is None


def test_others_pass_untouched_and_make_no_context() -> None:
    reserved = ((b"l5d-ctx-tenant", b"a"), (b"l5d-name", b"/x"), (b"l5d-dst-service", b"/svc/a"), (b"expect", b"x"))
    exchange = read(*reserved)
    assert exchange.reserved == reserved
    assert exchange.context is None


def test_the_users_dtab_wins_over_the_propagated_one_in_any_order() -> None:
    context = read_context((b"l5d-dtab", b"/s=>/user"), (b"l5d-ctx-dtab", b"/s=>/context"))
    assert context.dtab is not None
    assert context.dtab.show() == "/s=>/context;/s=>/user"
    assert context.dtab.lookup(Path.parse("/s")).show() == "/user | /context"


def test_a_dtab_may_come_in_several_fields() -> None:
    context = read_context((b"l5d-dtab", b"/a=>/b;"), (b"l5d-dtab", b"/c=>/d # comment"), (b"l5d-dtab", b""))
    assert context.dtab is not None
    assert context.dtab.show() == "/a=>/b;/c=>/d"


def test_an_empty_dtab_is_none() -> None:
    assert read_context((b"l5d-dtab", b"")).dtab is None


def test_the_same_override_is_the_same_object_so_that_caches_find_it() -> None:
    field = (b"l5d-dtab", b"/same => /object")
    assert read_context(field).dtab is read_context(field).dtab


@pytest.mark.parametrize("name", [b"l5d-dtab", b"l5d-ctx-dtab"])
def test_a_wrong_dtab_is_refused_with_the_text_of_the_parser(name: bytes) -> None:
    for reserved in (((name, b"invalid-param"),), ((name, b"/a=>/b"), (name, b"invalid-param"))):
        with pytest.raises(BadContext) as caught:
            read(*reserved)
        assert caught.value.status == 400
        assert caught.value.message == "'/' expected but 'i' found at '[i]nvalid-param'"


def test_bytes_beyond_ascii_are_refused_not_guessed() -> None:
    with pytest.raises(BadContext):
        read((b"l5d-dtab", b"/\xc3\xa4=>/b"))


def test_dtabs_are_bounded_together() -> None:
    half = b"/a=>/" + b"b" * (MAX_DTAB_BYTES // 2 - 5)
    assert read_context((b"l5d-dtab", half), (b"l5d-ctx-dtab", half)).dtab
    with pytest.raises(BadContext, match="too long"):
        read((b"l5d-dtab", half), (b"l5d-ctx-dtab", half), (b"l5d-dtab", b"/a=>/b"))


@pytest.mark.parametrize(
    "values",
    [[b"/a=>/b;" * 70], [b""] * 200, [b"# x"] * 200, [b"/a=>/|/|/&/" + b"|/" * 130], [b"("] * 64 + [b"/a=>/b"]],
)
def test_what_dtabs_are_made_of_is_bounded_together(values: list[bytes]) -> None:
    """Refused before anything is parsed: that is what would cost."""
    with patch.object(Dtab, "parse") as parse, pytest.raises(BadContext, match="too many entries") as caught:
        read(*((b"l5d-dtab", value) for value in values))
    assert caught.value.status == 400
    assert not parse.called


def test_a_dtab_in_many_fields_is_one_part() -> None:
    """Else the router's own dtab, which may be long, would be indexed anew for each override."""
    local = read_context(*[(b"l5d-dtab", b"/a%d=>/b" % number) for number in range(20)]).dtab
    assert local is not None
    base = Dtab.parse("/svc=>/a1")
    assert (base + local)._parts == base._parts + local._parts


def test_deadlines_combine_and_nonsense_is_ignored() -> None:
    name = b"l5d-ctx-deadline"
    context = read_context((name, b"100 9000"), (name, b"no deadline"), (name, b"200 8000"))
    assert context.deadline == Deadline(200, 8000)
    assert read_context((name, b"soon")).deadline is None


def test_an_expired_deadline_is_refused_before_any_work() -> None:
    with pytest.raises(DeadlineExceeded):
        read((b"l5d-ctx-deadline", b"100 %d" % NOW_NS), (b"l5d-dtab", b"not even looked at"))


def test_only_the_first_trace_that_is_one_counts() -> None:
    name = b"l5d-ctx-trace"
    first, second = (b64encode(pack(">QQQQ", n, n, n, 0)) for n in (1, 2))
    assert read_context((name, b"junk"), (name, first), (name, second)).trace == Trace(1, 1, 1)
    assert read_context((name, b"junk")).trace is None


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        (b"0", 0.0),
        (b"1", 1.0),
        (b"0.25", 0.25),
        (b".5", 0.5),
        (b"1.", 1.0),
        (b"-3", 0.0),
        (b"+2", 1.0),
        (b"1e-2", 0.01),
        (b"1e999", 1.0),
        (b"", None),
        (b".", None),
        (b"nan", None),
        (b"inf", None),
        (b"1_0", None),
        (b"0x1", None),
        (b"0,5", None),
        (b"\xb2", None),
    ],
)
def test_sample_rates(value: bytes, rate: float | None) -> None:
    assert parse_sample(value) == rate


def test_a_first_sample_that_is_none_leaves_the_next() -> None:
    assert read_context((b"l5d-sample", b"x"), (b"l5d-sample", b"1"), (b"l5d-sample", b"0")).sample == 1.0


def clear(reserved: Reserved | None) -> Exchange:
    exchange = make_exchange(reserved=reserved)
    run(ClearContext(served).serve(exchange))
    return exchange


NAMES = st.sampled_from([b"l5d-dtab", b"l5d-ctx-trace", b"l5d-", b"l5d-x", b"l5d-ctx-dtab", b"via", b"te", b"expect"])


@given(st.lists(st.tuples(NAMES, st.binary(max_size=5))))
def test_clearing_drops_all_of_ours_and_nothing_else(fields: list[tuple[bytes, bytes]]) -> None:
    exchange = clear(tuple(fields) or None)
    assert exchange.context is None
    assert exchange.reserved == (tuple(f for f in fields if f[0] in (b"via", b"te", b"expect")) or None)


def test_clearing_ignores_what_would_be_refused() -> None:
    assert clear(((b"l5d-dtab", b"wrong"), (b"l5d-ctx-deadline", b"1 1"))).reserved is None


# The time limits of gRPC

TE = ((b"te", b"trailers"),)


def call(limit: bytes, reserved: Reserved | None = TE) -> Exchange:
    block = b"content-type: application/grpc\r\ngrpc-timeout: %b\r\n" % limit
    exchange = make_exchange(b"POST", block=block, reserved=reserved)
    recorded(exchange).comes(PEER)
    return exchange


def test_a_time_limit_tightens_the_deadline() -> None:
    for deadline, expected in ((b"1000 9000", Deadline(NOW_NS, 8_000)), (b"1000 7000", Deadline(NOW_NS, 7_000))):
        exchange = call(b"3u", (*TE, (b"l5d-ctx-deadline", deadline)))
        run(ReadContext(served, TRUSTING, clock_ns=lambda: NOW_NS).serve(exchange))
        assert exchange.context == Context(deadline=expected, timed=True)
        assert exchange.reserved == TE
        assert b"grpc-timeout" not in exchange.block


def test_public_servers_heed_it_as_well() -> None:
    exchange = call(b"1H", (*TE, (b"l5d-ctx-deadline", b"1000 7000")))
    run(ClearContext(served).serve(exchange))
    assert exchange.context is not None
    assert exchange.context.timed
    assert exchange.context.deadline is not None
    assert exchange.context.deadline.deadline_ns > 10**18


@pytest.mark.parametrize("limit", [b"1", b"5 S", b"123456789S", b""])
def test_a_time_limit_that_is_none_is_refused(limit: bytes) -> None:
    for make in (lambda: ReadContext(served, TRUSTING), lambda: ClearContext(served)):
        with pytest.raises(BadContext, match="grpc-timeout is not a time limit"):
            run(make().serve(call(limit)))


def test_without_reserved_fields_nobody_looks() -> None:
    exchange = call(b"soon", None)
    run(ReadContext(served, TRUSTING).serve(exchange))
    assert exchange.context is None
