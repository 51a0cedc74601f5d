"""A failure is counted under the name of what caused it. Covers `metrics.py`."""

import pytest

from noderouter.core.errors import ClientGone
from noderouter.reactor.errors import Cancelled, Expired
from noderouter.telemetry.metrics import failure_name


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (Expired(None), "DeadlineExceeded"),
        (Cancelled(ClientGone("reset")), "ClientGone"),
        (Cancelled(ConnectionResetError()), "ConnectionResetError"),
        (ConnectionRefusedError(), "ConnectionRefusedError"),
    ],
)
def test_names(error, name):
    assert failure_name(error) == name


def test_a_reason_in_words_is_no_cause():
    assert failure_name(Cancelled("the router is shutting down")) == "Cancelled"
