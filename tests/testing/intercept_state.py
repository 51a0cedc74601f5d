"""What the pods of `pod_network` and its services look like to interception."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from noderouter.interception.keeper.protocol import Progress
from noderouter.interception.keeper.state import Capture, Exclusions, FailureMode, Pod, Policy, Scope, Service, Wanted
from tests.testing.pod_network import BACKEND, CAPTURE_PORT, CLIENT, NODE, OTHER_SERVICE, SERVICE

CAPTURE = Capture(CAPTURE_PORT, IPv4Address(NODE[4]), IPv6Address(NODE[6]))
PODS = (
    Pod("uid-client", "default", (ip_address(CLIENT[4]), ip_address(CLIENT[6]))),
    Pod("uid-backend", "default", (ip_address(BACKEND[4]), ip_address(BACKEND[6]))),
)
SERVICES = tuple(
    Service(ip_address(service[version]), port, http=port == 80)
    for service in (SERVICE, OTHER_SERVICE)
    for version in (4, 6)
    for port in (80, 443)
)
WANTED = Wanted(PODS, SERVICES)
GOOD = Progress("", 1, 0, 4096, 2, 100)


NO_EXCLUSIONS = Exclusions()


def policy(
    *,
    scope: Scope = Scope.SERVICES,
    closed: bool = False,
    exclusions: Exclusions = NO_EXCLUSIONS,
    capture: Capture = CAPTURE,
) -> Policy:
    """Capture at the node's addresses."""
    return Policy(capture, scope, FailureMode.CLOSED if closed else FailureMode.OPEN, exclusions)
