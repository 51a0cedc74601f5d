"""The address plan of a cluster. All of it exists in network namespaces only, so that clusters can run side by side."""

NODE_NETWORK = "10.231.0.0/24"
"""The network that nodes are on; node 1 has `.11`."""

GATEWAY = "10.231.0.1"
"""The machine, as nodes see it: the API server and DNS are reached here."""

POD_NETWORK = "10.232.0.0/16"
"""Pods of all nodes; node 1 has `10.232.1.0/24`."""

SERVICE_NETWORK = "10.233.0.0/16"
"""Cluster IPs."""

SERVICE_NETWORK_6 = "fd00:233::/112"
"""Cluster IPs of services that ask for both families; the harness' own nodes do not serve them."""

API_CLUSTER_IP = "10.233.0.1"
"""What the API server gives `kubernetes.default`: the first of the service network."""

DNS_CLUSTER_IP = "10.233.0.10"
"""Where pods ask for names, as everywhere; answered at the gateway."""

DOMAIN = "example.internal"
"""Of the cluster. Another one than most have, so that whoever takes it for granted is found."""


def node_address(number: int) -> str:
    """The address of a node, counted from 1."""
    return f"10.231.0.{10 + number}"


def pod_prefix(number: int) -> str:
    """The first three bytes of the addresses of a node's pods."""
    return f"10.232.{number}"
