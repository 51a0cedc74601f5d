"""`destinations` and `overrides` of a router: where requests may lead, and which clients may override that."""

from typing import Annotated, Any, ClassVar

from noderouter.core.address_rule import AddressRule
from noderouter.schema.fields import Ip
from noderouter.schema.kind import Model, PlainSerializer, PlainValidator, Several


def _rule(value: Any) -> AddressRule:
    if isinstance(value, AddressRule):
        return value
    if not isinstance(value, str):
        raise ValueError("expected text, such as 10.0.0.0/8 or 10.0.0.5:8080")
    return AddressRule.parse(value)


def _cidr(value: Any) -> AddressRule:
    rule = _rule(value)
    if rule.names_ports:
        raise ValueError("a client's port says nothing of it; only a network or an address can stand here")
    return rule


DestinationText = Annotated[AddressRule, PlainValidator(_rule), PlainSerializer(str)]
"""A network or an address, perhaps with ports."""

CidrText = Annotated[AddressRule, PlainValidator(_cidr), PlainSerializer(str)]
"""A network or an address."""


class DestinationsConfig(Model):
    """What is open that the default rule refuses, and what is closed in any case."""

    section: ClassVar[str] = "destinations"

    allow: Several[DestinationText] = ()
    deny: Several[DestinationText] = ()
    nodeAddresses: Several[Ip] = ()
    """Addresses of the node, beside those of the environment and the interfaces."""


class OverridesConfig(Model):
    """Whose dtabs may lead anywhere, and where everybody's may."""

    section: ClassVar[str] = "overrides"

    trusted: Several[CidrText] = ()
    allow: Several[DestinationText] = ()
    """Addresses that a dtab of any client may name, as `/$/inet/<address>/<port>`."""
