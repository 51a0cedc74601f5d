import pytest
from pydantic import ValidationError

from dtab import Path
from noderouter.core.errors import IdentificationError
from noderouter.proxy.identifier.header import Header
from noderouter.proxy.identifier.kind import Unidentified
from tests.noderouter.proxy.identifier.requests import request

IDENTIFIER = Header(kind="io.l5d.header").build(Path.of("svc"))


@pytest.mark.parametrize(("value", "path"), [(b"/a/b/c", "/svc/a/b/c"), (b"/", "/svc"), (b"/\\x2f", "/svc/\\x2f")])
def test_the_value_is_a_path(value, path):
    assert IDENTIFIER.identify(request(reserved=((b"l5d-name", value),))) == Path.parse(path)


def test_another_header_may_be_configured():
    identifier = Header(kind="io.l5d.header", header="x-path").build(Path.of("svc"))
    assert identifier.identify(request(headers=b"X-Path: /a\r\n")) == Path.of("svc", "a")


@pytest.mark.parametrize("reserved", [None, ((b"l5d-name", b""),)])
def test_without_a_value_there_is_no_name(reserved):
    assert IDENTIFIER.identify(request(reserved=reserved)) == Unidentified("l5d-name header is absent")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"invalid", "'/' expected but 'i' found at '[i]nvalid'"),
        (b"/a//b", "label char expected but '/' found at '/a/[/]b'"),
        (b"/a\xa0", "l5d-name header is not ASCII; other bytes are written as \\xHH"),
    ],
)
def test_a_malformed_path_is_refused_in_the_parsers_words(value, text):
    with pytest.raises(IdentificationError) as caught:
        IDENTIFIER.identify(request(reserved=((b"l5d-name", value),)))
    assert (str(caught.value), caught.value.status) == (text, 400)


@pytest.mark.parametrize("name", [":authority", ":path", ":method", ":scheme"])
def test_pseudo_headers_are_for_h2(name):
    kind = Header(kind="io.l5d.header", header=name)
    assert kind.misfit("h2") is None
    key, words = kind.misfit("http")
    assert (key, words.partition(";")[0]) == ("header", f"{name} is a pseudo header, for routers whose protocol is h2")


@pytest.mark.parametrize("name", [":x", ":Authority", ":status", ":"])
def test_others_than_requests_have_are_refused(name):
    with pytest.raises(ValidationError, match=f"{name} is no pseudo header of requests; they have :authority, :method"):
        Header(kind="io.l5d.header", header=name)
