"""docs/request.md shows what a router makes of a request: a router with its configuration does the same."""

import re
from pathlib import Path

import yaml

from tests.docs.guide import ROOT
from tests.testing.origin import Peer, origin
from tests.testing.router import routing

PAGE = (ROOT / "docs/request.md").read_text()
FENCES = re.compile(r"^```(yaml|http)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

CHANGING = {
    "l5d-ctx-trace": r"[A-Za-z0-9+/]{43}=",
    "l5d-ctx-deadline": r"\d{19} \d{19}",
    "l5d-reqid": r"[0-9a-f]{16}",
}
"""Fields with another value for each request, and its form."""


def message(block: str) -> bytes:
    """A message as it goes over the wire."""
    head, _, body = block.partition("\n\n")
    return "\r\n".join(head.rstrip("\n").split("\n")).encode() + b"\r\n\r\n" + body.rstrip("\n").encode()


def lines(message: bytes) -> list[str]:
    """Start line and fields, and the body; a value that changes is replaced by its name."""
    head, _, body = message.partition(b"\r\n\r\n")
    told = []
    for line in head.decode().split("\r\n"):
        name, colon, value = line.partition(": ")
        if colon and name in CHANGING:
            assert re.fullmatch(CHANGING[name], value), line
            value = "(changes)"
        told.append(name + colon + value)
    return [*told, body.decode()]


async def test_a_router_makes_of_it_what_the_page_shows(tmp_path: Path) -> None:
    (config,) = (text for kind, text in FENCES.findall(PAGE) if kind == "yaml")
    sent, arrived, answered, received = (message(text) for kind, text in FENCES.findall(PAGE) if kind == "http")
    seen: list[bytes] = []

    async def answer(peer: Peer) -> None:
        seen.append(await peer.head())
        await peer.send(answered)
        await peer.more()

    async with origin(answer) as server:
        for name in ("hello", "world"):
            (tmp_path / name).write_text(f"127.0.0.1 {server.port}\n")
        made = yaml.safe_load(config.replace("rootDir: disco", f"rootDir: {tmp_path}").replace("4140", "0"))
        async with routing(made | {"admin": {"port": 0, "shutdownGraceMs": 0}}) as router:
            http = await router.connect()
            await http.peer.send(sent)
            back = await http.answer()
            await http.close()
    assert lines(seen[0]) == lines(arrived)
    assert lines(back.head + back.body) == lines(received)
