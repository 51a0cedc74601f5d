"""From the configuration to what the parts of a router are made with, where that is more than one value.

Beside `assemble`, which puts the parts together.
"""

from hashlib import blake2b
from typing import Final

from dtab import Path
from noderouter.config.router import RouterConfig
from noderouter.config.server import ServerConfig
from noderouter.proxy.capture.config import CaptureConfig
from noderouter.proxy.capture.connection import CaptureSettings
from noderouter.proxy.capture.detect import MAX_BYTES
from noderouter.proxy.client.config import ClientParams
from noderouter.proxy.client.pool import PoolSettings
from noderouter.proxy.http1.server_settings import ServerSettings
from noderouter.proxy.http1.upstream import UpstreamLimits
from noderouter.proxy.listener.listener import SocketSettings
from noderouter.proxy.retry.budget import RetryBudget
from noderouter.proxy.retry.config import Budget
from noderouter.schema.fields import seconds

AROUND_LINE: Final = 6
"""Two empty lines before a request line, and its own end."""
LOOK_BYTES: Final = 64 * 1024
"""Of a captured connection, at most: more might not fit into the kernel's buffer, where it stays."""
MAX_ELEMENT: Final = 300
"""Characters of a name in the metrics tree, which shows it with each of some forty figures. A host has at most 253."""


def element(path: Path) -> str:
    """A name as an element of the metrics tree: without its first slash; of a long one, how it begins and a hash."""
    shown = path.show()
    if len(shown) > MAX_ELEMENT:
        return f"{shown[1:MAX_ELEMENT]}...{blake2b(shown.encode(), digest_size=8).hexdigest()}"
    return shown[1:]


def retry_budget(config: Budget) -> RetryBudget:
    """A budget of its own for one service or client."""
    return RetryBudget(config.ttlSecs, config.minRetriesPerSec, config.percentCanRetry)


def pool_settings(params: ClientParams) -> PoolSettings:
    """The pool of one endpoint."""
    pool = params.pool
    idle = min(seconds(pool.idleTimeMs), seconds(params.session.idleTimeMs))
    defaults = PoolSettings()
    return PoolSettings(
        idle_seconds=idle,
        life_seconds=seconds(params.session.lifeTimeMs),
        min_size=pool.minSize,
        max_size=defaults.max_size if pool.maxSize is None else pool.maxSize,
        max_waiters=defaults.max_waiters if pool.maxWaiters is None else pool.maxWaiters,
        connecting_seconds=params.connecting,
        limits=UpstreamLimits(
            head_seconds=params.head,
            body_idle_seconds=params.body_idle,
            upload_seconds=params.upload,
            upload_bytes=params.upload_bytes,
            lenient=not params.strict_responses,
        ),
    )


def server_settings(router: RouterConfig, config: ServerConfig) -> ServerSettings:
    """The limits of the connections of one server of a router."""
    session = config.serverSession
    return ServerSettings(
        max_line_bytes=router.maxInitialLineKB * 1024,
        max_head_bytes=router.maxHeadersKB * 1024,
        idle_seconds=seconds(session.idleTimeMs),
        life_seconds=seconds(session.lifeTimeMs),
        buffer_bytes=router.streamAfterContentLengthKB * 1024,
        body_idle_seconds=seconds(config.bodyIdleTimeoutMs),
        tunnel_idle_seconds=seconds(config.tunnelIdleTimeoutMs),
        clear_context=config.clearContext,
    )


def capture_settings(
    router: RouterConfig, server: ServerConfig, capture: CaptureConfig, opaque_ports: frozenset[int]
) -> CaptureSettings:
    """How the connections of a capture server are looked at; if it has a say in what endpoints see, it always has."""
    line = router.maxInitialLineKB * 1024 + AROUND_LINE
    return CaptureSettings(
        detect_seconds=capture.detectTimeoutMs / 1000,
        idle_seconds=capture.idleTimeoutMs / 1000,
        transparent=capture.transparent,
        opaque_ports=opaque_ports,
        look_bytes=min(max(line, MAX_BYTES), LOOK_BYTES),
        judged=server.clearContext or server.addForwardedHeader is not None or capture.hostMismatch == "refuse",
    )


def socket_settings(config: ServerConfig) -> SocketSettings:
    """`socketOptions` of a server."""
    options = config.socketOptions
    defaults = SocketSettings()
    return SocketSettings(
        no_delay=options.noDelay,
        reuse_address=options.reuseAddr,
        reuse_port=options.reusePort,
        keep_alive=options.keepAlive,
        transparent=config.capture is not None and config.capture.transparent,
        backlog=defaults.backlog if options.backlog is None else options.backlog,
    )
