import pytest

from dtab import Path
from noderouter.core.message import HTTP_1_0, HTTP_2
from noderouter.proxy.identifier.kind import Unidentified
from noderouter.proxy.identifier.method_and_host import MethodAndHost
from tests.noderouter.proxy.identifier.requests import request

PLAIN = MethodAndHost(kind="io.l5d.methodAndHost").build(Path.of("https"))
WITH_URI = MethodAndHost(kind="io.l5d.methodAndHost", httpUriInDst=True).build(Path.of("https"))


@pytest.mark.parametrize(
    ("identifier", "exchange", "path"),
    [
        (PLAIN, request(b"/some/path", b"DoMaiN"), "/https/1.1/GET/domain"),
        (WITH_URI, request(b"/some/path?x=/y", b"domain:80"), "/https/1.1/GET/domain:80/some/path"),
        (WITH_URI, request(b"/", b"domain"), "/https/1.1/GET/domain"),
        (WITH_URI, request(b"/a//b/", b"domain"), "/https/1.1/GET/domain/a/b"),
        (PLAIN, request(b"/x", b"Domain", version=HTTP_2), "/https/1.1/GET/domain"),
        (PLAIN, request(b"/x", None, method=b"POST", version=HTTP_1_0), "/https/1.0/POST"),
        (WITH_URI, request(b"/drum/bass", b"domain", method=b"POST", version=HTTP_1_0), "/https/1.0/POST/drum/bass"),
    ],
)
def test_version_method_host_and_perhaps_the_path(identifier, exchange, path):
    assert identifier.identify(exchange) == Path.parse(path)


@pytest.mark.parametrize("host", [None, b""])
def test_http_1_1_needs_a_host(host):
    assert PLAIN.identify(request(host=host)) == Unidentified("Host header is absent")


def test_only_ascii_is_lowered():
    assert PLAIN.identify(request(host="ÄBC".encode("latin-1"))) == Path((b"https", b"1.1", b"GET", b"\xc4bc"))
