import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dtab import Path
from noderouter.core.message import HTTP_2
from noderouter.proxy.identifier import token
from noderouter.proxy.identifier.header_token import HeaderToken
from noderouter.proxy.identifier.kind import Unidentified
from tests.noderouter.proxy.identifier.requests import request

PREFIX = Path.of("svc")
BY_HOST = HeaderToken(kind="io.l5d.header.token").build(PREFIX)
BY_FIELD = HeaderToken(kind="io.l5d.header.token", header="X-Name").build(PREFIX)
BY_L5D = HeaderToken(kind="io.l5d.header.token", header="l5d-name").build(PREFIX)


@pytest.mark.parametrize("host", [b"web", b"Hello.World:80", b"a/b", b"[::1]:80", b"\xff"])
def test_the_host_is_one_label_as_it_came(host):
    assert BY_HOST.identify(request(host=host)) == Path((b"svc", host))


@pytest.mark.parametrize("host", [None, b""])
def test_without_a_host_there_is_no_name(host):
    assert BY_HOST.identify(request(host=host)) == Unidentified("Host header is absent")


def test_other_fields_count_where_they_are_configured():
    exchange = request(headers=b"x-name:  Some Thing \r\n", reserved=((b"l5d-name", b"x"),))
    assert BY_FIELD.identify(exchange) == Path.of("svc", "Some Thing")
    assert BY_L5D.identify(exchange) == Path.of("svc", "x")
    assert BY_FIELD.identify(request(headers=b"x-name: \r\n")) == Unidentified("X-Name header is absent")
    assert BY_L5D.identify(request()) == Unidentified("l5d-name header is absent")


@pytest.mark.parametrize(
    ("header", "label"), [(":authority", "web"), (":path", "/a?b"), (":method", "GET"), (":scheme", "http")]
)
def test_pseudo_headers_are_parts_of_the_request(header, label):
    identifier = HeaderToken(kind="io.l5d.header.token", header=header).build(PREFIX)
    assert identifier.identify(request(b"/a?b", version=HTTP_2)) == Path.of("svc", label)


@pytest.mark.parametrize("header", ["Host", ":authority"])
def test_what_is_absent_is_called_as_the_client_calls_it(header):
    identifier = HeaderToken(kind="io.l5d.header.token", header=header).build(PREFIX)
    assert identifier.identify(request(host=None, version=HTTP_2)) == Unidentified(":authority header is absent")


def test_the_same_value_gives_the_same_path():
    assert BY_HOST.identify(request(host=b"web")) is BY_HOST.identify(request(host=b"web"))


def test_names_made_up_by_clients_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(token, "MAX_CACHED", 10)
    identifier = HeaderToken(kind="io.l5d.header.token").build(PREFIX)
    for number in range(100):
        assert identifier.identify(request(host=b"%d" % number)) == Path.of("svc", f"{number}")
        assert len(identifier._paths) <= 10
    long = b"x" * 300
    assert identifier.identify(request(host=long)) == Path((b"svc", long))
    assert long not in identifier._paths


@pytest.mark.parametrize("header", ["", "a b", "a:", "ü", 5])
def test_the_header_must_be_a_field_name(header):
    with pytest.raises(ValidationError):
        HeaderToken(kind="io.l5d.header.token", header=header)


@given(st.binary(min_size=1, max_size=400))
def test_any_value_is_exactly_one_label(value):
    path = BY_HOST.identify(request(host=value))
    assert path.labels == (b"svc", value)
    assert Path.parse(path.show()) == path


@pytest.mark.parametrize("name", [":authority", ":path", ":method", ":scheme"])
def test_pseudo_headers_are_for_h2(name):
    kind = HeaderToken(kind="io.l5d.header.token", header=name)
    assert kind.misfit("h2") is None
    key, words = kind.misfit("http")
    assert (key, words.partition(";")[0]) == ("header", f"{name} is a pseudo header, for routers whose protocol is h2")


@pytest.mark.parametrize("name", [":x", ":Authority", ":status", ":"])
def test_others_than_requests_have_are_refused(name):
    with pytest.raises(ValidationError, match=f"{name} is no pseudo header of requests; they have :authority, :method"):
        HeaderToken(kind="io.l5d.header.token", header=name)
