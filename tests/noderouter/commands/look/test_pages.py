"""Pages as routers render them, of one or of several.

Covers `arguments.py`, `interface.py`, `nodes.py`, `top.py`.
"""

import json

import pytest

from noderouter.commands.look.interface import plain, without_links
from noderouter.commands.look.nodes import one_each
from noderouter.commands.look.output import LookError
from noderouter.kubernetes.access import Plain
from tests.noderouter.commands.look.conftest import PAGE
from tests.testing.backend import backend
from tests.testing.ports import free_ports
from tests.testing.router import config, inet, routing


async def test_a_page_is_what_the_router_says_without_what_controls_a_terminal(stand_in, command):
    stand_in.answers["/"] = 200, PAGE
    code, out = await command("top -c 1", stand_in.port)
    assert code == 0
    assert out == "noderouter n1  0.1.0  up 5 s\n!! failing  ]0;title2J/svc/hello\n\n────\ncurl x/services\n"
    assert stand_in.asked == [("/", {"as": "text"})]


@pytest.fixture
async def hello():
    """A service that has had a request by the name /svc/hello, its address, and the router's admin port."""
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        await router.ask("hello")
        yield f"127.0.0.1:{service.port}", router.admin_port


async def test_pages_of_a_router(hello, command):
    address, port = hello
    for line, words in {
        "top -c 1": "\nROUTERS ",
        "top -c 1 --view services": "\n   /svc/hello  ok ",
        "endpoints": f"\n   {address}  ok ",
        "endpoints --service /svc/hello": f"\n   {address}  ok ",
        "endpoints --service /svc/a": "\nNone is so.",
        "endpoints --state ejected": "\nNone is so.",
        "graph --of hello": "Nobody has called anybody",
        "explain /svc/hello --router out": "[the namer] 1 of 1 up",
        "explain /svc/hello": f"\n   {address}  ok ",
        "graph -o dot": "digraph noderouter {",
    }.items():
        code, out = await command(line, port)
        assert (code, out.count(words)) == (0, 1), (line, out)
    _, out = await command("explain /svc/a", port)
    assert "1 of 1 up" in out
    assert "\nENDPOINTS " not in out  # nobody has asked for it
    with pytest.raises(LookError, match="begins with a slash"):
        await command("explain hello", port)


async def test_views_of_a_router_as_json(hello, command):
    address, port = hello
    for line, view in {
        "top -c 1 --view services": "services",
        "endpoints --service /svc/hello": "endpoints",
        "graph": "graph",
    }.items():
        code, out = await command(f"{line} -o json", port)
        assert (code, json.loads(out)["view"]) == (0, view)
    _, out = await command("explain /svc/hello -o json", port)
    found = json.loads(out)
    assert found["names"]["delegation"]["name"] == "/svc/hello"
    assert [each["address"] for each in found["endpoints"]["rows"]] == [address]


async def test_json_has_nothing_that_controls_a_terminal(stand_in, command):
    stand_in.answers["/endpoints"] = 200, json.dumps({"view": "it", "x": "\x1b[2J"})
    code, out = await command("endpoints --state ejected -o json", stand_in.port)
    assert (code, json.loads(out)) == (0, {"view": "it", "x": "\x1b[2J"})
    assert "\x1b" not in out
    assert stand_in.asked == [("/endpoints", {"as": "json", "state": "ejected"})]


async def test_routers_of_nodes_through_the_api(stand_in, command):
    stand_in.pods("n1", "n2", "n3")
    stand_in.behind("n1", "/endpoints", 200, PAGE)
    stand_in.behind("n2", "/endpoints", 503, "no\x1b[2J")
    stand_in.behind("n3", "/endpoints", 200, PAGE.replace("n1", "n3"))
    code, out = await command("endpoints --all", cluster=stand_in.port)
    assert code == 1
    assert [line for line in out.splitlines() if line.startswith("noderouter")] == [
        "noderouter n1  0.1.0  up 5 s",
        "noderouter n3  0.1.0  up 5 s",
    ]
    assert "curl" not in out  # its addresses are the API server's
    stand_in.behind("n3", "/endpoints", 200, '{"view": 1}')
    code, out = await command("endpoints --all -o json", cluster=stand_in.port)
    found = json.loads(out)
    assert found["nodes"] == {"n3": {"view": 1}}
    assert any("node n2: " in each and "kubectl port-forward" in each for each in found["failed"])


async def test_one_node(stand_in, command):
    stand_in.pods("n1")
    stand_in.behind("n1", "/endpoints", 403, '{"message": "pods is forbidden"}')
    with pytest.raises(LookError, match=r"node n1: .*403.*forbidden; the right to get .* pods/proxy"):
        await command("endpoints --node n1", cluster=stand_in.port)
    assert stand_in.asked[0][1]["fieldSelector"] == "spec.nodeName=n1"
    stand_in.pods()
    with pytest.raises(LookError, match="no router runs on node n2 in any namespace"):
        await command("endpoints --node n2", cluster=stand_in.port)


async def test_the_api_server_speaks_tls_with_pods_that_say_so(stand_in, command):
    path = "/api/v1/namespaces/mesh/pods/https:router-n1:9990/proxy/endpoints"
    stand_in.pods("n1", annotations={"noderouter.io/admin-scheme": "https"})
    stand_in.answers[path] = 200, PAGE
    code, out = await command("endpoints --node n1", cluster=stand_in.port)
    assert (code, stand_in.asked[-1][0]) == (0, path), out
    said = "error trying to reach service: remote error: tls: certificate required"
    stand_in.answers[path] = 503, json.dumps({"message": said})
    with pytest.raises(LookError, match="which the API server has none of: --admin with --cert-file"):
        await command("endpoints --node n1", cluster=stand_in.port)


def test_of_several_pods_on_a_node_the_one_that_replaces_another():
    def pod(name, created, **more):
        meta = {"name": name, "creationTimestamp": created} | more
        return {"metadata": meta, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}

    pods = [pod("new", "2026-02"), pod("old", "2026-01"), pod("going", "2026-03", deletionTimestamp="2026-04")]
    assert one_each(pods)["n"]["metadata"]["name"] == "new"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, "<html>", "no noderouter"),
        (404, "x", "older than this command"),
        (403, "x", "admin.security"),
        (421, "x", "admin.hosts"),
    ],
)
async def test_what_answers_is_no_page(stand_in, command, status, body, words):
    stand_in.answers["/endpoints"] = status, body
    with pytest.raises(LookError, match=words):
        await command("endpoints", stand_in.port)


async def test_nobody_listens(command):
    (port,) = free_ports(1)
    with pytest.raises(LookError, match="is a router running"):
        await command("endpoints", port)


def test_addresses():
    assert plain("127.0.0.1:1") == plain("http://127.0.0.1:1/") == Plain("127.0.0.1", 1)
    assert plain("[::1]:8") == Plain("::1", 8)
    assert plain("[::1]") == Plain("::1", 9990)
    assert plain("host") == Plain("host", 9990)
    assert plain("https://host", "/ca") == Plain("host", 9990, tls=True, trust="/ca")
    assert plain("https://host", "/ca", "/crt", "/key") == Plain("host", 9990, True, "/ca", "/crt", "/key")
    assert plain("host", "/ca", "/crt", "/key") == Plain("host", 9990)
    strange = ("ftp://host:1", "https://http://host:1")
    for wrong in (
        *strange,
        "",
        ":9990",
        "host:0",
        "host:x",
        "a b:1",
        "::1",
        "u@h:1",
        "h:99999",
    ):
        with pytest.raises(LookError, match="must be HOST:PORT"):
            plain(wrong)


def test_links_go_and_nothing_else():
    assert without_links("noderouter\na\n\n──\ncurl a\ncurl b\n") == "noderouter\na"
    assert without_links("noderouter\n──\na") == "noderouter\n──\na"
