"""Every identifier through the router: a request's name, and what its service sees (docs/linkerd1.md section 3.1)."""

import pytest

from tests.testing.backend import backend
from tests.testing.router import config, inet, routing


async def named(identifier, target="/", host="hello", dst_prefix="/svc", **keys):
    """What the service was told: the logical name, and the request line."""
    async with backend() as service:
        configuration = config(f"{dst_prefix} => {inet(service.port)}", identifier=identifier, dstPrefix=dst_prefix)
        async with routing(configuration) as router:
            answer = await router.ask(host, target, **keys)
            if not service.got:
                return answer.status, answer.text
            return service.got[0]["l5d-dst-service"], service.got[0].line


@pytest.mark.parametrize(
    ("host", "name"),
    [("hello", "/svc/hello"), ("Hello.World:80", "/svc/Hello.World:80"), ("a%2Fb", "/svc/a%2Fb")],
)
async def test_header_token_by_default(host, name):
    assert (await named({"kind": "io.l5d.header.token"}, host=host))[0] == name


async def test_a_label_that_cannot_be_written_plainly_is_escaped():
    assert (await named({"kind": "io.l5d.header.token"}, host="[::1]:80"))[0] == (
        "/svc/" + "".join(f"\\x{byte:02x}" for byte in b"[::1]:80")
    )


async def test_header_token_of_another_field():
    token = {"kind": "io.l5d.header.token", "header": "x-name"}
    assert (await named(token, fields=[("X-Name", "one")]))[0] == "/svc/one"
    status, text = await named(token)
    assert status == 400
    assert text.startswith("Unknown destination: ")
    assert text.endswith(" / x-name header is absent")


async def test_header():
    header = {"kind": "io.l5d.header"}
    assert (await named(header, fields=[("l5d-name", "/a/b/c")]))[0] == "/svc/a/b/c"
    assert (await named(header))[0] == 400
    status, text = await named(header, fields=[("l5d-name", "a/b")])
    assert (status, text) == (400, "'/' expected but 'a' found at '[a]/b'")


@pytest.mark.parametrize(
    ("keys", "target", "name", "seen"),
    [
        ({"segments": 2}, "/mysvc/subsvc/more?x=1", "/http/mysvc/subsvc", "/mysvc/subsvc/more?x=1"),
        ({}, "/mysvc?other=stuff", "/http/mysvc", "/mysvc?other=stuff"),
        ({"segments": 2, "consume": True}, "/mysvc/subsvc", "/http/mysvc/subsvc", "/"),
        ({"segments": 2, "consume": True}, "/mysvc/subsvc/p/?a=b/", "/http/mysvc/subsvc", "/p/?a=b/"),
        ({"consume": True}, "/mysvc/?other=%2F", "/http/mysvc", "/?other=%2F"),
    ],
)
async def test_path(keys, target, name, seen):
    assert await named({"kind": "io.l5d.path"} | keys, target, dst_prefix="/http") == (name, f"GET {seen} HTTP/1.1")


async def test_path_with_too_few_segments():
    status, text = await named({"kind": "io.l5d.path", "segments": 2}, "/mysvc?other=stuff")
    assert status == 400
    assert text.endswith(" / not enough segments in path")


@pytest.mark.parametrize(
    ("uri", "keys", "name"),
    [
        (False, {"host": "DoMaiN"}, "/https/1.1/GET/domain"),
        (True, {"host": "DoMaiN", "target": "/some/path?a=b"}, "/https/1.1/GET/domain/some/path"),
        (False, {"host": None, "method": "POST", "minor": 0, "body": b""}, "/https/1.0/POST"),
        (True, {"host": None, "method": "POST", "minor": 0, "target": "/drum/bass"}, "/https/1.0/POST/drum/bass"),
    ],
)
async def test_method_and_host(uri, keys, name):
    identifier = {"kind": "io.l5d.methodAndHost", "httpUriInDst": uri}
    assert (await named(identifier, dst_prefix="/https", **keys))[0] == name


async def test_static():
    assert (await named({"kind": "io.l5d.static", "path": "/one/two"}, host="whatever"))[0] == "/svc/one/two"


async def test_the_first_identifier_of_a_list_wins():
    both = [{"kind": "io.l5d.header.token", "header": "x-name"}, {"kind": "io.l5d.path", "segments": 2}]
    assert (await named(both, "/a/b", fields=[("x-name", "one")]))[0] == "/svc/one"
    assert (await named(both, "/a/b"))[0] == "/svc/a/b"
    status, text = await named(both, "/a")
    assert status == 400
    assert "x-name header is absent" in text
    assert "not enough segments in path" in text


async def test_absolute_form_names_the_authority_of_the_target():
    name, line = await named({"kind": "io.l5d.header.token"}, "http://acme.co:8080/foo?x=R%26D", host="other")
    assert (name, line) == ("/svc/acme.co:8080", "GET /foo?x=R%26D HTTP/1.1")
    assert (await named({"kind": "io.l5d.header.token"}, "http://acme.co", host="acme.co"))[1] == "GET / HTTP/1.1"
