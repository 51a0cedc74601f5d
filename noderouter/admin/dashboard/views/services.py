"""`/services`: all of them, filtered and sorted here, so that the page of a thousand is as light as that of ten."""

from typing import Final

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.query import MOST_ROWS, Query, choice, number, words
from noderouter.admin.dashboard.seen import Service
from noderouter.admin.dashboard.verdict import at
from noderouter.admin.dashboard.view import ORDER, Field, Form, Link, State, View
from noderouter.admin.dashboard.views.tables import (
    NOTHING_YET,
    SERVICE_SORTS,
    ranked_services,
    services_table,
    states_in_words,
)
from noderouter.admin.dashboard.whose import look_for
from noderouter.admin.state import AdminState

WORDS: Final = ("failing", "refused", "ejected", "slow", "canary", "ok")


async def view(state: AdminState, query: Query) -> View:
    """Return the services; `q` are words of the name, `state` a word, `sort` a column, `n` how many, `router` whose."""
    return await shown(await look_for(state, query), query)


async def shown(look: Look, query: Query) -> View:
    """Return the services of a look."""
    ranked = await ranked_services(look.seen)
    word = choice(query, "state", WORDS)
    sort = choice(query, "sort", ("state", *SERVICE_SORTS))
    router = choice(query, "router", tuple(each.label for each in look.seen.routers))
    most = number(query, "n", MOST_ROWS, 1, MOST_ROWS)
    wanted = words(query)
    found = [
        each
        for each in ranked
        if all(one in each[0].name.lower() for one in wanted)
        and word in ("", each[2])
        and router in ("", each[0].router)
    ]
    if sort and sort != "state":
        found.sort(key=lambda each: _key(each, sort))
    first = found[:most]
    name = found[0][0].name if found else "/svc/hello"
    fields = [
        Field("q", "filter services", query.get("q", "")),
        Field("state", "state", word, WORDS),
        Field("sort", "sort", sort, ("state", *SERVICE_SORTS)),
    ]
    if len(look.seen.routers) > 1:
        fields.append(Field("router", "router", router, tuple(each.label for each in look.seen.routers)))
    empty = NOTHING_YET
    if ranked:
        empty = f"None of {len(ranked)} services is so. /services has all."
    return View(
        "services",
        "Services",
        about=states_in_words(ranked),
        terse=f"services ({len(ranked)})",
        aside="last 60 s; latency in ms",
        parts=(
            Form("filter", tuple(fields), "Filter", search=True, note=f"{len(first)} of {len(ranked)}"),
            await services_table(
                look.seen,
                first,
                note="" if len(first) == len(ranked) else f"{len(first)} of {len(ranked)}",
                total=len(found),
                more=Link("all", "/services?n=5000"),
                empty=empty,
            ),
        ),
        links=(
            Link("one service", at("/service", name=name)),
            Link("the slowest ten", "/services?sort=p99&n=10"),
            Link("who calls whom", "/graph"),
        ),
    )


def _key(found: tuple[Service, State, str], sort: str) -> tuple[float, float, str]:
    """Names rise; figures fall, but success: what is worse comes first. What is not known comes last."""
    service, state, _ = found
    if sort == "name":
        return (0.0, 0.0, service.name)
    value = getattr(service if sort in ("pending", "retries") else service.figures, sort)
    if value is None:
        return (1.0, 0.0, service.name)
    return (0.0, value if sort == "success" else -value, f"{ORDER[state]}{service.name}")
