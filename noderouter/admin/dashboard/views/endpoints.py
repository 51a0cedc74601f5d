"""`/endpoints`: every instance, by the client that sends to it; first those that have something to say."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.query import MOST_ROWS, Query, choice, number, words
from noderouter.admin.dashboard.seen import Client
from noderouter.admin.dashboard.verdict import at
from noderouter.admin.dashboard.view import ORDER, Field, Form, Link, Row, State, Table, View
from noderouter.admin.dashboard.views.tables import ENDPOINT_COLUMNS, Ranked, endpoint_rows, ranked_endpoints
from noderouter.admin.dashboard.whose import look_for
from noderouter.admin.state import AdminState

WORDS: Final = ("failing", "ejected", "probing", "down", "slow", "ok")
QUIET: Final = 40
"""Endpoints up to which all are shown, whether they have something to say or not."""


async def view(state: AdminState, query: Query) -> View:
    """Return endpoints; `client`, `service`, `state` and `q` choose, `all=1` has those that are well, too."""
    return await shown(await look_for(state, query), query)


async def shown(look: Look, query: Query) -> View:
    """Return the endpoints of a look."""
    seen = look.seen
    word, wanted = choice(query, "state", WORDS), words(query)
    most = number(query, "n", MOST_ROWS, 1, MOST_ROWS)
    clients: Iterable[Client] = seen.clients
    if query.get("client"):
        router = query.get("router", "")
        clients = [each for each in clients if each.name == query["client"] and router in ("", each.router)]
    if query.get("service"):
        service = seen.service(query["service"], query.get("router"))
        clients = [] if service is None else seen.clients_of(service)
    every = await ranked_endpoints(seen.clients)
    chosen = {id(each) for each in clients}
    groups = [each for each in every if id(each[0]) in chosen]
    everything = bool(query.get("client") or query.get("service") or word or wanted or query.get("all"))
    if not everything and seen.endpoints > QUIET:
        groups = [each for each in groups if any(state is not State.OK for _, state, _ in each[1])]
    groups.sort(key=lambda each: (ORDER[each[1][0][1]] if each[1] else 9, each[0].name))
    rows = await endpoint_rows(groups)
    if word or wanted:
        rows = [row for row in rows if _matches(row, word, wanted)]
    quiet = len(seen.clients) - len(groups)
    about = {client.name: f"{client.serving} of {len(client.endpoints)} in service" for client, _ in groups}
    fields = (
        Field("q", "filter endpoints", query.get("q", "")),
        Field("state", "state", word, WORDS),
    )
    client = groups[0][0].name if groups else ""
    return View(
        "endpoints",
        "Endpoints",
        about=_counts(every),
        terse=f"endpoints ({seen.endpoints:,})",
        aside="last 60 s; latency in ms",
        parts=(
            Form("filter", fields, "Filter", search=True, note=f"{min(len(rows), most)} of {seen.endpoints}"),
            Table(
                "endpoints",
                "Endpoints",
                ENDPOINT_COLUMNS,
                tuple(rows[:most]),
                f"{min(len(rows), most)} of {seen.endpoints}",
                "None is so." if seen.endpoints else "No name leads to an endpoint yet.",
                Link("all of them", "/endpoints?all=1") if quiet > 0 and not everything else None,
                sortable=True,
                total=len(rows) if everything else seen.endpoints,
                group="client",
                about=about,
            ),
        ),
        links=(
            Link("only what is out", "/endpoints?state=ejected"),
            *([Link("one client's", at("/endpoints", client=client))] if client else []),
            Link("their services", "/services"),
        ),
    )


def _matches(row: Row, word: str, wanted: list[str]) -> bool:
    if word and row.cells["word"] != word:
        return False
    text = " ".join(str(row.cells[key]) for key in ("address", "pod", "node", "client", "why")).lower()
    return all(one in text for one in wanted)


def _counts(every: Iterable[tuple[Client, Ranked]]) -> str:
    counts = Counter(word for _, states in every for _, _, word in states)
    ranked = sorted(counts.items(), key=lambda each: (each[0] == "ok", each[0]))
    return ", ".join(f"{number} {word}" for word, number in ranked)
