"""Classified retries: each try begins anew."""

from noderouter.core.errors import EndpointTimeout
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.classifier.http import RetryableIdempotent5XX
from noderouter.proxy.retry.budget import RetryBudget
from noderouter.proxy.retry.filter import Retry
from noderouter.telemetry.metrics import RequestStats
from tests.testing.reply import make_exchange, recorded
from tests.testing.step import run


def test_what_went_wrong_with_one_try_is_not_said_of_the_next():
    async def service(exchange):
        seen.append(exchange.request_failure)
        if len(seen) == 1:
            exchange.request_failure = EndpointTimeout("took nothing")
            raise exchange.request_failure
        exchange.reply.begin(Response(200, b"OK", Headers(), 0), b"")

    seen = []
    classifier = RetryableIdempotent5XX(kind=RetryableIdempotent5XX.kind_name).build()
    exchange = make_exchange()
    run(Retry(service, classifier, RetryBudget(), None, RequestStats()).serve(exchange))
    assert seen == [None, None]
    assert recorded(exchange).started
