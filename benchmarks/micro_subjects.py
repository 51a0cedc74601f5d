"""The functions that `benchmarks.micro` times: what the data path does once per request, and what dtabs cost.

A subject is a function that prepares and answers the operation to repeat. It imports what it measures itself,
so that one that is not built (the compiled parser) is left out and the rest still runs.
"""

from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

from benchmarks import policy_subjects
from benchmarks.cases import USUAL_HEADERS
from dtab import Bound, Dtab, Leaf, NameTree, Ok, Path, bind

if TYPE_CHECKING:
    from noderouter.core.computed import Reading
    from noderouter.proxy.balancer.kind import BalancerKind

Operation = Callable[[], object]
Subject = Callable[[], Operation]

MAX_LINE, MAX_HEAD = 16 * 1024, 60 * 1024
SMALL: Final = b"GET /x HTTP/1.1\r\nHost: name-000.shop.example\r\n\r\n"
USUAL: Final = SMALL[:-2] + b"".join(line.encode() + b"\r\n" for line in USUAL_HEADERS) + b"\r\n"
RESPONSE: Final = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 19:09:23 GMT\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 100\r\nConnection: keep-alive\r\n\r\n"
)
DENTRIES: Final = ";".join(f"/svc/name-{i:03} => /srv/name-{i:03} | 3 * /srv/old & /srv/new" for i in range(10))
MANY: Final = ";".join(f"/svc/name-{i:05} => /srv/{i}" for i in range(10_000))


def nothing() -> Operation:
    """An empty call: what every other figure contains."""
    return lambda: None


def _head(module: str, function: str, data: bytes) -> Subject:
    def prepare() -> Operation:
        from importlib import import_module

        parse = getattr(import_module(f"noderouter.proxy.http1.{module}"), function)
        return lambda: parse(data, MAX_LINE, MAX_HEAD)

    return prepare


def _hpack_lines() -> bytes:
    """13 fields as HTTP/2 carries them: with 4 pseudo-fields 17, all of which a table may have."""
    lines = [line.encode().partition(b":") for line in USUAL_HEADERS if not line.startswith("Authorization")]
    return b"".join(b"%b:%b\r\n" % (name.lower(), value) for name, _, value in lines) + b"x-tenant: 17\r\n"


def _hpack_message(encoder: Any) -> Callable[[], bytes]:
    lines = _hpack_lines()
    return lambda: cast(
        bytes, encoder.request(1, True, b"", b"GET", b"http", b"name-000.shop.example", b"/x", None, -1, None, lines)
    )


def _hpack_encode(module: str) -> Subject:
    """A request of 17 fields, all of them in the table, to one frame."""

    def prepare() -> Operation:
        from importlib import import_module

        encode = _hpack_message(import_module(f"noderouter.proxy.http2.{module}").Encoder())
        for _ in range(2):
            encode()
        return encode

    return prepare


def _hpack_decode(module: str) -> Subject:
    """And back: pseudo-fields, and the block of field lines."""

    def prepare() -> Operation:
        from importlib import import_module

        from noderouter.proxy.http2.hpack_pure import Encoder

        encode, decode = _hpack_message(Encoder()), import_module(f"noderouter.proxy.http2.{module}").Decoder().request
        for _ in range(2):
            frame = encode()
            decode(frame, 9, len(frame))
        frame = encode()
        return lambda: decode(frame, 9, len(frame))

    return prepare


def _hpack_literals(module: str) -> Subject:
    """A response as nginx sends it: nothing is indexed, all in the Huffman code."""
    coded = (
        "880f2784aa6355e70f1296dd6d5f4a084a693f75040138a05fb807ee09953168df0f1087497ca58ae819aa0f0d8208010f1d96dd6d5f4a08"
        "4a693f75040138a05fb807ee09953168df0f138bfe5b9404723095671afe7f0f03848fd24a8f"
    )

    def prepare() -> Operation:
        from importlib import import_module

        data = bytes.fromhex(coded)
        decode = import_module(f"noderouter.proxy.http2.{module}").Decoder().response
        return lambda: decode(data, 0, len(data))

    return prepare


def hpack_package_encode() -> Operation:
    """The same 17 fields by the package `hpack`."""
    from hpack import Encoder

    fields = _hpack_fields()
    encoder = Encoder()
    encoder.encode(fields)
    return lambda: encoder.encode(fields)


def hpack_package_decode() -> Operation:
    """And back, to tuples."""
    from hpack import Decoder, Encoder

    fields = _hpack_fields()
    encoder, decoder = Encoder(), Decoder()
    decoder.decode(encoder.encode(fields), raw=True)
    data = encoder.encode(fields)
    return lambda: decoder.decode(data, raw=True)


def _hpack_fields() -> list[tuple[bytes, bytes]]:
    pseudo = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"name-000.shop.example"), (b":path", b"/x")]
    lines = [line.partition(b":") for line in _hpack_lines().split(b"\r\n") if line]
    return [*pseudo, *((name, value.strip()) for name, _, value in lines)]


def chunk_decode() -> Operation:
    """A body of 4 KB in four chunks, with a decoder of its own, fed at once."""
    from noderouter.proxy.http1.chunked import ChunkedDecoder

    body = (b"400\r\n" + b"x" * 1024 + b"\r\n") * 4 + b"0\r\n\r\n"
    return lambda: ChunkedDecoder(MAX_HEAD).feed(body)


def path_parse() -> Operation:
    """Text to Path, two labels."""
    return lambda: Path.parse("/svc/name-000.shop.example")


def dtab_parse() -> Operation:
    """Ten dentries with alternatives and weights."""
    return lambda: Dtab.parse(DENTRIES)


def _lookup(text: str, name: str) -> Subject:
    def prepare() -> Operation:
        table, path = Dtab.parse(text), Path.parse(name)
        return lambda: table.lookup(path)

    return prepare


def _found(path: Path) -> Ok[NameTree[Path | Bound]]:
    """A namer that knows every name below /#/fs."""
    return Ok(Leaf(Bound(path, Path.EMPTY, None)))


def dtab_bind() -> Operation:
    """A whole binding: two rewritings, then the namer."""
    table = Dtab.parse("/srv => /#/fs; /svc => /srv")
    path = Path.parse("/svc/name-000.shop.example")
    return lambda: bind(table, path, _found)


def binding_read() -> Operation:
    """What a request pays for its binding while nothing changes."""
    from noderouter.naming.binding import Binding
    from noderouter.naming.binding_cache import BindingCache

    def resolve(path: Path, local: Dtab | None, reading: "Reading") -> Ok[NameTree[Bound]]:
        return Ok(Leaf(Bound(path, Path.EMPTY, None)))

    cache = BindingCache(lambda path, local: Binding(path, local, resolve))
    path = Path.parse("/svc/name-000.shop.example")
    return lambda: cache.get(path).result


def _balancer(module: str, kind: str, size: int) -> Subject:
    """A whole turn of a balancer: pick, begin, end."""

    def prepare() -> Operation:
        from importlib import import_module

        from noderouter.proxy.balancer.node import Node

        found: type[BalancerKind] = getattr(import_module(f"noderouter.proxy.balancer.{module}"), kind)
        balancer = found.model_validate({"kind": found.kind_name}).build(Random(1))
        balancer.update([Node(index) for index in range(size)])

        def turn() -> None:
            node = balancer.pick(1.0)
            assert node is not None
            balancer.begin(node, 1.0)
            balancer.end(node, 1.0, 0.001)

        return turn

    return prepare


def stats_record() -> Operation:
    """Count one answered request."""
    from noderouter.telemetry.metrics import RequestStats

    record = RequestStats().record
    return lambda: record(200, 0.0013, True)


def budget_deposit() -> Operation:
    """Pay into a retry budget."""
    from noderouter.proxy.retry.budget import RetryBudget

    deposit = RetryBudget().deposit
    return lambda: deposit(1.0)


def classify() -> Operation:
    """The default classifier's verdict on a 200."""
    from noderouter.core.body import NO_BODY
    from noderouter.core.exchange import Exchange
    from noderouter.core.headers import Headers
    from noderouter.core.message import Response
    from noderouter.proxy.classifier.http import NonRetryable5XX

    exchange = Exchange(b"GET", b"/x", b"host", Headers(), NO_BODY, cast(Any, None))
    exchange.response = Response(200, b"OK", Headers(), 100)
    verdict = NonRetryable5XX(kind="io.l5d.http.nonRetryable5XX").build().head
    return lambda: verdict(exchange)


def _answered() -> tuple[Any, Any]:
    """An exchange that was answered at the first try, and its trace."""
    from noderouter.core.addr import Address
    from noderouter.core.body import NO_BODY
    from noderouter.core.connection import ConnectionInfo
    from noderouter.core.context import Context, Trace
    from noderouter.core.exchange import Exchange
    from noderouter.core.headers import Headers
    from noderouter.core.journey import Attempt
    from noderouter.core.message import Response
    from noderouter.core.trace_context import SAMPLED, SAMPLING_KNOWN

    headers = Headers(b"".join(line.encode() + b"\r\n" for line in USUAL_HEADERS))
    reply = SimpleNamespace(connection=ConnectionInfo(("10.0.0.7", 4711), ("10.0.0.1", 4140)))
    exchange = Exchange(b"GET", b"/x?y=z", b"name-000.shop.example", headers, NO_BODY, cast(Any, reply))
    trace = Trace(2, 5, 4, SAMPLING_KNOWN | SAMPLED, 1)
    exchange.response = Response(200, b"OK", Headers(), 100)
    exchange.name, exchange.client_id = Path.parse("/svc/name-000"), Path.parse("/#/io.l5d.fs/name-000")
    exchange.started, exchange.done_at = 1.0, 1.001
    exchange.context = Context(span=trace)
    attempt = Attempt(exchange.client_id, Address("10.1.0.1", 8080), 1.0)
    attempt.ended, attempt.status, attempt.span_id = 1.001, 200, 6
    exchange.journey, exchange.attempts = [attempt], 1
    return exchange, trace


def _recorder() -> Any:
    from noderouter.core.propagation.sampler import Sampler
    from noderouter.telemetry.tracing.exporter import SpanExporter
    from noderouter.telemetry.tracing.post import Collector
    from noderouter.telemetry.tracing.queue import SpanQueue
    from noderouter.telemetry.tracing.recorder import SpanRecorder

    exporter = SpanExporter("none", SpanQueue(), lambda: lambda _: b"", Collector("http://127.0.0.1/", "", {}))
    return SpanRecorder(Sampler(1.0, False), exporter)


def spans_record() -> Operation:
    """Note the two spans of a request with one try."""
    exchange, trace = _answered()
    recorder = _recorder()
    return lambda: recorder.ended(exchange, "http", trace, None)


SUBJECTS: Final[dict[str, Subject]] = {
    "empty call": nothing,
    "request head, 1 header, compiled": _head("_head", "parse_request", SMALL),
    "request head, 14 headers, compiled": _head("_head", "parse_request", USUAL),
    "response head, compiled": _head("_head", "parse_response", RESPONSE),
    "request head, 1 header, Python": _head("head_pure", "parse_request", SMALL),
    "request head, 14 headers, Python": _head("head_pure", "parse_request", USUAL),
    "response head, Python": _head("head_pure", "parse_response", RESPONSE),
    "HPACK of 17 fields, decode, compiled": _hpack_decode("_hpack"),
    "HPACK of 17 fields, encode, compiled": _hpack_encode("_hpack"),
    "HPACK of 8 literals, decode, compiled": _hpack_literals("_hpack"),
    "HPACK of 17 fields, decode, Python": _hpack_decode("hpack_pure"),
    "HPACK of 17 fields, encode, Python": _hpack_encode("hpack_pure"),
    "HPACK of 8 literals, decode, Python": _hpack_literals("hpack_pure"),
    "HPACK of 17 fields, decode, package hpack": hpack_package_decode,
    "HPACK of 17 fields, encode, package hpack": hpack_package_encode,
    "chunked body of 4 KB, decode": chunk_decode,
    "path, parse": path_parse,
    "dtab of 10, parse": dtab_parse,
    "dtab of 10, lookup": _lookup(DENTRIES, "/svc/name-004/rest"),
    "dtab of 10,000, lookup": _lookup(MANY, "/svc/name-05000/rest"),
    "dtab, bind": dtab_bind,
    "binding cache, read": binding_read,
    "p2c of 5, turn": _balancer("p2c", "P2CKind", 5),
    "p2c of 1,000, turn": _balancer("p2c", "P2CKind", 1000),
    "ewma of 5, turn": _balancer("ewma", "EwmaKind", 5),
    "aperture of 5, turn": _balancer("aperture", "ApertureKind", 5),
    "heap of 5, turn": _balancer("heap", "HeapKind", 5),
    "roundRobin of 5, turn": _balancer("round_robin", "RoundRobinKind", 5),
    "stats, record": stats_record,
    "retry budget, deposit": budget_deposit,
    "classify": classify,
    "two spans, record": spans_record,
    **policy_subjects.SUBJECTS,
}
