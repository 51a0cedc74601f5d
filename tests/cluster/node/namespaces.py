"""Network namespaces by the system calls themselves, and sockets in them.

A namespace is held by a bind mount on a file of the harness' folder, in the harness' own mount namespace: when the
harness dies nothing is left, whatever killed it. A socket belongs to the namespace in which it was *created*, so one
thread can talk in all of them: enter, make the socket, come back. There must be no await between.
"""

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEW_NETWORK = 0x40000000
MOUNT_BIND = 0x1000
UNMOUNT_DETACH = 2

_HERE = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _enter(descriptor: int) -> None:
    _checked(_libc.setns(descriptor, NEW_NETWORK), "setns")


def enter(path: Path) -> None:
    """Have this thread in the network namespace at `path` from now on; for a child before it becomes its program."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _enter(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def returning() -> Iterator[None]:
    """Come back, at the end, to the network namespace that this thread is in now."""
    before = os.open(_HERE, os.O_RDONLY)
    try:
        yield
    finally:
        _enter(before)
        os.close(before)


@contextmanager
def inside(path: Path) -> Iterator[None]:
    """Have this thread in the network namespace at `path`; must not be awaited in."""
    with returning():
        enter(path)
        yield


def create(path: Path) -> None:
    """Make a network namespace and hold it at `path`; its loopback is down."""
    path.touch()
    with returning():
        _checked(_libc.unshare(NEW_NETWORK), "unshare")
        source, target = os.fsencode(_HERE), os.fsencode(path)
        _checked(_libc.mount(source, target, None, ctypes.c_ulong(MOUNT_BIND), None), f"mount {path}")


def remove(path: Path) -> None:
    """Let go of a network namespace; it ends with its last process."""
    _checked(_libc.umount2(os.fsencode(path), UNMOUNT_DETACH), f"umount {path}")
    path.unlink()


def make_socket(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """An IPv4 socket of the namespace at `path`."""
    with inside(path):
        return socket.socket(socket.AF_INET, kind)


def set_sysctl(path: Path, name: str, value: str) -> None:
    """Write a setting below /proc/sys/net of a namespace, such as `ipv4/ip_forward`."""
    with inside(path):
        Path("/proc/sys/net", name).write_text(value)
