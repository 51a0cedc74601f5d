"""Who calls whom: users, minutes, and bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Path
from noderouter.telemetry import edges as module
from noderouter.telemetry.edges import ANY, IDLE_TURNS, NAME_BYTES, OTHER, Edge, Edges

HELLO, WORLD = Path.parse("/svc/hello"), Path.parse("/svc/world")


def turn(edges: Edges, times: int = 1) -> None:
    for _ in range(times):
        for _ in edges.turn():
            pass


def shown(edges: Edges) -> dict[tuple[str, str], int]:
    return {(edge.source, edge.name.show()): edge.requests for edge in edges}


def test_connections_of_one_client_share_the_edge_to_a_name() -> None:
    edges = Edges()
    one, two = edges.take("10.0.0.1", HELLO), edges.take("10.0.0.1", Path.parse("/svc/hello"))
    assert one is two
    assert one.users == 2
    one.requests += 3
    edges.release(one)
    assert edges.take("10.0.0.2", HELLO) is not one
    assert shown(edges) == {("10.0.0.1", "/svc/hello"): 3, ("10.0.0.2", "/svc/hello"): 0}
    assert repr(one) == "<Edge 10.0.0.1 to /svc/hello requests=3 failures=0>"


def test_the_last_minute_is_six_turns() -> None:
    edge = Edge("10.0.0.1", HELLO)
    assert edge.recent() == (0, 0, 0)
    for n in range(1, 9):
        edge.requests += n
        edge.failures += n % 2
        edge.turn()
        assert edge.recent()[2] == min(n, 6)
    assert edge.recent() == (sum(range(3, 9)), 3, 6)


def test_an_edge_without_users_leaves_when_it_was_idle_for_long() -> None:
    edges = Edges()
    kept, left = edges.take("10.0.0.1", HELLO), edges.take("10.0.0.2", HELLO)
    edges.release(left)
    left.requests += 1
    turn(edges, IDLE_TURNS)
    assert len(edges) == 2
    turn(edges)
    assert list(edges) == [kept]
    assert len(edges) == 1
    edges.release(kept)
    turn(edges)
    assert (list(edges), len(edges)) == ([], 0)


def test_sources_and_edges_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOURCES", 2)
    monkeypatch.setattr(module, "EDGES", 4)
    edges = Edges()
    for n in range(5):
        for name in (HELLO, WORLD):
            edges.take(f"10.0.0.{n}", name).requests += 1
    assert shown(edges) == {
        ("10.0.0.0", "/svc/hello"): 1,
        ("10.0.0.0", "/svc/world"): 1,
        ("10.0.0.1", "/svc/hello"): 1,
        ("10.0.0.1", "/svc/world"): 1,
        (OTHER, ANY.show()): 6,
    }
    assert edges.overflow == 12  # for their addresses, and for their names
    turn(edges, IDLE_TURNS + 1)
    assert len(edges) == 5  # they have users


def test_a_name_that_nobody_keeps_is_not_kept_here() -> None:
    edges = Edges()
    longest, longer = Path((b"svc", b"x" * (NAME_BYTES - 3))), Path((b"svc", b"x" * (NAME_BYTES - 2)))
    assert edges.take("10.0.0.1", longest).name is longest
    assert edges.take("10.0.0.1", longer).name is ANY
    assert edges.take("10.0.0.1", Path((b"svc",) * 1000)) is edges.take("10.0.0.1", longer)
    assert (len(edges), edges.overflow) == (2, 3)


def test_all_names_together_are_bounded_and_make_room_when_they_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES", 4096)
    edges = Edges()
    names = [Path((b"svc", b"%d" % n + b"x" * 1020)) for n in range(5)]
    kept = [edges.take("10.0.0.1", name) for name in names]
    assert [edge.name for edge in kept] == [*names[:4], ANY]
    assert edges.take("10.0.0.2", HELLO).name is ANY
    for edge in kept:
        edges.release(edge)
    turn(edges, IDLE_TURNS + 1)
    # The other client still has an edge, to `other`, which leaves no room for a fourth name.
    assert [edges.take("10.0.0.1", name).name for name in names[1:]] == [*names[1:4], ANY]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([HELLO, WORLD]), st.integers(0, 40)), max_size=30))
def test_what_a_connection_keeps_is_in_the_table(steps: list[tuple[int, Path, int]]) -> None:
    edges = Edges()
    held = [edges.nowhere] * 4  # one connection for each client
    for client, name, turns in steps:
        edges.release(held[client])
        held[client] = edges.take(f"10.0.0.{client}", name)
        held[client].requests += 1
        turn(edges, turns)
        found = list(edges)
        assert all(edge in found for edge in held if edge is not edges.nowhere)
        assert [edge.users for edge in found] == [held.count(edge) for edge in found]
        assert len(edges) == len(found)
