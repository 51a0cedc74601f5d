"""Figures of docs/limits.md that bound what strangers can make a router keep or compute for TLS and policies."""

from pathlib import Path

from noderouter.naming.files.content import MAX_FILE_BYTES
from noderouter.naming.stored.text import LONG
from noderouter.policy import authorizer, control, limits, model, recent
from noderouter.policy.path_pattern import LONGEST
from noderouter.proxy.limit.rates import MOST_ALIASES, MOST_NAMES, MOST_SOURCES
from noderouter.proxy.listener import handshakes
from noderouter.proxy.listener import tls as listener
from noderouter.reactor import tls_session

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "limits.md").read_text()


def row(words: str) -> str:
    """What the row that begins so has for a default."""
    (found,) = (line for line in PAGE.splitlines() if line.startswith(f"| {words}"))
    return found.split("|")[2].strip()


def test_of_tls() -> None:
    assert row("a handshake of TLS") == (
        f"{listener.HANDSHAKE_SECONDS:.0f} s; {tls_session.HANDSHAKE_BYTES >> 10} KB; "
        f"{handshakes.MOST}, {handshakes.MOST_OF_ONE}; after {handshakes.GRACE_SECONDS:.0f} s"
    )
    assert row("a client of TLS that was turned away") == (
        f"{listener.LINGER_SECONDS:.0f} s, {listener.LINGER_BYTES >> 10} KB"
    )


def test_of_policies() -> None:
    assert row("policies, rules of one") == (
        f"{model.MOST_POLICIES}, {model.MOST_RULES}, {model.MOST_MEMBERS}; {LONGEST}; "
        f"{MAX_FILE_BYTES >> 10} KB of text, above {LONG >> 10} KB in a thread"
    )
    known = f"{authorizer.MOST_KNOWN:,}"
    assert row("pairs of a source and an endpoint") == f"{known}; {known}"
    assert row("requests that policies keep") == (
        f"{authorizer.MOST_SEEN}; {recent.MOST_ROWS:,}, {recent.MINUTES}; {authorizer.SHOWN}"
    )
    assert row("policies, sources and destinations in metrics") == (
        f"{control.MOST_MEASURED}; {authorizer.MOST_COUNTED}; {control.MOST_LOGGED}"
    )


def test_of_rates() -> None:
    assert row("limits on rates").startswith(f"{limits.MOST_LIMITS}; {MOST_SOURCES:,}, ")
    assert row("limits on rates").endswith(f"; {MOST_ALIASES}, and {MOST_NAMES} on the way to an endpoint")
    assert "(rate-limits.md)" in PAGE.partition("\n| what |")[0]
