"""Where API servers are."""

from types import SimpleNamespace

from noderouter.core.addr import AddrPending
from noderouter.core.var import Var
from noderouter.kubernetes.access import InCluster, Kubeconfig, Plain
from noderouter.naming.api_servers import ApiServers, host_port_of


def test_host_and_port_of_an_access():
    assert host_port_of(Plain("10.0.0.1", 8001), None) == ("10.0.0.1", 8001)
    assert host_port_of(InCluster("fd00::1", 443), None) == ("fd00::1", 443)
    assert host_port_of(Kubeconfig("x"), None) is None
    assert host_port_of(Kubeconfig("x"), "https://api.example:6443/path") == ("api.example", 6443)
    assert host_port_of(Kubeconfig("x"), "https://[fd00::1]") == ("fd00::1", 443)


def test_hosts_are_looked_up(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    known = {"10.96.0.1": Var(frozenset({"10.96.0.1"})), "api.example": Var(AddrPending())}
    cluster = SimpleNamespace(access=Kubeconfig("x"), api=SimpleNamespace(url="https://api.example:6443"))
    found = ApiServers([cluster], SimpleNamespace(ips=known.__getitem__))
    assert found() == {("10.96.0.1", 443)}
    assert known["api.example"].holders == 1
    known["api.example"].set(frozenset({"192.0.2.1", "192.0.2.2"}))
    assert found() == {("10.96.0.1", 443), ("192.0.2.1", 6443), ("192.0.2.2", 6443)}
    assert known["api.example"].holders == 1
