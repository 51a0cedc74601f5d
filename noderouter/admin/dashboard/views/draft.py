"""What a draft of the dtab would do: its difference, the requests of the last minutes that it moves, how it is applied.

Nothing is applied from here: what is shown last is a command, for whoever has the rights.
"""

import json
from collections.abc import Iterator
from difflib import unified_diff
from itertools import islice
from shlex import quote
from typing import Final

from dtab import Dtab
from noderouter.admin.dashboard.numbers import plural, rate
from noderouter.admin.dashboard.query import MOST_ROWS, Query, number
from noderouter.admin.dashboard.view import Cell, Column, Fact, Facts, Kind, Part, Row, State, Table, Words
from noderouter.admin.security import Group, is_open
from noderouter.admin.state import AdminState, NoDtab, RouterView, StoredDtab
from noderouter.naming.interpreter.whatif import Change, Comparison, Where

DIFF_LINES: Final = 200
ROWS: Final = 20
"""Names that are shown, unless `n` says otherwise."""
MOST_CHANGED: Final = 500
PLACES: Final = 4
"""Places of one name that are shown."""

CHANGED: Final = (
    Column("name", "name", Kind.NAME),
    Column("word", "would", Kind.STATE, short=""),
    Column("rate", "req/s", Kind.RATE),
    Column("moves", "moved %", Kind.RATE),
    Column("now", "now", Kind.NAME, drop=1, wide=768),
    Column("then", "then", Kind.NAME),
)
_TITLE: Final = "Requests of the last ten minutes"


def text_of(dtab: Dtab | None) -> str:
    """Return a dtab with one dentry to the line."""
    return "".join(f"{each.prefix.show()} => {each.dst.show()} ;\n" for each in dtab or ())


def difference(in_force: str, draft: Dtab) -> Words:
    """Return how a draft differs from what is in force."""
    lines = unified_diff(in_force.splitlines(), text_of(draft).splitlines(), "in force", "draft", lineterm="", n=2)
    found = list(islice(lines, DIFF_LINES + 1))
    shown = [*found[:DIFF_LINES], *(["..."] if len(found) > DIFF_LINES else [])]
    return Words("diff", "Draft against what is in force", "\n".join(shown) or "no difference")


async def traffic(state: AdminState, router: RouterView, draft: Dtab, query: Query) -> Iterator[Part]:
    """Return what a draft would do to the names of the last minutes; nothing where `/whatif` is closed."""
    rows = min(number(query, "n", ROWS, 1, MOST_ROWS), MOST_CHANGED)
    if not is_open(state.security, "/whatif", Group.DIAGNOSTICS):
        return iter(())
    try:
        async with state.delegations:
            compared = await router.whatif(draft)
    except NoDtab:
        fact = Fact("names", "no dtab is in effect that the draft could be compared with", State.OFF, "not known")
        return iter((Facts("traffic", _TITLE, (fact,)),))
    return _parts(compared, rows)


def _parts(compared: Comparison, most: int) -> Iterator[Part]:
    yield Facts("traffic", _TITLE, tuple(_facts(compared)), "what the draft would do to them")
    changes = compared.changes
    if changes:
        rows = tuple(_row(each) for each in changes[:most])
        yield Table("changed", "Names that it changes", CHANGED, rows, total=len(changes))


def _facts(compared: Comparison) -> Iterator[Fact]:
    changes = [each for each in compared.changes if each.known]
    seen = len(compared.looked_at)
    if not compared.rate and not changes:
        yield Fact("moved", f"nothing: none was asked for; {plural(seen, 'name')} looked at", State.OFF, "none")
    elif changes:
        share, names = _percent(compared.moves), f"{len(changes)} of {plural(seen, 'name')}"
        yield Fact("moved", f"{share} % of {rate(compared.rate)} req/s, {names}", State.INFO, "moves")
    else:
        yield Fact("moved", f"nothing of {rate(compared.rate)} req/s; {plural(seen, 'name')}", State.OK, "stays")
    worse = any(_fails_more(each) for each in changes)
    if worse or compared.fails_now or compared.fails_then:
        then, now = _percent(compared.fails_then), _percent(compared.fails_now)
        state = State.BAD if worse else State.WARN if compared.fails_then else State.OK
        yield Fact("nowhere", f"{then} % would lead nowhere; {now} % do now", state, "fails" if worse else "as now")
    unknown = sum(not each.known for each in compared.looked_at)
    if unknown:
        yield Fact("not known", f"{plural(unknown, 'name')} in time", State.WARN, "unknown")
    if compared.not_looked_at:
        yield Fact("left out", f"{plural(compared.not_looked_at, 'name')}, the least busy", State.WARN, "unknown")


def _row(change: Change) -> Row:
    name = change.asked.name.show()
    if not change.known:
        state, word = State.WARN, "unknown"
    elif _fails_more(change):
        state, word = State.BAD, "fail"
    else:
        state, word = State.INFO, "move"
    cells: dict[str, Cell] = {
        "name": name,
        "word": word,
        "rate": change.asked.rate,
        "moves": 100 * change.moves if change.known else None,
        "now": _places(change.now),
        "then": _places(change.then),
    }
    return Row(name, cells, state)


def _fails_more(change: Change) -> bool:
    return change.then.fails > change.now.fails + 1e-9


def _places(where: Where) -> str:
    """Return where a name leads, in words: the largest share first."""
    if where.pending:
        return "not known in time"
    if len(where.places) == 1:
        return where.places[0].to
    ranked = sorted(where.places, key=lambda each: (-each.share, each.to))
    shown = [f"{_percent(each.share)} % {each.to}" for each in ranked[:PLACES]]
    return ", ".join([*shown, *(["..."] if len(ranked) > PLACES else [])])


def _percent(share: float) -> str:
    return f"{100 * share:.3g}"


def application(stored: StoredDtab | None, draft: Dtab) -> Words:
    """Return the command that puts a draft into force, with the draft in it: to be pasted as it is.

    The draft is written as it was read, one dentry to the line, each of which begins with a slash: so no line of it
    ends the text, and nothing in it is the shell's.
    """
    text = text_of(draft)
    note = "with the rights of whoever runs it"
    return Words("apply", "Apply it", _command(stored, text.splitlines()), note, copy=True)


def _command(stored: StoredDtab | None, lines: list[str]) -> str:
    if stored is None:
        return "# The dtab is in the configuration of the router: change it there, and restart."
    kind, _, place = stored.name.partition(" ")
    if kind != "ConfigMap":
        new = quote(f"{stored.name}.new")
        move = f"mv {new} {quote(stored.name)}"
        return "\n".join(
            ["# Beside the file, and then into its place in one step.", *_here(f"cat > {new}", lines), move]
        )
    namespace, _, rest = place.partition("/")
    name, _, key = rest.partition(":")
    patch = ["data:", f"  {json.dumps(key or 'dtab')}: |", *(f"    {line}" for line in lines)]
    if not lines:
        patch[1:] = [f'  {json.dumps(key or "dtab")}: ""']
    begin = f"kubectl -n {quote(namespace)} patch configmap {quote(name)} --type merge \\\n  --patch-file /dev/stdin"
    return "\n".join(_here(begin, patch))


def _here(command: str, lines: list[str]) -> list[str]:
    return [f"{command} <<'END'", *lines, "END"]
