"""Each status means one thing to do next, or nothing in particular."""

import pytest

from noderouter.kubernetes.errors import ApiError, MalformedAnswer


@pytest.mark.parametrize("status", [0, 400, 401, 403, 404, 409, 410, 429, 500, 503])
def test_what_a_status_means(status):
    error = ApiError("why", status=status, retry_after=2.0)
    assert (error.gone, error.conflict, error.refused) == (status == 410, status == 409, status in (401, 403))
    assert (str(error), error.reason, error.retry_after) == ("why", "why", 2.0)


def test_a_malformed_answer_has_no_status():
    assert MalformedAnswer("not JSON").status == 0
