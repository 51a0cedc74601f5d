"""Runs a packet filter's command with a text on its standard input, and turns its refusals into words.

A command is bounded in time; what it says is kept short. Which refusals there are is nobody's contract, so the known
ones are recognised by their words and every other one is quoted.
"""

import os
import subprocess
from collections.abc import Sequence
from typing import Final

from noderouter.interception.keeper.errors import (
    CommandFailed,
    InterceptError,
    MissingTool,
    NoKernelSupport,
    NotPermitted,
)

SECONDS: Final = 10.0
QUOTED: Final = 600

_PACKAGES: Final = {"nft": "nftables", "ipset": "ipset"}
_NOT_PERMITTED: Final = ("Operation not permitted", "Permission denied", "you must be root")
_NO_SUPPORT: Final = (
    "Protocol not supported",
    "Table does not exist",
    "can't initialize",
    "Could not fetch rule set generation id",
    "Extension",
    "Cannot open session to kernel",
    "No chain/target/match by that name",
    "Kernel error received",
    "Could not process rule: No such file or directory",
    "Could not process rule: Operation not supported",
    "RULE_APPEND failed",
)
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", "LC_ALL": "C"}


def run(argv: Sequence[str], text: str = "", *, seconds: float = SECONDS) -> str:
    """Run a command and return what it printed.

    Raises:
        MissingTool: it is not installed.
        NotPermitted: it needs NET_ADMIN.
        NoKernelSupport: the kernel lacks something.
        CommandFailed: anything else, also when it took longer than `seconds`.
    """
    environment = {**_ENVIRONMENT, "PATH": os.environ.get("PATH", "") + ":" + _ENVIRONMENT["PATH"]}
    try:
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, timeout=seconds, env=environment, check=False
        )
    except FileNotFoundError as error:
        raise MissingTool(_missing(argv[0])) from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(
            f"{' '.join(argv)} did not end within {seconds:g} s; another process may hold its lock"
        ) from error
    except OSError as error:
        raise CommandFailed(f"cannot run {argv[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise _refusal(" ".join(argv), (done.stderr or done.stdout).strip())
    return done.stdout


def _missing(command: str) -> str:
    package = _PACKAGES.get(command, "iptables")
    other = "iptables" if command == "nft" else "nft"
    return f"the command {command} is missing: install {package} (Debian: apt-get install {package}), or --mode {other}"


def _refusal(command: str, said: str) -> InterceptError:
    said = said if len(said) <= QUOTED else said[:QUOTED] + " …"
    if any(words in said for words in _NOT_PERMITTED):
        return NotPermitted(f"{command}: not permitted: run it as root, or with the capability NET_ADMIN ({said})")
    if any(words in said for words in _NO_SUPPORT):
        return NoKernelSupport(
            f"{command}: the kernel refused; unless these rules were just removed, it lacks something: load "
            "nf_tables, nft_fib_inet and nft_chain_nat, or iptable_nat, xt_set and ip_set, or try the other --mode "
            f"({said})"
        )
    return CommandFailed(f"{command} failed: {said}")
