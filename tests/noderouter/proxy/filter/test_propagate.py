"""What the next hop is told."""

from dtab import Dtab, Path
from noderouter.core.address_rule import AddressRule
from noderouter.core.context import Context, Deadline, Trace
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.trace_context import SAMPLED, SAMPLING_KNOWN, parse_trace, show_trace
from noderouter.proxy.filter.overrides import OverrideRules
from noderouter.proxy.filter.propagate import MAX_NAME_BYTES, Propagate, destination_fields
from noderouter.proxy.filter.read_context import ReadContext
from tests.testing.reply import make_exchange, recorded
from tests.testing.step import run

TRUSTING = OverrideRules(Path.of("svc"), trusted=[AddressRule.parse("10.0.0.9")])


async def served(exchange: Exchange) -> None:
    """Answers nothing; the test looks at the exchange."""


def sent(exchange: Exchange) -> dict[bytes, bytes]:
    """The fields that `exchange` sends on."""
    run(Propagate(served).serve(exchange))
    pairs = list(Headers(exchange.request_fields).items())
    fields = dict(pairs)
    assert len(fields) == len(pairs), "a field is there twice"
    return fields


def with_context(context: Context) -> dict[bytes, bytes]:
    exchange = make_exchange()
    exchange.context = context
    return sent(exchange)


def test_a_request_without_context_starts_a_trace_and_says_nothing_else() -> None:
    fields = sent(make_exchange())
    assert fields.keys() == {b"l5d-ctx-trace", b"l5d-reqid"}
    trace = parse_trace(fields[b"l5d-ctx-trace"])
    assert trace is not None
    assert fields[b"l5d-reqid"] == b"%016x" % trace.trace_id


def test_what_was_there_before_stays() -> None:
    exchange = make_exchange()
    exchange.request_fields = b"x-before: 1\r\n"
    assert sent(exchange)[b"x-before"] == b"1"


def test_a_trace_goes_on_with_a_new_span() -> None:
    fields = with_context(Context(trace=Trace(3, 1, 2, 6, 9)))
    trace = parse_trace(fields[b"l5d-ctx-trace"])
    assert trace is not None
    assert (trace.trace_id, trace.parent_id, trace.flags, trace.trace_id_high) == (3, 1, 6, 9)
    assert trace.span_id != 1
    assert fields[b"l5d-reqid"] == b"0000000000000003"


def test_a_sample_rate_becomes_a_decision() -> None:
    for given in (None, Trace(3, 1, 2)):
        for rate, flags in ((1.0, SAMPLING_KNOWN | SAMPLED), (0.0, SAMPLING_KNOWN)):
            trace = parse_trace(with_context(Context(trace=given, sample=rate))[b"l5d-ctx-trace"])
            assert trace is not None
            assert trace.flags == flags
            assert trace.parent_id == (1 if given else trace.trace_id)


def test_deadline_and_dtab() -> None:
    fields = with_context(Context(Deadline(5, 6), Dtab.parse("/a => /b | /c ; /d=>!")))
    assert fields[b"l5d-ctx-deadline"] == b"5 6"
    assert fields[b"l5d-ctx-dtab"] == b"/a=>/b | /c;/d=>!"
    assert b"l5d-ctx-dtab" not in with_context(Context(dtab=Dtab.EMPTY))


def test_a_user_dtab_leaves_as_context_and_is_not_repeated() -> None:
    exchange = make_exchange(reserved=((b"l5d-dtab", b"/a=>/b"), (b"l5d-ctx-dtab", b"/c=>/d")))
    recorded(exchange).comes(("10.0.0.9", 555))
    run(ReadContext(Propagate(served).serve, TRUSTING).serve(exchange))
    block = exchange.request_fields
    assert block.count(b"dtab: ") == 1
    assert b"l5d-ctx-dtab: /c=>/d;/a=>/b\r\n" in block


def test_a_dtab_cannot_smuggle_a_field() -> None:
    hostile = b"/a=>/b\t#\xa0x-admin: 1"
    exchange = make_exchange(reserved=((b"l5d-dtab", hostile),))
    recorded(exchange).comes(("10.0.0.9", 555))
    run(ReadContext(Propagate(served).serve, TRUSTING).serve(exchange))
    assert b"l5d-ctx-dtab: /a=>/b\r\n" in exchange.request_fields
    assert b"admin" not in exchange.request_fields


def test_special_fields_that_go_on_and_those_that_end_here() -> None:
    reserved = (
        (b"l5d-ctx-tenant", b"a"),
        (b"l5d-name", b"/x"),
        (b"max-forwards", b"3"),
        (b"l5d-reqid", b"spoofed"),
        (b"l5d-dst-service", b"/svc/other"),
        (b"l5d-dst-client", b"/#/other"),
        (b"l5d-dst-residual", b"/other"),
        (b"te", b"trailers"),
        (b"x-forwarded-client-cert", b"Subject=admin"),
        (b"via", b"1.1 other"),
        (b"expect", b"100-continue"),
        (b"upgrade", b"websocket"),
        (b"trailer", b"x"),
    )
    fields = sent(make_exchange(reserved=reserved))
    assert fields.pop(b"l5d-reqid") != b"spoofed"
    del fields[b"l5d-ctx-trace"]
    assert fields == {b"l5d-ctx-tenant": b"a", b"l5d-name": b"/x", b"max-forwards": b"3"}


def test_repeated_fields_are_all_carried_in_order() -> None:
    exchange = make_exchange(reserved=((b"l5d-ctx-x", b"1"), (b"l5d-ctx-x", b"2")))
    run(Propagate(served).serve(exchange))
    assert Headers(exchange.request_fields).get_all(b"l5d-ctx-x") == [b"1", b"2"]


def test_the_next_router_reads_what_this_one_wrote() -> None:
    exchange = make_exchange()
    exchange.context = Context(Deadline(5, 2**62), Dtab.parse("/a=>/b"), Trace(3, 1, 2, 6))
    fields = sent(exchange)
    following = make_exchange(reserved=tuple(fields.items()))
    run(ReadContext(served, OverrideRules(Path.of("svc"))).serve(following))
    context = following.context
    assert context is not None
    assert context.deadline == Deadline(5, 2**62)
    assert context.dtab == Dtab.parse("/a=>/b")
    assert context.trace is not None
    assert show_trace(context.trace) == fields[b"l5d-ctx-trace"]


def test_destination() -> None:
    name, client_id = Path.parse("/svc/hello"), Path.parse("/#/io.l5d.fs/hello")
    assert destination_fields(name, client_id, Path(())) == (
        b"l5d-dst-service: /svc/hello\r\nl5d-dst-client: /#/io.l5d.fs/hello\r\n"
    )
    assert destination_fields(name, client_id, Path.parse("/a/b")).endswith(b"l5d-dst-residual: /a/b\r\n")


def test_a_name_from_a_hostile_host_cannot_break_out() -> None:
    name = Path((b"svc", b"a\r\nx-admin: 1", b"\xff"))
    fields = destination_fields(name, Path.parse("/$/inet/a/1"), Path(()))
    assert fields.count(b"\r\n") == 2
    assert b"x-admin" not in fields


def test_a_very_long_name_is_not_told() -> None:
    name = Path((b"svc", b"a" * MAX_NAME_BYTES))
    assert destination_fields(name, Path.parse("/x"), Path(())) == b"l5d-dst-client: /x\r\n"
