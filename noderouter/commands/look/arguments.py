"""The command lines of what looks at running routers; imports nothing, since every command reads it."""

import argparse
from typing import Any, Final

NAMES: Final = (
    "top",
    "requests",
    "explain",
    "endpoints",
    "graph",
    "whatif",
    "policy",
    "status",
    "stat",
    "routes",
    "edges",
)
ADMIN: Final = "127.0.0.1:9990"
TOKEN_FILE: Final = "NODEROUTER_TOKEN_FILE"
SELECTOR: Final = "app.kubernetes.io/name=noderouter"
VIEWS: Final = ("overview", "services", "endpoints", "health")
STATES: Final = ("failing", "ejected", "probing", "down", "slow", "ok")
LONGEST_INTERVAL: Final = 60.0


def add_commands(commands: Any) -> None:
    """Add the parsers of all of them to the subparsers of a parser."""
    top = commands.add_parser("top", help="watch a router: its services, what is wrong and why")
    top.add_argument("--view", choices=VIEWS, default="overview", help="what to watch")
    top.add_argument(
        "-i",
        "--interval",
        type=_interval,
        default=2.0,
        metavar="SECONDS",
        help="from one page to the next (default: 2)",
    )
    top.add_argument("-c", "--count", type=_count, metavar="N", help="end after so many pages")
    _to_whom(top)

    requests = commands.add_parser("requests", aliases=["tap"], help="show requests as they end, filtered")
    for name, words in (
        ("service", "the logical name, such as /svc/hello; with * behind, how it begins, as for the next four"),
        ("client", "the bound name of any try"),
        ("endpoint", "ADDRESS or ADDRESS:PORT of any try"),
        ("source", "ADDRESS or ADDRESS:PORT of who asks"),
        ("router", "the label of a router"),
        ("method", "such as GET; several with commas"),
        ("path", "how the path begins"),
        ("status", "200, 5xx or error; several with commas"),
        ("min-ms", "took at least so many milliseconds"),
        ("sample", "show this share of them, such as 0.01"),
    ):
        requests.add_argument(f"--{name}", help=words)
    requests.add_argument("--heads", action="store_true", help="show the heads too, with secrets masked")
    requests.add_argument("-n", "--count", type=_count, metavar="N", help="end after so many")
    requests.add_argument("--seconds", type=_count, metavar="S", help="end after so long (default: 3600, the most)")
    _to_whom(requests)

    explain = commands.add_parser(
        "explain", help="show where a name leads, step by step, down to endpoints; or the stacks of a configuration"
    )
    explain.add_argument(
        "name",
        metavar="NAME",
        help="such as /svc/hello; with --stacks a configuration, or - for standard input",
    )
    explain.add_argument(
        "--stacks",
        action="store_true",
        help="the filters that a configuration would be made into, in order, as JSON; asks nobody",
    )
    explain.add_argument("--router", metavar="LABEL", help="which router of the process (default: its first)")
    _to_whom(explain)

    endpoints = commands.add_parser("endpoints", help="list endpoints: what is out of service, and why")
    endpoints.add_argument("--service", metavar="NAME", help="those that a logical name leads to")
    endpoints.add_argument("--client", metavar="NAME", help="those of a bound name")
    endpoints.add_argument("--state", choices=STATES, help="those that are so")
    _to_whom(endpoints)

    graph = commands.add_parser("graph", help="show who calls whom through a router")
    graph.add_argument("--of", metavar="NAME", help="only what is around this service or source")
    _to_whom(graph, forms=("text", "json", "dot"))

    whatif = commands.add_parser("whatif", help="show what a dtab would do to the requests of the last ten minutes")
    whatif.add_argument("file", metavar="FILE", help="the dtab; - is standard input")
    whatif.add_argument("--router", metavar="LABEL", help="which router of the process; needed where it has several")
    _to_whom(whatif)

    policy = commands.add_parser("policy", help="show whom other policies would have refused")
    verbs = policy.add_subparsers(required=True, metavar="VERB")
    check = verbs.add_parser("check", help="look at the requests of the last minutes; nothing is put into force")
    check.add_argument("file", metavar="FILE", help="the list of policies; - is standard input")
    check.add_argument("--last", type=_minutes, default=15, metavar="15m", help="how far back (default: 15m, the most)")
    _to_whom(check)

    status = commands.add_parser("status", help="one line for each node: what is wrong with it, and what differs")
    _to_whom(status, everybody=True)
    for name, words in (
        ("stat", "show the services of all nodes, added up"),
        ("routes", "show where the services of all nodes go, and how it goes there"),
        ("edges", "show who calls whom on all nodes"),
    ):
        parser = commands.add_parser(name, help=words)
        parser.add_argument("of", nargs="?", metavar="NAME", help="only those with this in their name")
        _to_whom(parser, everybody=True)


def _to_whom(
    parser: argparse.ArgumentParser, forms: tuple[str, ...] = ("text", "json"), everybody: bool = False
) -> None:
    """Add what they have in common; `everybody` for what asks all nodes unless it is told otherwise."""
    add = parser.add_argument
    add("-o", "--output", choices=forms, default="text", help="the form")
    group = parser.add_mutually_exclusive_group()
    admin = f"an admin interface (default: {'all nodes' if everybody else ADMIN})"
    group.add_argument("--admin", metavar="[https://]HOST:PORT", default=None if everybody else ADMIN, help=admin)
    group.add_argument("--node", metavar="NAME", help="the router of this node, through the API server")
    group.add_argument("--all", dest="every_node", action="store_true", help="those of all nodes, the same way")
    add("--namespace", metavar="NS", help="where the routers' pods are (default: any namespace)")
    add("--selector", metavar="LABELS", default=SELECTOR, help=f"their labels (default: {SELECTOR})")
    add("--admin-port", type=_port, metavar="PORT", help="in their pods (default: the port named admin, or 9990)")
    add(
        "--token-file",
        metavar="FILE",
        help=f"the token of routers that want one (default: ${TOKEN_FILE}, if set)",
    )
    add(
        "--ca-file",
        metavar="FILE",
        help="with --admin https://…: the authority of its certificate (default: the system's)",
    )
    add("--cert-file", metavar="FILE", help="with --admin https://…: the certificate to show, to routers that want one")
    add("--key-file", metavar="FILE", help="its key (default: in the same file)")
    add("--kubeconfig", metavar="FILE", help="default: as kubectl finds it, else the service account of the pod")
    add("--context", help="the context in it")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 9):
        raise argparse.ArgumentTypeError(f"a whole number above 0, not {text!r}")
    return int(text)


def _minutes(text: str) -> int:
    number = text.removesuffix("m")
    if not (number.isascii() and number.isdigit() and len(number) < 3 and 1 <= int(number) <= 15):
        raise argparse.ArgumentTypeError(f"minutes, 1m to 15m, not {text!r}")
    return int(number)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"a port, 1 to 65535, not {text!r}")
    return int(text)


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1.0 <= seconds <= LONGEST_INTERVAL:
        raise argparse.ArgumentTypeError(f"seconds, 1 to {LONGEST_INTERVAL:g}, not {text!r}")
    return seconds
