"""Arguments of `noderouter intercept`, and what they mean."""

import argparse
import ipaddress
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from noderouter.interception.keeper.backend.detect import MODES
from noderouter.interception.keeper.errors import InterceptError
from noderouter.interception.keeper.state import Address, Capture, Exclusions, FailureMode, Network, Policy, Scope

SOCKET: Final = Path("/run/noderouter/intercept.sock")
LOCK: Final = Path("/run/noderouter/intercept.lock")
CAPTURE_PORT: Final = 4143
PROBES_PORT: Final = 9991
COMMANDS: Final = {
    "run": "keep the rules while the router makes progress; the privileged process beside it",
    "print": "the rules for a state, as text",
    "apply": "put the rules for a state in force, without a keeper",
    "remove": "remove all of our rules from this node",
    "status": "what is in force, and how the keeper is",
    "check": "prove by real connections that this node can capture",
    "wait": "in an init container: wait until this pod's connections are captured",
}
_ON_THE_NODE: Final = tuple(name for name in COMMANDS if name != "wait")
_WITH_POLICY: Final = ("run", "print", "apply", "check")


def parser() -> argparse.ArgumentParser:
    """Return the parser of everything behind `noderouter intercept`."""
    top = argparse.ArgumentParser(prog="noderouter intercept", description="Capture pods' connections on this node.")
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command")
    made = {name: commands.add_parser(name, help=text, description=text) for name, text in COMMANDS.items()}
    for name in _ON_THE_NODE:
        command = made[name]
        command.add_argument("--mode", choices=MODES, default="auto", help="packet filter (default: by kube-proxy's)")
        command.add_argument("--lock", type=Path, default=LOCK, help=f"its holder owns the rules (default: {LOCK})")
        if name in _WITH_POLICY:
            _policy_arguments(command)
    for name in ("run", "status", "check"):
        made[name].add_argument("--socket", type=Path, default=SOCKET, help=f"unix socket (default: {SOCKET})")
    for name in ("apply", "remove"):
        made[name].add_argument("--dry-run", action="store_true", help="print what would be done, and change nothing")
    for name in ("print", "apply"):
        made[name].add_argument("--state", type=Path, required=True, help="pods and services, JSON")
    made["apply"].add_argument("--arm-seconds", type=_seconds, default=0, help="capture for so long (default: not)")
    made["remove"].add_argument("--force", action="store_true", help="even while a keeper runs, which will repair it")
    made["status"].add_argument("--json", action="store_true", help="as JSON")
    made["check"].add_argument("--destination", type=_place, action="append", help="ADDRESS:PORT of a service to dial")
    _wait_arguments(made["wait"])
    run = made["run"]
    run.add_argument("--state", type=Path, help="follow this file instead of the lists of the router")
    run.add_argument(
        "--allow-uid", type=int, action="append", default=[], help="a user that may be the router, beside our own"
    )
    run.add_argument("--reconcile-seconds", type=_seconds, help="how often to look for drift (default: 10; legacy: 2)")
    return top


def policy(options: argparse.Namespace) -> Policy:
    """Return the policy that the arguments describe.

    Raises:
        InterceptError: they contradict each other.
    """
    addresses = node_addresses(options)
    capture = Capture(
        options.capture_port,
        next((each for each in addresses if each.version == 4), None),
        next((each for each in addresses if each.version == 6), None),
    )
    if any(each.is_loopback or each.is_unspecified or each.is_link_local for each in addresses):
        raise InterceptError("--node-ip has to be an address of this node that pods can reach, not loopback")
    networks: list[Network] = list(options.exclude_cidr)
    with suppress(KeyError, ValueError):  # in a cluster, where the API server is
        networks.append(ipaddress.ip_network(os.environ["KUBERNETES_SERVICE_HOST"]))
    return Policy(
        capture,
        Scope(options.scope),
        FailureMode(options.failure_mode),
        Exclusions(frozenset(options.exclude_port), tuple(networks), frozenset(options.exclude_namespace)),
    )


def node_addresses(options: argparse.Namespace) -> list[Address]:
    """Return this node's addresses, at least one.

    Raises:
        InterceptError: neither the arguments nor the environment have any.
    """
    addresses: list[Address] = options.node_ip or _from_environment()
    if not addresses:
        raise InterceptError("no address to capture to: give one of this node with --node-ip, or in NODE_IP")
    return addresses


def _wait_arguments(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--node-ip", type=_address, action="append", default=[], help="this node's address (default: NODE_IP)")
    add("--port", type=_port, default=PROBES_PORT, help=f"the router's for probes (default: {PROBES_PORT})")
    add("--seconds", type=_seconds, default=10, help="wait for so long at most (default: 10)")
    add("--required", action="store_true", help="fail after that time; else the pod starts all the same")


def _policy_arguments(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--capture-port", type=_port, default=CAPTURE_PORT, help=f"the router's (default: {CAPTURE_PORT})")
    add("--node-ip", type=_address, action="append", default=[], help="this node's address; one of each family")
    add("--scope", choices=[each.value for each in Scope], default=Scope.SERVICES.value, help="which destinations")
    modes = [each.value for each in FailureMode]
    add("--failure-mode", choices=modes, default=FailureMode.OPEN.value, help="direct, or refused, without a router")
    add("--exclude-port", type=_port, action="append", default=[], help="destinations' port; may be repeated")
    add("--exclude-cidr", type=_network, action="append", default=[], help="destinations; may be repeated")
    add("--exclude-namespace", action="append", default=[], help="pods' namespace; may be repeated")


def _from_environment() -> list[Address]:
    """Read `NODE_IP`, or `NODE_IPS` with commas, as the downward API sets them."""
    text = os.environ.get("NODE_IPS") or os.environ.get("NODE_IP") or ""
    with suppress(ValueError):
        return [ipaddress.ip_address(part.strip()) for part in text.split(",") if part.strip()]
    raise InterceptError(f"NODE_IP is not an address: {text}")


def _address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not an IPv4 or IPv6 address") from error


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not a network: {error}") from error


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 1 to 65535")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 86400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 1 to 86400")
    return int(text)


def _place(text: str) -> tuple[Address, int]:
    address, _, port = text.rpartition(":")
    return _address(address.strip("[]")), _port(port)
