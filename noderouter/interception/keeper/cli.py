"""The command line: `noderouter intercept run|print|apply|remove|status|check|wait`.

Exit codes: 0 fine, 1 it cannot be done here (said on standard error), 2 wrong usage.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from noderouter.interception.keeper import options as arguments
from noderouter.interception.keeper.backend.backend import Backend
from noderouter.interception.keeper.backend.detect import backends, choose, for_check
from noderouter.interception.keeper.errors import HeldByAnother, InterceptError, MissingTool, NoKernelSupport
from noderouter.interception.keeper.lock import Lock
from noderouter.interception.keeper.pod_links import PodLinks
from noderouter.interception.keeper.rules.ruleset import Ruleset, ruleset

if TYPE_CHECKING:
    from collections.abc import Iterator


def main(argv: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    options = arguments.parser().parse_args(argv)
    try:
        return {
            "run": _run,
            "print": _print,
            "apply": _apply,
            "remove": _remove,
            "status": _status,
            "check": _check,
            "wait": _wait,
        }[options.command](options)
    except InterceptError as error:
        print(f"noderouter intercept: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    from noderouter.interception.keeper.backend.detect import rehearse
    from noderouter.interception.keeper.keeper import Keeper
    from noderouter.interception.keeper.log import Log, lost
    from noderouter.interception.keeper.process import KeeperProcess, Settings
    from noderouter.line_queue import take_standard_error

    take_standard_error(lost)
    log = Log()
    policy = arguments.policy(options)
    backend, reason = choose(options.mode)
    log.info("intercept.backend", backend=backend.name, reason=reason)
    uids = frozenset({os.getuid(), *options.allow_uid})
    settings = Settings(options.socket, options.lock, uids, options.state, options.reconcile_seconds)
    keeper = Keeper(policy, backend, log, rehearse=lambda: rehearse(backend, policy.capture))
    KeeperProcess(keeper, settings, log).run()
    return 0


def _print(options: argparse.Namespace) -> int:
    backend, _ = choose(options.mode)
    print(backend.describe(_rules(options)), end="")
    return 0


def _apply(options: argparse.Namespace) -> int:
    backend, reason = choose(options.mode)
    rules = _rules(options)
    if options.dry_run:
        print(f"# {backend.name}: {reason}\n{backend.describe(rules)}", end="")
        return 0
    with _owning(options):
        backend.apply(rules, options.arm_seconds * 1000)
    print(f"applied by {backend.name} ({reason}): {rules.pods} addresses of pods, {_destinations(rules)}")
    print(f"capturing for {options.arm_seconds} s" if options.arm_seconds else "not capturing: no keeper renews it")
    return 0


def _remove(options: argparse.Namespace) -> int:
    found = False
    with _owning(options, anyway=options.force or options.dry_run):
        for backend in [*_chosen(options.mode), *map(for_check, _chosen(options.mode))]:
            with suppress(MissingTool, NoKernelSupport):  # what cannot be used has left nothing
                there = backend.snapshot()
                found = found or bool(there)
                if options.dry_run:
                    print(f"# {backend.name}: {'would be removed' if there else 'nothing to remove'}\n{there}")
                    continue
                backend.remove()
                if there:
                    print(f"removed the rules of {backend.name}")
    if not found and not options.dry_run:
        print("nothing to remove")
    return 0


def _status(options: argparse.Namespace) -> int:
    keeper = _keeper(options.socket)
    told: dict[str, dict[str, object]] = {}
    for backend in _chosen(options.mode):
        with suppress(MissingTool, NoKernelSupport):
            installed = bool(backend.snapshot())
            captured = backend.captured() if installed else 0
            told[backend.name] = {"installed": installed, "armed": installed and backend.armed(), "captured": captured}
    if options.json:
        print(json.dumps(told if keeper is None else {"keeper": keeper, **told}, indent=2))
        return 0
    print(f"keeper: {f'none at {options.socket}' if keeper is None else _said(keeper)}")
    for name, state in told.items():
        print(f"{name}: {_said(state)}")
    return 0


def _keeper(path: Path) -> dict[str, object] | None:
    """Return the status of the keeper at a socket; None where there is none."""
    from noderouter.interception.keeper.client import BlockingKeeperClient

    with suppress(InterceptError):
        client = BlockingKeeperClient(path)
        try:
            return client.status()
        finally:
            client.close()
    return None


def _check(options: argparse.Namespace) -> int:
    from noderouter.interception.keeper.check.check import check, destinations, seen_by_a_pod

    capture = arguments.policy(options).capture
    backend, reason = choose(options.mode)
    print(f"{backend.name}: {reason}")
    findings = check(for_check(backend), capture, options.destination or destinations(capture))
    for finding in findings:
        print(f"{'ok' if finding.good else 'FAILED'}: {finding.what}")
        if not finding.good and finding.advice:
            print(f"        {finding.advice}")
    print(seen_by_a_pod(findings, _keeper(options.socket)))
    return 0 if all(finding.good for finding in findings) else 1


def _wait(options: argparse.Namespace) -> int:
    from noderouter.interception.keeper.wait import asking, wait

    final, words = wait(asking(arguments.node_addresses(options)[0], options.port), options.seconds)
    print(words, file=sys.stdout if final else sys.stderr)
    return 0 if final or not options.required else 1


def _rules(options: argparse.Namespace) -> Ruleset:
    from noderouter.interception.keeper.state_file import read

    policy = arguments.policy(options)
    wanted = read(options.state)
    pod_links = PodLinks()
    pod_links.follow(wanted.pods)
    return ruleset(policy, wanted, pod_links.links)


def _chosen(mode: str) -> list[Backend]:
    return backends() if mode == "auto" else [each for each in backends() if each.name.startswith(mode)]


@contextmanager
def _owning(options: argparse.Namespace, *, anyway: bool = False) -> "Iterator[None]":
    lock = Lock(options.lock)
    try:
        if not anyway and not lock.acquire():
            raise HeldByAnother(
                f"a keeper owns the rules ({lock.holder()}) and would repair them: stop it first"
                + (", or --force" if options.command == "remove" else "")
            )
        yield
    finally:
        lock.close()


def _destinations(rules: Ruleset) -> str:
    return "any destination" if rules.everything else f"{rules.services} services"


def _said(fields: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in fields.items() if key not in ("v", "type") and value != "")
