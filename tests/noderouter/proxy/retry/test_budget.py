"""The retry budget against a list of all deposits and withdrawals, and its known figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.retry.budget import RetryBudget


class Naive:
    """Deposits are worth `percent` retries each; everything is forgotten with the slice of time it fell into."""

    def __init__(self, ttl, least, percent):
        self.slice = ttl / 10
        self.percent = percent
        self.reserve = ttl * least
        self.entries = []

    def credit(self, now):
        number = now // self.slice
        return self.reserve + sum(amount for then, amount in self.entries if then > number - 10)

    def deposit(self, now):
        self.entries.append((now // self.slice, self.percent))

    def try_withdraw(self, now):
        if self.credit(now) < 1:
            return False
        self.entries.append((now // self.slice, -1))
        return True


events = st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(1, 8)), max_size=40)


# Shares and slices that are exact in binary, so that rounding has no say.
@given(events, st.sampled_from([0.25, 0.5, 2, 1000 / 8]), st.sampled_from([0, 1]), st.sampled_from([10, 40]))
def test_equals_the_naive_budget(events, percent, least, ttl):
    budget, naive = RetryBudget(ttl, least, percent), Naive(ttl, least, percent)
    now = 1000.0
    for step, deposits, times in events:
        now += step / 4
        for _ in range(times):
            if deposits:
                budget.deposit(now)
                naive.deposit(now)
            else:
                assert budget.try_withdraw(now) is naive.try_withdraw(now)
        assert budget.balance(now) == max(0, int(naive.credit(now)))


def test_the_defaults_allow_a_hundred_retries_to_begin_with():
    budget = RetryBudget()
    assert budget.balance(5.0) == 100
    budget.deposit(5.0)
    assert sum(budget.try_withdraw(5.0) for _ in range(200)) == 100
    assert budget.balance(5.0) == 0


def test_one_request_in_five_may_be_a_retry():
    budget = RetryBudget(min_retries_per_s=0)
    for _ in range(1000):
        budget.deposit(5.0)
    assert sum(budget.try_withdraw(5.0) for _ in range(1000)) == 200


def test_the_reserve_comes_back_after_the_ttl():
    budget = RetryBudget()
    for _ in range(100):
        budget.try_withdraw(5.0)
    assert not budget.try_withdraw(13.9)
    assert budget.balance(15.0) == 100


def test_without_a_share_only_the_reserve_pays():
    budget = RetryBudget(ttl_s=1, min_retries_per_s=3, percent_can_retry=0.0)
    for _ in range(100):
        budget.deposit(5.0)
    assert [budget.try_withdraw(5.0) for _ in range(4)] == [True, True, True, False]


def test_a_budget_of_nothing():
    budget = RetryBudget(min_retries_per_s=0, percent_can_retry=0.0)
    budget.deposit(5.0)
    assert budget.try_withdraw(5.0) is False
    assert budget.balance(5.0) == 0


@pytest.mark.parametrize("percent", [1000.0, 5000.0])
def test_the_largest_share(percent):
    budget = RetryBudget(min_retries_per_s=0, percent_can_retry=percent)
    budget.deposit(5.0)
    assert budget.balance(5.0) == 1000


def test_deposits_that_run_out_before_their_retries_leave_no_debt():
    budget = RetryBudget(min_retries_per_s=0, percent_can_retry=1.0)
    budget.deposit(0.0)
    assert budget.try_withdraw(9.5)
    assert budget.balance(10.5) == 0
    assert budget.try_withdraw(10.5) is False
    assert budget.balance(20.0) == 0
    assert repr(budget) == "<RetryBudget reserve=0 cost=1000>"
