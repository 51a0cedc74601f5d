"""The proxies that are compared, one per file: how each is configured for the same work, started and probed."""

from benchmarks.proxies.envoy import Envoy
from benchmarks.proxies.haproxy import HAProxy
from benchmarks.proxies.kind import Proxy, Setup
from benchmarks.proxies.nginx import Nginx
from benchmarks.proxies.noderouter import NodeRouter

PROXIES: dict[str, Proxy] = {proxy.name: proxy for proxy in (NodeRouter(), HAProxy(), Nginx(), Envoy())}
"""By name, in the order of the tables."""

__all__ = ["PROXIES", "Proxy", "Setup"]
