"""A cluster to work with by hand: `python -m tests.cluster [COMMAND...]`.

Runs the command, or your shell, with `kubectl` and `helm` on PATH and KUBECONFIG set, in a cluster of two nodes that is
gone afterwards. `$CLUSTER_RUN` before a command has it run in the cluster's network: `$CLUSTER_RUN curl http://10.…`.
"""

import os
import subprocess
import sys

from tests.cluster.binaries import MissingCommand, find
from tests.cluster.cluster import Cluster
from tests.cluster.controlplane import ControlPlane


def main(argv: list[str]) -> int:
    """Answers the command's status."""
    if os.geteuid() != 0:
        print("nodes are network namespaces: this needs root", file=sys.stderr)
        return 1
    try:
        plane = ControlPlane()
    except MissingCommand as error:
        print(error, file=sys.stderr)
        return 1
    with plane, Cluster(plane) as cluster:
        env = {
            **os.environ,
            "PATH": f"{find('kubectl').parent}:{os.environ['PATH']}",
            "KUBECONFIG": str(plane.admin_kubeconfig),
            "CLUSTER_RUN": " ".join(cluster.command()),
        }
        print(f"{cluster!r}\nlogs are in {plane.folder}; leave the shell to end it", file=sys.stderr)
        return subprocess.run(argv or [os.environ.get("SHELL", "/bin/sh")], env=env).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
