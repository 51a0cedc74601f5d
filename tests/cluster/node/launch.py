"""Start a container's command, or one more command in a running container. A program of its own: standard library only.

    python -I -S launch.py run FOLDER               the container that FOLDER/spec.json describes
    python -I -S launch.py exec FOLDER -- ARGV...   in the container that runs there

A container is a mount, PID and UTS namespace around the pod's network namespace. Its root is an overlay over the
machine's root, so that images need not exist: whatever is installed is there, what is written vanishes with the
container, and mounts go where the pod wants them. `run` stays as the parent of the command (which is PID 1, with what
that means for signals without a handler), passes signals on, and ends as the command does, with 128 + N for signal N.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import stat
import sys

TYPE_CHECKING = False  # importing typing would cost each start a third of its time
if TYPE_CHECKING:
    from typing import Any, NoReturn

    Spec = dict[str, Any]

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = (
    0x00020000, 0x04000000, 0x08000000, 0x20000000, 0x40000000,
)  # fmt: skip
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
START_FAILED = 128

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise what the C library says."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str | None, target: str, kind: str | None = None, flags: int = 0, options: str | None = None) -> None:
    """mount(2)."""
    words = [os.fsencode(word) if word else None for word in (source, target, kind, options)]
    check(libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]), f"mount {target}")


def prctl(option: int, value: int) -> None:
    """prctl(2)."""
    check(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def enter(path: str, kind: int) -> None:
    """Be in the namespace at `path`."""
    descriptor = os.open(path, os.O_RDONLY)
    check(libc.setns(descriptor, kind), f"setns {path}")
    os.close(descriptor)


def within(root: str, path: str) -> str:
    """Where `path` is below `root`, following symbolic links as if `root` were `/`; parents are made."""
    done, todo = "/", [part for part in path.split("/") if part]
    for _ in range(256):
        if not todo:
            return root + done
        part = todo.pop(0)
        here = os.path.normpath(os.path.join(done, part))
        if os.path.islink(root + here):
            link = os.readlink(root + here)
            todo = [piece for piece in link.split("/") if piece] + todo
            done = "/" if link.startswith("/") else done
            continue
        if todo and not os.path.isdir(root + here):
            os.mkdir(root + here, 0o755)
        done = here
    raise OSError(f"{path}: too many symbolic links")


def build_root(spec: Spec, folder: str) -> str:
    """Lay the overlay, and on it what the pod wants; answers its path."""
    scratch = os.path.join(folder, "root")
    os.makedirs(scratch, exist_ok=True)
    mount("scratch", scratch, "tmpfs", 0, "mode=755")
    upper, work, root = (os.path.join(scratch, name) for name in ("upper", "work", "merged"))
    for path in (upper, work, root):
        os.mkdir(path)
    mount("container", root, "overlay", 0, f"lowerdir=/,upperdir={upper},workdir={work}")
    for path in ("/dev", "/sys"):
        mount(path, root + path, None, MS_BIND | MS_REC)
    for path in spec["visible"]:
        make_visible(root, path)
    for path, text in spec["files"].items():
        place = within(root, path)
        if os.path.lexists(place):
            os.unlink(place)  # it may be a link to a service of the machine
        with open(place, "w") as file:
            file.write(text)
    for entry in spec["mounts"]:
        place_mount(root, **entry)
    return root


def make_visible(root: str, path: str) -> None:
    """Any user may reach what an image has, wherever this machine keeps it."""
    if os.stat(path).st_dev != os.stat("/").st_dev:
        place_mount(root, path, path, True)
    while path != "/":
        path = os.path.dirname(path)
        mode = stat.S_IMODE(os.stat(root + path).st_mode)
        if not mode & 0o001:
            os.chmod(root + path, mode | 0o011)


def place_mount(root: str, source: str, target: str, read_only: bool) -> None:
    """Bind a file or a folder into the root; the place is made if it is not there."""
    place = within(root, target)
    if os.path.isdir(source):
        os.makedirs(place, exist_ok=True)
    elif not os.path.exists(place):
        open(place, "w").close()
    mount(source, place, None, MS_BIND | MS_REC)
    if read_only:
        mount(None, place, None, MS_REMOUNT | MS_BIND | MS_RDONLY)


def change_root(root: str, read_only: bool) -> None:
    """Make `root` the root; nothing of the machine's remains but what the overlay shows."""
    mount("proc", root + "/proc", "proc")
    os.chdir(root)
    check(libc.syscall(SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")
    if read_only:
        mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY)


def command(name: str, env: dict[str, str]) -> str:
    """The file that a command's name means, by the container's PATH."""
    if "/" not in name:
        for folder in env.get("PATH", "").split(":"):
            if os.access(os.path.join(folder, name), os.X_OK):
                return os.path.join(folder, name)
    return name


def become(spec: Spec, argv: list[str]) -> NoReturn:
    """Give up what the container may not do, and become its command."""
    try:
        for capability in spec["drop"]:
            prctl(PR_CAPBSET_DROP, capability)
        os.setgroups(spec["groups"])
        os.setgid(spec["gid"])
        os.setuid(spec["uid"])
        if spec["no_new_privileges"]:
            prctl(PR_SET_NO_NEW_PRIVS, 1)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # last: setuid forgets it
        os.chdir(spec["cwd"])
        os.execve(command(argv[0], spec["env"]), argv, spec["env"])
    except OSError as error:
        print(f"cannot start {argv[0]}: {error}", file=sys.stderr, flush=True)
        os._exit(START_FAILED)


def attend(child: int) -> NoReturn:
    """Pass signals on to the command until it ends, then end as it did."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT):
        signal.signal(number, lambda got, _frame: os.kill(child, got))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def run(folder: str) -> NoReturn:
    """Build the container and stay with its command."""
    with open(os.path.join(folder, "spec.json")) as file:
        spec = json.load(file)
    pid_file = os.open(os.path.join(folder, "pid.new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    enter(spec["network"], CLONE_NEWNET)
    check(libc.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID), "unshare")
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    name = os.fsencode(spec["hostname"])
    check(libc.sethostname(name, len(name)), "sethostname")
    root = build_root(spec, folder)
    started, start = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(start)
        os.read(started, 1)  # until the parent has written down who we are
        os.close(started)
        change_root(root, spec["read_only"])
        become(spec, spec["argv"])
    os.write(pid_file, str(child).encode())
    os.close(pid_file)
    os.rename(os.path.join(folder, "pid.new"), os.path.join(folder, "pid"))
    os.close(started)
    os.close(start)
    attend(child)


def execute(folder: str, argv: list[str]) -> NoReturn:
    """Run one more command in the container."""
    with open(os.path.join(folder, "spec.json")) as file:
        spec = json.load(file)
    with open(os.path.join(folder, "pid")) as file:
        pid = int(file.read())
    kinds = (("net", CLONE_NEWNET), ("uts", CLONE_NEWUTS), ("ipc", CLONE_NEWIPC), ("pid", CLONE_NEWPID))
    for name, kind in (*kinds, ("mnt", CLONE_NEWNS)):
        enter(f"/proc/{pid}/ns/{name}", kind)
    child = os.fork()
    if child == 0:
        become(spec, argv)
    attend(child)


if __name__ == "__main__":
    try:
        if sys.argv[1] == "run":
            run(sys.argv[2])
        else:
            execute(sys.argv[2], sys.argv[4:])
    except OSError as error:
        print(f"cannot start the container: {error}", file=sys.stderr, flush=True)
        os._exit(START_FAILED)
