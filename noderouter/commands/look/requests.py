"""`noderouter requests`: requests as they end, of one router or of several, as lines for people or of JSON."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, Final

import trio

from noderouter.commands.look.interface import Interface
from noderouter.commands.look.line import lines
from noderouter.commands.look.output import LookError, Output, one_line

KEYS: Final = ("service", "client", "endpoint", "source", "router", "method", "path", "status", "min_ms", "sample")
STREAMS: Final = 64
"""Routers that are listened to at once."""


async def follow(nodes: Sequence[Interface], output: Output, options: argparse.Namespace) -> int:
    """Print what ends from now on, until there were `count`, or `seconds` are over; return the exit code.

    Raises:
        LookError: it is a single router, and it does not answer.
    """
    if len(nodes) > STREAMS:
        raise LookError(f"{len(nodes)} routers, and {STREAMS} can be listened to at once; --node chooses one")
    printer = _Printer(output, options.output == "json", options.count)
    query = query_of(options)
    if len(nodes) == 1:
        await printer.follow(nodes[0], query)
        return 0
    failed: list[LookError] = []
    broken: list[BrokenPipeError] = []

    async def one(node: Interface) -> None:
        try:
            await printer.follow(node, query)
        except LookError as error:
            failed.append(error)
            print(f"noderouter: {one_line(str(error))}", file=sys.stderr)
        except BrokenPipeError as error:
            broken.append(error)
            nursery.cancel_scope.cancel()
        if printer.left == 0:
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for node in nodes:
            nursery.start_soon(one, node)
    if broken:
        raise broken[0]
    return int(bool(failed))


def query_of(options: argparse.Namespace) -> dict[str, str]:
    """Return what a router is asked for; what the values may be is said by it."""
    given = {key: getattr(options, key) for key in KEYS}
    query = {"format": "jsonl"} | {key: value for key, value in given.items() if value is not None}
    if options.heads:
        query["heads"] = "1"
    if options.count is not None:
        query["n"] = str(options.count)
    if options.seconds is not None:
        query["seconds"] = str(options.seconds)
    return query


class _Enough(Exception):
    """Ends a stream when there were as many as are wanted."""


class _Printer:
    """Prints records, one after the other, whoever they come from."""

    def __init__(self, output: Output, as_json: bool, count: int | None) -> None:
        self.left = count
        self._output = output
        self._as_json = as_json
        self._turn = trio.Lock()

    async def follow(self, node: Interface, query: dict[str, str]) -> None:
        async def take(line: bytes) -> None:
            async with self._turn:
                if line.strip():
                    await self._print(node, line)

        try:
            await node.stream("/requests", query, take)
        except _Enough:
            pass

    async def _print(self, node: Interface, line: bytes) -> None:
        try:
            record: Any = json.loads(line)
            lost = record.get("dropped")
            if lost is not None:
                said = [json.dumps({"dropped": int(lost), **_of(node)})] if self._as_json else []
                if not self._as_json:
                    place = f" of {node.node}" if node.node else ""
                    print(f"noderouter: {int(lost)} requests{place} were not shown: too many to read", file=sys.stderr)
            elif self._as_json:
                record["time"]  # what has none is no record
                said = [json.dumps(record | _of(node), separators=(",", ":"))]
            else:
                said = list(lines(record, self._output.tinted, node.node))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise node.stranger("/requests") from None
        if lost is None and self.left is not None:
            if self.left == 0:
                raise _Enough
            self.left -= 1
        if said:
            await self._output.say("\n".join(said))
        if self.left == 0:
            raise _Enough


def _of(node: Interface) -> dict[str, str]:
    return {"node": node.node} if node.node else {}
