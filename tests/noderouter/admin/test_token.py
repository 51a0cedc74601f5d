"""Tokens of the admin interface: read from a file, compared, followed; and what is derived of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.admin.token import MOST, SESSION_SECONDS, AdminToken, AdminTokenError, read_tokens
from noderouter.naming.files.content import Content, Directory, Missing, Present, Unreadable

ONE, TWO = "one-token-of-many-characters", "another-token-of-many"


class Clock:
    """The time that a test says."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def loaded(text: str = ONE, clock: Clock | None = None) -> tuple[AdminToken, list[tuple[str, dict[str, Any]]]]:
    events: list[tuple[str, dict[str, Any]]] = []
    token = AdminToken("/token", lambda _level, event, **fields: events.append((event, fields)), clock or Clock())
    token.load(Present(text.encode()))
    return token, events


def test_what_matches() -> None:
    token, _ = loaded(f"{ONE}\n  {TWO}\r\n\n")
    assert token.matches(ONE)
    assert token.matches(TWO)
    for other in ("", ONE[:-1], ONE + "x", ONE.upper(), f"{ONE}\n", "\ud800", "é"):
        assert not token.matches(other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 tokens"),
        ("\n \n", "0 tokens"),
        ("short", "token 1: 16 to"),
        (f"{ONE}\nwith a space in it so it is none", "token 2"),
        ("x" * 1025, "token 1"),
        ("é" * 20, "token 1"),
        ("\n".join([ONE] * (MOST + 1)), "9 tokens"),
    ],
)
def test_what_is_no_token(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_tokens(text)
    token, _ = loaded(text)
    with pytest.raises(AdminTokenError, match=f"admin.token: /token: {words}"):
        token.check()
    assert not token.matches(text)
    assert not token.matches("")


@pytest.mark.parametrize(
    ("content", "words"),
    [(Missing(), "no such file"), (Directory(), "a directory"), (Unreadable("EACCES"), "cannot be read: EACCES")],
)
def test_a_file_that_is_broken_later_changes_nothing(content: Content, words: str) -> None:
    token, events = loaded()
    token.load(content)
    token.check()
    assert token.matches(ONE)
    assert words in token.error
    assert [event for event, _ in events] == ["admin.token_refused"]
    token.load(Present(TWO.encode()))
    assert token.error == ""
    assert token.matches(TWO)
    assert not token.matches(ONE)
    assert events[-1] == ("admin.token_loaded", {"file": "/token", "tokens": 1})


def test_sessions() -> None:
    clock = Clock()
    token, _ = loaded(clock=clock)
    session = token.session()
    assert token.is_session(session)
    clock.now += SESSION_SECONDS - 1
    assert token.is_session(session)
    clock.now += 1
    assert not token.is_session(session)
    clock.now -= 2
    number, _, mac = session.partition(".")
    assert not token.is_session(f"{int(number) + 1}.{mac}")
    token.load(Present(f"{TWO}\n{ONE}".encode()))
    assert token.is_session(session)
    token.load(Present(TWO.encode()))
    assert not token.is_session(session)


def test_summaries() -> None:
    clock = Clock()
    token, _ = loaded(clock=clock)
    proof = token.summary()
    for apart in (0, 59, -59):
        clock.now = 1_700_000_000.0 + apart
        assert token.is_summary(proof)
    for apart in (180, -180):
        clock.now = 1_700_000_000.0 + apart
        assert not token.is_summary(proof)


def test_proof_is_for_one_purpose() -> None:
    token, _ = loaded()
    assert not token.is_session(token.summary())
    assert not token.is_summary(token.session())
    assert ONE not in token.session() + token.summary()


@given(st.text(max_size=100) | st.from_regex(r"[0-9]{1,14}[.][0-9a-f]{62,66}", fullmatch=True))
def test_nothing_else_is_proof(shown: str) -> None:
    token, _ = loaded()
    assert not token.is_session(shown)
    assert not token.is_summary(shown)
