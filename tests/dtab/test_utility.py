import pytest

from dtab import EMPTY, FAIL, NEG, Bound, Failed, Leaf, Ok, Path
from dtab.utility import Inet, Status, known, lookup


@pytest.mark.parametrize(
    ("path", "used", "addr"),
    [
        ("/$/inet/10.0.0.1/80", 4, Inet(("10.0.0.1",), 80)),
        ("/$/inet/localhost/80/rest/of/it", 4, Inet(("localhost",), 80)),
        ("/$/inet/8080", 3, Inet(("localhost",), 8080)),
        ("/$/inet/8080/rest", 3, Inet(("localhost",), 8080)),
        ("/$/inet/8080/9090", 4, Inet(("8080",), 9090)),
        ("/$/inet/host/00080", 4, Inet(("host",), 80)),
        ("/$/inet/host/0", 4, Inet(("host",), 0)),
        ("/$/inet/host/65535", 4, Inet(("host",), 65535)),
        (r"/$/inet/\x61\x2c\x62/80", 4, Inet(("a", "b"), 80)),
        (r"/$/inet/\x2c/80", 4, Inet(("localhost",), 80)),
        (r"/$/inet/\xff/80", 4, Inet(("\ufffd",), 80)),
        ("/$/inet/::1/80", 4, Inet(("::1",), 80)),
        ("/$/fixedinet/host/80/x", 4, Inet(("host",), 80, fixed=True)),
        ("/$/fixedinet/80", 3, Inet(("localhost",), 80, fixed=True)),
        ("/$/io.buoyant.rinet/443/google.com", 4, Inet(("google.com",), 443)),
        ("/$/io.buoyant.rinet/443/google.com/rest", 4, Inet(("google.com",), 443)),
        ("/$/io.buoyant.http.status/404", 3, Status(404)),
        ("/$/io.buoyant.http.status/100/rest", 4, Status(100)),
        ("/$/io.buoyant.http.status/599", 3, Status(599)),
    ],
)
def test_bound(path: str, used: int, addr: object) -> None:
    name = Path.parse(path)
    assert lookup(name) == Ok(Leaf(Bound(name.take(used), name.drop(used), addr)))


@pytest.mark.parametrize("path", ["/", "/a", "/$", "/#/inet/host/80", "/a/$/inet/host/80", "/$$/nil"])
def test_other_names_are_not_ours(path: str) -> None:
    assert lookup(Path.parse(path)) is None


@pytest.mark.parametrize(
    ("path", "tree"),
    [
        ("/$/fail", FAIL),
        ("/$/fail/x", FAIL),
        ("/$/nil", EMPTY),
        ("/$/nil/x/y", EMPTY),
        ("/$/io.buoyant.rinet", NEG),
        ("/$/io.buoyant.rinet/80", NEG),
        ("/$/io.buoyant.http.status", NEG),
        ("/$/io.buoyant.http.status/99", NEG),
        ("/$/io.buoyant.http.status/600", NEG),
        ("/$/io.buoyant.http.status/0404", NEG),
        ("/$/io.buoyant.http.status/abc", NEG),
        ("/$/io.buoyant.http.anyMethod", NEG),
    ],
)
def test_trees(path: str, tree: object) -> None:
    answer = lookup(Path.parse(path))
    assert isinstance(answer, Ok)
    assert answer.tree is tree


def test_rewriting() -> None:
    answer = lookup(Path.parse("/$/io.buoyant.http.domainToPathPfx/host/foo.buoyant.io/r"))
    assert answer == Ok(Leaf(Path.parse("/host/io/buoyant/foo/r")))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/$/inet", "Unknown namer: inet for path: /$/inet"),
        ("/$/inet/host", "Unknown namer: inet for path: /$/inet/host"),
        ("/$/inet/host/http", "Unknown namer: inet for path: /$/inet/host/http"),
        (r"/$/inet/host/\xd9\xa3", r"Unknown namer: inet for path: /$/inet/host/\xd9\xa3"),
        ("/$/fixedinet/host/http", "Unknown namer: fixedinet for path: /$/fixedinet/host/http"),
        ("/$/com.acme.Namer/x", "Unknown namer: com.acme.Namer for path: /$/com.acme.Namer/x"),
        (r"/$/\x20", r"Unknown namer: \x20 for path: /$/\x20"),
        ("/$/inet/host/65536", "Port is not a number up to 65535: 65536 in path: /$/inet/host/65536"),
        ("/$/inet/123456", "Port is not a number up to 65535: 123456 in path: /$/inet/123456"),
        (
            "/$/io.buoyant.rinet/http/host",
            "Port is not a number up to 65535: http in path: /$/io.buoyant.rinet/http/host",
        ),
    ],
)
def test_failures(path: str, message: str) -> None:
    assert lookup(Path.parse(path)) == Failed(message)


def test_ports_of_any_length_are_refused_at_no_cost() -> None:
    assert isinstance(lookup(Path.of("$", "inet", "host", "9" * 100_000)), Failed)


@pytest.mark.parametrize(
    ("name", "is_known"),
    [(b"inet", True), (b"nil", True), (b"io.buoyant.hostportPfx", True), (b"INET", False), (b"", False)],
)
def test_known(name: bytes, is_known: bool) -> None:
    assert known(name) is is_known
