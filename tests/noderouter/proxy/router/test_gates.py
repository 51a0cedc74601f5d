"""One gate for a name, as long as anybody uses it or is in it."""

from dtab import Path
from noderouter.proxy.limit.gate import Gate
from noderouter.proxy.limit.queue import Queue
from noderouter.proxy.router.gates import Gates

A, B = (Path.parse("/svc/a"), None), (Path.parse("/svc/b"), None)


def make() -> Gate:
    return Gate(1, Queue(0, 1.0), None, "it")


def test_whoever_asks_for_a_name_has_the_same():
    gates = Gates()
    gate = gates.acquire(A, make)
    assert gates.acquire(A, make) is gate
    assert gates.acquire(B, make) is not gate
    gates.release(A)
    gates.sweep()
    assert gates.acquire(A, make) is gate


def test_it_stays_while_a_request_is_in_it():
    """A name may leave the cache and come back while its requests go on."""
    gates = Gates()
    gate = gates.acquire(A, make)
    assert gate.enter()
    gates.release(A)
    gates.sweep()
    assert gates.acquire(A, make) is gate
    gates.release(A)
    gate.leave(-1.0, 0.0)
    gates.sweep()
    assert len(gates) == 0
    assert gates.acquire(A, make) is not gate


def test_names_without_a_gate():
    gates = Gates()
    gates.release(A)
    gates.sweep()
    assert len(gates) == 0
