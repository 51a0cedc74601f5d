"""Each client has a bucket of its own, and only so many are kept."""

import pytest

from noderouter.core.errors import OverloadError
from noderouter.proxy.router import binding_rate as module
from noderouter.proxy.router.binding_rate import BindingRate


class Asking:
    """Who asks, and when."""

    client: str | None = "10.0.0.1"
    now = 0.0

    def __init__(self, rate=10.0, burst=3.0):
        self.rate = BindingRate(rate, burst, lambda: self.client, lambda: self.now)

    def admitted(self, client="10.0.0.1"):
        self.client = client
        try:
            self.rate.admit()
        except OverloadError:
            return False
        return True


def test_a_burst_then_a_rate():
    asking = Asking()
    assert [asking.admitted() for _ in range(5)] == [True] * 3 + [False] * 2
    asking.now = 0.1
    assert [asking.admitted() for _ in range(2)] == [True, False]
    asking.now = 100.0
    assert [asking.admitted() for _ in range(4)] == [True] * 3 + [False]
    assert asking.rate.refused == 4


def test_clients_do_not_pay_for_each_other():
    asking = Asking()
    while asking.admitted("10.0.0.1"):
        pass
    assert asking.admitted("10.0.0.2")
    assert not asking.admitted("10.0.0.1")


def test_nobody_is_not_limited():
    asking = Asking()
    assert all(asking.admitted(None) for _ in range(10))
    assert len(asking.rate) == 0


def test_buckets_are_bounded_and_the_one_used_longest_ago_goes(monkeypatch):
    monkeypatch.setattr(module, "MOST_CLIENTS", 3)
    asking = Asking()
    while asking.admitted("a"):
        pass
    for client in ("b", "c"):
        asking.admitted(client)
    asking.admitted("a")
    asking.admitted("d")
    assert len(asking.rate) == 3
    assert not asking.admitted("a"), "it is remembered: it asked after b and c"


def test_who_it_was_is_said():
    asking = Asking()
    while asking.admitted():
        pass
    with pytest.raises(OverloadError, match=r"10\.0\.0\.1 asks for new names faster than 10 a second") as raised:
        asking.rate.admit()
    assert (raised.value.status, raised.value.retryable) == (503, True)
