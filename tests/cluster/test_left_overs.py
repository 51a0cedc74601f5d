"""Nothing of a cluster outlives the run that started it, even one that is killed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.any_cluster import until
from tests.cluster.cluster import CHECKOUT

RUN = """
import time
from tests.cluster.cluster import Cluster
from tests.cluster.controlplane import ControlPlane
from tests.cluster.workload import container, pod
with ControlPlane() as plane, Cluster(plane, nodes=1) as cluster:
    cluster.apply(pod("one", container()))
    cluster.wait_ready("pod", "default", "one")
    print(plane.folder, flush=True)
    if input() == "end":
        raise SystemExit
"""


def of_the_run(folder):
    """The processes that have to do with a control plane's folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(folder) in path.read_bytes():
                found.append(path.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def links():
    """The machine's network interfaces."""
    return set(os.listdir("/sys/class/net"))


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("killed", [True, False])
def test_processes_mounts_and_networks_go_with_the_run(cluster, killed):
    before = links()
    with subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        folder = run.stdout.readline().strip()
        assert len(of_the_run(folder)) >= 5  # etcd, API server, controllers, nodes, container
        if killed:
            run.send_signal(signal.SIGKILL)
        else:
            run.communicate("end\n", timeout=30)
            assert not Path(folder).exists()
    until(lambda: of_the_run(folder) == [])
    assert folder not in Path("/proc/self/mountinfo").read_text()
    assert links() == before
    shutil.rmtree(folder, ignore_errors=True)
