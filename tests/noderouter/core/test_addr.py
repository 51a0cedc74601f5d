from noderouter.core.addr import Address


def test_an_address_is_shown_as_in_a_url():
    assert str(Address("10.0.0.1", 80, 0.5)) == "10.0.0.1:80"
    assert str(Address("::1", 80)) == "[::1]:80"
