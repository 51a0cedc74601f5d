"""What the package `hpack` encodes we decode to the same fields, and it what we encode, over whole histories."""

from random import Random
from types import ModuleType

import hpack
from hypothesis import given
from hypothesis import strategies as st

from tests.noderouter.proxy.http2.blocks import GET, LINES
from tests.noderouter.proxy.http2.test_hpack_twins import header_block
from tests.testing.examples import examples

randoms = st.randoms(use_true_random=False)
VALUES = (b"", b"a", b"b", b"gzip, deflate", b"text/html; charset=utf-8", b"\xe4\xff", b"x" * 300, b"&lt;{}|~^`\t!")
NAMES = (b"accept", b"accept-encoding", b"content-type", b"x-a", b"x-request-id", b"cookie2", b"vary")


def modules() -> list[ModuleType]:
    """Those that are there."""
    from noderouter.proxy.http2 import hpack_pure

    try:
        from noderouter.proxy.http2 import _hpack
    except ImportError:
        return [hpack_pure]
    return [hpack_pure, _hpack]


@given(randoms, st.sampled_from(modules()))
@examples(100)
def test_we_decode_what_they_encode(rng: Random, ours: ModuleType) -> None:
    encoder, decoder = hpack.Encoder(), ours.Decoder()
    for _ in range(rng.randrange(1, 10)):
        if rng.random() < 0.2:
            encoder.header_table_size = rng.choice([0, 64, 1000, 4096])
        fields = [(rng.choice(NAMES), rng.choice(VALUES)) for _ in range(rng.randrange(15))]
        sent = [
            hpack.HeaderTuple(*pair) if rng.random() < 0.8 else hpack.NeverIndexedHeaderTuple(*pair) for pair in fields
        ]
        data = encoder.encode([*(hpack.HeaderTuple(*pair) for pair in GET), *sent], huffman=rng.random() < 0.7)
        method, scheme, authority, path, protocol, lines, reserved, length, status, reason = decoder.request(
            data, 0, len(data)
        )
        assert (method, scheme, authority, path, protocol, length) == (b"GET", b"http", b"a:80", b"/x", None, -1)
        assert lines == b"host: a:80\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in fields)
        assert (status, reason) == (0, "")
        never = {pair[0] for pair in sent if isinstance(pair, hpack.NeverIndexedHeaderTuple)}
        assert never.issuperset(name for _, name in reserved or ())  # what is in a table already comes as an index


@given(randoms, st.sampled_from(modules()))
@examples(100)
def test_they_decode_what_we_encode(rng: Random, ours: ModuleType) -> None:
    encoder, decoder = ours.Encoder(), hpack.Decoder()
    decoder.max_allowed_table_size = 4096
    for _ in range(rng.randrange(1, 12)):
        if rng.random() < 0.2:
            allowed = rng.choice([0, 64, 1000, 4096, 65536])
            encoder.resize(allowed)
            decoder.max_allowed_table_size = min(allowed, 4096)
        pairs = [(rng.choice(NAMES), rng.choice(VALUES)) for _ in range(rng.randrange(15))]
        lines = b"".join(b"%b: %b\r\n" % pair for pair in pairs)
        secret = rng.choice([None, (b"accept", b"vary")])
        frames = encoder.request(
            1, True, b"", b"GET", b"http", b"a:80", b"/x", None, 7, secret, LINES[7], lines, b"Authorization: x\r\n"
        )
        data = header_block(frames)
        found = decoder.decode(data, raw=True)
        expected = [*GET, *pairs, (b"authorization", b"x"), (b"content-length", b"7")]
        assert [tuple(pair) for pair in found] == expected
        for pair in found:
            never = pair[0] == b"authorization" or pair[0] in (secret or ())
            assert isinstance(pair, hpack.NeverIndexedHeaderTuple) is never
