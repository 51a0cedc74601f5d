"""noderouter: a service-mesh router that runs once on every Kubernetes node."""

from noderouter import _compiled

__version__ = "0.1.0"

_compiled.choose()
