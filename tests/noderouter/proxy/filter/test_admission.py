"""The limit on concurrent requests."""

import pytest

from noderouter.core.errors import OverloadError
from noderouter.core.exchange import Exchange
from noderouter.proxy.filter.admission import Admission
from tests.testing.reply import make_exchange
from tests.testing.step import Pause, run, start


async def slow(exchange: Exchange) -> None:
    await Pause()


async def broken(exchange: Exchange) -> None:
    raise RuntimeError("broken")


def test_beyond_the_limit_requests_are_refused_at_once() -> None:
    admission = Admission(slow, 2)
    first, second = start(admission.serve(make_exchange())), start(admission.serve(make_exchange()))
    with pytest.raises(OverloadError, match="limit of 2") as caught:
        run(admission.serve(make_exchange()))
    assert caught.value.status == 503
    assert caught.value.retryable
    assert repr(admission) == "<Admission 2/2 refused=1>"
    first.resume()
    third = start(admission.serve(make_exchange()))
    second.resume()
    third.resume()
    assert admission.active == 0


def test_a_place_is_given_back_however_the_request_ends() -> None:
    admission = Admission(broken, 1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            run(admission.serve(make_exchange()))
    waiting = Admission(slow, 1)
    stepped = start(waiting.serve(make_exchange()))
    with pytest.raises(KeyboardInterrupt):
        stepped.throw(KeyboardInterrupt())
    assert waiting.active == 0
