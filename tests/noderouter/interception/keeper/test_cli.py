"""The command line, and what it imports."""

import json
import subprocess
import sys

import pytest

from noderouter.cli import main
from tests.testing.intercept_state import PODS
from tests.testing.pod_network import NODE, SERVICE

STANDARD = sys.stdlib_module_names


def intercept(*arguments: str) -> int:
    return main(["intercept", *arguments])


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state.json"
    pods = [{"uid": pod.uid, "namespace": pod.namespace, "ips": list(map(str, pod.addresses))} for pod in PODS]
    path.write_text(json.dumps({"pods": pods, "services": [{"ip": SERVICE[4], "port": 80, "http": True}]}))
    return str(path)


def test_the_privileged_process_imports_the_standard_library_only():
    code = """
import sys
from noderouter.cli import main
from noderouter.interception.keeper import cli, client, keeper, process
from noderouter.interception.keeper.check import check
try:
    main(["intercept", "run", "--mode", "nft", "--node-ip", "192.0.2.1", "--socket", "/proc/none/s"])
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
    print(*sorted(name for name in sys.modules if name.startswith("noderouter")))
"""
    said = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    roots, ours = said.stdout.splitlines()
    assert set(roots.split()) - STANDARD - {"__main__", "noderouter"} == set()
    assert {name for name in ours.split() if not name.startswith("noderouter.interception.keeper")} == {
        "noderouter",
        "noderouter._compiled",
        "noderouter.cli",
        "noderouter.interception",
        "noderouter.line_queue",
    }


def test_print(state, capsys):
    assert intercept("print", "--mode", "nft", "--node-ip", NODE[4], "--state", state, "--exclude-namespace", "x") == 0
    said = capsys.readouterr().out
    assert "table inet noderouter {" in said
    assert f"dnat ip to {NODE[4]}:4143" in said
    assert "ip6 saddr" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["print", "--state", "/nowhere"], "--node-ip"),
        (["print", "--node-ip", "127.0.0.1", "--state", "/nowhere"], "not loopback"),
        (["print", "--node-ip", "192.0.2.1", "--state", "/nowhere"], "cannot read /nowhere"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, words, capsys, monkeypatch):
    for name in ("NODE_IP", "NODE_IPS"):
        monkeypatch.delenv(name, raising=False)
    assert intercept(*arguments, "--mode", "nft") == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["print"],
        ["run", "--mode", "ipvs"],
        ["run", "--capture-port", "0"],
        ["run", "--node-ip", "here"],
        ["run", "--exclude-cidr", "10.0.0.1/8"],
        ["run", "--scope", "none"],
        ["check", "--destination", "10.0.0.1"],
        ["apply", "--state", "x", "--arm-seconds", "-1"],
        ["wait", "--port", "0"],
        ["wait", "--seconds", "0"],
        ["wait", "--node-ip", "here"],
        ["wait", "--mode", "nft"],
    ],
)
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        intercept(*arguments)
    assert ended.value.code == 2
    assert "usage: noderouter intercept" in capsys.readouterr().err


def test_node_ips_of_the_environment(state, capsys, monkeypatch):
    monkeypatch.setenv("NODE_IPS", f"{NODE[4]}, {NODE[6]}")
    assert intercept("print", "--mode", "nft", "--state", state) == 0
    assert f"[{NODE[6]}]:4143" in capsys.readouterr().out
    monkeypatch.setenv("NODE_IPS", "here")
    assert intercept("print", "--mode", "nft", "--state", state) == 1


@pytest.mark.root
def test_apply_status_remove(make_network, state, tmp_path):
    network = make_network()
    before = network.dump()
    lock = ["--lock", str(tmp_path / "lock")]
    policy = ["--node-ip", NODE[4], "--node-ip", NODE[6], "--state", state]

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "noderouter.cli", "intercept", *arguments, *lock]
        return network.run(network.node, command)

    dry = run("apply", *policy, "--dry-run")
    assert "kube-proxy's rules are in nftables" in dry
    assert "table inet noderouter {" in dry
    assert network.dump() == before
    assert "not capturing" in run("apply", *policy)
    assert json.loads(run("status", "--json"))["nftables"] == {"installed": True, "armed": False, "captured": 0}
    assert "4 addresses of pods, 1 services" in run("apply", *policy, "--arm-seconds", "60")
    assert json.loads(run("status", "--json", "--mode", "nft"))["nftables"]["armed"] is True
    assert "keeper: none" in run("status")
    assert "would be removed" in run("remove", "--dry-run")
    assert "table inet noderouter" in network.dump()
    assert "removed the rules of nftables" in run("remove")
    assert "nothing to remove" in run("remove")
    assert network.dump() == before


@pytest.mark.root
def test_a_keeper_is_not_interfered_with(make_network, state, tmp_path):
    from noderouter.interception.keeper.lock import Lock

    network = make_network()
    lock = Lock(tmp_path / "lock")
    assert lock.acquire()
    command = [sys.executable, "-m", "noderouter.cli", "intercept", "remove", "--lock", str(tmp_path / "lock")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "a keeper owns the rules (pid " in said.stderr
    assert "nothing to remove" in network.run(network.node, [*command, "--force"])
    lock.close()
