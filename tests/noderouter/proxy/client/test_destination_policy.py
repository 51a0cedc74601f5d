"""Which connections are opened: by address, by who says so, by what the configuration has."""

from ipaddress import ip_address

import pytest

from dtab import Dtab, Path
from noderouter.core.addr import ENDPOINT, NAME, OPERATOR, Address, gateway
from noderouter.core.address_rule import AddressRule
from noderouter.core.errors import RefusedDestination
from noderouter.proxy.client.destination_policy import DestinationPolicy, Rules
from noderouter.proxy.client.ourselves import Ourselves

ID = Path.parse("/$/inet/somebody/80")
NODE_IP, API_IP, OTHER = "192.0.2.7", "192.0.2.1", "192.0.2.99"
ADMIN = 9990


def policy(dtab="", allow=(), deny=(), overrides=()):
    ours = Ourselves([NODE_IP], lambda: [(API_IP, 443)])
    ours.ports.add(ADMIN)
    rules = Rules(*(tuple(map(AddressRule.parse, each)) for each in (allow, deny, overrides)))
    made = Dtab.parse(dtab)
    return DestinationPolicy(rules, ours, lambda: made)


def reason(judge, ip, port=80, origin=NAME, id=ID, **keys):
    """Why it is refused; None where it is not."""
    before = dict(judge.refused)
    address = ip if isinstance(ip, Address) else Address(ip, port, origin=origin)
    try:
        judge.check(id, address, **keys)
    except RefusedDestination as error:
        (counted,) = [name for name, count in judge.refused.items() if count != before[name]]
        return counted if (error.status, error.retryable) == (403, False) else str(error)
    assert judge.refused == before
    return None


@pytest.mark.parametrize(
    ("ip", "port", "name", "endpoint"),
    [
        ("127.0.0.1", 80, "loopback", "loopback"),
        ("0.0.0.0", 80, "unspecified", "unspecified"),
        ("169.254.169.254", 80, "link_local", "link_local"),
        ("::ffff:169.254.169.254", 80, "link_local", "link_local"),
        ("fd00:ec2::254", 80, "metadata", "metadata"),
        ("127.0.0.1", ADMIN, "own_port", "own_port"),
        ("::ffff:0.0.0.0", ADMIN, "own_port", "own_port"),
        (NODE_IP, 10250, "node", None),
        (f"::ffff:{NODE_IP}", 10250, "node", None),
        (f"64:ff9b::{NODE_IP}", 10250, "node", None),
        (API_IP, 443, "api_server", None),
        (API_IP, 80, None, None),
        (OTHER, 80, None, None),
        ("2001:db8::99", 80, None, None),
    ],
)
def test_by_whose_word(ip, port, name, endpoint):
    judge = policy()
    for _ in range(2):  # as it was judged, and as it is remembered
        assert reason(judge, ip, port, NAME) == name
        assert reason(judge, ip, port, ENDPOINT) == endpoint
        assert reason(judge, ip, port, OPERATOR) is None


def test_our_own_incoming_router_may_be_the_gateway():
    ours = Ourselves()
    ours.ports.add(4141)
    allow = (AddressRule.parse("127.0.0.0/8"),)  # on a node it has another address
    judge = DestinationPolicy(Rules(allow), ours, lambda: None)
    assert reason(judge, gateway(Address("127.0.0.1", 4141, origin=ENDPOINT))) is None
    assert reason(judge, Address("127.0.0.1", 4141, origin=ENDPOINT)) == "own_port"
    assert reason(judge, gateway(Address("127.0.0.1", 4141))) == "own_port"


def test_the_dtab_names_what_stands_in_it():
    judge = policy("/svc/a => /$/inet/127.0.0.1/8080 ; /svc => /$/inet/127.0.0.1 ; /svc/b => /$/inet/db.example/80")
    written = Path.parse("/$/inet/127.0.0.1/8080")
    assert reason(judge, "127.0.0.1", 8080, id=written) is None
    transformed = Path.parse("/%/io.l5d.port/4141/$/inet/127.0.0.1/8080")
    assert reason(judge, "127.0.0.1", 4141, id=transformed) is None
    assert reason(judge, "127.0.0.1", 80, id=Path.parse("/$/inet/127.0.0.1/80")) == "loopback"
    # What DNS says of a host in the dtab is DNS's word.
    assert reason(judge, "127.0.0.1", 80, id=Path.parse("/$/inet/db.example/80")) == "loopback"


def test_an_edit_of_the_dtab_counts_from_then_on():
    dtabs = [Dtab.parse("/svc => /$/inet/127.0.0.1/8080")]
    judge = DestinationPolicy(Rules(), Ourselves(), lambda: dtabs[-1] if dtabs else None)
    id = Path.parse("/$/inet/127.0.0.1/8080")
    assert reason(judge, "127.0.0.1", 8080, id=id) is None
    dtabs.append(Dtab.parse("/svc => /$/inet/127.0.0.1/8081"))
    assert reason(judge, "127.0.0.1", 8080, id=id) == "loopback"
    dtabs.clear()
    assert reason(judge, "127.0.0.1", 8080, id=id) == "loopback"


def test_rules():
    judge = policy(
        "/svc => /$/inet/192.0.2.99/80",
        allow=["127.0.0.0/8", f"{NODE_IP}:30000-32767", f"[::1]:{ADMIN}"],
        deny=["192.0.2.99", "127.0.0.9"],
    )
    assert reason(judge, "127.0.0.1") is None
    assert reason(judge, "127.0.0.1", ADMIN) == "own_port"  # a network alone does not open our own
    assert reason(judge, "::1", ADMIN) is None
    assert reason(judge, NODE_IP, 30000) is None
    assert reason(judge, NODE_IP, 10250) == "node"
    for origin in (NAME, ENDPOINT, OPERATOR):
        assert reason(judge, OTHER, 80, origin, id=Path.parse("/$/inet/192.0.2.99/80")) == "denied"
        assert reason(judge, f"::ffff:{OTHER}", 80, origin) == "denied"
        assert reason(judge, "127.0.0.9", 80, origin) == "denied"


def test_what_overrides_may_name_is_open_where_a_name_spells_it():
    judge = policy(overrides=["127.0.0.1", f"127.0.0.2:{ADMIN}", f"{NODE_IP}:80"], deny=["127.0.0.3"])

    def named(host, port, ip=None):
        return reason(judge, ip or host, port, id=Path.parse(f"/$/inet/{host}/{port}"))

    assert named("127.0.0.1", 80) is None
    assert named("127.1", 80, "127.0.0.1") is None
    assert named("127.0.0.1", ADMIN) == "own_port"  # a port of ours has to be meant
    assert named("127.0.0.2", ADMIN) is None
    assert named(NODE_IP, 80) is None
    assert named(NODE_IP, 81) == "node"
    assert named("127.0.0.3", 80) == "denied"
    assert named("127.0.0.9", 80) == "loopback"
    # What DNS says is DNS's word, and so is what another name leads to.
    assert named("db.example", 80, "127.0.0.1") == "loopback"
    assert reason(judge, "127.0.0.1", 80, id=Path.parse("/#/io.l5d.k8s/prod/http/web")) == "loopback"


def test_confined_to_endpoints():
    judge = policy("/svc => /$/inet/192.0.2.99/80")
    assert reason(judge, OTHER, confined=True) == "no_endpoint"
    assert reason(judge, OTHER, origin=OPERATOR, confined=True) == "no_endpoint"
    assert reason(judge, OTHER, origin=ENDPOINT, confined=True) is None
    assert reason(judge, "169.254.169.254", origin=ENDPOINT, confined=True) == "link_local"


def test_what_was_judged_is_remembered_until_told_otherwise():
    """Asking the kernel is for the first connection to an address, not for each."""
    asked = []

    class Counting(Ourselves):
        def is_node(self, ip, port):
            asked.append(ip)
            return False

    judge = DestinationPolicy(Rules(), Counting(), lambda: None)
    for _ in range(100):
        assert reason(judge, OTHER) is None
    assert len(asked) == 1
    judge.forget()
    reason(judge, OTHER)
    assert len(asked) == 2
    for number in range(10_000):
        reason(judge, str(ip_address("2001:db8::") + number))
    assert len(judge._judged) <= 4096
