import json
from typing import Any

import pytest

from dtab import NEG, Answer, Bound, Dtab, Failed, Leaf, Ok, Path, Pending, bind, utility
from dtab.delegation_json import to_json
from dtab.steps import Found, Transformed


def lookup(path: Path) -> Answer:
    if path.starts_with(Path.of("#", "error")):
        return Failed(f"error naming {path.show()}")
    if path.starts_with(Path.of("#", "wait")):
        return Pending()
    return utility.lookup(path) or Ok(NEG)


def show_addr(addr: object) -> dict[str, Any]:
    assert addr == utility.Inet(("127.1",), 8080)
    return {"type": "bound", "addrs": [{"ip": "127.0.0.1", "port": 8080, "meta": {}}], "meta": {}}


def shown(dtab: str, path: str) -> dict[str, Any]:
    return bind(Dtab.parse(dtab), Path.parse(path), lookup, explore=True).json(show_addr)


LEAF = {
    "addr": {"type": "bound", "addrs": [{"ip": "127.0.0.1", "port": 8080, "meta": {}}], "meta": {}},
    "id": "/$/inet/127.1/8080",
    "path": "/",
}


def test_the_worked_case_of_linkerd() -> None:
    dtab = """
        /beh => /#/error;
        /bah/humbug => /$/inet/127.1/8080;
        /foo => /bah | /beh | /$/fail;
        /foo => /bar;
        /boo => /foo
    """
    three = {"prefix": "/foo", "dst": "/bah | /beh | /$/fail"}
    expected = {
        "type": "delegate",
        "path": "/boo/humbug",
        "delegate": {
            "type": "alt",
            "path": "/foo/humbug",
            "dentry": {"prefix": "/boo", "dst": "/foo"},
            "alt": [
                {"type": "neg", "path": "/bar/humbug", "dentry": {"prefix": "/foo", "dst": "/bar"}},
                {
                    "type": "delegate",
                    "path": "/bah/humbug",
                    "dentry": three,
                    "delegate": {
                        "type": "leaf",
                        "path": "/$/inet/127.1/8080",
                        "dentry": {"prefix": "/bah/humbug", "dst": "/$/inet/127.1/8080"},
                        "bound": LEAF,
                    },
                },
                {
                    "type": "delegate",
                    "path": "/beh/humbug",
                    "dentry": three,
                    "delegate": {
                        "type": "exception",
                        "path": "/#/error/humbug",
                        "dentry": {"prefix": "/beh", "dst": "/#/error"},
                        "message": "error naming /#/error/humbug",
                    },
                },
                {"type": "fail", "path": "/$/fail/humbug", "dentry": three},
            ],
        },
    }
    found = shown(dtab, "/boo/humbug")
    assert found == expected
    assert json.dumps(found) == json.dumps(expected)  # the keys come in this order


@pytest.mark.parametrize(
    ("dtab", "node"),
    [
        ("", {"type": "neg", "path": "/a"}),
        ("/a=>~", {"type": "neg", "path": "~", "dentry": {"prefix": "/a", "dst": "~"}}),
        ("/a=>!", {"type": "fail", "path": "!", "dentry": {"prefix": "/a", "dst": "!"}}),
        ("/a=>$", {"type": "empty", "path": "/a", "dentry": {"prefix": "/a", "dst": "$"}}),
        ("/a=>/$/nil", {"type": "empty", "path": "/$/nil", "dentry": {"prefix": "/a", "dst": "/$/nil"}}),
        ("/a=>/#/wait", {"type": "pending", "path": "/#/wait", "dentry": {"prefix": "/a", "dst": "/#/wait"}}),
        (
            "/a=>/$/unknown",
            {
                "type": "exception",
                "path": "/$/unknown",
                "dentry": {"prefix": "/a", "dst": "/$/unknown"},
                "message": "Unknown namer: unknown for path: /$/unknown",
            },
        ),
    ],
)
def test_ends(dtab: str, node: dict[str, Any]) -> None:
    found = shown(dtab, "/a")
    assert (found["delegate"] if dtab else found) == node


def test_unions() -> None:
    dentry = {"prefix": "/a", "dst": "0.25*/b & ~"}
    assert shown("/a=>0.25*/b & ~", "/a/x") == {
        "type": "union",
        "path": "/a/x",
        "union": [
            {"weight": 0.25, "tree": {"type": "neg", "path": "/b/x", "dentry": dentry}},
            {"weight": 1.0, "tree": {"type": "neg", "path": "~", "dentry": dentry}},
        ],
    }


def test_a_rewriting_namer_is_a_step() -> None:
    dtab = "/svc=>/$/io.buoyant.http.domainToPathPfx/host;/host=>/$/inet/127.1/8080"
    namer = {"prefix": "/svc", "dst": "/$/io.buoyant.http.domainToPathPfx/host"}
    assert shown(dtab, "/svc/a.b") == {
        "type": "delegate",
        "path": "/svc/a.b",
        "delegate": {
            "type": "delegate",
            "path": "/$/io.buoyant.http.domainToPathPfx/host/a.b",
            "dentry": namer,
            "delegate": {
                "type": "delegate",
                "path": "/host/b/a",
                "delegate": {
                    "type": "leaf",
                    "path": "/$/inet/127.1/8080/b/a",
                    "dentry": {"prefix": "/host", "dst": "/$/inet/127.1/8080"},
                    "bound": {**LEAF, "path": "/b/a"},
                },
            },
        },
    }


def test_transformations() -> None:
    bound = Bound(Path.of("a"), Path.EMPTY, 1)
    changed = Bound(Path.of("%", "a"), Path.of("x"), 2)
    inside = Found(Path.of("a"), None, changed)
    assert to_json(Transformed(Path.of("a"), None, "io.l5d.port", bound, inside), lambda addr: addr) == {
        "type": "transformation",
        "path": "/a",
        "name": "io.l5d.port",
        "bound": {"addr": 1, "id": "/a", "path": "/"},
        "tree": {"type": "leaf", "path": "/a", "bound": {"addr": 2, "id": "/%/a", "path": "/x"}},
    }


def test_endless_rewriting() -> None:
    found = shown("/a=>/b;/b=>/a", "/a")
    for _ in range(100):
        found = found["delegate"]
    assert found == {
        "type": "exception",
        "path": "/a",
        "dentry": {"prefix": "/b", "dst": "/a"},
        "message": "Max recursion level reached.",
    }


def test_the_deepest_ordinary_delegation_is_shown_whole() -> None:
    text = json.dumps(shown("/a=>/x | /b & /y;/b=>/c;/b=>/x & /a;/c=>/x & /a | /y", "/a"))
    assert "Max recursion level reached." in text
    assert "Nested too deeply" not in text


def test_deeper_ones_are_cut_off() -> None:
    dtab = "/a=>" + "(/x & (/y | " * 49 + "/a" + "))" * 49
    text = json.dumps(shown(dtab, "/a"))
    assert "Nested too deeply to be shown." in text


def test_long_dentries_are_cut_off() -> None:
    dst = " | ".join(["/nothing"] * 1_000)
    (first, *_) = shown(f"/a=>{dst}", "/a")["alt"]
    assert first["dentry"] == {"prefix": "/a", "dst": dst[:2_000] + "…"}


def test_addresses_are_shown_as_text_unless_told_otherwise() -> None:
    delegation = bind(Dtab.EMPTY, Path.of("a"), lambda path: Ok(Leaf(Bound(path, Path.EMPTY, 7))))
    assert delegation.json()["bound"]["addr"] == "7"
