import pytest
from pydantic import TypeAdapter, ValidationError

from noderouter.proxy.identifier.field import RequestField, field_of
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


@pytest.mark.parametrize("name", ["l5d_name", "X_Forwarded_Client-Cert", "keep_alive"])
def test_a_field_that_is_removed_from_every_request_is_refused(name):
    with pytest.raises(ValidationError, match=f"{name} never comes so far"):
        TypeAdapter(RequestField).validate_python(name)


@pytest.mark.parametrize("name", ["l5d-name", "x_name", ":path"])
def test_others_are_taken_as_they_are(name):
    assert TypeAdapter(RequestField).validate_python(name) == name
