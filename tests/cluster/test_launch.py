"""A container's root: made of what the machine has, wherever that is and whoever may read it."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.cluster.node.action import LAUNCH

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers are namespaces, which need root"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare (Debian: util-linux)"),
]


def launch(folder, *argv, **spec):
    """Run a command as a container, in namespaces as the nodes have them."""
    folder.mkdir(exist_ok=True)
    whole = {
        "network": "/proc/self/ns/net", "hostname": "host", "argv": argv, "env": {"PATH": "/usr/bin:/bin"}, "cwd": "/",
        "uid": 65532, "gid": 65532, "groups": [], "drop": [], "no_new_privileges": False, "read_only": False,
        "mounts": [], "files": {}, "visible": [], **spec,
    }  # fmt: skip
    (folder / "spec.json").write_text(json.dumps(whole))
    isolation = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return subprocess.run(
        [*isolation, sys.executable, "-I", "-S", str(LAUNCH), "run", str(folder)],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def test_any_user_may_read_what_is_made_visible(tmp_path):
    private = tmp_path / "private"
    (private / "inner").mkdir(parents=True)
    (private / "inner/file").write_text("seen")
    private.chmod(0o700)
    hidden = launch(tmp_path / "c", "cat", str(private / "inner/file"))
    assert "Permission denied" in hidden.stderr
    shown = launch(tmp_path / "c", "cat", str(private / "inner/file"), visible=[str(private / "inner")])
    assert shown.stdout == "seen"
    assert private.stat().st_mode & 0o777 == 0o700  # the machine's is as it was


def test_mounts_go_where_links_lead_inside(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_text("mounted")
    mounts = [{"source": str(source), "target": "/var/run/some/where", "read_only": True}]
    done = launch(tmp_path / "c", "cat", "/run/some/where/f", mounts=mounts)
    assert done.stdout == "mounted"
    assert not os.path.exists("/run/some")  # /var/run leads to /run: that of the container


def test_files_are_the_containers_even_where_the_machine_has_links(tmp_path):
    files = {"/etc/resolv.conf": "nameserver 10.0.0.1\n", "/etc/hosts": "10.0.0.2 x\n"}
    done = launch(tmp_path / "c", "cat", "/etc/resolv.conf", "/etc/hosts", files=files)
    assert done.stdout == "nameserver 10.0.0.1\n10.0.0.2 x\n"


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7)])
def test_it_ends_as_its_command_does(tmp_path, script, status):
    assert launch(tmp_path / "c", "sh", "-c", script).returncode == status


def test_a_command_that_is_not_there_is_said(tmp_path):
    done = launch(tmp_path / "c", "no-such-command")
    assert done.returncode == 128
    assert "cannot start no-such-command: [Errno 2] No such file or directory" in done.stderr


def test_a_mount_whose_source_is_not_there_is_said(tmp_path):
    done = launch(tmp_path / "c", "true", mounts=[{"source": "/no/such", "target": "/x", "read_only": False}])
    assert done.returncode == 128
    assert "cannot start the container" in done.stderr
