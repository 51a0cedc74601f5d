"""The six ways to name an end of a connection."""

import re
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from noderouter.proxy.filter.forwarded_label import Label, LabelKind, show_ip, show_ip_port
from noderouter.schema.kind import kind_field

KIND: TypeAdapter[LabelKind] = TypeAdapter(Annotated[LabelKind, kind_field(LabelKind, "noderouter.proxy.filter")])
V4, V6, OTHER = ("192.0.2.43", 47011), ("2001:db8:cafe::17", 80), ("10.0.0.1", 4140)
RANDOM = re.compile(rb"_[A-Za-z0-9]{6}")


def label(kind: str, router: str = "outgoing", **keys: str) -> Label:
    return KIND.validate_python({"kind": kind, **keys}).build(router)


def test_ip() -> None:
    ip = label("ip")
    assert ip(V4, OTHER) == b"192.0.2.43"
    assert ip(V6, OTHER) == b'"[2001:db8:cafe:0:0:0:0:17]"'


def test_ip_port() -> None:
    ip_port = label("ip:port")
    assert ip_port(V4, OTHER) == b'"192.0.2.43:47011"'
    assert ip_port(V6, OTHER) == b'"[2001:db8:cafe:0:0:0:0:17]:80"'


@pytest.mark.parametrize("ip", ["", "0.0.0.0", "::", "not an address", '1.2.3.4";x="', "1.2.3.4\r\n"])
def test_what_is_no_address_is_unknown(ip: str) -> None:
    assert show_ip(ip) == show_ip_port((ip, 1)) == b"unknown"


def test_an_ipv4_address_within_ipv6_is_the_former_and_a_zone_is_nobodys_business() -> None:
    assert show_ip("::ffff:192.0.2.1") == b"192.0.2.1"
    assert show_ip("fe80::1%eth0") == b'"[fe80:0:0:0:0:0:0:1]"'


def test_request_random_differs_each_time() -> None:
    random = label("requestRandom")
    labels = {random(V4, OTHER) for _ in range(100)}
    assert len(labels) > 95
    assert all(map(RANDOM.fullmatch, labels))
    assert random(("", 0), OTHER) == b"unknown"


def test_connection_random_stays_within_a_connection_only() -> None:
    random = label("connectionRandom")
    first = random(V4, OTHER)
    assert RANDOM.fullmatch(first)
    assert random(V4, OTHER) == first
    assert random((V4[0], V4[1] + 1), OTHER) != first
    assert random(OTHER, V4) != first
    assert label("connectionRandom")(V4, OTHER) != first
    assert random(("", 0), OTHER) == b"unknown"


def test_router_and_static_labels_are_marked_as_obfuscated() -> None:
    assert label("router")(V4, OTHER) == b"_outgoing"
    assert label("router", router='a b";c')(V4, OTHER) == b"_a-b--c"
    assert label("static", label="edge")(V4, OTHER) == b"_edge"
    assert label("static", label="_edge")(V4, OTHER) == b"_edge"


@pytest.mark.parametrize("text", ["", "a b", 'a";for=b', "a\r\nb", "ä"])
def test_a_static_label_that_would_break_the_field_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        label("static", label=text)
