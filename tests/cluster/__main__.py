"""A cluster to work with by hand: `python -m tests.cluster [--real] [COMMAND...]`.

Runs the command, or your shell, with `kubectl` and `helm` on PATH and KUBECONFIG set, in a cluster of two nodes that is
gone afterwards. `$CLUSTER_RUN` before a command has it run in the cluster's network: `$CLUSTER_RUN curl http://10.…`.
With `--real`, the nodes are real ones and the shell itself is in their network, so that port-forward works.
"""

import os
import subprocess
import sys
import time
from contextlib import ExitStack

from tests.cluster.any_cluster import AnyCluster
from tests.cluster.binaries import MissingCommand, find
from tests.cluster.cluster import Cluster
from tests.cluster.controlplane import ControlPlane
from tests.cluster.real.cluster import RealCluster, missing
from tests.cluster.real.images import archives
from tests.image.engine import Unavailable


def main(argv: list[str]) -> int:
    """Answers the command's status."""
    real = argv[:1] == ["--real"]
    if reason := missing() if real else None if os.geteuid() == 0 else "nodes are namespaces, which need root":
        print(reason, file=sys.stderr)
        return 1
    try:
        with ExitStack() as stack:
            images = archives() if real else []
            began = time.monotonic()
            if real:
                cluster: AnyCluster = stack.enter_context(RealCluster(images))
            else:
                cluster = stack.enter_context(Cluster(stack.enter_context(ControlPlane())))
            print(f"{cluster.kind}: up in {time.monotonic() - began:.1f} s", file=sys.stderr)
            return run(cluster, argv[1:] if real else argv, inside=real)
    except (MissingCommand, Unavailable) as error:
        print(error, file=sys.stderr)
        return 1


def run(cluster: AnyCluster, argv: list[str], *, inside: bool) -> int:
    """Run a command or a shell, in the cluster's network where `inside`."""
    plane = cluster.control_plane
    env = {
        **os.environ,
        "PATH": f"{find('kubectl').parent}:{os.environ['PATH']}",
        "KUBECONFIG": str(plane.admin_kubeconfig),
        "CLUSTER_RUN": " ".join(cluster.command()),
    }
    print(f"{cluster!r}\nlogs are in {plane.folder}; leave the shell to end it", file=sys.stderr)
    command = argv or [os.environ.get("SHELL", "/bin/sh")]
    return subprocess.run([*cluster.command(), *command] if inside else command, env=env).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
