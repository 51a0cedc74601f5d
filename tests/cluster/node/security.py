"""Whom a container runs as and what it may do: the security contexts, as far as they matter here."""

from typing import Any

from tests.cluster.node.api import Object
from tests.cluster.node.image import Image

_CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
CAPABILITIES = tuple(_CAPABILITIES.split())
"""By number."""

_GIVEN = (
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
    "AUDIT_WRITE"
)
GIVEN = frozenset(_GIVEN.split())
"""What container runtimes give to root."""


class Forbidden(Exception):
    """The container may not run as it is asked to."""


def security(container: Object, pod: Object, image: Image) -> dict[str, Any]:
    """The part of `launch.py`'s spec that says who the command is.

    Raises:
        Forbidden: `runAsNonRoot`, and the user is root.
    """
    shared = pod["spec"].get("securityContext") or {}
    context = {**shared, **(container.get("securityContext") or {})}
    user = context.get("runAsUser", image.user)
    if context.get("runAsNonRoot") and user == 0:
        raise Forbidden("container has runAsNonRoot and image will run as root")
    groups = list(shared.get("supplementalGroups", []))
    if "fsGroup" in shared:
        groups.append(shared["fsGroup"])
    return {
        "uid": user,
        "gid": context.get("runAsGroup", 0 if user == 0 else user),
        "groups": groups,
        "drop": dropped(context),
        "no_new_privileges": context.get("allowPrivilegeEscalation") is False,
        "read_only": bool(context.get("readOnlyRootFilesystem", False)),
    }


def dropped(context: Object) -> list[int]:
    """The numbers of the capabilities that a container is not given."""
    if context.get("privileged"):
        return []
    asked = context.get("capabilities") or {}
    drop = {name.removeprefix("CAP_") for name in asked.get("drop", [])}
    add = {name.removeprefix("CAP_") for name in asked.get("add", [])}
    everything = frozenset(CAPABILITIES)
    base = frozenset() if "ALL" in drop else GIVEN - drop
    kept = everything if "ALL" in add else base | add
    return [number for number, name in enumerate(CAPABILITIES) if name not in kept]
