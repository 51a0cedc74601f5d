"""`/names`: where a name goes, by which dentries; what it would be with another dtab, and how that is put into force.

And what other policies would do (`policy_draft`).

A draft is a copy: nothing is applied from here. It is what stands in the file or the ConfigMap; where there is none,
the router's whole dtab.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import trio

from dtab import Bound, Delegation, Dtab, Ok, ParseError, Path
from noderouter.admin.dashboard.delegation import tree_of, used
from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.numbers import percent, rate
from noderouter.admin.dashboard.query import MOST_ROWS, BadQuery, Query, choice, number
from noderouter.admin.dashboard.verdict import at
from noderouter.admin.dashboard.view import (
    Column,
    Fact,
    Facts,
    Field,
    Form,
    Kind,
    Link,
    Part,
    Row,
    State,
    Table,
    Tree,
    View,
)
from noderouter.admin.dashboard.views import draft as drafts
from noderouter.admin.dashboard.views.draft import ROWS
from noderouter.admin.dashboard.views.policies import policies_table
from noderouter.admin.dashboard.views.policy_draft import is_there, policy_draft
from noderouter.admin.dashboard.views.tables import branch_rows
from noderouter.admin.state import AdminState, RouterView, StoredDtab
from noderouter.policy.recent import MINUTES

PATIENCE: Final = 2.5
"""Seconds until one gives up: names have two to become known."""
DENTRIES: Final = 300
"""Dentries that are shown."""
DRAFT_BYTES: Final = 48 * 1024
"""A dtab up to this is in the form; a larger one is edited where it is."""

COLUMNS: Final = (
    Column("number", "dentry", Kind.COUNT, short=""),
    Column("used", "took part", Kind.TEXT, short=""),
    Column("prefix", "prefix", Kind.NAME, short="prefix"),
    Column("to", "to", Kind.NAME, short="to"),
)
BRANCHES: Final = (
    Column("client", "client", Kind.NAME, short=""),
    Column("share", "set %", Kind.COUNT),
    Column("rate", "req/s", Kind.RATE),
    Column("success", "success %", Kind.PERCENT, short="ok %"),
    Column("p99", "p99 ms", Kind.MS),
)


async def view(state: AdminState, query: Query) -> View:
    """Return the delegation of `path` by the router `router`; with `dtab`, a draft beside what is in force."""
    # What only a draft has a use for is checked all the same: its bounds are in the description of this address.
    number(query, "n", ROWS, 1, MOST_ROWS)
    number(query, "minutes", MINUTES, 1, MINUTES)
    label = choice(query, "router", tuple(state.routers)) or next(iter(state.routers), "")
    router = state.routers.get(label)
    if router is None:
        raise BadQuery("this process has no router")
    look = await state.looker.look(state)
    path_text = query.get("path", "") or _busiest(look, label)
    try:
        path = Path.parse(path_text)
    except ParseError as error:
        raise BadQuery(f"path: {error}; a name such as /svc/hello") from None
    dtab = router.dtab()
    stored = state.stored_dtabs.get(label)
    draft_text = query.get("dtab")
    draft: Dtab | ParseError | None = None
    if draft_text is not None:
        try:
            draft = Dtab.parse(draft_text)
        except ParseError as error:
            draft = error
    now = await _delegated(state, router, path, None)
    then = None
    traffic: tuple[Part, ...] = ()
    if isinstance(draft, Dtab):
        then = await _delegated(state, router, path, draft + _own(dtab, stored))
        traffic = tuple(await drafts.traffic(state, router, draft, query))
    policies = await policy_draft(state, query, (("path", path_text), ("router", label)))
    return View(
        "names",
        "Where a name goes",
        about=f"{path_text}  →  {_result(now)}{_figures(look, path_text, label)}",
        terse="names",
        aside=f"dtab {stored.hash}" if stored is not None and stored.hash else f"router {label}",
        parts=(*_parts(state, label, look, path_text, dtab, stored, draft_text, draft, now, then, traffic), *policies),
        links=_links(path_text, label, is_there(state)),
    )


async def _delegated(state: AdminState, router: RouterView, path: Path, dtab: Dtab | None) -> Delegation | None:
    """Return a delegation; None where names did not become known, or too many ask."""
    with trio.move_on_after(PATIENCE):
        async with state.delegations:
            return await router.explore(path, dtab)
    return None


def _own(dtab: Dtab | None, stored: StoredDtab | None) -> Dtab:
    """Return the router's own dtab, which comes behind the stored one."""
    if dtab is None or stored is None:
        return Dtab.EMPTY
    entries = tuple(dtab)[len(stored.dtab or ()) :]
    return Dtab(entries)


def _parts(
    state: AdminState,
    label: str,
    look: Look,
    path: str,
    dtab: Dtab | None,
    stored: StoredDtab | None,
    text: str | None,
    draft: Dtab | ParseError | None,
    now: Delegation | None,
    then: Delegation | None,
    traffic: tuple[Part, ...],
) -> Iterator[Part]:
    fields = [Field("path", "name", path)]
    if len(state.routers) > 1:
        fields.append(Field("router", "router", label, tuple(state.routers)))
    yield Form("ask", tuple(fields), "Look up", path="/names")
    clients = {each.name: each for each in look.seen.clients if each.router == label}
    if now is None:
        yield Facts("slow", "", (Fact("names", "did not become known in time", State.WARN, "not known"),))
    else:
        tree, cut = tree_of(now, dtab, clients)
        note = "[n] led there"
        yield Tree("delegation", "Delegation", tree, f"{note}; steps were left out" if cut else note)
    yield _dentries(dtab, now, stored)
    yield from _branches(look, path, label)
    yield from policies_table(state, look, path, label)
    in_force = drafts.text_of(stored.dtab if stored is not None else dtab)
    if len(in_force) <= DRAFT_BYTES or text is not None:
        hidden = (("path", path), ("router", label))
        shown = in_force if text is None else text
        yield Form(
            "draft",
            (Field("dtab", "Draft of the dtab", shown, long=True),),
            "Compare",
            path="/names",
            post=True,
            hidden=hidden,
            title="Try an edit",
            note="a copy; nothing is applied from here",
        )
    if isinstance(draft, ParseError):
        yield Facts("error", "Draft", (Fact("draft", str(draft), State.BAD, "refused"),))
    if isinstance(draft, Dtab):
        yield drafts.difference(in_force, draft)
        if then is not None:
            whole = draft + _own(dtab, stored)
            tree, _ = tree_of(then, whole, clients)
            yield Tree("draftDelegation", "With the draft", tree, f"{path}  →  {_result(then)}")
        yield from traffic
        yield drafts.application(stored, draft)


def _dentries(dtab: Dtab | None, now: Delegation | None, stored: StoredDtab | None) -> Table:
    took = used(now, dtab) if now is not None and dtab is not None else set()
    entries = list(enumerate(dtab or (), start=1))
    rows = tuple(
        Row(
            str(number),
            {
                "number": number,
                "used": "*" if number in took else "",
                "prefix": dentry.prefix.show(),
                "to": dentry.dst.show()[:2000],
            },
        )
        for number, dentry in islice(reversed(entries), DENTRIES)
    )
    note = "the last that matches is tried first; * took part"
    if stored is not None and stored.hash:
        note = f"{stored.hash}; {note}"
    return Table("dentries", "Dtab in force", COLUMNS, rows, note, "no dtab yet", total=len(entries), anchors=True)


def _branches(look: Look, path: str, label: str) -> Iterator[Table]:
    service = look.seen.service(path, label)
    if service is not None and service.branches:
        yield Table("branches", "By branch", BRANCHES, branch_rows(service), "last 60 s; latency in ms")


def _result(delegation: Delegation | None) -> str:
    """Return where a name leads: its bound names with their shares."""
    if delegation is None:
        return "not known in time"
    result = delegation.result
    if isinstance(result, Ok):
        leaves: list[Bound] = list(islice(result.tree.leaves(), 20))
        if not leaves:
            return "nowhere: no such name"
        return ", ".join(dict.fromkeys(each.id.show() for each in leaves))
    return getattr(result, "message", "not known yet")


def _figures(look: Look, path: str, label: str) -> str:
    service = look.seen.service(path, label)
    if service is None or service.figures.success is None:
        return ""
    return f". {rate(service.figures.rate)} req/s, {percent(service.figures.success)} % succeed."


def _busiest(look: Look, label: str) -> str:
    """Return the name that is shown where none is asked for."""
    mine = [each for each in look.seen.services if each.router == label and each.name.startswith("/")]
    return max(mine, key=lambda each: each.figures.rate).name if mine else "/svc/hello"


def _links(path: str, label: str, policies: bool) -> tuple[Link, ...]:
    draft = f"curl -G {{}}/names -d path={path} --data-urlencode dtab@draft"
    found = [Link("", draft)] if path.isascii() and not set(path) & set(" '\"`$\\;&|<>()*?[]#~!{}\n") else []
    if policies:
        found.append(Link("", "curl {}/names --data-urlencode policies@policies.yaml"))
    found.append(Link("as Linkerd had it", at("/delegator.json", path=path, namespace=label)))
    if path.startswith("/svc"):
        found.append(Link("the service", at("/service", name=path)))
    return tuple(found)
