"""The response to what is no request: made by the codec, since no filter has seen it."""

from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.http.status import phrase


def refusal(status: int, reason: str, clear: bool) -> tuple[Response, bytes]:
    """Return the response and its body; with `clear`, without fields of the router's own."""
    text = reason.encode("ascii", "replace")
    headers = Headers(b"content-type: text/plain\r\nl5d-err: %b\r\n" % text.replace(b" ", b"%20"))
    if clear:
        headers.remove_prefix(b"l5d-")
    return Response(status, phrase(status), headers, len(text)), text
