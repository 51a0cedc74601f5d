"""Request and response heads, parsed strictly: the compiled parser where it is, else its Python twin.

Where in the pipe: both sides of HTTP/1 give it the bytes they have and get a tuple back, or None for "not complete
yet, and nothing wrong so far". Each call begins at the first byte again; there is no state.

    parse_request(data, max_line, max_head)
        -> end, method, target, minor, host, length, persist, block, reserved
    parse_response(data, max_line, max_head, lenient=False)
        -> end, status, reason, minor, length, persist, block, reserved

`end` is the index behind the empty line. `target` is as received, in one of the four forms of RFC 9112 section
3.2 (`target` says which bytes); `host` is the value of Host, None where an HTTP/1.0 request has none. `length` is
a number of bytes, -1 for chunked, and where neither is said 0 for requests, -2 for responses (method and status
decide then, RFC 9112 section 6.3). `persist` says whether the connection may be used again (section 9.3).

`block` holds the field lines for the next hop in their order and spelling, one space behind each colon, without
- the hop-by-hop fields: Connection and what it names, Keep-Alive, Proxy-Connection, Proxy-Authenticate,
  Proxy-Authorization, TE, Trailer, Transfer-Encoding, Upgrade (RFC 9110 section 7.6.1);
- Content-Length: framing is written anew by whoever sends the message on;
- the reserved fields.

`reserved` is None or a tuple of (name in lower case, value) in order of arrival: every `l5d-*`, `via`, `expect`,
`te`, `trailer`, `x-forwarded-client-cert`, `max-forwards`, and `upgrade` where an HTTP/1.1 message lists it in
Connection.

Refused with `HeadError` (status for requests; for responses only the reason matters):
- 400 malformed bytes or lines (`fields`), a bare LF or CR, obs-fold, a wrong target or Host, no Host in HTTP/1.1;
  Content-Length twice, even if equal, or with Transfer-Encoding; Transfer-Encoding in a request of HTTP/1.0, or with
  chunked repeated or not last; Connection that names Host, a framing field or another field meant for everybody; a body
  for CONNECT.
- 414 a request line over `max_line` bytes; 431 a head over `max_head` bytes with everything up to the empty line,
  or over 512 fields, or a status line over `max_line` bytes.
- 501 a transfer coding other than chunked; 505 any version but HTTP/1.0 and HTTP/1.1.

Where `lenient`, a response that its client would read in one way only is repaired, as RFC 9112 wants it of a proxy:
- lines that end in LF (section 2.2); white space before a colon, which is removed (5.1); folded lines, which become
  one, with a space between (5.2), but not of Content-Length, Transfer-Encoding, Connection and Upgrade;
- Content-Length more than once, the same to the last digit (RFC 9110 section 8.6).
Its `persist` is False, so that nothing behind it can be read differently. And any status from 100 to 999 is taken,
which is no repair.

Tolerated: two empty lines before a request (RFC 9112 section 2.2); a status line that ends behind the status; chunked
in a response of HTTP/1.0, whose connection then ends (section 6.1: its framing counts as faulty, and it is processed).
"""

from typing import Final

from noderouter.proxy.http1.fields import HeadError, RequestHead, ResponseHead
from noderouter.proxy.http1.target import split_absolute

try:
    from noderouter.proxy.http1._head import parse_request, parse_response
except ImportError:
    from noderouter.proxy.http1.head_pure import parse_request, parse_response

COMPILED: Final = parse_request.__module__ == "noderouter.proxy.http1._head"
"""Whether the compiled parser is in use."""

__all__ = ["COMPILED", "HeadError", "RequestHead", "ResponseHead", "parse_request", "parse_response", "split_absolute"]
