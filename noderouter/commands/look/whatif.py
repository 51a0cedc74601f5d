"""`noderouter whatif FILE`: what a dtab would do to the requests of the last ten minutes, as the router says it."""

import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

from dtab import Dtab, ParseError
from noderouter.commands.dtab_check.whatif import WhatIf, what_if
from noderouter.commands.look.interface import Interface
from noderouter.commands.look.output import LookError, Output, one_line
from noderouter.commands.look.pages import complain, each, together

STDIN: Final = "-"
MOST_BYTES: Final = 64 * 1024
"""What a router takes."""


async def whatif(nodes: Sequence[Interface], output: Output, form: str, file: str, router: str | None) -> int:
    """Print what would change; return the exit code: 1 if a name would go elsewhere.

    Raises:
        LookError: the dtab cannot be read, or a single router does not answer.
    """
    asked = {"dtab": (await trio.to_thread.run_sync(read, file)).show()} | ({"router": router} if router else {})
    answers = await each(nodes, partial(_ask, asked))
    if form == "json":
        await output.say(json.dumps(together(nodes, answers), indent=2))
    moves = False
    for node, answer in answers.found:
        said = what_if(answer)
        moves = moves or bool(said.changed)
        if form != "json":
            await output.say("\n".join(words(said, str(answer["router"]), node)))
    complain(answers)
    return 2 if answers.failed else int(moves)


def read(file: str) -> Dtab:
    """Return the dtab of a file; `-` is standard input.

    Raises:
        LookError: it cannot be read, or is none.
    """
    try:
        data = sys.stdin.buffer.read(MOST_BYTES + 1) if file == STDIN else Path(file).read_bytes()
        if len(data) > MOST_BYTES:
            raise LookError(f"{file}: more than {MOST_BYTES} bytes, which no router takes")
        return Dtab.parse(data.decode("utf-8"))
    except OSError as error:
        raise LookError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LookError(f"{file}: not UTF-8") from error
    except ParseError as error:
        raise LookError(f"{file}:{error.line}:{error.column}: {error}") from error


def words(said: WhatIf, router: str, node: str) -> Iterator[str]:
    """Yield what a router says: the sums, then the names that go elsewhere, the most asked for first."""
    where = f"router {one_line(router)}" + (f" on {node}" if node else "")
    yield f"{where}: {said.words()}"
    yield f"{len(said.changed)} of {said.names} names would go elsewhere"
    for name, (rate, now, then) in sorted(said.changed.items(), key=lambda each: (-each[1][0], each[0].show())):
        yield ""
        yield f"{one_line(name.show())}  {rate:.3g}/s"
        yield f"    now   {one_line(str(now))}"
        yield f"    then  {one_line(str(then))}"


async def _ask(asked: dict[str, str], node: Interface) -> Any:
    answer = await node.send("/whatif", asked)
    try:
        what_if(answer)
        answer["router"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise node.stranger("/whatif") from None
    return answer
