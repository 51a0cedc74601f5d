"""HPACK in Python: the twin of `_hpack.c`, and what runs where no C compiler was.

Both must answer the same to every history of blocks, errors included; `tests/noderouter/proxy/http2` and its fuzzers
hold them to it.
"""

from noderouter.proxy.http2.decoder_pure import Decoder
from noderouter.proxy.http2.encoder_pure import Encoder
from noderouter.proxy.http2.field_rules import HpackError

__all__ = ["Decoder", "Encoder", "HpackError"]
