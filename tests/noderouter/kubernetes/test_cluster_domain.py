"""The cluster's domain is read, never assumed."""

from pathlib import Path

import pytest

from noderouter.kubernetes import cluster_domain as module
from noderouter.kubernetes.cluster_domain import cluster_domain, searched

KUBELET = (
    "search noderouter.svc.example.internal svc.example.internal example.internal corp.example\nnameserver 10.0.0.10\n"
)


class Logged(list[str]):
    def __call__(self, _level: int, event: str, /, **_fields: object) -> None:
        self.append(event)


@pytest.fixture
def resolv_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "resolv.conf"
    monkeypatch.setattr(module, "RESOLV_CONF", str(place))
    return place


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        (KUBELET, "example.internal"),
        ("nameserver 10.0.0.10\nsearch svc.Cluster.Local.\n", "cluster.local"),
        ("search default.svc.one\n", "one"),
        ("search default.svc.other svc.right\n", "right"),
        ("search svc.first\nsearch svc.last\n", "last"),  # as the resolver takes it
        ("search corp.example\nnameserver 10.0.0.1\n", ""),
        ("search svc. .svc. svc.b!d\n", ""),
        ("# search svc.comment\n", ""),
        ("search\n", ""),
        ("", ""),
    ],
)
def test_it_is_in_the_search_list(text, domain):
    assert searched(text) == domain


def test_what_is_configured_is_right(resolv_conf):
    resolv_conf.write_text(KUBELET)
    logged = Logged()
    assert cluster_domain("Other.Internal.", logged) == "other.internal"
    assert cluster_domain(None, logged) == "example.internal"
    assert logged == []


@pytest.mark.parametrize("text", [None, "search corp.example\n"])
def test_where_nobody_says_it_there_is_none_and_the_log_says_so(resolv_conf, text):
    if text is not None:
        resolv_conf.write_text(text)
    logged = Logged()
    assert cluster_domain(None, logged) == ""
    assert logged == ["cluster_domain.unknown"]
