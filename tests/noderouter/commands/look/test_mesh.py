"""All nodes, asked through the API server's proxy and added up here."""

import json

import pytest

from noderouter.commands.look.output import LookError
from tests.testing.router import config, routing
from tests.testing.summaries import bare, edge, endpoint, service, stats, together

PATH = "/admin/summary.json"


def summary(name, **parts):
    rows = together(
        service("/svc/a", 600, 6, a=900_000, b=100_000), endpoint("10.0.0.1:80"), edge("web.shop", "/svc/a")
    ) | {"routers": {"outgoing": stats(600, 6)}}
    return json.dumps(bare(name, **(rows | parts)))


@pytest.fixture
def three(stand_in):
    """Three nodes that are alike, by the API's names of them."""
    stand_in.pods("n1", "n2", "n3")
    for node in ("n1", "n2", "n3"):
        stand_in.behind(node, PATH, 200, summary(f"pod-{node}"))
    return stand_in


async def test_all_is_well(three, command):
    code, out = await command("status", cluster=three.port)
    assert code == 0
    rows = [line.split() for line in out.splitlines() if line.split()[:1] in (["n1"], ["n2"], ["n3"])]
    assert [row[:4] for row in rows] == [[f"n{n}", "ok", "10.0", "99.00"] for n in (1, 2, 3)]
    assert out.count("95f223c5") == 3
    assert out.startswith("noderouter 3 nodes  status")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"dtabs": [["outgoing", "here", "1212121212121212", 6, 1.0, False]]}, "95f223c55ff99452 on 2 nodes; 12"),
        ({"version": "1.2.4"}, "1.2.3 on 2 nodes; 1.2.4 on n2"),
        ({"ready": False, "health": [["bad", "not ready", "this router", "why\x1b[2J"]]}, "why"),
        ({"health": [["warn", "disarmed", "interception", "nobody says why"]]}, "nobody says why"),
    ],
)  # fmt: skip
async def test_what_differs_or_is_wrong(three, command, parts, words):
    three.behind("n2", PATH, 200, summary("n2", **parts))
    code, out = await command("status", cluster=three.port)
    assert code == 1
    assert words in " ".join(out.split())
    assert "\x1b" not in out
    code, out = await command("status -o json", cluster=three.port)
    assert (code, json.loads(out)["nodes"]["total"]) == (1, 3)


async def test_one_does_not_answer_and_one_answers_nonsense(three, command):
    three.behind("n2", PATH, 503, "no")
    three.behind("n3", PATH, 200, "{}")
    code, out = await command("status", cluster=three.port)
    assert code == 1
    said = " ".join(out.split())
    assert "! refused n3 n3: not the summary of a router. Not in the sums." in said
    assert "! late n2 n2: node n2: " in said
    code, out = await command("stat -o json", cluster=three.port)
    found = json.loads(out)
    assert (code, found["about"], len(found["problems"])) == (1, "1 of 3 nodes", 2)


@pytest.mark.parametrize(
    ("line", "key", "rows"),
    [
        ("stat", "services", [{"name": "/svc/a", "rate": 30.0, "success": 99.0, "up": "1/1"}]),
        ("stat a", "services", [{"name": "/svc/a"}]),
        ("stat b", "services", []),
        ("routes", "routes", [{"client": "/#/a", "share": 90.0, "rate": 30.0}, {"client": "/#/b", "share": 10.0}]),
        ("routes b", "routes", []),
        ("edges", "edges", [{"source": "web.shop", "service": "a", "rate": 30.0, "success": 99.0}]),
        ("edges nobody", "edges", []),
    ],
)
async def test_what_all_nodes_have(three, command, line, key, rows):
    code, out = await command(f"{line} -o json", cluster=three.port)
    found = json.loads(out)[key]["rows"]
    assert code == 0
    assert [{name: row[name] for name in told} for row, told in zip(found, rows, strict=True)] == rows
    code, out = await command(line, cluster=three.port)
    assert (code, out.startswith("noderouter 3 nodes"), "curl" in out) == (0, True, False)


@pytest.mark.parametrize("view", ["overview", "services", "endpoints"])
async def test_watched_together_they_are_one_page(three, command, view):
    code, out = await command(f"top --all --view {view} -c 1", cluster=three.port)
    assert (code, out.count("noderouter 3 nodes"), "curl" in out) == (0, 1, False)
    code, out = await command(f"top --all --view {view} -c 1 -o json", cluster=three.port)
    (line,) = out.splitlines()
    assert code == 0
    rows = json.loads(line)["endpoints" if view == "endpoints" else "services"]["rows"]
    # Each node has 10/s of the service; its endpoint has what the node says of it, and they are one endpoint.
    assert [row["rate"] for row in rows] == [pytest.approx(5.0 if view == "endpoints" else 30.0)]


async def test_one_that_is_away_is_missing_from_the_page(three, command):
    three.behind("n2", PATH, 503, "no")
    code, out = await command("top --all -c 1", cluster=three.port)
    assert code == 1
    assert "n2" in out


async def test_health_is_of_each(three, command):
    for node in ("n1", "n2", "n3"):
        three.behind(node, "/health", 200, f"noderouter {node}  health\n")
    code, out = await command("top --all --view health -c 1", cluster=three.port)
    assert (code, [f"noderouter {node}  health" in out for node in ("n1", "n2", "n3")]) == (0, [True] * 3)


async def test_a_real_router(command, stand_in):
    async with routing(config()) as router:
        code, out = await command("status", router.admin_port)
        assert (code, out.count(" ok ")) == (0, 1)
        assert (await command("stat", router.admin_port))[0] == 0
    with pytest.raises(LookError, match=r"127.0.0.1:\d+: .*404"):
        await command("status", stand_in.port)
