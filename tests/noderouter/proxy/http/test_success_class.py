"""The verdict as a header."""

from noderouter.core.exchange import Verdict
from noderouter.proxy.http.success_class import success_fields


def test_each_verdict_has_its_line() -> None:
    assert success_fields(Verdict.SUCCESS) == b"l5d-success-class: 1.0\r\n"
    assert success_fields(Verdict.FAILURE) == b"l5d-success-class: 0.0\r\n"
    assert success_fields(Verdict.RETRYABLE) == b"l5d-success-class: 0.0\r\n"
