"""No header of any size costs the one thread of the data path more than 5 ms (docs/hardening.md).

A seeded search grows the dearest head it can find, up to the 60 KB that are read: fields of all kinds, made of repeated
pieces that are dear for some part of the router. Measured is everything behind the head parser: server filters,
identifiers, binding, the service's filters, the error's words, `Via`, the access log. CPU time of this thread, the
least of several tries.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from time import thread_time

import pytest

from noderouter.assembly.server import filters_of
from noderouter.core.body import NO_BODY
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service, stack
from noderouter.proxy.http.via import via_request
from tests.testing.reply import RecordingReply
from tests.testing.router import Running, config, routing
from tests.testing.step import run

MOST_SECONDS = 0.005
NOISE = 3
"""The machine of a test may be slower, and has no compiled modules; what was found and mended cost 10 to 150 ms."""
BOUND = MOST_SECONDS * NOISE
TRIES = 50
TRIED_SECONDS = 2.0
"""For the verdict: whoever shares the processor's caches makes a try dearer, and none cheaper than it is."""
HEAD_BYTES = 60 * 1024
ROUNDS = 250

DTAB = """
    /fail => ! ; /deep => /svc ;
    /http => /$/io.buoyant.http.domainToPathPfx/reversed ; /reversed/* => /# | /none ;
    /svc  => /$/io.buoyant.http.status/404 ; /svc => /http/x | /none/of/these ;
"""
SPECIAL = [
    *("l5d-dtab", "l5d-ctx-dtab", "l5d-ctx-trace", "l5d-ctx-deadline", "l5d-sample", "l5d-ctx-own", "l5d-", "l5d-name"),
    *("l5d-err", "via", "te", "expect", "trailer", "upgrade", "max-forwards", "x-forwarded-client-cert"),
]
PLAIN = [
    "x-route",
    "x-time",
    "cookie",
    "user-agent",
    "referer",
    "x-forwarded-for",
    "x-forwarded-host",
    "forwarded",
    "a",
]
PIECES = (
    "a", "/", "/a", "/a/b", "/*", "=>", ";", "|", "&", "(", ")", "#", " ", ",", ".", "~", "\\", '"', "\\x00", "1", "9",
    "0.", "1*", "é", "/svc", "/svc=>/svc/a", "/=>/&/;", "/a=>/a&/a;", "/svc=>/a&/b;", "/a=>/b;", "/*/*=>/a;", "/\\x00",
    "a,b,", "1.1 linkerd, ", "/svc=>/svc&/svc;", "/svc=>", "/$/inet/", "/http/x", "/reversed/x", "a.", "/svc/x|",
    "100 ", "0", "x",
)  # fmt: skip

METHODS = ["OPTIONS", "TRACE"]


@dataclass(frozen=True)
class Gene:
    """Some fields of one name, each `before`, then `piece` again and again."""

    name: str
    before: str
    piece: str
    times: int
    copies: int

    @property
    def value(self) -> bytes:
        return (self.before + self.piece * self.times).strip(" ").encode("latin-1")


def grown(rng: Random, genes: list[Gene]) -> list[Gene]:
    """The same with something changed."""
    genes = list(genes)
    for _ in range(rng.choice([1, 1, 2, 3])):
        if not genes or rng.random() < 0.25:
            names = rng.choice([SPECIAL, SPECIAL, ["host", "target"], PLAIN, METHODS])
            before = "".join(rng.choices(PIECES, k=rng.randrange(3)))
            gene = Gene(rng.choice(names), before, rng.choice(PIECES), rng.choice([1, 20, 300, 5000]), 1)
            genes.append(replace(gene, copies=rng.choice([1, 1, 10, 5000])))
            continue
        at = rng.randrange(len(genes))
        gene = genes[at]
        genes[at] = rng.choice([
            replace(gene, times=max(1, gene.times * 2)),
            replace(gene, times=max(1, gene.times // 2)),
            replace(gene, times=gene.times + rng.randrange(-9, 10)),
            replace(gene, copies=gene.copies * 2),
            replace(gene, copies=max(1, gene.copies // 2)),
            replace(gene, piece=rng.choice(PIECES)),
            replace(gene, piece=gene.piece + rng.choice(PIECES)),
            replace(gene, before=gene.before + rng.choice(PIECES)),
            replace(gene, before=gene.before[:-1]),
        ])  # fmt: skip
        if rng.random() < 0.1:
            del genes[at]
    return genes


def exchange_of(genes: list[Gene]) -> Exchange:
    """What the head parser would make of it; no more than it would read."""
    left = HEAD_BYTES
    reserved, block, host, target, method = [], [], b"hello", b"/", b"GET"
    for gene in genes:
        value = gene.value
        for _ in range(gene.copies):
            value = value[: max(0, left - len(gene.name) - 4)]
            left -= len(value) + len(gene.name) + 4
            if left < 0:
                break
            if gene.name in METHODS:
                method = gene.name.encode()
            elif gene.name == "host":
                host = value or b"x"
            elif gene.name == "target":
                target = b"/" + value[: 16 * 1024 - 20]
            elif gene.name in SPECIAL:
                reserved.append((gene.name.encode(), value))
            else:
                block.append(b"%b: %b\r\n" % (gene.name.encode(), value))
    return Exchange(method, target, host, b"".join(block), NO_BODY, RecordingReply(), reserved=tuple(reserved) or None)


class Measured:
    """The stack of a router's first server, and what a request costs there."""

    def __init__(self, router: Running) -> None:
        self.assembly = router.app.worker.routers["out"]
        filters = filters_of(self.assembly, self.assembly.config.servers[0], router.app.metrics.scope("test"))
        self.service: Service = stack(filters, self.assembly.router.serve)

    def seconds(self, genes: list[Gene], tries: int = 1, *, enough: float = 0.0) -> float:
        """The least of some tries, up to one that is below `enough`; nothing is remembered from one to the next."""
        least, spent = 1.0, 0.0
        for _ in range(tries):
            if least < enough or spent > TRIED_SECONDS:
                break
            exchange = exchange_of(genes)
            self.assembly.overrides._known.clear()
            self.assembly.router.overrides.clear()
            self.assembly.router.names.clear()
            began = thread_time()
            run(self.service(exchange))
            via_request(exchange)
            took = thread_time() - began
            least, spent = min(least, took), spent + took
        return least


@pytest.fixture
def configuration(tmp_path: Path) -> dict[str, object]:
    names = [{"kind": "io.l5d.header"}, {"kind": "io.l5d.methodAndHost", "httpUriInDst": True}]
    return config(
        DTAB,
        identifier=[*names, {"kind": "io.l5d.header.token", "header": "x-route"}, {"kind": "io.l5d.header.token"}],
        httpAccessLog=str(tmp_path / "access.log"),
        servers=[{"port": 0, "addForwardedHeader": {}, "timestampHeader": "x-time"}],
    )


KNOWN = {
    "zeros": [Gene("OPTIONS", "", "", 1, 1), Gene("max-forwards", "0" * 58000 + "x", "", 1, 1)],
    "blanks": [Gene("x-route", "/a" + " " * 58000 + "b", "", 1, 1)],
    "blanks before the time": [Gene("x-time", "/a" + " " * 58000 + "b", "", 1, 1)],
    "900 labels": [Gene("l5d-dtab", "/svc=>/svc/" + "a/" * 900 + "a&/svc/b", "", 1, 1)],
    "escapes": [Gene("l5d-dtab", "/a=>", "/\\x00", 1600, 1)],
    "dentries": [Gene("l5d-dtab", "", "/a=>/b;", 1100, 1)],
    "empty dtabs": [Gene("l5d-dtab", "", "", 1, 9999)],
    "doubling": [Gene("l5d-dtab", "/svc=>/svc&/svc", "", 1, 1)],
    "doubling wide": [Gene("l5d-dtab", "/svc=>/svc/a/a&/svc;/=>/&/", "", 1, 1)],
    "path": [Gene("l5d-name", "", "/a", 30000, 1)],
    "escaped path": [Gene("l5d-name", "", "/\\x00", 12000, 1)],
    "host": [Gene("host", "", "~", 60000, 1)],
    "quotes": [Gene("host", "", '"', 60000, 1)],
    "agent": [Gene("user-agent", "", "é", 60000, 1)],
    "fields": [Gene("l5d-", "", "", 1, 9999)],
    "via": [Gene("via", "", "a", 1, 9999)],
    "deadline": [Gene("l5d-ctx-deadline", "1", " ", 50000, 1)],
    "target": [Gene("target", "", "/a", 8000, 1)],
    "domain": [Gene("target", "", "a.", 8000, 1)],
}


async def test_heads_that_were_dear_are_cheap(configuration):
    async with routing(configuration) as router:
        measured = Measured(router)
        figures = {name: measured.seconds(genes, TRIES, enough=BOUND) for name, genes in KNOWN.items()}
    print({name: f"{seconds * 1000:.2f} ms" for name, seconds in figures.items()})
    assert max(figures.values()) < BOUND, figures


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_head_that_a_search_finds_is_dear(configuration, seed):
    rng = Random(seed)
    async with routing(configuration) as router:
        measured = Measured(router)
        known = list(KNOWN.values())
        rng.shuffle(known)
        best = sorted(((measured.seconds(genes, 2), genes) for genes in known), key=lambda each: each[0])[-6:]
        for _ in range(ROUNDS):
            genes = grown(rng, rng.choice(best)[1])
            seconds = measured.seconds(genes)
            if seconds > best[0][0]:
                best = sorted([*best[1:], (measured.seconds(genes, 3), genes)], key=lambda each: each[0])
        last = [(measured.seconds(genes, TRIES, enough=BOUND), genes) for _, genes in best]
        seconds, genes = max(last, key=lambda each: each[0])
    print(f"the dearest head: {seconds * 1000:.2f} ms", genes)
    assert seconds < BOUND, genes
