"""`noderouter dtab check`: lints a new dtab, and tells which names would go elsewhere with it.

    in force    what the router behind --admin has in effect; without --admin, what the ConfigMap holds
    new         --file; without it, what the ConfigMap holds

So `--file` asks "what if I put this into the ConfigMap?", and `--admin` alone "is this router up to date?".

Exit codes: 0 nothing to report, 1 findings, or names that would go elsewhere, 2 a dtab is invalid, something could not
be reached, wrong usage.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dtab import Dtab, Path
from dtab.lint import Finding, lint
from noderouter.commands.dtab_check import names, source
from noderouter.commands.dtab_check.outcome import Outcome, symbolic
from noderouter.commands.dtab_check.router import AdminError, RunningRouter
from noderouter.commands.dtab_check.source import SourceError
from noderouter.commands.dtab_check.whatif import WhatIf
from noderouter.commands.look.arguments import TOKEN_FILE
from noderouter.commands.look.interface import token_field
from noderouter.commands.look.output import LookError
from noderouter.kubernetes.access import of_people
from noderouter.kubernetes.credentials import context_of
from noderouter.kubernetes.errors import ApiError
from noderouter.naming.interpreter.stored import DTAB
from noderouter.naming.stored.key import Key
from noderouter.naming.stored.text import TextError


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A name that would go elsewhere."""

    name: str
    now: Outcome
    then: Outcome
    rate: float | None = None
    """Requests per second; None where nobody was asked."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a comparison."""

    in_force: dict[str, Any]
    new: dict[str, Any]
    findings: list[Finding]
    tried: int
    elsewhere: list[Elsewhere]
    note: str
    said: WhatIf | None = None
    """What the running router says of its requests."""

    @property
    def code(self) -> int:
        """The exit code."""
        if "error" in self.new:
            return 2
        return int(bool(self.findings or self.elsewhere or "error" in self.in_force))


def main(argv: Sequence[str], prog: str = "noderouter dtab check") -> int:
    """Run the command; return the exit code."""
    options = parser(prog).parse_args(argv)
    try:
        report = check(options)
    except (SourceError, AdminError, LookError, ApiError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(_as_json(report), indent=2))
    else:
        for line in _in_words(report):
            print(line)
    return report.code


def parser(prog: str) -> argparse.ArgumentParser:
    """The parser of the arguments."""
    about, _, rest = (__doc__ or "").partition("\n\n")
    made = argparse.ArgumentParser(
        prog=prog, description=about, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("--configmap", type=_key, required=True, metavar="NS/NAME[:FILENAME]", help="where the router has its dtab")
    add("--file", metavar="FILE", help="the new dtab; - is standard input")
    add("--admin", metavar="URL", help="a running router, such as http://localhost:9990: its names, dtabs and namers")
    add("--token-file", metavar="FILE", help=f"its token, if it wants one (default: ${TOKEN_FILE}, if set)")
    add("--ca-file", metavar="FILE", help="with https: the authority of its certificate (default: the system's)")
    add("--cert-file", metavar="FILE", help="with https: the certificate to show, to routers that want one")
    add("--key-file", metavar="FILE", help="its key (default: in the same file)")
    add("--router", metavar="LABEL", help="which of its routers; default: the one that reads this ConfigMap")
    add("--names", metavar="FILE", help="names to try, one a line, such as /svc/hello; - is standard input")
    add("--kubeconfig", metavar="FILE", help="default: as kubectl finds it, else the service account of the pod")
    add("--context", help="the context in it")
    add("--json", action="store_true", help="the same for programs")
    return made


def check(options: argparse.Namespace) -> Report:
    """Gather what is needed and compare.

    Raises:
        SourceError, AdminError, LookError, ApiError: something cannot be had.
    """
    if options.file == options.names == source.STDIN:
        raise SourceError("the dtab and the names cannot both come from standard input")
    key: Key = options.configmap
    router = None
    if options.admin:
        shown = token_field(options.token_file or os.environ.get(TOKEN_FILE))
        tls = context_of(options.ca_file, options.cert_file, options.key_file)
        router = RunningRouter(options.admin, key, options.router, fields=shown, tls=tls)
    if router is not None:
        key = router.key
    key, held = source.from_config_map(key, of_people(options.kubeconfig, options.context))
    new = source.from_file(options.file) if options.file else held
    if router is not None:
        now = router.in_effect()
        in_force: dict[str, Any] = {"source": f"router {router.label}", "hash": DTAB.hash(now), "dentries": len(now)}
    else:
        now = held.read if isinstance(held.read, Dtab) else Dtab.EMPTY
        in_force = held.summary
    if isinstance(new.read, TextError):
        return Report(in_force, new.summary, [], 0, [], "")
    # Whoever compares with the router also wants to see what lint says of what it will get.
    findings = lint(new.text, None if router is None else router.namers)
    if "error" in in_force:
        note = "only the router knows the dtab in effect (--admin), so names were not tried"
        return Report(in_force, new.summary, findings, 0, [], note)
    said = None if router is None or now == new.read else router.whatif(new.read)
    tried, note = _names(options, router, (now, new.read))
    outcome = symbolic if router is None else router.outcome
    if said is None:
        return Report(in_force, new.summary, findings, len(tried), compare(tried, now, new.read, outcome), note)
    # The router has compared what it is asked for; it is asked about the other names one by one.
    known = set() if router is None else set(router.names())
    elsewhere = compare([name for name in tried if name not in known], now, new.read, outcome)
    elsewhere += [Elsewhere(name.show(), before, after, rate) for name, (rate, before, after) in said.changed.items()]
    elsewhere.sort(key=lambda each: each.name)
    return Report(in_force, new.summary, findings, len(tried), elsewhere, note, said)


def compare(tried: Sequence[Path], now: Dtab, then: Dtab, outcome: Callable[[Path, Dtab], Outcome]) -> list[Elsewhere]:
    """Return the names that go elsewhere with `then`."""
    if now == then:
        return []
    pairs = ((name, outcome(name, now), outcome(name, then)) for name in tried)
    return [Elsewhere(name.show(), before, after) for name, before, after in pairs if not before.same(after)]


def _names(options: argparse.Namespace, router: RunningRouter | None, dtabs: Sequence[Dtab]) -> tuple[list[Path], str]:
    """Return the names to try, and a note about them."""
    found = []
    if options.names:
        found += names.from_file(options.names)
    if router is not None:
        found += router.names()
    if found:
        return names.each_once(found), "" if router else "namers were not asked: every name below /#/ counts as known"
    note = "no names are known, so those that the dtabs speak of were tried; --names or --admin give others"
    return names.each_once(names.of_dtabs(dtabs)), note


def _in_words(report: Report) -> list[str]:
    lines = [f"in force: {_summary(report.in_force)}", f"new:      {_summary(report.new)}"]
    lines += [f"{report.new['source']}:{finding}" for finding in report.findings]
    for each in report.elsewhere:
        rate = "" if each.rate is None else f"  {each.rate:.3g}/s"
        lines += [f"{each.name}{rate}", f"    now   {each.now}", f"    then  {each.then}"]
    if report.code < 2:
        lines.append(f"{len(report.elsewhere)} of {report.tried} names would go elsewhere")
    if report.said is not None:
        lines.append(report.said.words())
    if report.note:
        lines.append(report.note)
    return lines


def _summary(one: dict[str, Any]) -> str:
    if "error" in one:
        return f"{one['source']}: invalid: {one['error']}"
    return f"{one['source']}: {one['dentries']} entries, hash {one['hash']}"


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "inForce": report.in_force,
        "new": report.new,
        "findings": [
            {"line": each.line, "column": each.column, "code": each.code, "message": each.message}
            for each in report.findings
        ],
        "names": report.tried,
        "elsewhere": [{"name": each.name, "now": str(each.now), "then": str(each.then)} for each in report.elsewhere],
        "note": report.note,
        "traffic": None if report.said is None else _traffic(report.said),
    }


def _traffic(said: WhatIf) -> dict[str, float]:
    return {
        "rate": said.rate,
        "moves": said.moves,
        "failsNow": said.fails_now,
        "failsThen": said.fails_then,
        "notLookedAt": said.not_looked_at,
    }


def _key(text: str) -> Key:
    try:
        return Key.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
