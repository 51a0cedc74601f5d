"""Targets and authorities."""

import pytest

from noderouter.proxy.http1.fields import HeadError
from noderouter.proxy.http1.head import split_absolute
from noderouter.proxy.http1.target import is_target


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        # Linkerd's own cases: port kept, nothing re-encoded
        (b"http://acme.co:8080/foo?x=R%26D", (b"http", b"acme.co:8080", b"/foo?x=R%26D")),
        (b"http://acme.co/", (b"http", b"acme.co", b"/")),
        (b"http://acme.co", (b"http", b"acme.co", b"/")),
        (b"http://acme.co?a=b", (b"http", b"acme.co", b"/?a=b")),
        (b"http://acme.co:80?", (b"http", b"acme.co:80", b"/?")),
        (b"HTTPS://Acme.co/%7e/../x", (b"https", b"Acme.co", b"/%7e/../x")),
        (b"http://[2001:db8::7]:8080/a", (b"http", b"[2001:db8::7]:8080", b"/a")),
        (b"http://[::ffff:10.0.0.1]", (b"http", b"[::ffff:10.0.0.1]", b"/")),
        (b"http://a//b//c", (b"http", b"a", b"//b//c")),
        (b"http://a/?u=http://b/@c", (b"http", b"a", b"/?u=http://b/@c")),
    ],
)  # fmt: skip
def test_split(target: bytes, expected: tuple[bytes, bytes, bytes]) -> None:
    assert split_absolute(target) == expected
    assert is_target(b"GET", target) is None


def test_options_of_the_whole_server() -> None:
    assert split_absolute(b"http://a:1", b"OPTIONS") == (b"http", b"a:1", b"*")
    assert split_absolute(b"http://a:1/", b"OPTIONS") == (b"http", b"a:1", b"/")
    assert split_absolute(b"http://a:1?x", b"OPTIONS") == (b"http", b"a:1", b"/?x")


@pytest.mark.parametrize(
    "target",
    [b"http://u@a/", b"http://u:p@a/", b"http://", b"http:///x", b"http://:80/", b"http://?x", b"http://a:x/",
     b"http://a:65536/", b"http://[::g]/", b"http://[1.2.3.4]/", b"http://[::1]a/", b"http://[::1", b"http://a,b/",
     b"http://%zz/", b"http://%4", b"http://a:123456/", b"http://[]/", b"http://\xe4/", b"http://a:1:2/"],
)  # fmt: skip
def test_wrong_authority(target: bytes) -> None:
    assert is_target(b"GET", target) == "the authority of the target is not host[:port]"
    with pytest.raises(HeadError, match="authority") as caught:
        split_absolute(target)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "target",
    [b"ftp://a/", b"http:/a", b"http:a", b"://a/", b"a", b"a:80", b"?x", b"httpx://a", b"**", b"*/", b"ws://a"],
)
def test_no_form_at_all(target: bytes) -> None:
    assert is_target(b"GET", target) == "the target is neither a path nor an http or https URI"
    with pytest.raises(HeadError, match="neither"):
        split_absolute(target)


@pytest.mark.parametrize(
    "target", [b"http://a/ b", b"http://a/#f", b"http://a/\\", b"http://a/?<", b"http://a/\n", b"/a"]
)
def test_split_checks_its_bytes(target: bytes) -> None:
    with pytest.raises(HeadError, match="neither"):
        split_absolute(target)


def test_forms_and_methods() -> None:
    assert is_target(b"GET", b"/") is None
    assert is_target(b"GET", b"//a") is None
    assert is_target(b"OPTIONS", b"*") is None
    assert is_target(b"GET", b"*") == "the target * is for OPTIONS only"
    assert is_target(b"CONNECT", b"a:443") is None
    assert is_target(b"CONNECT", b"[::1]:443") is None
    for target in (b"/", b"*", b"a", b"a:", b"[::1]", b"http://a:80/", b":80", b"u@a:80"):
        assert is_target(b"CONNECT", target) == "the target of CONNECT is not host:port"
    assert is_target(b"connect", b"a:443") is not None  # methods are case-sensitive
