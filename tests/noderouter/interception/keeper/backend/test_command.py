"""Refusals in words."""

import pytest

from noderouter.interception.keeper.backend.command import run
from noderouter.interception.keeper.errors import CommandFailed, MissingTool, NoKernelSupport, NotPermitted


def test_what_it_printed():
    assert run(["cat"], "text") == "text"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("Error: Could not process rule: Operation not permitted", NotPermitted, "NET_ADMIN"),
        ("iptables-restore v1.8.9: Permission denied (you must be root)", NotPermitted, "run it as root"),
        ("can't initialize iptables table `nat': Table does not exist", NoKernelSupport, "nft_fib_inet"),
        ("Error: Could not process rule: Protocol not supported", NoKernelSupport, "other --mode"),
        ("Error: syntax error", CommandFailed, "syntax error"),
        ("x" * 5000, CommandFailed, "…"),
    ],
)
def test_refusals(said, kind, words):
    with pytest.raises(kind) as refused:
        run(["sh", "-c", "cat >&2; exit 1"], said)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 2000


def test_a_command_that_is_missing(monkeypatch):
    monkeypatch.setattr("noderouter.interception.keeper.backend.command._ENVIRONMENT", {"PATH": "/nowhere"})
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingTool, match=r"install nftables .* or --mode iptables"):
        run(["nft", "list", "tables"])
    with pytest.raises(MissingTool, match="install ipset"):
        run(["ipset", "list"])
    with pytest.raises(MissingTool, match=r"install iptables .* or --mode nft"):
        run(["iptables-nft-save"])


def test_a_command_that_hangs():
    with pytest.raises(CommandFailed, match="did not end within"):
        run(["sleep", "60"], seconds=0.05)
