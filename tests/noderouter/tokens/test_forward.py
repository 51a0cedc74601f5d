"""Claims as fields: what is read back is what was claimed, and nothing breaks out of a line."""

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.headers import FIELD_VALUE
from noderouter.tokens.forward import MAX_VALUE_BYTES, Forwarded, field_value, lines
from tests.noderouter.tokens.test_jwt import JSON


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("anna", b"anna"),
        ("anna@example.com", b"anna@example.com"),
        ("openid read:all", b"openid read:all"),
        (" a ", b"%20a%20"),
        ("   ", b"%20%20%20"),
        ("a,b", b"a%2Cb"),
        ("50%", b"50%25"),
        ("Jürgen", b"J%C3%BCrgen"),
        ("a\r\nx-admin: 1", b"a%0D%0Ax-admin: 1"),
        ("\x00\x7f\t", b"%00%7F%09"),
        ("\ud800", b"%ED%A0%80"),
        ("", b""),
        (7, b"7"),
        (1.5, b"1.5"),
        (True, b"true"),
        (False, b"false"),
        (["dev", "a,b", 1, True], b"dev,a%2Cb,1,true"),
        ([], b""),
        ({"a": 1}, None),
        ([{"a": 1}], None),
        ([None], None),
        (["x", ["y"]], None),
        ("x" * (MAX_VALUE_BYTES + 1), None),
        (["x"] * MAX_VALUE_BYTES, None),
    ],
)
def test_values(claim: Any, value: bytes | None) -> None:
    assert field_value(claim) == value


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_texts_are_read_back(text: str) -> None:
    value = field_value(text)
    assert value is not None
    assert b"," not in value
    assert unquote(value.decode("ascii"), errors="surrogatepass") == text


@given(st.lists(st.text(max_size=10), min_size=1, max_size=5))
def test_lists_are_read_back(texts: list[str]) -> None:
    value = field_value(texts)
    assert value is not None
    assert [unquote(each) for each in value.decode("ascii").split(",")] == texts


@given(JSON)
def test_whatever_is_written_is_one_field(claim: Any) -> None:
    value = field_value(claim)
    assert value is None or FIELD_VALUE.fullmatch(value) is not None


def test_lines() -> None:
    forwarded = [
        Forwarded(("sub",), "x-sub"),
        Forwarded(("realm", "roles"), "x-roles"),
        Forwarded(("no", "such"), "x-no"),
    ]
    claims = {"sub": "anna", "realm": {"roles": ["a", "b"]}, "no": "text"}
    assert lines(claims, forwarded) == (b"x-sub: anna\r\nx-roles: a,b\r\n", 0)
    assert lines({"sub": {"x": 1}, "realm": None}, forwarded) == (b"", 1)
    assert lines({}, forwarded) == (b"", 0)
