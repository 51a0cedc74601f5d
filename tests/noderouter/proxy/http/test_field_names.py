"""The table of field names, and the C header that is made from it."""

from noderouter.proxy.http.field_names import END_TO_END, HEADER, HOP_BY_HOP, KINDS, RESERVED_PREFIX, header


def test_the_header_is_up_to_date():
    assert HEADER.read_text() == header(), "run `python -m noderouter.proxy.http.field_names`"


def test_names_are_in_lower_case_and_none_is_both_ours_and_somebodys():
    assert all(name == name.lower() for name in (*KINDS, *END_TO_END))
    assert not HOP_BY_HOP.intersection(END_TO_END)
    assert not any(name.startswith(RESERVED_PREFIX) for name in KINDS)


def test_hop_by_hop_are_those_of_the_rfc_and_of_practice():
    """RFC 9110 section 7.6.1, and three that were never standardised or are about one hop's identity."""
    assert {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
        b"trailer", b"transfer-encoding", b"upgrade",
    } == HOP_BY_HOP  # fmt: skip
