"""The cluster's commands: where they are looked for, and what happens where they are not."""

import os
import subprocess
import sys

import pytest

from tests.cluster import binaries
from tests.cluster.cluster import CHECKOUT


def command(folder, name, text="#!/bin/sh\n"):
    """A file that can be run."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder / name


def test_assets_come_first_then_the_cache_then_path_for_etcd(tmp_path, monkeypatch):
    assets, cache, path = (tmp_path / name for name in ("assets", "cache", "path"))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    monkeypatch.setenv("NODEROUTER_CLUSTER_TOOLS", str(cache))
    monkeypatch.setenv("PATH", str(path))
    command(path, "kubectl")
    with pytest.raises(binaries.MissingCommand, match=r"kubectl is not built: run `make cluster-tools` \(needs Go\)"):
        binaries.find("kubectl")  # whatever version that is
    found = command(path, "etcd")
    assert binaries.find("etcd") == found
    found = command(cache, "etcd")
    assert binaries.find("etcd") == found
    found = command(assets, "etcd")
    assert binaries.find("etcd") == found


def test_the_cache_is_named_by_what_pins_the_commands(tmp_path, monkeypatch):
    monkeypatch.delenv("NODEROUTER_CLUSTER_TOOLS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = binaries.cache()
    assert before.parent == tmp_path / "noderouter/cluster-tools"
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("go.mod", "go.sum"):
        (tools / name).write_bytes((binaries.TOOLS / name).read_bytes() + b"\n")
    monkeypatch.setattr(binaries, "TOOLS", tools)
    assert binaries.cache() != before


def test_what_is_built_is_not_built_again(tmp_path, monkeypatch):
    compiler = '#!/bin/sh\necho "$*" >> "$0.calls"\nwhile [ "$1" != -o ]; do shift; done\n: > "$2"; chmod +x "$2"\n'
    go = command(tmp_path / "path", "go", compiler)
    monkeypatch.setenv("PATH", f"{go.parent}:{os.environ['PATH']}")
    for _ in range(2):
        binaries.build(tmp_path / "cache")
    calls = go.with_name("go.calls").read_text().splitlines()
    assert [call.rsplit(" ", 1)[1] for call in calls] == list(binaries.PACKAGES.values())
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {*binaries.PACKAGES, ".lock"}
    assert all(f"gitVersion={binaries.pinned('k8s.io/kubernetes')}" in call for call in calls)


def test_those_that_stand_apart_have_pins_and_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.delenv("NODEROUTER_CLUSTER_TOOLS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    folders = {pins: binaries.cache(name) for name, (pins, _) in binaries.APART.items()}
    assert len({binaries.cache(), *folders.values()}) == 1 + len(folders)
    compiler = '#!/bin/sh\npwd >> "$0.calls"\nwhile [ "$1" != -o ]; do shift; done\n: > "$2"; chmod +x "$2"\n'
    go = command(tmp_path / "path", "go", compiler)
    monkeypatch.setenv("PATH", f"{go.parent}:{os.environ['PATH']}")
    for name, (pins, _) in binaries.APART.items():
        binaries.build_apart(name, binaries.cache(name))
        assert binaries.find(name) == binaries.cache(name) / name
        assert go.with_name("go.calls").read_text().splitlines()[-1] == str(binaries.TOOLS / pins)


def test_modules_are_installed_once_and_as_a_whole(tmp_path, monkeypatch):
    script = '#!/bin/sh\necho "$*" >> "$0.calls"\n[ -f package-lock.json ] && mkdir node_modules\n'
    npm = command(tmp_path / "path", "npm", script)
    command(npm.parent, "node")
    monkeypatch.setenv("PATH", f"{npm.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(binaries, "cache", lambda _name: tmp_path / "cache")
    with pytest.raises(binaries.MissingCommand, match=r"modules for Node\.js are not installed"):
        binaries.find_modules()
    for _ in range(2):
        binaries.install_modules(tmp_path / "cache")
    assert binaries.find_modules() == tmp_path / "cache" / "node_modules"
    assert npm.with_name("npm.calls").read_text().splitlines() == ["ci --ignore-scripts --no-audit --no-fund"]


def test_a_build_that_fails_leaves_no_command(tmp_path, monkeypatch):
    go = command(tmp_path / "path", "go", "#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("PATH", f"{go.parent}:{os.environ['PATH']}")
    with pytest.raises(subprocess.CalledProcessError):
        binaries.build(tmp_path / "cache")
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {".lock"}


def test_tests_without_the_commands_are_skipped_with_the_reason(tmp_path):
    env = {**os.environ, "NODEROUTER_CLUSTER_TOOLS": str(tmp_path), "KUBEBUILDER_ASSETS": ""}
    argv = [sys.executable, "-m", "pytest", "-rs", "tests/cluster/test_controlplane.py", "-k", "pinned_version"]
    done = subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "kubectl is not built: run `make cluster-tools`" in done.stdout
    assert "1 skipped" in done.stdout
