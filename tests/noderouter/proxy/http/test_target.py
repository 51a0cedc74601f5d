"""The authority that a target names, and expectations."""

import pytest

from noderouter.core.errors import ClientProtocolError
from noderouter.proxy.http.target import check_expectation, set_authority
from tests.testing.reply import make_exchange


@pytest.mark.parametrize("before", [None, b"other", b"web:80"])
def test_the_host_is_the_one_of_the_target(before):
    block = b"accept: */*\r\n" if before is None else b"Host: %b\r\naccept: */*\r\n" % before
    exchange = make_exchange(authority=before, block=block)
    set_authority(exchange, b"web:80")
    assert exchange.authority == b"web:80"
    assert exchange.block == b"Host: web:80\r\naccept: */*\r\n"


def test_an_empty_expectation_is_none():
    exchange = make_exchange(reserved=((b"expect", b" , "), (b"via", b"1.1 a")))
    check_expectation(exchange)
    assert exchange.reserved == ((b"via", b"1.1 a"),)


def test_a_list_with_100_continue_is_that():
    reserved = ((b"expect", b"x, 100-Continue"),)
    exchange = make_exchange(reserved=reserved)
    check_expectation(exchange)
    assert exchange.reserved == reserved


def test_any_other_is_refused():
    with pytest.raises(ClientProtocolError) as caught:
        check_expectation(make_exchange(reserved=((b"expect", b"gold"),)))
    assert caught.value.status == 417
