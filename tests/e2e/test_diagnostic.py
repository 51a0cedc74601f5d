"""Diagnostic tracing over two routers: who says what, and that nobody says anything unless told to."""

import re

import pytest

from tests.testing.backend import backend, response
from tests.testing.router import config, inet, routing

ON = {"servers": [{"port": 0, "diagnosticTracing": True}]}
ASK = ("l5d-add-context", "true")


async def trace(router, *fields):
    answer = await router.ask(target="/x", method="TRACE", fields=[ASK, *fields])
    return answer.status, re.sub(r"duration: \d+ ms", "duration: N ms", answer.text)


def block(label, port, *steps, client=True):
    lines = [f"--- Router: {label} ---", "request duration: N ms", "service name: /svc/hello"]
    if client:
        lines += [f"client name: {inet(port)}", f"addresses: [127.0.0.1:{port}]", f"selected address: 127.0.0.1:{port}"]
    return "\n".join([*lines, "dtab resolution:", *(f"  {step}" for step in steps)]) + "\n"


async def test_each_router_adds_its_block_that_of_the_last_one_first():
    async with backend() as service:
        near = inet(service.port)
        dtab = f"/srv => {near} ; /svc/hello => /srv"
        async with routing(config(dtab, label="in", **ON)) as second:
            far = inet(second.port)
            async with routing(config(f"/svc => {far}", label="out", **ON)) as first:
                steps = ["/svc/hello", "/srv (/svc/hello=>/srv)", f"{near} (/srv=>{near})"]
                inner = block("in", service.port, *steps)
                outer = block("out", second.port, "/svc/hello", f"{far}/hello (/svc=>{far})")
                assert await trace(first) == (200, f"hello\n\n{inner}\n{outer}")
                assert service.got[0]["l5d-add-context"] == "true"
                status, text = await trace(first, ("Max-Forwards", "0"))
                assert status == 200
                assert text.startswith("TRACE /x HTTP/1.1\r\n")
                assert text.endswith("\n\n" + block("out", 0, "/svc/hello", f"{far}/hello (/svc=>{far})", client=False))
                status, text = await trace(first, ("Max-Forwards", "1"))
                assert text.count("--- Router:") == 2
                assert len(service.got) == 1
                assert (await trace(first, ("Max-Forwards", "x")))[0] == 400


async def test_a_long_answer_is_discarded_and_an_unknown_name_is_the_ordinary_error():
    async with backend() as service:

        async def long(_got):
            return b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n11000\r\n%b\r\n0\r\n\r\n" % (
                b"abc." * 0x4400
            )

        service.respond = long
        async with routing(config(f"/svc/hello => {inet(service.port)}", **ON)) as router:
            status, text = await trace(router)
            assert (status, "abc" in text) == (200, False)
            assert text.startswith("HTTP 200 - Fine\nDiagnostic trace encountered a long response.")
            answer = await router.ask("nobody", method="TRACE", fields=[ASK])
            assert (answer.status, answer["l5d-err"] is None) == (502, False)
            assert "--- Router:" not in answer.text


@pytest.mark.parametrize("server", [{"port": 0}, {"port": 0, "diagnosticTracing": True, "clearContext": True}])
async def test_nothing_is_told_unless_it_is_configured_nor_where_the_internet_begins(server):
    async with backend() as service:

        async def plain(_got):
            return response("plain")

        service.respond = plain
        async with routing(config(f"/svc => {inet(service.port)}", servers=[server])) as router:
            assert await trace(router) == (200, "plain")
