"""Carries out one of the commands; ends cleanly by Ctrl-C, and when nobody reads any more.

Exit codes: 0 fine, 1 something could not be had, 2 wrong usage; of `status` 1 where
nodes differ or are unwell; of `whatif` 1 if a name would go elsewhere, of `policy` 1 if somebody would be refused,
and 2 else.
Ended by a signal 128 and its number, 130 by Ctrl-C.
"""

import argparse
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from noderouter.commands.look import pages
from noderouter.commands.look.nodes import interfaces
from noderouter.commands.look.output import LookError, Output, clean
from noderouter.commands.look.requests import follow
from noderouter.commands.look.top import top
from noderouter.commands.look.whatif import whatif

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LAST_SECONDS: Final = 1.0
"""For what is being written when a signal ends us: a terminal may stand still."""


def run(name: str, options: argparse.Namespace) -> int:
    """Carry out the command `name`; return the exit code."""
    try:
        output = Output()
        return trio.run(_until_a_signal, output, lambda: carry_out(name, options, output))
    except LookError as error:
        print(f"noderouter {name}: {clean(str(error))}", file=sys.stderr)
        return 2 if name in ("whatif", "policy") else 1
    except BrokenPipeError:
        return 0  # as much as was wanted
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


async def carry_out(name: str, options: argparse.Namespace, output: Output) -> int:
    """Carry out the command `name`, its results to `output`; return the exit code.

    Raises:
        LookError: something cannot be had.
        BrokenPipeError: nobody reads the output any more.
    """
    async with interfaces(options) as nodes:
        form = options.output
        match name:
            case "top":
                return await top(nodes, output, form, options.view, options.interval, options.count)
            case "requests":
                return await follow(nodes, output, options)
            case "explain":
                return await pages.explain(nodes, output, form, options.name, options.router)
            case "endpoints":
                keys = ("service", "client", "state")
                query = {key: getattr(options, key) for key in keys if getattr(options, key) is not None}
                return await pages.show(nodes, output, form, "/endpoints", query or {"all": "1"})
            case "graph":
                return await pages.draw_graph(nodes, output, form, {"of": options.of} if options.of else {})
            case "status" | "stat" | "routes" | "edges":
                from noderouter.commands.look import mesh  # the others start sooner without the dashboard

                if name == "status":
                    return await mesh.status(nodes, output, form)
                return await mesh.show(nodes, output, form, name, options.of)
            case "whatif":
                return await whatif(nodes, output, form, options.file, options.router)
            case "policy":
                from noderouter.commands.look.policy import check

                return await check(nodes, output, form, options.file, options.last)
    raise AssertionError(name)


async def _until_a_signal(output: Output, work: Callable[[], Awaitable[int]]) -> int:
    """Return what `work` does, or how a signal has ended it."""
    code = 0
    over = trio.Event()
    with trio.open_signal_receiver(*ENDING, signal.SIGWINCH) as signals:

        async def listen() -> None:
            nonlocal code
            async for number in signals:
                if number == signal.SIGWINCH:
                    output.resized.ring()
                    continue
                code = 128 + number
                scope.cancel()
                with trio.CancelScope(shield=True):
                    with trio.move_on_after(LAST_SECONDS):
                        await over.wait()
                        return
                    os._exit(code)

        failure: LookError | BrokenPipeError | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            with trio.CancelScope() as scope:
                try:
                    code = await work()
                except (LookError, BrokenPipeError) as error:  # raised outside of the nursery, which would wrap it
                    failure = error
            over.set()
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return code
