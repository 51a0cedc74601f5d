"""Whether a request is sampled; the order of decisions is in `proxy/filter/test_propagate_trace.py`."""

from noderouter.core.context import Context
from noderouter.core.propagation.sampler import Sampler, sampled, settle
from noderouter.core.trace_context import DEBUG, SAMPLED, SAMPLING_KNOWN, sample_limit


def test_a_service_may_have_a_rate_of_its_own() -> None:
    sampler = Sampler(0.5)
    assert sampler.limit(None) == sample_limit(0.5)
    assert sampler.limit(0.0) == 0
    assert sampler.limit(1.0) == 1 << 64


def test_debug_is_sampled_and_undecided_is_not() -> None:
    assert [sampled(flags) for flags in (0, SAMPLING_KNOWN, SAMPLED, DEBUG)] == [False, False, True, True]


def test_a_rate_samples_that_share_of_new_traces() -> None:
    contexts = [Context() for _ in range(2000)]
    for context in contexts:
        settle(context, sample_limit(0.25))
    share = sum(sampled(context.trace.flags) for context in contexts if context.trace is not None)
    assert 380 < share < 620
