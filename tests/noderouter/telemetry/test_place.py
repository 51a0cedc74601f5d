"""Roles by place."""

import pytest

from noderouter.telemetry.place import Role, role_below


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("rt", Role.ROUTERS),
        ("rt rt", Role.ROUTER),
        ("rt out server 0.0.0.0/4140", Role.SERVER),
        ("rt out service svc/a", Role.SERVICE),
        ("rt out service service", Role.SERVICE),
        ("rt out service svc/a service", Role.PLAIN),
        ("rt out client c", Role.CLIENT),
        ("rt out client c service svc/a", Role.PAIR),
        ("rt out client c loadbalancer size", Role.PLAIN),
        ("rt out namer x", Role.PLAIN),
        ("process rt", Role.PLAIN),
    ],
)
def test_the_place_decides(path: str, role: Role) -> None:
    found = Role.ROOT
    for name in path.split(" "):
        found = role_below(found, name)
    assert found is role
