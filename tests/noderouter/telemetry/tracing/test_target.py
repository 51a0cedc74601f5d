"""Where exporters of OTLP send to; what is wrong with an endpoint is said in `telemeter/test_otlp.py`."""

import pytest

from noderouter.telemetry.tracing.target import CONTENT_TYPE, collector, endpoint, headers_once, url


def test_the_path_is_that_of_otlp_unless_the_endpoint_has_one() -> None:
    assert url(endpoint("http://a:4318"), "/v1/logs") == "http://a:4318/v1/logs"
    assert url(endpoint("http://a/"), "/v1/logs") == "http://a/v1/logs"
    assert url(endpoint("http://a/otlp"), "/v1/logs") == "http://a/otlp"


def test_no_header_has_two_values() -> None:
    headers_once({"a": "1"}, {"b": "/b"})
    with pytest.raises(ValueError, match="both have a: leave it in one"):
        headers_once({"A": "1"}, {"a": "/a"})


def test_a_collector_is_told_what_it_gets() -> None:
    made = collector("http://a/v1/logs", {"x": "1"}, {"y": "/y"})
    assert made._headers["content-type"] == CONTENT_TYPE
    assert [str(path) for path in made._files.values()] == ["/y"]
