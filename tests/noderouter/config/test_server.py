"""`servers`: what a listener does to every request."""

from noderouter.config.server import ServerConfig
from noderouter.proxy.filter.forwarded_label import IpPortKind, RequestRandomKind
from noderouter.proxy.listener.config import SocketOptions


def test_partial_socket_options_keep_the_other_defaults() -> None:
    server = ServerConfig.model_validate({"socketOptions": {"noDelay": False}})
    assert server.socketOptions == SocketOptions(noDelay=False, reuseAddr=True, reusePort=False, keepAlive=True)


def test_both_ends_of_a_forwarded_header_are_random_by_default() -> None:
    assert ServerConfig.model_validate({}).addForwardedHeader is None
    header = ServerConfig.model_validate({"addForwardedHeader": {"by": {"kind": "ip:port"}}}).addForwardedHeader
    assert header is not None
    assert isinstance(header.by, IpPortKind)
    assert isinstance(header.for_, RequestRandomKind)
    assert header.model_dump(by_alias=True) == {
        "by": {"kind": "ip:port", "experimental": False},
        "for": {"kind": "requestRandom", "experimental": False},
    }
