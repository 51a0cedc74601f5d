"""The command line of `noderouter check`; imports nothing, since every command reads it."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments to a parser."""
    add = parser.add_argument
    add(
        "config",
        nargs="?",
        metavar="CONFIG",
        help="the configuration; without it only versions and the API are checked",
    )
    add("--kubeconfig", metavar="FILE", help="default: what the configuration says, else as kubectl finds it")
    add("--context", help="the context in it")
    add("--namespace", metavar="NS", help="where the router is installed; default: that of this pod")
    add(
        "--service-account",
        metavar="NAME",
        help="ask for the rights of this account there, not for one's own (needs the right to ask that)",
    )
    add("--json", action="store_true", help="the same for programs")
