"""What a configuration needs of Kubernetes and of the environment: collected from its models, by API."""

from dataclasses import dataclass, field

from noderouter.config.config import Config
from noderouter.kubernetes.access import Access, Plain, of_people
from noderouter.kubernetes.needs import ApiRight, Right, StoredPolicies, StoredTable
from noderouter.naming.stored.key import Key
from noderouter.schema.kind import models_in
from noderouter.schema.needs import Variable


@dataclass(slots=True)
class Needs:
    """What is needed of one API."""

    rights: set[Right] = field(default_factory=set)
    config_maps: list[Key] = field(default_factory=list)
    policies: list[tuple[str, str]] = field(default_factory=list)
    """ConfigMaps, by namespace and name."""

    def add_right(self, right: Right) -> None:
        """Of equal rights, the one that nothing works without is the one that counts."""
        if not right.without:
            self.rights.discard(right)
        self.rights.add(right)


@dataclass(slots=True)
class Plan:
    """What is needed of each API, and of the environment (a variable and what needs it)."""

    apis: dict[Access, Needs] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """What the command line sets: another way to the API, the namespace of the router."""

    access: Access | None = None
    namespace: str | None = None

    def of(self, configured: Access) -> Access:
        """Return the way to an API of the configuration. Where it has none, we may run outside of the cluster."""
        if self.access is not None:
            return self.access
        return of_people(None, None) if configured == Plain() else configured


def plan_of(config: Config, place: Place) -> Plan:
    """Ask every model of the configuration what it needs."""
    plan = Plan()
    for model in models_in(config):
        for need in model.needs(place.namespace):
            match need:
                case Variable(name=name, reader=reader):
                    plan.variables[name] = reader
                case ApiRight(access=access, right=right):
                    plan.apis.setdefault(place.of(access), Needs()).add_right(right)
                case StoredPolicies(access=access, namespace=namespace, name=name):
                    plan.apis.setdefault(place.of(access), Needs()).policies.append((namespace, name))
                case StoredTable(access=access):
                    needs = plan.apis.setdefault(place.of(access), Needs())
                    key = Key(need.namespace, need.name, need.filename)
                    if key not in needs.config_maps:
                        needs.config_maps.append(key)
    return plan
