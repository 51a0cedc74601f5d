"""Errors of starting are words and an exit code."""

import socket

import pytest

from noderouter.admin.listen import AdminListenError
from noderouter.proxy.listener.listener import ListenError
from noderouter.reactor import host
from noderouter.run import flat, run_config
from tests.testing.loop import descriptors
from tests.testing.router import checked, config


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


@pytest.mark.parametrize("which", ["first server", "second server", "admin"])
def test_a_port_in_use(which, taken, capsys):
    servers = [{"port": taken if which == "first server" else 0}, {"port": taken if which == "second server" else 0}]
    configuration = config(servers=servers, admin={"port": taken if which == "admin" else 0})
    before = descriptors()
    assert run_config(checked(configuration)) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("noderouter: cannot ")
    assert f"127.0.0.1:{taken}" in said[0]
    assert "listens there" in said[0]
    assert descriptors() == before


def test_other_errors_are_not_swallowed(taken):
    def fail(_app):
        raise RuntimeError("of the test")

    with pytest.raises(BaseExceptionGroup) as raised:
        run_config(checked(config()), fail)
    assert [str(error) for error in flat(raised.value)] == ["of the test"]


def test_groups_are_flattened():
    one, two = ListenError("one"), AdminListenError("two")
    assert list(flat(ExceptionGroup("", [one, ExceptionGroup("", [two])]))) == [one, two]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "POD_IP env variable must be set to the pod's IP"),
        ({"hostNetwork": True}, "NODE_NAME env variable must be set to the node's name"),
    ],
)
def test_a_variable_that_is_missing(keys, words, capsys, monkeypatch):
    monkeypatch.delenv("POD_IP", raising=False)
    monkeypatch.delenv("NODE_NAME", raising=False)
    local = {"kind": "io.l5d.k8s.localnode"} | keys
    configuration = config(interpreter={"kind": "default", "transformers": [local]})
    before = descriptors()
    assert run_config(checked(configuration)) == 1
    assert capsys.readouterr().err == f"noderouter: {words}\n"
    assert descriptors() == before


@pytest.mark.parametrize("before", [host.before, lambda _reactor: None])
def test_trio_that_is_not_known_is_said(before, monkeypatch, capsys):
    monkeypatch.setattr(host, "before", before)
    assert run_config(checked(config()), lambda app: app.stopping.set()) == 0
    assert ("reactor.behind_trio" in capsys.readouterr().err) == (before is not host.before)
