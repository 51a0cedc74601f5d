"""Keys of `admin.peers`."""

from typing import Any

import pytest

from noderouter.admin.mesh.peers import ListedPeers, ServicePeers
from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from noderouter.kubernetes.access import Plain
from noderouter.kubernetes.clusters import Clusters
from tests.noderouter.naming.fakes import Log
from tests.testing.router import checked, config


def validated(peers: dict[str, Any]) -> Any:
    import json

    return validate_text(json.dumps(config(admin={"peers": peers})))


def test_a_service_or_a_list() -> None:
    clusters = Clusters(lambda *_args, **_keys: None, Log())
    service = {"namespace": "mesh", "service": "noderouter-metrics", "k8sHost": "api", "k8sPort": 8001}
    found = checked(config(admin={"peers": service})).admin.peers
    assert found is not None
    assert (found.port, found.access) == ("probes", Plain("api", 8001))
    assert isinstance(found.build(clusters), ServicePeers)
    assert sorted(str(each.right) for each in found.needs()) == [  # type: ignore[attr-defined]
        "list endpointslices in mesh", "watch endpointslices in mesh",
    ]  # fmt: skip
    listed = checked(config(admin={"peers": {"addresses": ["10.0.0.7:9991", "[fd00::7]:9991"]}})).admin.peers
    assert listed is not None
    assert isinstance(listed.build(clusters), ListedPeers)
    assert list(listed.needs()) == []


@pytest.mark.parametrize(
    "peers",
    [
        {},
        {"service": "a"},
        {"namespace": "a"},
        {"namespace": "a", "addresses": ["10.0.0.7:1"]},
        {"namespace": "a", "service": "b", "addresses": ["10.0.0.7:1"]},
        {"addresses": ["router.example.com:9991"]},
        {"addresses": ["10.0.0.7"]},
        {"addresses": ["10.0.0.7:0"]},
        {"addresses": ["10.0.0.7:70000"]},
        {"addresses": ["fd00::7:9991"]},
        {"addresses": ["10.0.0.7:9991"] * 1001},
        {"namespace": "a", "service": "b", "kubeconfig": "/x", "k8sHost": "api"},
        {"namespace": "a", "service": "b", "nodes": 5},
    ],
)
def test_what_makes_no_sense(peers: dict[str, Any]) -> None:
    assert not isinstance(validated(peers), Config)
