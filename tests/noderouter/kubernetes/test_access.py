"""Where the API is: what the configuration says, and what the environment says where it says nothing."""

import pytest

from noderouter.kubernetes.access import ApiKeys, InCluster, Kubeconfig, Plain, own_namespace


@pytest.fixture
def account(tmp_path, monkeypatch):
    """A mounted service account."""
    (tmp_path / "token").write_text("secret")
    (tmp_path / "namespace").write_text("shop\n")
    monkeypatch.setenv("NODEROUTER_SERVICE_ACCOUNT", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return str(tmp_path)


def test_with_nothing_the_account_of_the_pod(account):
    assert ApiKeys().access == InCluster("10.96.0.1", 443, account)
    assert str(ApiKeys().access) == "https://10.96.0.1:443"


@pytest.mark.parametrize("variable", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
def test_without_an_account_what_linkerd_did(account, variable, monkeypatch):
    monkeypatch.delenv(variable)
    assert ApiKeys().access == Plain("localhost", 8001)


@pytest.mark.parametrize(
    ("keys", "url"),
    [
        ({"host": "proxy"}, "http://proxy:8001"),
        ({"port": 8080}, "http://localhost:8080"),
        ({"host": "::1", "port": 80}, "http://[::1]:80"),
    ],
)
def test_host_and_port_are_plain_http(account, keys, url):
    assert str(ApiKeys(**keys).access) == url


def test_a_kubeconfig(account):
    assert ApiKeys(kubeconfig="/etc/kube/config", context="prod").access == Kubeconfig("/etc/kube/config", "prod")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"kubeconfig": "/x", "host": "y"}, "take its host and port out"),
        ({"kubeconfig": "/x", "port": 1}, "take its host and port out"),
        ({"context": "prod"}, "needs `kubeconfig`"),
        ({"host": "http://proxy"}, "pattern"),
    ],
)
def test_what_contradicts_itself_is_refused(keys, words):
    with pytest.raises(ValueError, match=words):
        ApiKeys(**keys)


def test_our_own_namespace(account, monkeypatch):
    assert own_namespace("POD_NS") == "shop"
    monkeypatch.setenv("POD_NS", "other")
    assert own_namespace("POD_NS") == "other"
    monkeypatch.delenv("POD_NS")
    monkeypatch.setenv("NODEROUTER_SERVICE_ACCOUNT", "/nowhere")
    assert own_namespace("POD_NS") is None
