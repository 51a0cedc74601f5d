"""Whether a request is sampled; the order of decisions is in `proxy/filter/test_propagate_trace.py`."""

from noderouter.core.context import Context
from noderouter.core.propagation.sampler import Sampler, settle
from noderouter.core.trace_context import decision, sample_limit


def test_a_service_may_have_a_rate_of_its_own() -> None:
    sampler = Sampler(0.5)
    assert sampler.limit(None) == sample_limit(0.5)
    assert sampler.limit(0.0) == 0
    assert sampler.limit(1.0) == 1 << 64


def test_a_rate_samples_that_share_of_new_traces() -> None:
    contexts = [Context() for _ in range(2000)]
    for context in contexts:
        settle(context, sample_limit(0.25))
    share = sum(decision(context.trace.flags) is True for context in contexts if context.trace is not None)
    assert 380 < share < 620
