"""Requests and responses."""

import pytest

from noderouter.admin.message import Request, as_json, text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, False),
        ({"a": ""}, True),
        ({"a": "1"}, True),
        ({"a": "T"}, True),
        ({"a": "true"}, True),
        ({"a": "0"}, False),
    ],
)
def test_flags(query: dict[str, str], expected: bool) -> None:
    assert Request("GET", "/", query).flag("a") is expected


def test_bodies() -> None:
    assert text("é").body == "é".encode()
    assert text("\udc80 \x1b[31m").body == b"\\udc80 \\x1b[31m"
    assert as_json({"a": {1}}, 400).status == 400
    assert as_json([1, "é"]).body == b'[1, "\\u00e9"]'
    assert as_json(b"x").body == b"\"b'x'\""
