"""noderouter: a service-mesh router that runs once on every Kubernetes node."""

__version__ = "0.1.0"
