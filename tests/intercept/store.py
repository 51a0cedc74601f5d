"""Real servers of other protocols in a pod: Redis and PostgreSQL, each of which knows whose it is."""

import shutil
import subprocess
from pathlib import Path

from tests.cluster.any_cluster import until
from tests.intercept.pod import Pod

POSTGRES_USER = "nobody"
REDIS_PORT = 6379
POSTGRES_PORT = 5432


def redis_missing() -> str:
    """What has to be installed for Redis; empty where it is there."""
    there = shutil.which("redis-server") and shutil.which("redis-cli")
    return "" if there else "needs redis-server and redis-cli (Debian: redis-server redis-tools)"


def postgres_folder() -> Path | None:
    """Where PostgreSQL's programs are: Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def postgres_missing() -> str:
    """What has to be installed for PostgreSQL; empty where it is there."""
    there = postgres_folder() and shutil.which("psql")
    return "" if there else "needs postgres and psql (Debian: postgresql)"


def start_redis(pod: Pod) -> None:
    """A Redis with the name of the pod under the key `who`."""
    options = [
        "--port",
        str(REDIS_PORT),
        "--bind",
        "*",
        "-::*",
        "--protected-mode",
        "no",
        "--save",
        "",
        "--daemonize",
        "no",
    ]
    process = pod.start("redis-server", *options)
    assert process.stdout is not None
    while "Ready to accept" not in (line := process.stdout.readline()):
        assert line, "redis-server did not start"
    pod.run("redis-cli", "set", "who", pod.name)


def start_postgres(pod: Pod, folder: Path) -> None:
    """A PostgreSQL with a database of the name of the pod; its files are in `folder`."""
    programs = postgres_folder()
    assert programs is not None
    data = folder / f"postgres-{pod.name}"
    data.mkdir()
    shutil.chown(data, POSTGRES_USER)
    as_user = ["setpriv", f"--reuid={POSTGRES_USER}", "--clear-groups", "--pdeathsig", "KILL"]
    made = [*as_user, str(programs / "initdb"), "--no-sync", "--auth=trust", "--username=shop", "-D", str(data)]
    subprocess.run(made, check=True, capture_output=True, cwd=folder)
    (data / "pg_hba.conf").write_text("host all all all trust\n")
    options = [
        "-c",
        "listen_addresses=*",
        "-c",
        "unix_socket_directories=",
        "-c",
        "fsync=off",
        "-c",
        f"cluster_name={pod.name}",
    ]
    pod.start(*as_user, str(programs / "postgres"), "-D", str(data), "-p", str(POSTGRES_PORT), *options)
    until(
        lambda: pod.completed(str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(POSTGRES_PORT)).returncode == 0
    )
