"""`noderouter policy check FILE`: whom other policies would have refused, of what routers saw in the last minutes."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

from noderouter.commands.look.interface import Interface
from noderouter.commands.look.output import LookError, Output, one_line
from noderouter.commands.look.pages import complain, each, together
from noderouter.naming.stored.text import TextError

STDIN: Final = "-"
MOST_BYTES: Final = 60 * 1024
"""A little less than what a router takes, with what is around it."""
PATH: Final = "/policy/whatif"


async def check(nodes: Sequence[Interface], output: Output, form: str, file: str, minutes: int) -> int:
    """Print what would change; return the exit code: 1 if somebody would be refused who is not now.

    Raises:
        LookError: the policies cannot be read, or a single router does not answer.
    """
    asked = {"policies": await trio.to_thread.run_sync(read, file), "minutes": minutes}
    answers = await each(nodes, partial(_ask, asked))
    if form == "json":
        await output.say(json.dumps(together(nodes, answers), indent=2))
    refuses = False
    for node, answer in answers.found:
        refuses = refuses or any(each["then"] == "refused" for each in answer["changed"])
        if form != "json":
            await output.say("\n".join(words(answer, node)))
    complain(answers)
    return 2 if answers.failed else int(refuses)


def read(file: str) -> str:
    """Return the policies of a file, as text; `-` is standard input.

    Raises:
        LookError: they cannot be read, or are none.
    """
    from noderouter.policy.model import parse_policies

    try:
        data = sys.stdin.buffer.read(MOST_BYTES + 1) if file == STDIN else Path(file).read_bytes()
        text = data.decode("utf-8")
    except OSError as error:
        raise LookError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LookError(f"{file}: not UTF-8") from error
    if len(data) > MOST_BYTES:
        raise LookError(f"{file}: more than {MOST_BYTES} bytes, which no router takes to look at")
    policies = parse_policies(text)
    if isinstance(policies, TextError):
        raise LookError(f"{file}:{policies.line}:{policies.column}: {policies.message}")
    return text


def words(answer: Mapping[str, Any], node: str) -> Iterator[str]:
    """Yield what a router says: the sums, then who would be refused or let in, the most frequent first."""
    where = f"{node}: " if node else ""
    requests, minutes = answer["requests"], answer["minutes"]
    if not requests:
        yield f"{where}no requests in the last {minutes} minutes"
        return
    yield (
        f"{where}of {requests} requests of the last {minutes} minutes {answer['refused']} would be refused; "
        f"{answer['refusedNow']} were by what is in force"
    )
    for row in answer["changed"]:
        what = " ".join(one_line(str(row[key])) for key in ("method", "path") if row[key]) or "a flow"
        yield ""
        yield f"{row['requests']}  {one_line(row['source'])} -> {one_line(row['destination'])}:{row['port']}  {what}"
        yield f"    {row['then']}: {one_line(row['why'])}" if row["then"] == "refused" else "    let in"
        if row["claims"]:
            yield "    claims decide, of which no more than the issuer is kept"
    if answer["notShown"]:
        yield ""
        yield f"and {answer['notShown']} more"
    if answer["notKept"]:
        yield ""
        yield f"{answer['notKept']} requests since the start were too many to be kept, and were not looked at"


async def _ask(asked: dict[str, Any], node: Interface) -> Any:
    answer = await node.send(PATH, asked)
    try:
        list(words(answer, ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise node.stranger(PATH) from None
    return answer
