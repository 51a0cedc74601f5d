"""Routers: identify, bind, choose a client (Linkerd's RoutingFactory and its caches)."""
