"""The keys of a server's HTTP/2 connections: of the servers of h2 routers, and of `capture`."""

from noderouter.proxy.http.http2_keys import Http2Keys, Streams


class Http2ServerKeys(Http2Keys):
    """What clients are told."""

    maxConcurrentStreamsPerConnection: Streams = 1000
