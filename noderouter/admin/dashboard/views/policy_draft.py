"""What other policies would do: a form for their text, and whom they would have refused of what was really asked for.

Nothing is applied from here. The same as `noderouter policy check` and `POST /policy/whatif`, and only where that is
open.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from noderouter.admin.dashboard.numbers import plural
from noderouter.admin.dashboard.query import Query, number
from noderouter.admin.dashboard.view import Column, Fact, Facts, Field, Form, Kind, Part, Row, State, Table
from noderouter.admin.security import Group, is_open
from noderouter.admin.state import AdminState
from noderouter.core.background import aside
from noderouter.naming.stored.text import TextError
from noderouter.policy.recent import MINUTES

COLUMNS: Final = (
    Column("source", "source", Kind.NAME),
    Column("word", "would be", Kind.STATE, short=""),
    Column("requests", "requests", Kind.COUNT),
    Column("destination", "destination", Kind.NAME),
    Column("what", "what", Kind.NAME),
    Column("why", "why", Kind.WHY, drop=1, wide=768),
)


def is_there(state: AdminState) -> bool:
    """Whether other policies can be tried here."""
    return state.policy_what_if is not None and is_open(state.security, "/policy/whatif", Group.DIAGNOSTICS)


async def policy_draft(state: AdminState, query: Query, hidden: tuple[tuple[str, str], ...]) -> tuple[Part, ...]:
    """Return the form; and, where the query has `policies`, what they would do. Nothing where that is closed.

    Raises:
        BadQuery: `minutes` is out of bounds.
    """
    compare = state.policy_what_if
    if compare is None or not is_there(state):
        return ()
    text = query.get("policies")
    minutes = number(query, "minutes", MINUTES, 1, MINUTES)
    form = Form(
        "policyDraft",
        (Field("policies", "All policies, as a list", text or "", long=True),),
        "Compare",
        path="/names",
        post=True,
        hidden=hidden,
        title="Try other policies",
        note="whom they would have refused, of what was asked for; nothing is applied from here",
    )
    if text is None:
        return (form,)
    from noderouter.policy.model import parse_policies  # where there are policies, it has been imported

    async with state.delegations:
        policies = await aside(partial(parse_policies, text))
        if isinstance(policies, TextError):
            return form, Facts("policyError", "Policies", (Fact("policies", str(policies), State.BAD, "refused"),))
        answer = await compare(policies, minutes)
    return (form, *_compared(answer))


def _compared(answer: Mapping[str, Any]) -> Iterator[Part]:
    title = f"Requests of the last {plural(answer['minutes'], 'minute')}"
    yield Facts("policyTraffic", title, tuple(_facts(answer)), "what these policies would do to them")
    changed = answer["changed"]
    if changed:
        total = len(changed) + answer["notShown"]
        note = "the busiest first; those that go as they do now are not listed"
        yield Table("policyChanged", "Whom they change", COLUMNS, tuple(map(_row, changed)), note, total=total)


def _facts(answer: Mapping[str, Any]) -> Iterator[Fact]:
    requests, refused, now = answer["requests"], answer["refused"], answer["refusedNow"]
    if not requests:
        yield Fact("refused", "nothing: no pod of this node, and nothing outside, was asked", State.OFF, "none")
    else:
        anew = any(each["then"] == "refused" for each in answer["changed"])
        said = f"{refused:,} of {plural(requests, 'request')} would be; {now:,} were by what is in force"
        state, word = (State.BAD, "more") if anew else (State.INFO, "less") if answer["changed"] else (State.OK, "same")
        yield Fact("refused", said, state, word)
    if any(each["claims"] for each in answer["changed"]):
        said = "of tokens no more than the issuer is kept: what claims decide may be told wrongly"
        yield Fact("claims", said, State.WARN, "unknown")
    if answer["notKept"]:
        said = f"{plural(answer['notKept'], 'request')} since the start: too many different ones to be kept"
        yield Fact("left out", said, State.WARN, "unknown")


def _row(each: Mapping[str, Any]) -> Row:
    refused = each["then"] == "refused"
    what = " ".join(str(each[key]) for key in ("method", "path") if each[key]) or "a flow"
    destination = f"{each['destination']}:{each['port']}"
    return Row(
        f"{each['source']} {destination} {what}",
        {
            "source": each["source"],
            "word": "refused" if refused else "let in",
            "requests": each["requests"],
            "destination": destination,
            "what": what,
            "why": each["why"],
        },
        State.BAD if refused else State.INFO,
        note=each["why"],
    )
