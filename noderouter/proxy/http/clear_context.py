"""What of the router's own fields a client gets: everything, or on a server with `clearContext` nothing."""

from noderouter.core.headers import Headers
from noderouter.core.message import Response


def guard(response: Response, fields: bytes, data: bytes, clear: bool) -> tuple[bytes, bytes]:
    """Pass reserved fields of a response on, or drop every `l5d-*` where `clear`.

    Args:
        response: its length is 0 afterwards where its body is dropped.
        fields: the field lines that go to the client behind the response's own.
        data: the first of the body.

    Returns:
        The field lines and the data that may go out: the text of an error names what is behind the router, and so does
        its `grpc-message`, which is removed from the response.
    """
    error = response.field(b"l5d-err") is not None
    if clear:
        guarded = Headers(fields)
        error = error or guarded.get(b"l5d-err") is not None
        guarded.remove_prefix(b"l5d-")
        fields = guarded.block
    for name, value in response.reserved or ():
        if name.startswith(b"l5d-") and not clear and name != b"l5d-success-class":
            fields += b"%b: %b\r\n" % (name, value)
    if error and clear:
        data = b""
        response.headers.remove(b"grpc-message")
        if response.length != 0:
            response.length = 0
    return fields, data
