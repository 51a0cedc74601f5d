"""Shared scopes: pruned when the last user is gone and the last request has ended."""

from dtab import Path
from noderouter.proxy.router.scopes import MAX_ELEMENT, Scopes, element
from noderouter.telemetry.tree import MetricsTree


def names(tree):
    """The services in the tree."""
    return {sample.path[3] for sample in tree.samples() if sample.path[:3] == ("rt", "out", "service")}


def make(limit=10):
    tree = MetricsTree(limit)
    return tree, Scopes(tree.scope("rt", "out"))


def test_the_last_user_prunes():
    tree, scopes = make()
    first, second = (scopes.acquire("service", "a") for _ in range(2))
    assert first is second
    first.requests().answered(200, 0.1, True)
    scopes.release("service", "a")
    assert names(tree) == {"a"}
    scopes.release("service", "a")
    assert names(tree) == set()


def test_requests_in_flight_are_waited_for():
    tree, scopes = make()
    stats = scopes.acquire("client", "c", "service", "a").requests()
    stats.pending += 1
    scopes.release("client", "c", "service", "a")
    scopes.sweep()
    stats.answered(200, 0.1, True)
    stats.pending -= 1
    scopes.sweep()
    numbers = {"/".join(sample.path): sample.value for sample in tree.samples()}
    assert numbers["rt/out/client/c/requests"] == 1  # the sum keeps it
    assert "rt/out/client/c/service/a/requests" not in numbers
    scopes.sweep()


def test_a_name_that_comes_back_meanwhile_stays():
    tree, scopes = make()
    stats = scopes.acquire("service", "a").requests()
    stats.pending += 1
    scopes.release("service", "a")
    assert scopes.acquire("service", "a").requests() is stats
    stats.pending -= 1
    scopes.sweep()
    assert names(tree) == {"a"}


def test_what_found_no_place_is_not_waited_for():
    _tree, scopes = make(limit=1)
    scopes.acquire("service", "a")
    shared = scopes.acquire("service", "b")
    shared.requests().pending += 1
    scopes.release("service", "b")
    assert not scopes._leaving


def test_a_name_as_an_element_of_the_tree():
    assert element(Path.of("svc", "a/b")) == "svc/\\x61\\x2f\\x62"
    long = element(Path.of("svc", "x" * 1000))
    assert MAX_ELEMENT <= len(long) < MAX_ELEMENT + 20
    assert long != element(Path.of("svc", "x" * 1001))
