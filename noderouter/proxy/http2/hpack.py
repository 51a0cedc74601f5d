"""HPACK (RFC 7541) and the rules of messages (RFC 9113 section 8): compiled where it is, else its Python twin.

Where in the pipe: a connection has one `Decoder` for what it receives and one `Encoder` for what it sends. They go from
header blocks to field lines and back, so that no field is an object unless somebody asks. Their tables are the peer's:
blocks have to be decoded in the order in which they came, and what is encoded has to be sent, in that order.

    Decoder(max_size=4096, max_list=61440, max_fields=512, extended_connect=False)
        request(data, pos, stop)
            -> method, scheme, authority, path, protocol, block, reserved, length, status, reason
        response(data, pos, stop) -> status code, block, reserved, length, status, reason
        trailers(data, pos, stop) -> block, reserved, status, reason
        acknowledged()

`data[pos:stop]` is a whole header block: of HEADERS and its CONTINUATIONs, without padding and priority. `max_size` is
the SETTINGS_HEADER_TABLE_SIZE that we announce (up to 65,536); `acknowledged` says that the peer has seen it.
`max_list` bounds the fields in the RFC's count (names and values and 32 for each). `extended_connect`, which may be
set, allows CONNECT with `:protocol` (RFC 8441).

`status` is 0 and `reason` empty where the message is right. Else it is malformed (400) or larger than `max_list` or
`max_fields` allow (431); `reason` says what is wrong first, all else is empty (None, -1), and the stream has to be
reset or answered. The connection goes on: the block was decoded to its end.

`HpackError` is raised where the block itself cannot be decoded: the connection is lost (COMPRESSION_ERROR), and the
decoder of no more use. So is it by more than two table size updates at a block's beginning or any later, by one above
what we announced, and by none where the peer has acknowledged less than it used.

`block` holds the field lines for the next hop, names in lower case, in their order:
- first `host: <authority>` in requests, from `:authority` or else from Host;
- cookies in one line at the end of a request (RFC 9113 section 8.2.3);
- without content-length, the reserved fields, proxy-authenticate and proxy-authorization.

`reserved` is None or a tuple as from the parser of HTTP/1 (`http1.head`), and has a pair `(b":never-indexed", name)`
for each field that was a literal never to be indexed, right behind it if it is reserved itself, but `authorization`,
which is never indexed anyhow. That of trailers has nothing else. Give those names as `never` to the next hop's encoder
(RFC 7541 section 6.2.3).

`length` is content-length, -1 where there is none. `scheme` and `path` are empty, and `protocol` is None, for a plain
CONNECT.

Malformed, and never repaired (RFC 9113 sections 8.1 to 8.5):
- names that are no token in lower case; values with control bytes but HTAB, or white space at an end;
- pseudo-fields that are unknown, of the other kind of message, twice, behind other fields, in trailers, or missing;
- `:method` and `:protocol` that are no token, `:scheme` that is none; `:authority` and Host that are not host[:port],
  empty ones included, or differ (in more than case), two Hosts, neither of them;
- `:path` with bytes that HTTP/1 refuses or above 126, or without `/`, but `*` for OPTIONS;
- CONNECT with scheme, path or a body, or without a port; extended CONNECT that was not allowed;
- connection, keep-alive, proxy-connection, transfer-encoding, upgrade; `te` but `trailers`;
- content-length twice, even if equal, no number, or of more than 18 digits in a request, 32 in a response;
- a status but 100 to 999, and 101, which HTTP/2 does not have;
- trailer fields that are none (`http.field_names.NOT_IN_TRAILERS`); where `any_trailers` is set, as for responses, only
  content-length and Host: gRPC's metadata may have any other name. Those of routers (`l5d-`) are left out.

    Encoder(max_size=4096)
        resize(max_size)
        max_frame
        request(stream, end, data, method, scheme, authority, path, protocol, length, never, *blocks) -> frames
        response(stream, end, data, status, length, never, *blocks) -> frames
        trailers(stream, never, *blocks) -> frames

The frames are HEADERS, with as many CONTINUATIONs as `max_frame` (the peer's SETTINGS_MAX_FRAME_SIZE) asks for, and one
DATA where there is `data`, of `max_frame` bytes at most; `end` sets END_STREAM on HEADERS or DATA. Trailers end their
stream.

`resize` takes the peer's SETTINGS_HEADER_TABLE_SIZE; the next block announces what is made of it, never more than our
own `max_size`, and the smallest first if there were several.

`blocks` hold field lines as `Exchange.block` has them, of any version: names in any case. Left out are Host in
requests, content-length, which is written from `length` (none if negative), and what stays with a connection. An empty
`scheme` or `path`, and None, are left out. What has other lines raises ValueError: the encoder is then of no more use.

A field is indexed when it is there for the second time lately, and never one longer than a quarter of the table: what
is new each time does not push the others out. Never indexed are `authorization`, cookies under 20 bytes, which could be
guessed, and the names in `never`. No string is in the Huffman code: that costs more than what it saves between
neighbours.
"""

from typing import Final

from noderouter.proxy.http2.decoder_pure import RequestFields, ResponseFields, TrailerFields
from noderouter.proxy.http2.field_rules import HpackError

try:
    from noderouter.proxy.http2._hpack import Decoder, Encoder
except ImportError:
    from noderouter.proxy.http2.hpack_pure import Decoder, Encoder  # type: ignore[assignment]

COMPILED: Final = Decoder.__module__ == "noderouter.proxy.http2._hpack"
"""Whether the compiled one is in use."""

NEVER_INDEXED: Final = b":never-indexed"
"""In `reserved`, the name of a pair whose value is the name of a field that is not to be indexed."""

__all__ = [
    "COMPILED",
    "NEVER_INDEXED",
    "Decoder",
    "Encoder",
    "HpackError",
    "RequestFields",
    "ResponseFields",
    "TrailerFields",
]
