"""What clients get when something fails: the table of docs/linkerd1.md section 5.5, through the whole router."""

from urllib.parse import unquote_plus

import pytest
import trio

from tests.testing.backend import backend, response
from tests.testing.loop import until
from tests.testing.ports import free_ports
from tests.testing.router import TRUSTING, config, fs, inet, routing


def dead_port():
    """A port of the loopback where nobody listens."""
    (port,) = free_ports(1)
    return port


def check(answer, status, *, retryable=None):
    """An error that the router made: what belongs to every one of them."""
    assert answer.status == status
    assert answer["content-type"] == "text/plain"
    assert unquote_plus(answer["l5d-err"]) == answer.text
    assert answer["l5d-success-class"] == "0.0"
    assert answer["l5d-retryable"] == retryable


async def test_a_name_that_leads_nowhere(tmp_path):
    stored = tmp_path / "dtab"
    stored.write_text("/a => /b | /c ; /x/* => 0.5 * /y & /z")
    interpreter = {"kind": "io.l5d.fs", "dtabFile": str(stored)}
    async with routing(config("/svc => /host ; /host => /nowhere", interpreter=interpreter, **TRUSTING)) as router:
        answer = await router.ask(fields=[("l5d-dtab", "/one=>/two")])
        check(answer, 502)
        assert answer.text.startswith(
            "Unable to route request!\n"
            "\n"
            "service name: /svc/hello\n"
            "dtab:\n"
            "  /a => /b | /c\n"
            "  /x/* => 0.50*/y & /z\n"
            "base dtab:\n"
            "  /svc => /host\n"
            "  /host => /nowhere\n"
            "override dtab:\n"
            "  /one => /two\n"
        )


@pytest.mark.parametrize("dst", ["~", "!", "$", "/$/nil", "/$/fail", "/#/io.l5d.fs/empty"])
async def test_names_without_an_address(tmp_path, dst):
    (tmp_path / "empty").write_text("")
    async with routing(config(f"/svc/x => {dst}", namers=[fs(tmp_path)])) as router:
        answer = await router.ask("x")
        check(answer, 502)
        assert answer.text.startswith(
            "Unable to route request!\n\nservice name: /svc/x\ndtab:\n\nbase dtab:\n"
            f"  /svc/x => {dst}\noverride dtab:\n"
        )


async def test_nobody_listens(tmp_path):
    port = dead_port()
    (tmp_path / "hello").write_text(f"127.0.0.1 {port}\n")
    async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])) as router:
        answer = await router.ask()
        check(answer, 502, retryable="true")
        assert answer.text == (
            f"Unable to establish connection to 127.0.0.1:{port}.\n"
            "\n"
            "service name: /svc/hello\n"
            "client name: /#/io.l5d.fs/hello\n"
            f"addresses: [127.0.0.1:{port}]\n"
            f"selected address: 127.0.0.1:{port}\n"
        )


async def test_a_name_that_stays_pending():
    async with routing(config("/svc => /$/inet/slow.invalid/80", bindingTimeoutMs=200)) as router:

        async def never(_name):
            await trio.sleep_forever()

        router.app.control._outside._namers[-1]._resolver._query = never  # there is one resolver for all
        answer = await router.ask(seconds=2)
        check(answer, 502)
        assert answer.text == (
            "Exceeded 200.milliseconds binding timeout while connecting to /$/inet/slow.invalid/80 for name: /svc/hello"
        )


async def test_no_identifier_matches():
    identifier = {"kind": "io.l5d.header"}
    async with routing(config(identifier=identifier)) as router:
        http = await router.connect()
        answer = await http.ask(target="/some/path")
        check(answer, 400)
        assert answer.text.startswith('Unknown destination: Request("GET /some/path", from 127.0.0.1:')
        assert answer.text.endswith(") / l5d-name header is absent")
        assert (await http.ask(target="/" + "x" * 9000)).text.count("x") < 300
        await http.close()


async def test_a_timeout_of_the_whole_request():
    async def stuck(_got):
        await trio.sleep_forever()

    async with backend() as service:
        service.respond = stuck
        configuration = config(f"/svc => {inet(service.port)}", service={"totalTimeoutMs": 1000})
        async with routing(configuration) as router:
            answer = await router.ask()
            check(answer, 503)
            assert answer.text == (
                "exceeded 1.seconds to /svc/hello while waiting for a response for the request,"
                " including retries (if applicable)"
            )
            await until(lambda: service.open == 0)


async def test_too_many_concurrent_requests():
    release = trio.Event()

    async def slow(_got):
        await release.wait()
        return response("done")

    async with backend() as service:
        service.respond = slow
        servers = [{"port": 0, "maxConcurrentRequests": 2}]
        async with routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
            busy = [await router.connect() for _ in range(2)]
            for http in busy:
                await http.send()
            await until(lambda: len(service.got) == 2)
            third = await router.connect()
            answer = await third.ask(seconds=1)
            check(answer, 503, retryable="true")
            assert answer["finagle-http-nack"] == "true"
            release.set()
            for http in busy:
                assert (await http.answer()).text == "done"
            assert (await third.ask()).text == "done"
            for http in (*busy, third):
                await http.close()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 5000 + b"\r\n\r\n", 431),
    ],
)
async def test_what_the_codec_refuses_with_limits_from_the_configuration(request_head, status):
    async with routing(config("/svc => /$/nil", maxInitialLineKB=2, maxHeadersKB=4)) as router:
        http = await router.connect()
        await http.peer.send(request_head)
        answer = await http.answer()
        assert answer.status == status
        assert answer["connection"] == "close"
        assert answer["l5d-err"]
        assert await http.peer.rest() == b""


async def test_the_message_is_encoded_and_bounded():
    identifier = {"kind": "io.l5d.header"}
    async with routing(config(identifier=identifier, maxErrResponseKB=1, maxHeadersKB=2)) as router:
        long = "/" + "a" * 1000 + "^"
        answer = await router.ask(fields=[("l5d-name", long)])
        assert answer.status == 400
        assert len(answer["l5d-err"]) <= 1024
        assert len(answer.body) <= 1024
        answer = await router.ask(fields=[("l5d-name", "/a b")])
        assert (
            answer["l5d-err"] == "label+char+expected+but+%27+%27+found+at+%27%2Fa%5B+%5Db%27"
            or " " not in (answer["l5d-err"])
        )


async def test_an_error_of_the_next_router_is_passed_on():
    async def failing(_got):
        return response("theirs", "502 Bad Gateway", "l5d-err: their+words\r\nl5d-retryable: false\r\n")

    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        service.respond = failing
        answer = await router.ask()
        assert (answer.status, answer.text) == (502, "theirs")
        assert answer.all("l5d-err") == ["their+words"]
        assert answer.all("l5d-retryable") == ["false"]


async def test_the_connection_goes_on_after_errors_also_behind_request_bodies():
    """A chunked request to a dead endpoint must not leave its body to be read as the next request."""
    async with backend() as service:
        dtab = f"/svc/dead => {inet(dead_port())} ; /svc/ok => {inet(service.port)}"
        async with routing(config(dtab)) as router:
            http = await router.connect()
            for body in (b"x", b"GET /smuggled HTTP/1.1\r\nHost: ok\r\n\r\n", b"y" * 100_000):
                for chunked in (True, False):
                    answer = await http.ask("dead", method="POST", body=body, chunked=chunked)
                    assert answer.status == 502
                    # A body of unknown length that is not here whole yet may be endless: the connection ends.
                    ends = chunked and len(body) == 100_000
                    assert answer["connection"] == ("close" if ends else None)
                    if ends:
                        await http.close()
                        http = await router.connect()
                    assert (await http.ask("ok", f"/{len(body)}")).status == 200
            assert [got.target for got in service.got] == ["/1", "/1", "/36", "/36", "/100000", "/100000"]
            await http.close()


async def test_an_endpoint_that_breaks_off():
    async def nothing(_got):
        return None

    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        service.respond = nothing
        answer = await router.ask()
        check(answer, 502)
        assert answer.text.startswith("connection lost: ")
