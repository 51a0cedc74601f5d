import pytest

from noderouter.proxy.identifier.field import field_of
from tests.noderouter.proxy.identifier.requests import request

EXCHANGE = request(
    host=b"Web:80",
    headers=b"X-Name: one\r\nx-name: two\r\n",
    reserved=((b"l5d-name", b"/a"), (b"l5d-name", b"/b"), (b"via", b"1.1 x")),
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", b"Web:80"),
        ("HOST", b"Web:80"),
        ("x-NAME", b"one"),
        ("L5d-Name", b"/a"),
        ("Via", b"1.1 x"),
        ("l5d-other", None),
        ("te", None),
        ("x-other", None),
    ],
)
def test_a_field_is_found_wherever_the_codec_keeps_it(name, value):
    assert field_of(name)(EXCHANGE) == value
