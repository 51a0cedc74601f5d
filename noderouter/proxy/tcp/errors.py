"""How a tunnel ends early, beyond what a wire says."""

from noderouter.reactor.errors import WireError


class TunnelIdle(WireError):
    """Nothing has moved in either direction for too long."""
