"""Servers that everybody has, with their own clients, captured and directly: what comes out is the same."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from tests.testing.captured_loopback import Loopback, capturing
from tests.testing.router import process

pytestmark = pytest.mark.root

LARGE_BYTES = 700_000
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, and a client of it; all three texts are for a shell, in a folder that has the file `large`.

    Attributes:
        needs: commands, by the package of Debian that has them.
        before: done once.
        server: becomes the server, at `port`.
        client: asks; WAY is `direct` or `captured`.
        connections: how many of the client's are captured at least.
    """

    port: int
    needs: dict[str, str]
    before: str
    server: str
    client: str
    connections: int


VSFTPD = """
listen=YES
listen_address=127.0.0.1
listen_port=2121
background=NO
anonymous_enable=YES
no_anon_password=YES
local_enable=NO
write_enable=YES
anon_upload_enable=YES
anon_umask=022
allow_writeable_chroot=YES
isolate=NO
isolate_network=NO
seccomp_sandbox=NO
connect_from_port_20=NO
"""
SSH = "ssh -F none -q -p 2222 -i user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes"
SQL = (
    "create database $WAY; use $WAY; create table t (b longblob); "
    "insert into t values (load_file('$PWD/large')); select sha2(b, 256), length(b) from t"
)
PEERS = {
    "ssh": Peer(
        2222,
        {"sshd": "openssh-server", "ssh": "openssh-client"},
        "ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f user; chmod go-w .",
        "exec unshare --mount sh -c 'mount -t tmpfs none /run && mkdir /run/sshd && exec $(command -v sshd) -D -e "
        "-f /dev/null -p 2222 -o ListenAddress=127.0.0.1 -o HostKey=$PWD/host -o AuthorizedKeysFile=$PWD/user.pub "
        "-o StrictModes=no -o UsePAM=no -o PidFile=none'",
        f'{SSH} root@127.0.0.1 "cat >$PWD/copy-$WAY" <large; {SSH} root@127.0.0.1 cat $PWD/copy-$WAY | sha256sum',
        2,
    ),
    "memcached": Peer(
        11211,
        {"memcached": "memcached", "memccp": "libmemcached-tools"},
        "true",
        "exec memcached -u root -l 127.0.0.1 -p 11211",
        "memccp --servers=127.0.0.1:11211 large; memccat --servers=127.0.0.1:11211 large | sha256sum; "
        "memcrm --servers=127.0.0.1:11211 large; memcexist --servers=127.0.0.1:11211 large || echo gone",
        4,
    ),
    "mariadb": Peer(
        3306,
        {"mariadbd": "mariadb-server-core", "mariadb": "mariadb-client-core"},
        "mariadb-install-db --no-defaults --user=root --datadir=$PWD/data --auth-root-authentication-method=normal "
        "--skip-test-db >installed",
        "exec mariadbd --no-defaults --user=root --datadir=$PWD/data --port=3306 --bind-address=127.0.0.1 "
        "--socket=$PWD/s --secure-file-priv= --innodb-buffer-pool-size=8M",
        f'mariadb --no-defaults -h 127.0.0.1 -P 3306 -u root -N -e "{SQL}"',
        1,
    ),
    "ftp": Peer(
        2121,
        {"vsftpd": "vsftpd", "curl": "curl"},
        f"printf '%s' '{VSFTPD}' >conf; mkdir -p ftp/up empty; cp large ftp; chmod 777 ftp/up; chmod 755 ftp; "
        "echo anon_root=$PWD/ftp >>conf; echo secure_chroot_dir=$PWD/empty >>conf",
        "exec vsftpd $PWD/conf",
        "curl -sS -T large ftp://127.0.0.1:2121/up/$WAY; curl -sS ftp://127.0.0.1:2121/large | sha256sum; "
        "curl -sS --list-only ftp://127.0.0.1:2121/; sha256sum <ftp/up/$WAY",
        6,
    ),
}


def missing(peer: Peer) -> list[str]:
    """The packages that are wanted."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return [package for command, package in peer.needs.items() if shutil.which(command, path=path) is None]


@pytest.mark.parametrize("name", PEERS)
async def test_a_server_and_its_own_client(loopback: Loopback, tmp_path: Path, name: str) -> None:
    peer = PEERS[name]
    if lacks := missing(peer):
        pytest.skip(f"needs {', '.join(lacks)}")
    (tmp_path / "large").write_bytes(os.urandom(LARGE_BYTES))
    environment = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "HOME": str(tmp_path)}

    async def shell(text: str, way: str = "direct") -> str:
        enter = loopback.captured if way == "captured" else loopback.direct
        with trio.fail_after(SECONDS):
            done = await trio.run_process(
                ["bash", "-e", "-o", "pipefail", "-c", text],
                cwd=tmp_path,
                env=environment | {"WAY": way},
                preexec_fn=enter,
                capture_stdout=True,
            )
        return done.stdout.decode()

    await shell(peer.before)
    with (tmp_path / "server.log").open("w+b") as log:
        options = {"cwd": tmp_path, "env": environment, "stdout": log, "stderr": subprocess.STDOUT}
        try:
            async with (
                loopback.serving(["bash", "-c", peer.server], peer.port, **options),
                process(capturing(detectTimeoutMs=100), tmp_path, prepare=loopback.direct) as router,
            ):
                _, admin = await router.ports()
                directly = await shell(peer.client)
                captured = await shell(peer.client, "captured")
                kinds = await loopback.counted(admin)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
            raise
    assert captured == directly != ""
    assert kinds["opaque"] >= peer.connections
