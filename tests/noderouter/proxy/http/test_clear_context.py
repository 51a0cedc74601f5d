"""What of the router's own fields goes to clients."""

import pytest

from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.http.clear_context import guard

OURS = b"l5d-success-class: 1.0\r\nvia: 1.1 linkerd\r\n"


def response(*reserved: tuple[bytes, bytes]) -> Response:
    return Response(502, b"Bad Gateway", Headers(), 4, reserved=reserved)


def test_fields_of_another_router_go_on_but_its_verdict():
    found = response((b"l5d-err", b"words"), (b"l5d-success-class", b"0.0"), (b"via", b"1.1 a"))
    assert guard(found, OURS, b"text", False) == (OURS + b"l5d-err: words\r\n", b"text")


@pytest.mark.parametrize("mine", [True, False])
def test_a_public_server_sends_neither_them_nor_the_text_of_an_error(mine):
    found = response() if mine else response((b"l5d-err", b"words"))
    fields = b"l5d-err: words\r\n" + OURS if mine else OURS
    assert guard(found, fields, b"text", True) == (b"via: 1.1 linkerd\r\n", b"")
    assert found.length == 0


def test_what_is_no_error_keeps_its_body():
    found = response((b"l5d-x", b"y"))
    assert guard(found, OURS, b"text", True) == (b"via: 1.1 linkerd\r\n", b"text")
    assert found.length == 4
